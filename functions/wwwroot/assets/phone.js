// Use without a network: keeps page, runtime and model on the device, tells of new versions, and knows whether the service can be reached.
import { byId, h } from "./dom.js";
import { t } from "./texts.js";

const protocol = 1; // of service-worker.js
const listPath = "assets/offline.json";
const stateCache = "lentigo-state", filesPrefix = "lentigo-files-";
const placeKey = "classify-on";

/** A failure of what is kept on the device, in words. */
export class DeviceError extends Error {
  constructor(key, values) {
    super(t(`device.${key}`, values));
    this.key = key;
    this.title = t("device.cannot");
  }
}

let state = null; // what is kept: { version, language, languages, files, model }
let news = null; // the list of a newer version
let work = null; // { done, total } while files are downloaded
let problem = null;
const loaded = readState().then(read => state = read, () => null);

const address = path => new URL(path, document.baseURI).href;

async function readState() {
  return "caches" in globalThis ? (await (await caches.open(stateCache)).match(address("state")))?.json() ?? null : null;
}

/** What is kept on this device; fails where there is nothing. */
export async function kept() {
  await loaded;
  if (state === null) {
    throw new DeviceError("nothing");
  }

  return state;
}

/** Whether this device can classify by itself. */
export const isKept = () => loaded.then(() => state !== null);

/** The bytes of a kept file, checked against its SHA-256. */
export async function verified(path) {
  const { version, files } = await kept();
  const response = await (await caches.open(filesPrefix + version)).match(address(path));
  const bytes = await response?.arrayBuffer();
  if (!bytes || await sha256(bytes) !== files.find(f => f.path === path)?.sha256) {
    problem = new DeviceError("damaged");
    render();
    byId("phone").open = true;
    throw problem;
  }

  return bytes;
}

const sha256 = async bytes => [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map(b => b.toString(16).padStart(2, "0")).join("");

let placeInMemory = "auto";

/** Where images are classified: `auto` is by the service, and here while that cannot be reached; `device` is here alone, and nothing is ever sent. */
export function place() {
  try {
    return localStorage.getItem(placeKey) ?? placeInMemory;
  } catch {
    return placeInMemory;
  }
}

function setPlace(value) {
  placeInMemory = value;
  try {
    localStorage.setItem(placeKey, value);
  } catch {
    // Storage is switched off: the page's own memory has it.
  }

  tell();
}

/** Whether the service answered last time; null where that is not known yet. */
export let isServiceThere = null;
const listeners = [];

/** Calls back whenever the service goes or comes back, or the reader chooses another place. */
export const onService = listener => listeners.push(listener);

export function serviceIs(there) {
  if (there !== isServiceThere) {
    isServiceThere = there;
    tell();
  }
}

const tell = () => listeners.forEach(listener => listener());

/** Why this browser cannot do it, or null. */
function obstacle() {
  if (!isSecureContext) {
    return "insecure";
  }

  // (module (func (result v128) i32.const 0 i8x16.splat)): one instruction of WebAssembly's SIMD.
  const simd = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];
  return !("serviceWorker" in navigator) || !("caches" in globalThis) ? "browser"
    : typeof WebAssembly !== "object" || !WebAssembly.validate(Uint8Array.from(simd)) ? "simd" : null;
}

async function readList() {
  let response;
  try {
    response = await fetch(listPath, { cache: "no-store" });
  } catch {
    throw new DeviceError("unreachable");
  }

  if (!response.ok) {
    throw new DeviceError(response.status === 404 ? "notoffered" : "unreachable");
  }

  return response.json();
}

const filesOf = list => [...Object.values(list.documents), ...list.files];

