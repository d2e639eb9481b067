// Drawings to try the page with. They are not lesions.
import { byId, h } from "./dom.js";
import { t } from "./texts.js";

const width = 600, height = 450;
const spots = {
  even: [[300, 225, 95, "#8a5a3c"], [300, 225, 60, "#744529"]],
  uneven: [[270, 215, 110, "#6b4128"], [350, 260, 80, "#4a2b1c"], [330, 180, 55, "#2b2230"], [240, 270, 45, "#8f5f46"], [300, 230, 24, "#8b8ea3"]],
  sheet: [],
};

/** Puts a button for each drawing on the page; `choose` is given the drawing as a file. */
export function showSamples(choose) {
  byId("sample-list").replaceChildren(...Object.keys(spots).map(name => h("button", { type: "button", class: "quiet", onclick: async () => choose([await drawing(name)]) }, t(`sample.${name}`))));
}

/** The names of the drawings that show skin. */
export const names = Object.keys(spots).filter(name => spots[name].length > 0);

/** A drawing as a file. */
export async function drawing(name) {
  const canvas = h("canvas", { width, height });
  const context = canvas.getContext("2d");
  const isSkin = spots[name].length > 0;
  context.fillStyle = isSkin ? "#e2b9a0" : "#ffffff";
  context.fillRect(0, 0, width, height);
  let seed = 7; // the same drawing each time
  const random = () => (seed = seed * 16807 % 2147483647) / 2147483647;
  for (let i = 0; isSkin && i < 2500; i++) {
    context.fillStyle = random() < 0.5 ? "rgb(255 225 205 / 25%)" : "rgb(170 110 90 / 14%)";
    context.fillRect(random() * width, random() * height, 2 + 3 * random(), 2 + 3 * random());
  }

  context.filter = "blur(7px)";
  for (const [x, y, radius, colour] of spots[name]) {
    context.fillStyle = colour;
    context.beginPath();
    for (let angle = 0; angle < 2 * Math.PI; angle += 0.1) {
      const reach = radius * (1 + (name === "uneven" ? 0.22 : 0.04) * Math.sin(3 * angle + x) * Math.cos(5 * angle));
      context.lineTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
    }

    context.fill();
  }

  const blob = await new Promise(resolve => canvas.toBlob(resolve, "image/png"));
  return Object.assign(new File([blob], t("sample.name", { name: t(`sample.${name}`) }), { type: "image/png" }), { isDrawn: true });
}
