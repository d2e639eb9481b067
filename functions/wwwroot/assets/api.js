// Calls the service and turns what goes wrong into a clinician's words.
import { byId } from "./dom.js";
import { t, textOrNull } from "./texts.js";

/** What is wrong with a file and stays so, however often it is tried. */
const lasting = ["no-image", "image-too-large", "unsupported-image", "unreadable-image", "not-dermoscopy", "pdf", "dicom"];

/** A failure in words: a title, what to do, when to try again by itself and whether trying again may help at all. */
export class ServiceError extends Error {
  constructor(key, retryAfter = null) {
    super(t(`error.${key}`));
    this.key = key;
    this.title = t(`error.${key}.title`);
    this.retryAfter = retryAfter;
    this.isLasting = lasting.includes(key);
  }
}

const keyOfStatus = { 404: "not-found", 413: "image-too-large", 415: "unsupported-image", 422: "unreadable-image", 429: "overloaded", 503: "no-model" };

/** The key of the words for a problem document (RFC 9457): what its type is called, else what its status means. */
function keyOf({ type, status }) {
  const kind = type?.split(":").at(-1);
  return textOrNull(`error.${kind}`) ? kind : keyOfStatus[status] ?? "internal";
}

/** The words for the problem document of a result. */
export const wordsOf = problem => new ServiceError(keyOf(problem));

/** The most that can be sent, in bytes: the service's default. */
export const maxBytes = 20_000_000;

// The key lives as long as the tab does; where the browser keeps nothing, as long as the page.
let keyInMemory = null;
let keyWaiters = [];

function storedKey() {
  try {
    return sessionStorage.getItem("functionKey") ?? keyInMemory;
  } catch {
    return keyInMemory;
  }
}

function storeKey(key) {
  keyInMemory = key;
  try {
    if (key === null) {
      sessionStorage.removeItem("functionKey");
    } else {
      sessionStorage.setItem("functionKey", key);
    }
  } catch {
    // Storage is switched off: the page's own memory has it.
  }
}

byId("key-form").addEventListener("submit", event => {
  event.preventDefault();
  storeKey(byId("key").value);
  byId("key").value = "";
  byId("key-form").hidden = true;
  for (const resume of keyWaiters.splice(0)) {
    resume();
  }
});

/** Asks for a key, once for all calls that lack one. */
function keyEntered(refused, signal) {
  const form = byId("key-form");
  if (form.hidden || refused) {
    byId("key-help").textContent = t(refused ? "key.wrong" : "key.help");
    byId("key-help").classList.toggle("error", refused);
  }

  if (form.hidden) {
    form.hidden = false;
    byId("key").focus();
  }

  return new Promise((resolve, reject) => {
    keyWaiters.push(resolve);
    signal?.addEventListener("abort", () => {
      keyWaiters = keyWaiters.filter(waiter => waiter !== resolve);
      form.hidden = keyWaiters.length === 0;
      reject(signal.reason);
    });
  });
}

/** A response of the service that is not an error. Waits for the access key where one is demanded; `onKey` is told of it. */
export async function call(path, { method = "GET", body, type, signal, onKey } = {}) {
  for (;;) {
    const key = storedKey();
    let response;
    try {
      response = await fetch(path, { method, body, signal, headers: { ...type && { "Content-Type": type }, ...key && { "x-functions-key": key } } });
    } catch (error) {
      throw signal?.aborted ? error : new ServiceError("gone");
    }

    if (response.status === 401) {
      if (key !== null && key === storedKey()) {
        storeKey(null);
      }

      if (storedKey() === null) {
        onKey?.();
        await keyEntered(key !== null, signal);
      }

      continue;
    }

    if (response.ok) {
      return response;
    }

    throw await errorOf(response);
  }
}

async function errorOf(response) {
  const isProblem = (response.headers.get("Content-Type") ?? "").startsWith("application/problem+json");
  const problem = isProblem ? await response.json().catch(() => ({})) : {};
  const retryAfter = response.status === 503 || response.status === 429 ? Number(response.headers.get("Retry-After")) || 5 : null;
  const error = new ServiceError(keyOf({ ...problem, status: response.status }), retryAfter);
  error.status = response.status;
  return error;
}

/** The path of a blob's name below a route. */
export const pathOf = name => /(^|\/)(\.{0,2})(\/|$)/.test(name) ? encodeURIComponent(name) : name.split("/").map(encodeURIComponent).join("/");