/** Downloads a version beside the one that is kept, and switches to it when it is whole. What has not changed is taken over. */
async function download(list) {
  const files = filesOf(list);
  const name = filesPrefix + list.version;
  const old = state && await caches.open(filesPrefix + state.version);
  const known = new Map((old ? state.files : []).map(f => [f.path, f.sha256]));
  const missing = [];
  work = { done: 0, total: files.reduce((sum, f) => sum + f.bytes, 0) };
  render();
  try {
    const cache = await caches.open(name);
    for (const file of files) {
      let response = known.get(file.path) === file.sha256 ? await old.match(address(file.path)) : undefined;
      if (!response || await sha256(await response.clone().arrayBuffer()) !== file.sha256) {
        missing.push(file);
        response = await fetched(file);
      }

      await cache.put(address(file.path), response);
      work.done += file.bytes;
      render();
    }

    const languages = Object.keys(list.documents), language = document.documentElement.lang;
    const next = { version: list.version, languages, language: languages.includes(language) ? language : languages[0], files, model: list.model };
    await (await caches.open(stateCache)).put(address("state"), new Response(JSON.stringify(next)));
    state = next;
  } catch (error) {
    if (state?.version !== list.version) {
      await caches.delete(name);
    }

    throw error instanceof DeviceError ? error : new DeviceError(error.name === "QuotaExceededError" ? "full" : "failed", { size: megabytes(stored(files)) });
  } finally {
    work = null;
  }

  await forgetOthers();
}

const keptHeaders = new Set([
  "content-type", "content-security-policy", "x-content-type-options", "referrer-policy", "permissions-policy", "cross-origin-opener-policy", "x-frame-options",
]);

async function fetched({ path, sha256: expected }) {
  let response, bytes;
  try {
    response = await fetch(address(path), { cache: "no-store" });
    bytes = response.ok ? await response.arrayBuffer() : null;
  } catch {
    throw new DeviceError("unreachable");
  }

  if (bytes === null || await sha256(bytes) !== expected) {
    throw new DeviceError("changed");
  }

  // With the policy that the file came with, but not with how it was transferred.
  return new Response(bytes, { headers: [...response.headers].filter(([name]) => keptHeaders.has(name)) });
}

async function forgetOthers() {
  for (const name of await caches.keys()) {
    if (name.startsWith(filesPrefix) && name !== filesPrefix + state?.version) {
      await caches.delete(name);
    }
  }
}

/** What files take on the device: the runtime is kept decompressed. */
const stored = files => files.reduce((sum, f) => sum + (f.path.endsWith(".wasm") ? Math.max(f.bytes, 15e6) : f.bytes), 0);
const megabytes = bytes => Math.ceil(bytes / 1e6);

async function turnOn() {
  const reason = obstacle();
  if (reason) {
    throw new DeviceError(reason);
  }

  const list = await readList();
  const { quota, usage } = await navigator.storage?.estimate?.() ?? {};
  if (quota !== undefined && quota - usage < stored(filesOf(list))) {
    throw new DeviceError("full", { size: megabytes(stored(filesOf(list))) });
  }

  await navigator.storage?.persist?.().catch(() => false); // else the browser may delete it when the device runs full
  await registered();
  await download(list);
  news = null;
}

/** The service worker, in charge of this page. */
async function registered() {
  try {
    await navigator.serviceWorker.register("assets/service-worker.js", { scope: "./" });
    await navigator.serviceWorker.ready;
  } catch {
    throw new DeviceError("browser");
  }
}

/** Downloads the new version, lets a waiting service worker take over, and opens the new page. */
async function update() {
  const list = await readList();
  const registration = await navigator.serviceWorker.getRegistration();
  await registration?.update().catch(() => { });
  await download(list);
  await takeOver(registration);
  location.reload();
}

