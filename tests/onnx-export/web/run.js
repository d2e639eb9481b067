// Runs an exported file in onnxruntime-web on bytes from a file and prints each output: node run.js model.onnx input.bin type dims...
import { readFile } from 'node:fs/promises';
import * as ort from 'onnxruntime-web';

ort.env.wasm.numThreads = 1;
const [model, data, type, ...dims] = process.argv.slice(2);
const session = await ort.InferenceSession.create(await readFile(model));
const bytes = await readFile(data);
const arrays = { uint8: Uint8Array, float32: Float32Array, int64: BigInt64Array };
const numbers = new arrays[type](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor(type, numbers, dims.map(Number)) });
console.log(JSON.stringify(Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, Array.from(value.data)]))));
