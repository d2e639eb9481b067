// The view of the model: its card, drawn from its manifest and its report. What they lack is not shown.
import { interval } from "./answer.js";
import { call } from "./api.js";
import { byId, h, svg } from "./dom.js";
import { architecture, className, count, decimal, figure, percent, range, share, t, textOrNull, time } from "./texts.js";

let isLoaded = false;

/** Loads the card, once. */
export async function open() {
  if (isLoaded) {
    return;
  }

  const read = path => call(path).then(response => response.json());
  try {
    const [manifest, report, versions] = await Promise.all([read("api/model"), read("api/model/report.json").catch(() => null), read("api/models").catch(() => [])]);
    isLoaded = true;
    byId("model").replaceChildren(...[
      facts(manifest), operatingPoints(manifest.operatingPoints), metrics(manifest, report), perClass(manifest), confusion(manifest), calibration(report), decisions(report), subgroups(report), versionList(versions),
    ].filter(Boolean));
  } catch (error) {
    byId("model").replaceChildren(h("p", { class: "error" }, h("strong", {}, error.title), ` ${error.message}`));
  }
}

const section = (key, ...content) => h("section", { class: "card" }, h("h2", {}, t(key)), ...content);

function facts({ name, version, created, members, input, data, licence }) {
  const fact = (key, value) => value && [h("dt", {}, t(key)), h("dd", {}, value)];
  return h("section", { class: "card" }, h("dl", { class: "facts" },
    fact("model.name", name),
    fact("model.version", version),
    fact("model.created", time(created)),
    fact("model.networks", members.map(m => architecture(m.architecture)).join(", ")),
    fact("model.input", `${input.size} × ${input.size}`),
    fact("model.trained", data && t("model.images", { count: count(data.trainCount + (data.sources ?? []).filter(s => s.role !== "validated").reduce((sum, s) => sum + s.images - s.leftOut, 0)) })),
    fact("model.licence", licence && h("span", { lang: "en" }, licence))));
}

function operatingPoints(points) {
  const line = (key, point) => point && h("li", {}, h("strong", {}, t(key, { threshold: percent(point.threshold) })), ": ",
    t("model.sensitivity", { value: interval(point.sensitivity, point.sensitivityInterval) }), ", ", t("model.specificity", { value: interval(point.specificity, point.specificityInterval) }));
  return points && section("model.operating", h("ul", {}, line("model.operating.malignant", points.malignant), line("model.operating.melanoma", points.melanoma)),
    h("p", { class: "help" }, t("model.measured"), " ", h("span", { lang: "en" }, points.malignant.on)));
}

function metrics({ metrics }, report) {
  const figures = metrics?.ensemble;
  if (!figures) {
    return null;
  }

  const intervals = report?.ensemble?.intervals ?? {};
  const tile = name => {
    const value = intervals[name]?.value ?? figures[name];
    return typeof value === "number" && h("div", { class: "tile" }, h("dt", {}, t(`metric.${name}`)), h("dd", {}, /auc/i.test(name) ? decimal(value) : figure(value),
      intervals[name] && h("small", {}, ` (${range(intervals[name].low, intervals[name].high, /auc/i.test(name) ? decimal : figure)})`)));
  };
  return section("model.metrics", h("p", { class: "help" }, t("model.metrics.on", { count: count(figures.count) })),
    h("dl", { class: "tiles" }, ["accuracy", "balancedAccuracy", "macroAuc", "malignantAuc", "melanomaSensitivity"].map(tile)));
}

const scroll = (key, table) => h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t(key) }, table);

function perClass({ metrics }) {
  const rows = metrics?.ensemble?.classes;
  return rows && section("model.classes", scroll("model.classes", h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("model.truth")), ["support", "recall", "precision", "auc"].map(c => h("th", { scope: "col", class: "number" }, t(`model.${c}`))))),
    h("tbody", {}, rows.map(c => h("tr", {}, h("th", { scope: "row" }, className(c.code)), h("td", { class: "number" }, count(c.support)), [c.recall, c.precision].map(v => h("td", { class: "number" }, number(v, figure))), h("td", { class: "number" }, number(c.auc, decimal))))))));
}

const number = (value, format) => typeof value === "number" ? format(value) : "–";

function confusion({ classes, metrics }) {
  const matrix = metrics?.ensemble?.confusionMatrix;
  return matrix && section("model.confusion", h("p", { class: "help" }, t("model.confusion.help")), scroll("model.confusion", h("table", { class: "matrix" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("model.truth")), classes.map(c => h("th", { scope: "col" }, h("abbr", { title: className(c) }, c))))),
    h("tbody", {}, matrix.map((row, i) => {
      const total = row.reduce((a, b) => a + b, 0);
      return h("tr", {}, h("th", { scope: "row" }, `${className(classes[i])} (${classes[i]})`), row.map((n, j) => {
        const cell = h("td", { class: i === j ? "right" : null }, count(n));
        cell.style.setProperty("--shade", total > 0 ? n / total : 0);
        return cell;
      }));
    })))));
}

