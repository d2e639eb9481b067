// The view that classifies: a queue of images, a table of their answers, and the answer that is looked at.
import { answerElement, malignancy, outcome } from "./answer.js";
import { call, ServiceError } from "./api.js";
import { byId, h } from "./dom.js";
import { saveCsv, saveJson } from "./export.js";
import { prepare } from "./images.js";
import { DeviceError, isKept, isServiceThere, onService, place, serviceIs } from "./phone.js";
import { showSamples } from "./samples.js";
import { className, percent, t } from "./texts.js";

/** How many images are worked on at once. */
const parallel = 2;

/** How often an image is tried while the service is starting or busy. */
const maxTries = 60;

let items = [];
let shown = null;

export function start() {
  for (const input of [byId("file"), byId("camera")]) {
    const take = () => {
      const files = [...input.files];
      input.value = ""; // so that choosing the same file again counts as a change
      choose(files);
    };
    input.addEventListener("change", take);
    take(); // what was chosen before the script was there
  }

  document.addEventListener("paste", event => choose([...event.clipboardData?.files ?? []]));

  // A drop beside the zone would make the browser leave the page and show the file.
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, event => event.preventDefault());
  }

  document.addEventListener("dragover", () => byId("drop").classList.add("over"));
  for (const kind of ["dragleave", "drop"]) {
    document.addEventListener(kind, () => byId("drop").classList.remove("over"));
  }

  document.addEventListener("drop", event => choose([...event.dataTransfer?.files ?? []]));
  showSamples(choose);
  onService(() => {
    keepHere();
    render();
  });
}

/** Adds files to the queue. */
function choose(files) {
  if (files.length === 0) {
    return;
  }

  const added = files.map(file => ({ file, name: file.name, state: "waiting", abort: null, thumbnail: null, focus: files.length === 1 }));
  items.push(...added);
  shown = files.length === 1 ? added[0] : null;
  byId("view-classify").classList.add("busy");
  byId("choose-text").textContent = t("classify.add");
  byId("samples").hidden = true;
  if (byId("view-classify").hidden) {
    document.querySelector("[data-open=classify]").click();
  }

  render();
  work();
}

function work() {
  while (items.filter(item => item.abort).length < parallel) {
    const next = items.find(item => item.state === "waiting");
    if (!next) {
      return;
    }

    run(next).finally(work);
  }
}

async function run(item) {
  item.abort = new AbortController();
  const { signal } = item.abort;
  const say = state => {
    item.state = state;
    render();
  };
  try {
    say("preparing");
    const isHere = place() === "device" && !item.isAsking;
    item.prepared ??= await prepare(item.file, signal, isHere);
    Object.assign(item, await (isHere ? classifyHere(item, signal, say) : classify(item, signal, say)));
    item.time = new Date().toISOString();
    item.note = isHere && !item.wasSent ? t("answer.unsent") : null;
    item.state = "done";
  } catch (error) {
    item.error = signal.aborted ? null : error instanceof ServiceError || error instanceof DeviceError ? error : new ServiceError("internal");
    item.state = signal.aborted ? "cancelled" : "failed";
    if (item.isAsking && item.result) {
      // The answer of this device stays where the service gives none.
      Object.assign(item, { state: "done", note: signal.aborted ? null : t("device.asked", { reason: item.error.title }) });
      answered = null;
    }

    if (!signal.aborted && !(error instanceof ServiceError || error instanceof DeviceError)) {
      console.warn(error); // a fault of the page itself
    }
  } finally {
    if (item.isMoved) {
      Object.assign(item, { state: "waiting", error: null, isMoved: false });
    }

    item.abort = null;
    item.isAsking = item.isSending = false;
    render();
  }
}

/** The service's answer, or this device's where the service cannot be reached. */
async function classify(item, signal, say) {
  item.isSending = item.wasSent = true;
  try {
    const result = await ask(item, signal, say);
    serviceIs(true);
    return { result, input: null };
  } catch (error) {
    if (error.key === "gone") {
      serviceIs(false);
      if (!item.isAsking && await isKept()) {
        return await classifyHere(item, signal, say);
      }
    }

    throw error;
  }
}

/** What waits for the service is done here as soon as the reader wants nothing to be sent. */
function keepHere() {
  for (const item of place() === "device" ? items.filter(i => i.isSending && i.abort) : []) {
    item.isMoved = true;
    item.abort.abort();
  }
}

/** This device's answer. What that needs is loaded now. */
async function classifyHere({ file, prepared }, signal, say) {
  say("working");
  const device = await import("./device.js");
  return await device.classifyHere(prepared, { answerUnsuitable: file.isDrawn, signal });
}

