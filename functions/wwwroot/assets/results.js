// The view of results: what the blob triggers answered, newest first, live.
import { answerElement, classOptions, outcome } from "./answer.js";
import { call, pathOf, ServiceError, wordsOf } from "./api.js";
import { byId, h } from "./dom.js";
import { className, count, percent, t, textOrNull, time } from "./texts.js";

/** The least time between two looks for new results, in milliseconds; a service that takes long is asked less often. */
const shortestPause = 4000;

/** The most results that are kept and shown: a few pages, however many there are. */
const most = 200;

let items = [];
let continuation = null; // of what stands below the shown results
let isCut = false; // whether newer results than the shown ones were put away
let filters = {};
let isStarted = false;
let timer = null;
let running = null;
let opened = null;
const thumbnails = new Map();

/** Starts looking for results; called each time the view opens. */
export function open() {
  if (!isStarted) {
    isStarted = true;
    build();
  }

  load();
}

/** Stops looking until the view opens again. */
export function close() {
  clearTimeout(timer);
  running?.abort();
}

function build() {
  const choice = (name, label, options) => h("label", {}, h("span", {}, t(label)), h("select", { name }, h("option", { value: "" }, t("results.any")), options));
  byId("results").append(
    h("details", { class: "card filters" },
      h("summary", {}, t("results.filters")),
      h("form", { id: "filters", onsubmit: apply, onreset: event => setTimeout(() => apply(event)) },
        h("label", {}, h("span", {}, t("results.prefix")), h("input", { name: "prefix", autocomplete: "off" })),
        choice("status", "results.status", ["classified", "rejected", "failed"].map(s => h("option", { value: s }, t(`status.${s}`)))),
        choice("recommendation", "results.recommendation", ["refer", "review", "routine"].map(r => h("option", { value: r }, t(`triage.${r}`)))),
        choice("label", "results.label", classOptions()),
        h("label", {}, h("span", {}, t("results.from")), h("input", { type: "date", name: "from" })),
        h("label", {}, h("span", {}, t("results.to")), h("input", { type: "date", name: "to" })),
        h("div", { class: "actions" }, h("button", { type: "submit" }, t("results.apply")), h("button", { type: "reset", class: "quiet" }, t("results.reset"))))),
    h("p", { class: "help", id: "results-status", role: "status" }, t("results.loading")),
    h("button", { type: "button", id: "results-newest", class: "quiet", hidden: true, onclick: restart }, t("results.newest")),
    h("div", { id: "result-detail" }),
    h("table", { class: "list card", id: "result-list", hidden: true },
      h("caption", { class: "unseen" }, t("results.heading")),
      h("thead", {}, h("tr", {}, ["image", "outcome", "label", "malignant", "time"].map(c => h("th", { scope: "col", class: c === "malignant" ? "number" : null }, t(`column.${c}`))))),
      h("tbody")),
    h("p", {}, h("button", { type: "button", id: "results-more", class: "quiet", hidden: true, onclick: more }, t("results.more"))));
}

function apply(event) {
  event.preventDefault();
  const form = new FormData(byId("filters"));
  const day = (name, later) => form.get(name) && new Date(new Date(`${form.get(name)}T00:00`).getTime() + later).toISOString();
  filters = { prefix: form.get("prefix"), status: form.get("status"), recommendation: form.get("recommendation"), label: form.get("label"), from: day("from", 0), to: day("to", 86_399_999) };
  restart();
}

const addressOf = more => `api/results?${new URLSearchParams(Object.entries({ ...filters, continuation: more }).filter(([, value]) => value))}`;

/** Looks for the newest results, and goes on doing so while the page is looked at. */
async function load() {
  clearTimeout(timer);
  running?.abort();
  const mine = running = new AbortController();
  const began = performance.now();
  try {
    const page = isCut || document.hidden && items.length > 0 ? null : await (await call(addressOf(), { signal: mine.signal })).json();
    if (page && !isCut) {
      merge(marked(page));
    }
  } catch (error) {
    if (mine.signal.aborted) {
      return;
    }

    byId("results-status").textContent = error instanceof ServiceError ? `${error.title}. ${error.message}` : t("error.internal.title");
  }

  timer = setTimeout(load, Math.max(shortestPause, 10 * (performance.now() - began)));
}

