// Saves the answers of a list of images as a file of the reader's.
import { h } from "./dom.js";
import { classes, t } from "./texts.js";

/** A row an image: what was recommended, the probabilities, the model. Programs read it, so numbers have points and names are codes. */
export function saveCsv(items) {
  const header = ["image", "id", "time", "recommendation", "malignant_probability", "label", ...classes, "warnings", "model", "error", "notice"];
  const rows = items.map(({ name, result, time, error }) => {
    const probabilities = Object.fromEntries((result?.probabilities ?? []).map(p => [p.code, p.probability]));
    return [
      name, result?.id, time, result?.triage?.recommendation, result?.triage?.malignantProbability, result?.label.code, ...classes.map(code => probabilities[code]),
      result?.warnings?.map(w => w.code).join(" "), result && `${result.model.name} ${result.model.version}`, error?.title, result?.notice ?? t("answer.notice"),
    ];
  });
  save("lentigo.csv", "text/csv", "\ufeff" + [header, ...rows].map(row => row.map(cell).join(",")).join("\r\n") + "\r\n");
}

/** The answers as the service gave them. */
export const saveJson = items => save("lentigo.json", "application/json", JSON.stringify(items.map(({ name, result, time, error }) => ({ image: name, time, result, error: error && { title: error.title, detail: error.message } })), null, 2));

/** RFC 4180; what a spreadsheet would take for a formula begins with an apostrophe. */
function cell(value) {
  const text = String(value ?? "");
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll("\"", "\"\"")}"` : safe;
}

function save(name, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