async function ask({ file, prepared }, signal, say) {
  // A drawing is no dermoscopy image, and is answered all the same to show the page.
  const query = `explain=true&similar=5${file.isDrawn ? "&suitability=warn" : ""}`;
  for (let tries = 1; ; tries++) {
    say("working");
    try {
      const response = await call(`api/predict?${query}`, { method: "POST", body: prepared.blob, type: prepared.blob.type, signal, onKey: () => say("key") });
      return await response.json();
    } catch (error) {
      if (!(error instanceof ServiceError) || error.retryAfter === null || tries === maxTries) {
        const isDicom = prepared.blob.type === "application/dicom" && ["unsupported-image", "unreadable-image"].includes(error.key);
        throw error instanceof TypeError || error instanceof SyntaxError ? new ServiceError("gone") : isDicom ? new ServiceError("dicom") : error;
      }

      for (let seconds = error.retryAfter; seconds > 0; seconds--) {
        say({ later: seconds });
        await pause(1000, signal);
      }
    }
  }
}

const pause = (milliseconds, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, milliseconds);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    reject(signal.reason);
  });
});

const canRetry = item => item.state === "cancelled" || item.state === "failed" && !item.error.isLasting;

const isOpen = item => !["done", "failed", "cancelled"].includes(item.state);

function retry(list) {
  for (const item of list) {
    Object.assign(item, { state: "waiting", error: null });
  }

  render();
  work();
}

function remove(list) {
  for (const item of list) {
    item.abort?.abort();
  }

  items = items.filter(item => !list.includes(item));
  if (!items.includes(shown)) {
    shown = null;
  }

  if (items.length === 0) {
    byId("view-classify").classList.remove("busy");
    byId("choose-text").textContent = t("classify.choose");
    byId("samples").hidden = false;
    byId("file").focus();
  }

  render();
}

let isRenderPlanned = false;

/** Brings the view up to date, once for all changes of a moment. */
function render() {
  if (!isRenderPlanned) {
    isRenderPlanned = true;
    requestAnimationFrame(() => {
      isRenderPlanned = false;
      // Of several images the most suspicious is shown once all are answered, unless the reader chose another one before.
      shown ??= items.some(isOpen) ? null : sorted().find(item => item.state === "done") ?? null;
      renderAnswer();
      renderQueue();
      renderDevice();
      announce();
    });
  }
}

let answered = null;

function renderAnswer() {
  const key = shown && [shown.state, shown.state === "done" ? shown.result : shown.error, shown];
  if (answered?.every((part, i) => part === key?.[i])) {
    return;
  }

  answered = key;
  const place = byId("answer");
  if (shown === null) {
    place.replaceChildren();
    return;
  }

  if (shown.state === "done") {
    const { name, result, prepared, time, note } = shown;
    const seen = shown.input;
    const input = async () => seen ?? (await call("api/preview?view=model", { method: "POST", body: prepared.blob, type: prepared.blob.type })).blob();
    place.replaceChildren(answerElement({ name, result, picture: prepared.picture, answered: time, scaled: prepared.scaled && prepared, input, note }));
    focusOnce(place.querySelector("#answer-heading"));
  } else if (shown.state === "failed") {
    place.replaceChildren(h("div", { class: "card problem" }, ...[
      h("h2", { id: "answer-heading", tabindex: "-1" }, shown.error.title),
      h("p", {}, shown.error.message),
      h("p", { class: "file" }, t("answer.for", { name: shown.name })),
      canRetry(shown) && h("button", { type: "button", onclick: () => retry([shown]) }, t("queue.retry"))].filter(Boolean)));
    focusOnce(place.querySelector("#answer-heading"));
  } else {
    const item = shown;
    place.replaceChildren(h("div", { class: "card pending" },
      h("p", {}, stateText(item)),
      isOpen(item) ? h("button", { type: "button", class: "quiet", onclick: () => item.abort ? item.abort.abort() : remove([item]) }, t("queue.cancel")) : h("button", { type: "button", onclick: () => retry([item]) }, t("queue.retry"))));
  }
}

/** The answer to a single image takes the focus once, when it comes. */
function focusOnce(heading) {
  if (shown.focus) {
    shown.focus = false;
    heading.focus({ preventScroll: true });
    const answer = heading.closest(".card");
    answer.scrollIntoView({ block: "nearest" });
    if (answer.getBoundingClientRect().top < 0 || heading.getBoundingClientRect().bottom > innerHeight) {
      answer.scrollIntoView({ block: "start" });
    }
  }
}

const stateText = item => typeof item.state === "object" ? t("state.later", { seconds: item.state.later }) : item.state === "failed" ? item.error.title : t(`state.${item.state}`);