/** Whether result a stands before b in the list: newest first, results of one second by name. */
const isBefore = (a, b) => a.time === b.time ? a.name < b.name : a.time > b.time;

/** A page whose last result knows what comes after it. */
function marked(page) {
  const last = page.items.at(-1);
  if (last) {
    last.continuation = page.continuation;
  }

  return page;
}

/** Puts the newest results in the place of those that were there before. */
function merge(page) {
  const isFirst = items.length === 0;
  const known = new Map(items.map(item => [item.name, item.time]));
  const fresh = page.items.filter(item => known.get(item.name) !== item.time);
  // Where more came than a page holds, what was shown would have a gap above it.
  const hasGap = fresh.length === page.items.length;
  const names = new Set(page.items.map(item => item.name));
  const older = hasGap || !page.continuation ? [] : items.filter(item => isBefore(page.items.at(-1), item) && !names.has(item.name));
  const isSame = fresh.length === 0 && page.items.length + older.length === items.length;
  if (isSame && !isFirst) {
    return;
  }

  continuation = older.length > 0 ? continuation : page.continuation ?? null;
  items = [...page.items, ...older];
  // New results push out the oldest, down to the end of a page: from there 'more' goes on.
  const end = items.length > most ? items.findLastIndex((item, i) => i < most && item.continuation) : -1;
  if (end >= 0) {
    continuation = items[end].continuation;
    items.length = end + 1;
  }

  forget(fresh);
  list();
  const isFiltered = Object.values(filters).some(Boolean);
  byId("results-status").textContent = items.length === 0
    ? t(isFiltered ? "results.none.filtered" : "results.none")
    : isFirst || fresh.length === 0 ? t("results.count", { count: count(items.length) }) : t("results.new", { count: count(fresh.length) });
}