async function takeOver(registration) {
  const waiting = registration?.waiting ?? registration?.installing;
  if (waiting) {
    const taken = new Promise(resolve => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    waiting.postMessage("take-over");
    await Promise.race([taken, new Promise(resolve => setTimeout(resolve, 5000))]);
  }
}

async function turnOff() {
  const registration = await navigator.serviceWorker.getRegistration();
  await registration?.unregister();
  await caches.delete(stateCache);
  state = news = null;
  await forgetOthers();
  setPlace("auto");
}

/** Sees to it that the service worker is there and is of this version. */
async function checkWorker() {
  if (state === null) {
    return;
  }

  const registration = await navigator.serviceWorker.getRegistration();
  if (!registration) {
    await registered(); // the browser lost it; what is kept is whole
  } else if (registration.active && await protocolOf(registration.active) !== protocol) {
    problem = new DeviceError("oldworker");
    render();
  }
}

/** Looks for a newer version, which is never taken without being asked for, each time that the service comes back. */
async function lookForNews() {
  const comesBack = isServiceThere && !wasThere;
  wasThere = isServiceThere;
  if (comesBack && state !== null) {
    const list = await readList().catch(() => null);
    news = list && state && list.version !== state.version ? list : null;
    render();
  }
}

let wasThere = false;

const protocolOf = worker => new Promise(resolve => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = event => resolve(event.data);
  setTimeout(() => resolve(null), 5000);
  worker.postMessage("protocol", [port2]);
});

/** Runs what a button does, and says what went wrong. */
async function attempt(action) {
  problem = null;
  try {
    await action();
  } catch (error) {
    problem = error instanceof DeviceError ? error : new DeviceError("failed");
    if (!(error instanceof DeviceError)) {
      console.warn(error);
    }
  }

  render();
  tell();
}

const button = (key, action, isQuiet = true) =>
  h("button", { type: "button", class: isQuiet ? "quiet" : null, "data-key": key, onclick: () => attempt(action) }, t(`device.${key}`));

let offered = null; // the list, for the sizes, once somebody looks

const said = () => problem && h("p", { class: "error", role: "alert" }, problem.message);

const downloading = () => [
  h("p", { role: "status" }, t("device.loading", { done: megabytes(work.done), total: megabytes(work.total) })),
  h("progress", { max: work.total, value: work.done, "aria-label": t("device.progress") }),
];

function offer() {
  const files = offered ? filesOf(offered) : [];
  return [
    h("p", {}, t("device.offer")),
    offered && h("p", { class: "help" }, t("device.size", { size: megabytes(files.reduce((sum, f) => sum + f.bytes, 0)), stored: megabytes(stored(files)) })),
    said(),
    h("div", { class: "actions" }, button("on", turnOn, false)),
  ];
}

function choices() {
  const choice = value => h("label", { class: "choice" },
    h("input", { type: "radio", name: "place", "data-key": value, value, checked: place() === value, onchange: () => setPlace(value) }),
    h("span", {}, t(`device.place.${value}`)));
  return [
    h("p", {}, t("device.ready", state.model)),
    said(),
    h("fieldset", {}, h("legend", {}, t("device.place")), choice("auto"), choice("device")),
    h("div", { class: "actions" }, problem && button("repair", async () => await download(await readList())), button("off", turnOff)),
  ];
}

function render() {
  const card = byId("phone");
  const focused = card.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const content = work ? downloading() : state === null ? offer() : choices();
  byId("phone-content").replaceChildren(...content.filter(Boolean));
  const bar = byId("news");
  bar.hidden = news === null || work !== null;
  bar.replaceChildren(...bar.hidden ? [] : [
    h("p", {}, t(news.model.version === state.model.version ? "device.news" : "device.news.model", { name: news.model.name, version: news.model.version })),
    h("p", { class: "help" }, t("device.news.help")),
    h("div", { class: "actions" }, button("update", update, false), button("later", () => { news = null; }))]);
  if (focused) {
    card.querySelector(`[data-key="${focused}"]`)?.focus();
  }
}

/** Shows the card. Nothing is loaded for it before somebody opens it, or offline use is on. */
export async function start() {
  await loaded;
  const card = byId("phone");
  card.hidden = false;
  card.addEventListener("toggle", async () => {
    if (card.open && state === null && offered === null) {
      const reason = obstacle();
      problem = reason ? new DeviceError(reason) : null;
      offered = reason ? null : await readList().catch(error => (problem = error, null));
      render();
    }
  });
  render();
  onService(lookForNews);
  lookForNews();
  await checkWorker().catch(error => console.warn(error));
}