function renderQueue() {
  const queue = byId("queue");
  queue.hidden = items.length < 2;
  if (queue.hidden) {
    queue.replaceChildren();
    return;
  }

  // Rebuilt at each change: the element that has the focus is found again by what it does.
  const focused = queue.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const done = items.filter(item => item.state === "done");
  const failed = items.filter(canRetry);
  const open = items.filter(isOpen);
  const ranked = sorted();
  const finished = items.length - open.length;
  const button = (key, onclick, isShown = true) => isShown && h("button", { type: "button", class: "quiet", "data-key": key, onclick }, t(key));
  queue.replaceChildren(
    h("div", { class: "queue-head" },
      h("h2", { id: "queue-heading" }, t("queue.heading")),
      h("p", { class: "help" }, summary()),
      open.length > 0 && h("progress", { max: items.length, value: finished, "aria-label": t("queue.progress", { done: finished, total: items.length }) })),
    h("div", { class: "actions" },
      button("queue.cancel.all", () => cancel(open), open.length > 0),
      button("queue.retry.all", () => retry(failed), failed.length > 0),
      button("queue.csv", () => saveCsv(ranked), done.length > 0),
      button("queue.json", () => saveJson(ranked), done.length > 0),
      button("queue.clear", () => remove(items))),
    h("table", { class: "list" },
      h("caption", {}, t("queue.sorted")),
      h("thead", {}, h("tr", {}, ["image", "outcome", "label"].map(c => h("th", { scope: "col" }, t(`column.${c}`))), h("th", { scope: "col", class: "number", "aria-sort": "descending" }, t("column.malignant")), h("th", { scope: "col" }, h("span", { class: "unseen" }, t("column.actions"))))),
      h("tbody", {}, ranked.map(row))));
  if (focused) {
    queue.querySelector(`[data-key="${focused}"]`)?.focus();
  }
}

/** Offers to ask the service for what this device answered, once the service can be reached. */
function renderDevice() {
  const answeredHere = () => items.filter(item => item.state === "done" && item.result.onDevice);
  const here = place() === "auto" && isServiceThere ? answeredHere() : [];
  const bar = byId("device-bar");
  bar.hidden = here.length === 0;
  if (bar.dataset.count !== String(here.length)) {
    bar.dataset.count = here.length;
    bar.replaceChildren(...here.length === 0 ? [] : [
      h("p", {}, t("device.back", { count: here.length })),
      h("div", { class: "actions" }, h("button", { type: "button", onclick: () => askAgain(answeredHere()) }, t("device.ask")))]);
  }
}

function askAgain(list) {
  for (const item of list) {
    Object.assign(item, { state: "waiting", isAsking: true });
  }

  render();
  work();
}

/** The most suspicious first; what has no answer stands after what has one. */
const rank = item => item.state === "done" ? 1 + malignancy(item.result) : item.state === "failed" ? 0 : isOpen(item) ? 0.5 : -1;

const sorted = () => [...items].sort((a, b) => rank(b) - rank(a));

let keys = 0;

function row(item) {
  item.key ??= `item${++keys}`;
  const { result } = item;
  item.thumbnail ??= item.prepared?.picture ? URL.createObjectURL(item.prepared.picture) : null;
  const action = (name, onclick) => h("button", { type: "button", class: "quiet small", "data-key": `${item.key} ${name}`, "aria-label": t("queue.of", { action: t(name), name: item.name }), onclick }, t(name));
  return h("tr", { class: item === shown ? "shown" : null },
    h("th", { scope: "row" }, h("button", { type: "button", class: "link", "data-key": `${item.key} show`, "aria-pressed": String(item === shown), onclick: () => show(item) },
      item.thumbnail ? h("img", { src: item.thumbnail, alt: "", width: 44, height: 44 }) : h("span", { class: "noimage" }), h("span", {}, item.name))),
    h("td", { "data-label": t("column.outcome") }, result && item.state === "done" ? result.triage ? outcome(result.triage.recommendation) : t("state.done") : h("span", { class: item.state === "failed" ? "error" : "faint" }, stateText(item))),
    item.state === "failed" ? h("td", { "data-label": t("column.label"), class: "faint", colspan: 2 }, item.error.message) : [
      h("td", { "data-label": t("column.label") }, result && item.state === "done" ? `${className(result.label.code, result.label.name)} ${percent(result.label.probability)}` : ""),
      h("td", { "data-label": t("column.malignant"), class: "number" }, result && item.state === "done" ? percent(malignancy(result)) : "")],
    h("td", { class: "row-actions" }, isOpen(item) ? action("queue.cancel", () => cancel([item])) : [canRetry(item) && action("queue.retry", () => retry([item])), action("queue.remove", () => remove([item]))]));
}

function cancel(list) {
  for (const item of list) {
    if (item.abort) {
      item.abort.abort();
    } else {
      item.state = "cancelled";
    }
  }

  render();
}

function show(item) {
  shown = item;
  item.focus = !isOpen(item);
  answered = null;
  render();
}

/** How far the list is, and at the end what came of it. */
function summary() {
  const open = items.filter(isOpen).length;
  const values = {
    done: items.length - open, total: items.length,
    failed: items.filter(item => item.state === "failed" || item.state === "cancelled").length,
    refer: items.filter(item => item.state === "done" && item.result.triage?.recommendation === "refer").length,
  };
  return open > 0 ? t("queue.progress", values) : t(items.some(item => item.result?.triage) ? "queue.summary" : "queue.summary.plain", values);
}

let announced = "";

/** Tells screen readers what changes; of many images each quarter and the end. */
function announce() {
  const finished = items.filter(item => !isOpen(item)).length;
  const isSilent = items.length > 4 && finished < items.length && finished % Math.ceil(items.length / 4) > 0;
  const text = items.length === 1 ? isOpen(items[0]) ? stateText(items[0]) : "" : items.length === 0 ? "" : isSilent ? announced : summary();
  if (text !== announced) {
    announced = text;
    byId("live").textContent = text;
  }
}
