// Shows one answer, in the order of importance: warnings, triage, classes, networks, similar cases, model and notice.
import { h } from "./dom.js";
import { architecture, className, classes, decimal, kindOf, percent, range, share, t, textOrNull, time } from "./texts.js";

/**
 * An answer as an element.
 * `result` is the document of the service, `picture` a Blob of the image or null, `input` fetches what the model sees as a Blob (null: not offered).
 */
export function answerElement({ name, result, picture, answered, scaled, input, extra, note }) {
  return h("article", { class: `answer card ${result.triage?.recommendation ?? ""}`, "aria-labelledby": "answer-heading" },
    h("p", { class: "report-title" }, t("answer.report")),
    h("div", { class: "verdict" }, warnings(result), triage(result), source(result, note), h("p", { class: "file" }, t("answer.for", { name }))),
    h("div", { class: "findings" },
      h("h3", {}, t("answer.classes")),
      h("ol", { class: "classes" }, result.probabilities.map(p => classElement(p, result))),
      result.set && h("p", { class: "help" }, t("answer.set.help", { coverage: share(result.set.coverage) })),
      members(result)),
    pictureElement(result, picture, scaled, input),
    h("div", { class: "more" }, similar(result), extra),
    h("footer", {},
      h("p", {}, t("answer.model", result.model)),
      h("p", {}, [answered && t("answer.time", { time: time(answered) }), t("answer.id", { id: result.id })].filter(Boolean).join(" · ")),
      h("p", { class: "answer-notice" }, t("answer.notice")),
      h("button", { type: "button", class: "quiet", onclick: () => print() }, t("answer.print"))));
}

/** Which model answered, where it was not the service's. */
function source({ onDevice, model }, note) {
  return onDevice && h("p", { class: "source" }, t("answer.device", model), note && ` ${note}`);
}

function warnings(result) {
  // What the service cannot say is no fault of the image.
  const listed = (result.warnings ?? []).filter(w => w.code !== "no-triage");
  return listed.length > 0 && h("div", { class: "warnings" },
    h("h2", {}, t("answer.warnings")),
    h("ul", {}, listed.map(w => h("li", { "data-code": w.code }, textOrNull(`warning.${w.code}`) ?? w.message))));
}

/** What to do, or the most probable class where the model has no operating point. */
function triage({ triage, label, probabilities, warnings }) {
  const most = t("answer.most", { name: className(label.code, label.name), percent: percent(label.probability) });
  if (!triage) {
    const sum = probabilities.filter(p => kindOf(p.code) !== "benign").reduce((total, p) => total + p.probability, 0);
    return h("div", { class: "triage" },
      h("h2", { id: "answer-heading", tabindex: "-1" }, most),
      h("p", {}, t("triage.none", { percent: percent(sum) })),
      warnings?.some(w => w.code === "no-triage") && h("p", { class: "help" }, t("warning.no-triage")));
  }

  const { recommendation, operatingPoint } = triage;
  return h("div", { class: `triage ${recommendation}` },
    h("h2", { id: "answer-heading", tabindex: "-1" },
      h("span", { class: "sign", "aria-hidden": "true" }, { refer: "▲", review: "◆", routine: "●" }[recommendation] ?? "●"),
      textOrNull(`triage.${recommendation}`) ?? recommendation, ": ", h("span", { class: "meaning" }, textOrNull(`triage.${recommendation}.meaning`) ?? "")),
    reasons(triage).map(reason => h("p", {}, reason)),
    h("p", { class: "most" }, most),
    operatingPoint && h("p", { class: "help" }, [
      recommendation === "refer" ? null : t("triage.missed", { missed: share(1 - operatingPoint.sensitivity) }),
      t("triage.measured", { sensitivity: interval(operatingPoint.sensitivity, operatingPoint.sensitivityInterval), specificity: interval(operatingPoint.specificity, operatingPoint.specificityInterval) }),
    ].filter(Boolean).join(" ")));
}

function reasons({ malignantProbability, melanomaProbability, reasons, operatingPoint, melanomaPoint }) {
  const given = new Set(reasons ?? []);
  const point = operatingPoint && { sensitivity: share(operatingPoint.sensitivity), threshold: percent(operatingPoint.threshold) };
  const melanoma = { percent: percent(melanomaProbability ?? 0) };
  return [
    point && t(given.has("malignant") ? "triage.malignant.above" : "triage.malignant.below", { ...point, percent: percent(malignantProbability) }),
    given.has("melanoma") && (melanomaPoint
      ? t("triage.melanoma.above", { ...melanoma, sensitivity: share(melanomaPoint.sensitivity), threshold: percent(melanomaPoint.threshold) })
      : t("triage.melanoma.plain", melanoma)),
    given.has("set") && t("triage.set"),
    given.has("warning") && t("triage.warning"),
  ].filter(Boolean);
}

/** '95 % (92–97 %)'. */
export const interval = (value, bounds) => bounds ? `${share(value)} (${range(bounds[0], bounds[1], share)})` : share(value);

function classElement({ code, name, probability }, { set }) {
  const kind = kindOf(code);
  return h("li", { class: kind, "data-code": code },
    h("span", { class: "name" }, className(code, name), " ", h("span", { class: "kind" }, t(`kind.${kind}`)), " ",
      set?.codes.includes(code) && h("span", { class: "in-set" }, t("answer.inset", { coverage: share(set.coverage) }))),
    h("span", { class: "percent" }, percent(probability)),
    bar(probability),
    h("span", { class: "plain" }, textOrNull(`class.${code}.text`) ?? ""));
}