/** The next page: below what is shown or, where that is much already, in its place. */
async function more() {
  const button = byId("results-more"), asked = filters;
  button.disabled = true;
  try {
    const page = marked(await (await call(addressOf(continuation))).json());
    if (asked !== filters) {
      return; // the reader asked for something else meanwhile
    }

    const known = new Set(items.map(item => item.name));
    const older = page.items.filter(item => !known.has(item.name));
    const isFull = items.length + older.length > most;
    isCut ||= isFull;
    items = isFull ? older : [...items, ...older];
    continuation = page.continuation ?? null;
    forget([]);
    list();
    byId("results-status").textContent = t("results.count", { count: count(items.length) });
    if (isFull) {
      byId("result-list").scrollIntoView();
      byId("result-list").querySelector("button")?.focus({ preventScroll: true });
    }
  } catch (error) {
    byId("results-status").textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

function restart() {
  items = [];
  continuation = null;
  isCut = false;
  load();
}

/** Gives back the thumbnails of images that may be other ones now or are shown no more. */
function forget(changed) {
  const kept = new Set(items.map(item => item.name));
  for (const { name } of changed) {
    kept.delete(name);
  }

  for (const [name, address] of thumbnails) {
    if (!kept.has(name)) {
      URL.revokeObjectURL(address);
      thumbnails.delete(name);
    }
  }
}

function list() {
  const table = byId("result-list");
  table.hidden = items.length === 0;
  byId("results-more").hidden = continuation === null;
  byId("results-newest").hidden = !isCut;
  seen.disconnect();
  const focused = document.activeElement?.dataset?.name;
  const body = table.tBodies[0];
  table.classList.toggle("untriaged", !items.some(item => item.triage));
  body.replaceChildren(...items.map(row));
  if (focused !== undefined) {
    [...body.querySelectorAll("button")].find(button => button.dataset.name === focused)?.focus();
  }
}

function row(item) {
  const { name, status, label, triage, problem } = item;
  return h("tr", { class: opened === name ? "shown" : null },
    h("th", { scope: "row" }, h("button", { type: "button", class: "link", "data-name": name, "aria-label": t("results.details", { name }), onclick: () => detail(item) }, thumbnail(item), h("span", {}, name))),
    h("td", { "data-label": t("column.outcome") }, triage ? outcome(triage.recommendation) : h("span", { class: status === "classified" ? null : "error" }, textOrNull(`status.${status}`) ?? status)),
    h("td", { "data-label": t("column.label") }, label ? `${className(label.code, label.name)} ${percent(label.probability)}` : problem ? wordsOf(problem).title : ""),
    h("td", { "data-label": t("column.malignant"), class: "number" }, triage ? percent(triage.malignantProbability) : ""),
    h("td", { "data-label": t("column.time"), class: "time" }, time(item.time)));
}

// Thumbnails are fetched when they come into view, and by the script: a key may have to go with the request.
const seen = new IntersectionObserver(entries => {
  for (const { target } of entries.filter(entry => entry.isIntersecting)) {
    seen.unobserve(target);
    const { picture: name } = target.dataset;
    picture(name, 96).then(blob => {
      if (!items.some(item => item.name === name)) {
        return;
      }

      URL.revokeObjectURL(thumbnails.get(name));
      thumbnails.set(name, blob && URL.createObjectURL(blob));
      target.replaceWith(thumbnail({ name, status: "classified" }));
    });
  }
});

function thumbnail({ name, status }) {
  const address = thumbnails.get(name);
  if (address) {
    return h("img", { src: address, alt: "", width: 44, height: 44 });
  }

  const place = h("span", { class: "noimage", "data-picture": name });
  if (status === "classified" && address === undefined) {
    seen.observe(place);
  }

  return place;
}

/** The image of a result; null where it is gone or cannot be shown. */
const picture = (name, side) => call(`api/pictures/${pathOf(name)}?side=${side}`).then(response => response.blob(), () => null);

async function detail(item) {
  opened = item.name;
  const place = byId("result-detail");
  const closing = h("button", { type: "button", class: "quiet", onclick: shut }, t("results.close"));
  let shown;
  try {
    const [document, blob] = await Promise.all([call(`api/results/${pathOf(item.name)}`).then(response => response.json()), item.status === "classified" ? picture(item.name, 800) : null]);
    shown = document.status === "classified"
      ? answerElement({ name: item.name, result: document, picture: blob, answered: document.time, input: null, extra: feedback(document) })
      : failure(wordsOf(document.problem ?? {}), item);
  } catch (error) {
    shown = failure(error, item);
  }

  place.replaceChildren(h("p", { class: "actions" }, closing), shown);
  list();
  const heading = place.querySelector("#answer-heading");
  heading.focus({ preventScroll: true });
  place.scrollIntoView({ block: "start" });
}

const failure = ({ title, message }, { name }) => h("div", { class: "card problem" },
  h("h2", { id: "answer-heading", tabindex: "-1" }, title ?? t("error.internal.title")), h("p", {}, message), h("p", { class: "file" }, t("answer.for", { name })));

function shut() {
  const name = opened;
  opened = null;
  byId("result-detail").replaceChildren();
  list();
  [...byId("result-list").querySelectorAll("button")].find(button => button.dataset.name === name)?.focus();
}

/** The form for a diagnosis that was confirmed later. */
function feedback({ id, source }) {
  const said = h("p", { class: "help", role: "status" });
  const select = h("select", { required: true }, h("option", { value: "" }, t("feedback.choose")), classOptions());
  return h("form", {
    class: "feedback", onsubmit: async event => {
      event.preventDefault();
      said.classList.remove("error");
      try {
        await call(`api/results/${encodeURIComponent(id)}/feedback`, { method: "POST", body: JSON.stringify({ diagnosis: select.value, image: source.name }), type: "application/json" });
        said.textContent = t("feedback.saved", { name: className(select.value) });
      } catch (error) {
        said.classList.add("error");
        said.textContent = error.status === 409 ? t("feedback.twice") : error.message;
      }
    },
  }, h("h3", {}, t("feedback.heading")), h("p", { class: "help" }, t("feedback.help")),
  h("div", { class: "row" }, h("label", {}, h("span", { class: "unseen" }, t("feedback.heading")), select), h("button", { type: "submit" }, t("feedback.save"))), said);
}
