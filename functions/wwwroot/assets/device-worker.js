// Runs the model with ONNX Runtime (notice.txt), away from the page. The first message brings the bytes of the runtime and of the graph, each other one the
// pixels of an image.
import { quality, squash } from "./squash.js";
import * as ort from "./ort.wasm.bundle.min.mjs";

let session = null;

onmessage = async ({ data }) => {
  const { id } = data;
  try {
    postMessage({ id, ...await (data.graph ? load(data) : run(data)) });
  } catch (error) {
    postMessage({ id, failed: String(error?.message ?? error) });
  }
};

async function load({ graph, wasm }) {
  ort.env.wasm.numThreads = 1; // more would need the page to be isolated from other origins
  ort.env.wasm.wasmBinary = wasm;
  session = await ort.InferenceSession.create(new Uint8Array(graph), { logSeverityLevel: 3 });
  return {};
}

async function run({ pixels, width, height, size }) {
  const input = squash(new Uint8ClampedArray(pixels), width, height, size);
  const { probabilities, member_logits: logits, suitability } = await session.run({ image: new ort.Tensor("uint8", input, [1, size, size, 3]) });
  const [, members, classes] = logits.dims;
  return {
    input,
    outputs: {
      probabilities: [...probabilities.data],
      members: Array.from({ length: members }, (_, k) => [...logits.data.slice(k * classes, (k + 1) * classes)]),
      suitability: suitability.data[0],
    },
    image: { shorterSide: Math.min(width, height), ...quality(input, size) },
  };
}