function calibration(report) {
  const bins = report?.reliability?.bins?.filter(b => b.count > 0);
  if (!bins?.length) {
    return null;
  }

  const side = 240, left = 44, top = 10;
  const x = value => left + side * value, y = value => top + side * (1 - value);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const most = Math.max(...bins.map(b => b.count));
  const table = h("table", {}, h("caption", {}, t("model.calibration")),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("model.confidence")), h("th", { scope: "col" }, t("model.right")), h("th", { scope: "col" }, t("model.support")))),
    h("tbody", {}, bins.map(b => h("tr", {}, h("td", {}, percent(b.confidence)), h("td", {}, figure(b.accuracy)), h("td", {}, count(b.count))))));
  return section("model.calibration",
    h("p", { class: "help" }, t("model.calibration.help", { error: figure(report.reliability.expectedCalibrationError) })),
    svg("svg", { viewBox: `0 0 ${side + left + 20} ${side + top + 46}`, class: "chart", role: "img", "aria-label": t("model.calibration.alt") },
      ticks.map(v => [svg("line", { class: "grid", x1: x(0), x2: x(1), y1: y(v), y2: y(v) }), text(left - 6, y(v) + 4, share(v), "end"), text(x(v), y(0) + 18, share(v), "middle")]).flat(),
      svg("line", { class: "ideal", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
      svg("polyline", { class: "curve", points: bins.map(b => `${x(b.confidence)},${y(b.accuracy)}`).join(" ") }),
      bins.map(b => svg("circle", { class: "dot", cx: x(b.confidence), cy: y(b.accuracy), r: 2.5 + 5 * Math.sqrt(b.count / most) })),
      text(x(0.5), y(0) + 38, t("model.confidence"), "middle")),
    h("div", { class: "unseen" }, table));
}

function text(x, y, content, anchor) {
  return svg("text", { x, y, "text-anchor": anchor }, content);
}

/** What the decision rule recommended on images whose lesions it was not fitted on. */
function decisions(report) {
  const rule = report?.decisions;
  if (!rule) {
    return null;
  }

  const tile = (key, rate) => rate && h("div", { class: "tile" }, h("dt", {}, t(key)), h("dd", {}, figure(rate.value), h("small", {}, ` (${range(rate.low, rate.high, figure)})`)));
  return section("model.decisions", h("p", { class: "help" }, t("model.decisions.help", { sensitivity: share(rule.promise) })),
    h("dl", { class: "tiles" }, tile("model.malignantFound", rule.sensitivity), tile("model.melanomaReferred", rule.melanomaReferred), tile("model.benignReferred", rule.benignReferred),
      rule.sets.map(set => h("div", { class: "tile" }, h("dt", {}, t("model.set", { promise: share(set.promise) })), h("dd", {}, figure(set.coverage.value), h("small", {}, ` ${t("model.set.size", { size: decimal(set.meanSize) })}`))))),
    scroll("model.decisions", h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("model.truth")), ["refer", "review", "routine"].map(r => h("th", { scope: "col", class: "number" }, t(`triage.${r}`))))),
      h("tbody", {}, Object.entries(rule.recommendations).map(([code, n]) => h("tr", {}, h("th", { scope: "row" }, className(code)), [n.refer, n.review, n.routine].map(v => h("td", { class: "number" }, count(v)))))))));
}

/** Figures of groups of patients: a table for each way of grouping. */
function subgroups(report) {
  const groups = Object.entries(Object.groupBy(report?.subgroups ?? [], g => g.by));
  const shown = (interval, format) => interval ? `${format(interval.value)} (${range(interval.low, interval.high, format)})` : "–";
  return groups.length > 0 && section("model.subgroups", h("p", { class: "help" }, t("model.subgroups.help")), groups.map(([by, rows]) =>
    h("div", {}, h("h3", {}, textOrNull(`model.by.${by}`) ?? by), scroll("model.subgroups", h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("model.group")), h("th", { scope: "col", class: "number" }, t("model.support")),
        ["balancedAccuracy", "malignantAuc", "melanomaSensitivity"].map(f => h("th", { scope: "col", class: "number" }, t(`metric.${f}`))))),
      h("tbody", {}, rows.map(g => h("tr", {}, h("th", { scope: "row" }, textOrNull(`model.group.${g.group}`) ?? g.group), h("td", { class: "number" }, count(g.images)),
        h("td", { class: "number" }, shown(g.balancedAccuracy, figure)), h("td", { class: "number" }, shown(g.malignantAuc, decimal)), h("td", { class: "number" }, shown(g.melanomaSensitivity, figure))))))))));
}

function versionList(versions) {
  return versions.length > 0 && section("model.versions", scroll("model.versions", h("table", {},
    h("thead", {}, h("tr", {}, ["model.name", "model.version"].map(c => h("th", { scope: "col" }, t(c))), h("th", { scope: "col" }, t("model.created")), ["accuracy", "balancedAccuracy", "macroAuc"].map(m => h("th", { scope: "col", class: "number" }, t(`metric.${m}`))))),
    h("tbody", {}, versions.map(v => h("tr", { class: v.serving ? "shown" : null },
      h("th", { scope: "row" }, v.name), h("td", {}, v.version, v.serving && h("span", { class: "serving" }, t("model.serving"))), h("td", {}, time(v.created)),
      [v.accuracy, v.balancedAccuracy].map(f => h("td", { class: "number" }, number(f, figure))), h("td", { class: "number" }, number(v.macroAuc, decimal))))))));
}
