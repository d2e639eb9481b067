// Classifies on this device, with what phone.js keeps there. Nothing of an image leaves it.
import { ServiceError } from "./api.js";
import { decide } from "./decide.js";
import { kept, verified } from "./phone.js";
import { t } from "./texts.js";

const runtime = "assets/ort-wasm-simd-threaded.wasm";

let engine = null;

/** The answer to a prepared image, in the form of the service's, and the pixels that the model saw as a Blob. */
export async function classifyHere({ blob }, { answerUnsuitable, signal }) {
  if (blob.type === "image/tiff") {
    throw new ServiceError("device.tiff");
  }

  const { model } = await kept();
  const pixels = await pixelsOf(blob);
  signal?.throwIfAborted();
  const { send } = await (engine ??= start(model).catch(error => {
    engine = null; // so that another try starts anew, after the files were repaired
    throw error;
  }));
  const { data, width, height } = pixels;
  const { input, outputs, image } = await send({ pixels: data.buffer, width, height, size: model.size }, [data.buffer]);
  signal?.throwIfAborted();
  const result = decide(model, outputs, image, {
    id: crypto.randomUUID(),
    answerUnsuitable: answerUnsuitable || model.answerUnsuitable,
    messageOf: code => t(`warning.${code}`),
  });
  if (result === null) {
    throw new ServiceError("not-dermoscopy");
  }

  return { result, input: await pictureOf(input, model.size) };
}

/** Starts the worker with the runtime and the graph, both checked against their SHA-256. */
async function start(model) {
  const [wasm, graph] = await Promise.all([verified(runtime), verified(model.path)]);
  const worker = new Worker("assets/device-worker.js", { type: "module" });
  const waiting = new Map();
  let last = 0;
  const fail = () => {
    for (const { reject } of waiting.values()) {
      reject(new ServiceError("device.failed"));
    }

    waiting.clear();
    worker.terminate();
    engine = null;
  };
  worker.onerror = event => {
    event.preventDefault();
    fail();
  };
  worker.onmessage = ({ data: { id, failed, ...answer } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (failed) {
      console.warn(failed);
      reject(new ServiceError("device.failed"));
      fail(); // after running out of memory the runtime is of no use: another try starts it anew
    } else {
      resolve(answer);
    }
  };
  const send = (message, transferred) => new Promise((resolve, reject) => {
    const id = ++last;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, ...message }, transferred);
  });
  await send({ wasm, graph }, [wasm, graph]).catch(error => {
    fail();
    throw error;
  });
  return { send };
}

/** The pixels of an image file in sRGB, upright, transparency on white. */
async function pixelsOf(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    throw new ServiceError("unreadable-image");
  }

  try {
    const canvas = document.createElement("canvas");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  } finally {
    bitmap.close();
  }
}

async function pictureOf(rgb, size) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const picture = new ImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    picture.data.set([rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2], 255], 4 * i);
  }

  canvas.getContext("2d").putImageData(picture, 0, 0);
  return new Promise(resolve => canvas.toBlob(resolve, "image/png"));
}
