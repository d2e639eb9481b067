// The class codes that are malignant or premalignant; the names come with each answer.
const malignantCodes = new Set(["akiec", "bcc", "mel"]);

const element = id => document.getElementById(id);
const percentFormat = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
// No class is ruled out: what would be rounded to 0.0% is not shown as nothing.
const percent = probability => probability < 0.0005 ? "<0.1%" : percentFormat.format(probability);

let running = null;
let lastFile = null;
let previewUrl = null;

element("file").addEventListener("change", event => {
  const [file] = event.target.files;
  event.target.value = ""; // so that choosing the same file again counts as a change
  choose(file);
});

document.addEventListener("paste", event => choose(event.clipboardData?.files[0]));

// A drop beside the zone would make the browser leave the page and show the file.
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, event => event.preventDefault());
}

document.addEventListener("dragover", () => element("drop").classList.add("over"));
for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, () => element("drop").classList.remove("over"));
}

document.addEventListener("drop", event => choose(event.dataTransfer.files[0]));

element("key-form").addEventListener("submit", event => {
  event.preventDefault();
  sessionStorage.setItem("functionKey", element("key").value);
  element("key").value = "";
  choose(lastFile);
});

showService();

async function choose(file) {
  if (!file) {
    return;
  }

  lastFile = file;
  running?.abort();
  const mine = running = new AbortController();
  showPreview(file);
  element("answer").hidden = true;
  element("key-form").hidden = true;
  showStatus("Classifying…");
  try {
    const prediction = await classify(file, mine.signal);
    if (prediction) {
      showAnswer(prediction);
    }
  } catch (error) {
    if (mine.signal.aborted) {
      return; // another image was chosen meanwhile
    }

    showError(error instanceof ServiceError ? error : new ServiceError("No answer", "The service cannot be reached. Check the connection and try again."));
  }
}

async function classify(file, signal) {
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  const key = sessionStorage.getItem("functionKey");
  if (key) {
    headers["x-functions-key"] = key;
  }

  const response = await fetch("api/predict", { method: "POST", body: file, headers, signal });
  if (response.ok) {
    return response.json();
  }

  if (response.status === 401) {
    sessionStorage.removeItem("functionKey");
    element("key-form").hidden = false;
    showError(new ServiceError("Key needed", key ? "The service does not accept this key." : "Enter a function key of this service; it is kept until you close the tab."));
    element("key").focus();
    return null;
  }

  throw await problemOf(response);
}

class ServiceError extends Error {
  constructor(title, detail) {
    super(detail);
    this.title = title;
  }
}

// Problem documents (RFC 9457) say what happened; a proxy between may answer with something else.
async function problemOf(response) {
  const type = response.headers.get("Content-Type") ?? "";
  if (type.startsWith("application/problem+json")) {
    const problem = await response.json();
    return new ServiceError(problem.title, problem.detail);
  }

  switch (response.status) {
    case 413: return new ServiceError("Image too large", "Send a smaller image.");
    case 429: return new ServiceError("Too many requests", "The service is busy. Wait a moment and try again.");
    default: return new ServiceError("No answer", `The service answered with status ${response.status}. Try again later.`);
  }
}

function showPreview(file) {
  const preview = element("preview");
  URL.revokeObjectURL(previewUrl);
  previewUrl = URL.createObjectURL(file);
  preview.onload = () => { preview.hidden = false; };
  preview.onerror = () => { preview.hidden = true; }; // browsers do not show TIFF
  preview.hidden = true;
  preview.src = previewUrl;
  element("file-name").textContent = file.name;
}

function showStatus(text) {
  const status = element("status");
  status.classList.remove("error", "unseen");
  status.textContent = text;
}

function showError(error) {
  const status = element("status");
  status.classList.remove("unseen");
  status.classList.add("error");
  const title = document.createElement("strong");
  title.textContent = error.title;
  status.replaceChildren(title, error.message);
}

function showAnswer(prediction) {
  element("label-name").textContent = prediction.label.name;
  element("label-malignant").hidden = !prediction.label.malignant;
  element("probabilities").replaceChildren(...prediction.probabilities.map(bar));
  element("members").replaceChildren(...prediction.members.flatMap(member => {
    const name = document.createElement("h3");
    name.textContent = member.name;
    const list = document.createElement("ol");
    list.className = "bars";
    list.append(...member.probabilities.map(bar));
    return [name, list];
  }));
  element("answer-model").textContent = `Model ${prediction.model.name} ${prediction.model.version}`;
  element("answer-notice").textContent = `This is ${prediction.notice}.`;
  // Screen readers hear the sentence; the heading and the first bar below show the same.
  showStatus(`Most probable: ${prediction.label.name}, ${percent(prediction.label.probability)}`);
  element("status").classList.add("unseen");
  element("answer").hidden = false;
}

function bar({ code, name, probability }) {
  const item = document.createElement("li");
  const isMalignant = malignantCodes.has(code);
  item.classList.toggle("malignant", isMalignant);
  const label = document.createElement("span");
  label.textContent = name;
  if (isMalignant) {
    const mark = document.createElement("span");
    mark.className = "mark";
    mark.textContent = " (malignant or premalignant)";
    label.append(mark);
  }

  const value = document.createElement("span");
  value.className = "percent";
  value.textContent = percent(probability);
  const track = document.createElement("div");
  track.className = "bar";
  track.ariaHidden = "true";
  const fill = document.createElement("span");
  fill.style.setProperty("--share", probability);
  track.append(fill);
  item.append(label, value, track);
  return item;
}

async function showService() {
  const service = element("service");
  try {
    const response = await fetch("api/health");
    if (response.ok) {
      const { model, device } = await response.json();
      service.textContent = `The service runs the model ${model.name} ${model.version} on ${device}.`;
    } else {
      service.textContent = (await problemOf(response)).message;
    }
  } catch {
    service.textContent = "The service cannot be reached.";
  }
}
