// The view of the API: the service's OpenAPI document for people, and a call to try. The document is in English whatever the reader's language.
import { call } from "./api.js";
import { byId, h } from "./dom.js";
import { drawing, names } from "./samples.js";
import { t } from "./texts.js";

let isLoaded = false;

/** Loads the description, once. */
export async function open() {
  if (isLoaded) {
    return;
  }

  try {
    const api = await (await call("api/openapi.json")).json();
    isLoaded = true;
    byId("api").replaceChildren(tryIt(api), h("div", { lang: "en" }, ...rich(api.info.description)), ...groups(api), documents(api));
  } catch (error) {
    byId("api").replaceChildren(h("p", { class: "error" }, h("strong", {}, error.title), ` ${error.message}`));
  }
}

/** The document's texts: paragraphs, lists and tables of `code` and **strong** words, in Markdown. */
function rich(text) {
  const blocks = (text ?? "").split(/\n\n+/).map(block => block.trim().split("\n")).filter(lines => lines[0]);
  return blocks.map(lines => lines[0].startsWith("|") ? table(lines) : lines[0].startsWith("- ")
    ? h("ul", {}, lines.map(line => h("li", {}, words(line.slice(2)))))
    : h("p", {}, words(lines.join(" "))));
}

const words = line => line.split(/(`[^`]+`|\*\*[^*]+\*\*)/).filter(Boolean)
  .map(part => part.startsWith("`") ? h("code", {}, part.slice(1, -1)) : part.startsWith("**") ? h("strong", {}, part.slice(2, -2)) : part);

function table([head, , ...rows]) {
  const cells = line => line.split("|").slice(1, -1).map(cell => cell.trim());
  return h("table", {},
    h("thead", {}, h("tr", {}, cells(head).map(cell => h("th", { scope: "col" }, words(cell))))),
    h("tbody", {}, rows.map(row => h("tr", {}, cells(row).map(cell => h("td", {}, words(cell)))))));
}

const listing = (label, text) => h("pre", { tabindex: "0", role: "region", "aria-label": label }, h("code", {}, text));
const json = value => JSON.stringify(value, null, 2);

function tryIt(api) {
  const operation = api.paths["/api/predict"].post;
  const field = (name, control) => h("p", {}, h("label", { for: `try-${name}` }, name), " ", control);
  const controls = ["sensitivity", "coverage", "explain", "similar", "suitability"].map(name => {
    const { schema, description } = operation.parameters.find(p => p.name === name);
    const control = schema.enum
      ? h("select", { id: `try-${name}`, title: description }, h("option", { value: "" }, "–"), schema.enum.map(value => h("option", { value, selected: value === "warn" }, value)))
      : h("input", { id: `try-${name}`, type: "number", min: schema.minimum, max: schema.maximum, step: schema.type === "integer" ? 1 : "any", title: description });
    return [name, control];
  });
  const sample = h("select", { id: "try-sample" }, names.map(name => h("option", { value: name }, t(`sample.${name}`))));
  const answer = h("div", { id: "try-answer", role: "status" }), command = h("div");
  const query = () => new URLSearchParams(controls.map(([name, control]) => [name, control.value]).filter(([, value]) => value)).toString();
  const address = () => `api/predict${query() && `?${query()}`}`;
  const show = () => command.replaceChildren(listing("curl", `curl --data-binary @lesion.jpg -H 'Content-Type: application/octet-stream' -H "x-functions-key: $LENTIGO_KEY" '${new URL(address(), document.baseURI)}'`));
  const form = h("form", {
    class: "card", id: "try", oninput: show, onsubmit: async event => {
      event.preventDefault();
      answer.replaceChildren(h("p", {}, t("api.sending")));
      try {
        const response = await call(address(), { method: "POST", body: await drawing(sample.value), type: "application/octet-stream" });
        answer.replaceChildren(h("p", {}, h("strong", {}, `${response.status} `), h("code", {}, response.headers.get("Content-Type"))), listing(t("api.answer"), json(await response.json())));
      } catch (error) {
        answer.replaceChildren(h("p", { class: "error" }, h("strong", {}, `${error.status ?? ""} ${error.title}`), ` ${error.message}`));
      }
    },
  }, h("h2", {}, t("api.try")), h("p", { class: "help" }, t("api.try.help")),
  h("div", { class: "row" }, h("p", {}, h("label", { for: "try-sample" }, t("api.sample")), " ", sample), controls.map(([name, control]) => field(name, control))),
  command, h("p", {}, h("button", { type: "submit" }, t("api.send"))), answer);
  show();
  return form;
}

function groups(api) {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })));
  return api.tags.map(tag => h("section", { lang: "en" }, h("h2", {}, tag.name), h("p", { class: "help" }, tag.description),
    operations.filter(o => o.operation.tags.includes(tag.name)).map(operationOf)));
}

