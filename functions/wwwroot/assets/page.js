// Opens the page's views, and tells whether the service is ready.
import * as classify from "./classify.js";
import { byId, h } from "./dom.js";
import * as phone from "./phone.js";
import { t } from "./texts.js";

/** What a view needs is loaded when it is opened. */
const views = { classify: null, results: () => import("./results.js"), model: () => import("./model.js"), about: null, api: () => import("./reference.js") };
let openModule = null;
const links = [...document.querySelectorAll("[data-open]")];

// The links are real; here they open their view in place, so that a list of images is not lost.
for (const link of [...links, document.querySelector(".brand")]) {
  link.addEventListener("click", event => {
    if (event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      const view = link.dataset.open ?? "classify";
      history.pushState(null, "", link.href);
      open(view, true);
    }
  });
}

addEventListener("popstate", () => open(viewOfAddress(), true));

function viewOfAddress() {
  const last = location.pathname.split("/").at(-1);
  return last in views ? last : "classify";
}

function open(view, isMove) {
  openModule?.close?.();
  openModule = null;
  for (const name of Object.keys(views)) {
    byId(`view-${name}`).hidden = name !== view;
  }

  for (const link of links) {
    link.toggleAttribute("aria-current", link.dataset.open === view);
    if (link.dataset.open === view) {
      link.setAttribute("aria-current", "page");
    }
  }

  document.documentElement.dataset.view = view;
  document.title = t(`title.${view}`);
  start(view);
  if (isMove) {
    byId("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

async function start(view) {
  let module = null;
  try {
    module = await views[view]?.();
  } catch {
    byId(view).replaceChildren(h("p", { class: "error", role: "alert" }, `${t("error.gone.title")}. ${t("error.gone")}`));
    return;
  }

  if (module && openModule !== module && document.documentElement.dataset.view === view) {
    openModule = module;
    module.open();
  }
}

let asking = null;

/** Asks until the service is ready, and again when a call finds that it is gone. */
async function showService() {
  const seconds = 5;
  clearTimeout(asking);
  asking = 0;
  const service = byId("service");
  try {
    const response = await fetch("api/health");
    if (response.ok) {
      const health = await response.json();
      service.textContent = t("service.ready", health.model);
      byId("cite").textContent = t("about.cite.text", { model: `${health.model.name} ${health.model.version}` });
      asking = null;
      if (phone.isServiceThere === false) {
        openModule?.open(); // what could not be loaded
      }

      phone.serviceIs(true);
      return;
    }

    service.textContent = t("service.loading", { seconds });
  } catch {
    service.textContent = t(await phone.isKept() ? "service.gone.device" : "service.gone", { seconds });
    phone.serviceIs(false);
  }

  asking = setTimeout(showService, 1000 * seconds);
}

phone.onService(() => {
  if (phone.isServiceThere === false && asking === null) {
    showService();
  }
});
addEventListener("online", showService);
classify.start();
phone.start();
open(viewOfAddress(), false);
showService();
