// The words of the page in the reader's language, and its numbers and times as the reader's region writes them.
const language = document.documentElement.lang;
const region = navigator.languages.find(tag => tag.split("-")[0] === language) ?? language;
const texts = await (await fetch(`assets/texts-${language}.json`)).json(); // with English where the language lacks a text

/** The text of a key with its {places} filled; null where there is no such text. */
export const textOrNull = (key, values = {}) => texts[key]?.replace(/\{(\w+)\}/g, (_, place) => values[place] ?? "") ?? null;

/** The text of a key; the key itself where no language has it. */
export const t = (key, values) => textOrNull(key, values) ?? key;

const number = options => new Intl.NumberFormat(region, options);
const exact = number({ style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const rounded = number({ style: "percent", maximumFractionDigits: 0 });
const decimals = number({ minimumFractionDigits: 3, maximumFractionDigits: 3 });
const whole = number({ maximumFractionDigits: 0 });
const dateTime = new Intl.DateTimeFormat(region, { dateStyle: "medium", timeStyle: "short" });

/** A probability with one decimal. No class is ruled out: what would be rounded to 0.0 % is not shown as nothing, nor certainty as 100 %. */
export const percent = value => value < 0.0005 ? `<${exact.format(0.001)}` : value > 0.9995 && value < 1 ? `>${exact.format(0.999)}` : exact.format(value);

/** A measured share with one decimal. */
export const figure = value => exact.format(value);

/** A share without decimals. */
export const share = value => rounded.format(value);
/** From one number to another, which no line break parts. */
export const range = (low, high, format) => `${format(low)}\u2060–\u2060${format(high)}`;
export const decimal = value => decimals.format(value);
export const count = value => whole.format(value);
export const time = value => dateTime.format(new Date(value));

/** The classes in the order of the model, and what each is. */
export const classes = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"];
const kinds = { akiec: "premalignant", bcc: "malignant", mel: "malignant" };

/** `malignant`, `premalignant` or `benign`. */
export const kindOf = code => kinds[code] ?? "benign";

/** The class's name; the given one where the page does not know the class. */
export const className = (code, otherwise) => textOrNull(`class.${code}`) ?? otherwise ?? code;

/** A network's name as its authors write it. */
export const architecture = name => ({ resnet: "ResNet-", mobilenet_v: "MobileNetV", efficientnet_b: "EfficientNet-B" })[name.replace(/\d+.*$/, "")]?.concat(name.match(/\d+/)?.[0] ?? "") ?? name.split("@")[0];