function operationOf({ path, method, operation }) {
  const needsKey = operation.security.some(s => "keyHeader" in s);
  return h("details", { class: "card call", id: operation.operationId },
    h("summary", {}, h("code", {}, h("strong", {}, method), ` ${path}`), " ", operation.summary),
    rich(operation.description),
    needsKey && h("p", { class: "help" }, "Needs a key in the header ", h("code", {}, "x-functions-key"), "."),
    operation.parameters && [h("h3", {}, "Parameters"), h("dl", { class: "members" }, operation.parameters.map(p =>
      [h("dt", {}, h("code", {}, p.name), ` ${p.in}, ${typeOf(p.schema)}`), h("dd", {}, words(p.description))]))],
    operation.requestBody && [h("h3", {}, "Body"), h("p", {}, Object.keys(operation.requestBody.content).flatMap((type, i) => [i ? ", " : "", h("code", {}, type)]))],
    h("h3", {}, "Answers"),
    h("dl", { class: "members" }, Object.entries(operation.responses).map(([status, response]) => [
      h("dt", {}, h("strong", {}, status), Object.entries(response.content ?? {}).map(([type, content]) => [" ", h("code", {}, type), " ", linkOf(content.schema)]).flat(),
        response.headers && " with Retry-After"),
      h("dd", {}, rich(response.description), Object.values(response.content ?? {}).filter(c => c.example).map(c => h("details", {}, h("summary", {}, "Example"), listing("Example", json(c.example)))))])));
}

const linkOf = schema => schema.$ref ? h("a", { href: `#${nameOf(schema)}`, onclick: () => { byId(nameOf(schema)).open = true; } }, nameOf(schema))
  : h("span", {}, (schema.anyOf ?? []).flatMap((one, i) => [i ? " or " : "", one.items ? ["array of ", linkOf(one.items)] : linkOf(one)]).flat());
const nameOf = schema => schema.$ref.split("/").at(-1);

function typeOf(schema) {
  if (schema.$ref) {
    return nameOf(schema);
  }

  if (schema.items) {
    return `array of ${typeOf(schema.items)}`;
  }

  const range = schema.minimum !== undefined ? `, ${schema.minimum} to ${schema.maximum}` : "";
  return (schema.enum ? schema.enum.join(" | ") : schema.format ?? schema.type ?? "any") + range;
}

function documents(api) {
  return h("section", { lang: "en" }, h("h2", {}, "Documents"), Object.entries(api.components.schemas).map(([name, schema]) => h("details", { class: "card call", id: name },
    h("summary", {}, h("code", {}, name), " ", words(schema.description ?? "")),
    h("dl", { class: "members" }, Object.entries(schema.properties ?? {}).map(([member, property]) => [
      h("dt", {}, h("code", {}, member), ` ${typeOf(property)}${schema.required?.includes(member) ? "" : ", may be absent"}`), h("dd", {}, words(property.description ?? ""))])))));
}