function bar(probability) {
  const fill = h("span");
  fill.style.setProperty("--share", probability);
  return h("div", { class: "bar", "aria-hidden": "true" }, fill);
}

/** The networks side by side: a table, a row a class. */
function members({ members, probabilities }) {
  if (!members?.length) {
    return null;
  }

  return h("details", { class: "members" },
    h("summary", {}, t("answer.members")),
    h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t("answer.members") }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("answer.classes")), members.map((m, i) => h("th", { scope: "col", class: "number" }, t("answer.member", { number: i + 1, architecture: architecture(m.name) }))))),
      h("tbody", {}, probabilities.map(({ code, name }) => h("tr", {},
        h("th", { scope: "row" }, className(code, name)),
        members.map(m => {
          const own = m.probabilities.find(p => p.code === code);
          return h("td", { class: m.probabilities[0].code === code ? "number first" : "number" }, own ? percent(own.probability) : "");
        })))))));
}

function similar({ similar }) {
  return similar?.length > 0 && h("details", { class: "similar" },
    h("summary", {}, t("answer.similar")),
    h("p", { class: "help" }, t("answer.similar.help")),
    h("ol", {}, similar.map(s => h("li", {}, h("strong", {}, className(s.diagnosis)), " ", h("span", { class: "kind" }, t(`kind.${kindOf(s.diagnosis)}`)), h("span", { class: "faint" }, ` · ${s.image} · ${t("answer.distance", { distance: decimal(s.distance) })}`)))));
}

function pictureElement({ explanation, onDevice }, picture, scaled, input) {
  if (picture === null) {
    const place = h("p", { class: "help nopicture" }, t("answer.nopreview"));
    return h("figure", { class: "picture" }, place, input && inputButton(place, input));
  }

  const image = h("img", { class: "photo", src: addressOf(picture), alt: t("answer.image.alt") });
  const frame = h("div", { class: "frame" }, image);
  const figure = h("figure", { class: "picture" }, frame);
  const overlay = explanation?.overlay && blobOf(explanation.overlay);
  if (overlay) {
    const heat = h("img", { class: "heat", src: addressOf(overlay), alt: t("answer.heat.alt") });
    heat.style.opacity = 0.4;
    frame.append(heat);
    const slider = h("input", { type: "range", min: "0", max: "100", value: "40", "aria-valuetext": share(0.4) });
    slider.addEventListener("input", () => {
      heat.style.opacity = slider.value / 100;
      slider.setAttribute("aria-valuetext", share(slider.value / 100));
    });
    figure.append(h("label", { class: "opacity" }, h("span", {}, t("answer.heat.opacity")), slider), h("p", { class: "help heat-help" }, t("answer.heat.help", { name: className(explanation.code) })));
  }

  if (input) {
    figure.append(inputButton(frame, input));
  }

  if (scaled) {
    figure.append(h("p", { class: "help" }, t(onDevice ? "answer.scaled.device" : "answer.scaled", scaled)));
  }

  return figure;
}

/** Swaps what stands in the image's place for what the model sees, and back. */
function inputButton(place, input) {
  const error = h("span", { class: "error", role: "status" });
  let seen = null;
  const button = h("button", {
    type: "button", class: "quiet", "aria-pressed": "false", onclick: async () => {
      try {
        if (seen === null) {
          const pixels = h("img", { class: "input", src: addressOf(await input()), alt: "" });
          await pixels.decode();
          pixels.alt = t("answer.input.alt", { size: pixels.naturalWidth });
          seen = h("div", { class: "frame pixels", hidden: true }, pixels);
          place.after(seen);
        }

        seen.hidden = !seen.hidden;
        place.parentElement.classList.toggle("shows-input", !seen.hidden);
        button.textContent = t(seen.hidden ? "answer.input" : "answer.input.hide");
        button.setAttribute("aria-pressed", String(!seen.hidden));
      } catch (problem) {
        error.textContent = problem.message;
      }
    },
  }, t("answer.input"));
  return h("p", { class: "tools" }, button, error);
}

/** The picture of a data URL. The page's policy allows no data URLs, and the service's answer needs none. */
function blobOf(dataUrl) {
  const match = /^data:(image\/(?:png|jpeg));base64,(.+)$/.exec(dataUrl);
  return match && new Blob([Uint8Array.from(atob(match[2]), c => c.charCodeAt(0))], { type: match[1] });
}

// Pictures of answers that are no longer shown are given back.
const addresses = new Map();

function addressOf(blob) {
  if (!addresses.has(blob)) {
    addresses.set(blob, URL.createObjectURL(blob));
    for (const [old, address] of addresses) {
      if (addresses.size > 60 && old !== blob) {
        URL.revokeObjectURL(address);
        addresses.delete(old);
      }
    }
  }

  return addresses.get(blob);
}

/** What lists show of a result: the recommendation in words. */
export const outcome = recommendation => h("span", { class: `outcome ${recommendation}` }, h("span", { class: "sign", "aria-hidden": "true" }, { refer: "▲", review: "◆", routine: "●" }[recommendation] ?? "●"), textOrNull(`triage.${recommendation}`) ?? recommendation);

/** The probability of the malignant and premalignant classes together. */
export const malignancy = result => result.triage?.malignantProbability ?? result.probabilities.filter(p => kindOf(p.code) !== "benign").reduce((sum, p) => sum + p.probability, 0);

/** The options of a choice among the classes. */
export const classOptions = () => classes.map(code => h("option", { value: code }, className(code)));
