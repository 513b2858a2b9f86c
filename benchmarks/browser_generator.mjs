// Milliseconds for a sample of a generator, for browser_generator.py: with vector instructions, in JavaScript,
// and with onnxruntime-web and TensorFlow.js if they are installed. They take turns.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import { performance } from "node:perf_hooks";
import { argv, stdout } from "node:process";
import { TextDecoder } from "node:util";
import { fromFloat16, Generator } from "../pages/ui/widgets/generator/generator.js";
import { randomZ } from "../pages/ui/widgets/generator/latent.js";

const ROUNDS = 300;
const [, , file, onnx] = argv;

/**
 * What `load` returns, or undefined if a package that it imports is not installed.
 * @template T
 * @param {() => Promise<T>} load
 * @returns {Promise<T | undefined>}
 */
async function ifInstalled(load) {
  try {
    return await load();
  } catch (error) {
    if (!["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(error.code)) throw error;
    return undefined;
  }
}

/**
 * A session of onnxruntime-web.
 * @param {string} path of the ONNX file
 */
async function onnxSession(path) {
  const runtime = await import("onnxruntime-web/wasm");
  runtime.env.wasm.numThreads = 1;
  const session = await runtime.InferenceSession.create(readFileSync(path), { executionProviders: ["wasm"] });
  const [name] = session.inputNames;
  return (z) => session.run({ [name]: new runtime.Tensor("float32", z, [1, z.length]) });
}

/**
 * The generator of a file in TensorFlow.js with WebAssembly, which takes z (and the vector of a class).
 * @param {ArrayBuffer} bytes
 */
async function tensorFlow(bytes) {
  const tf = await import("@tensorflow/tfjs-core");
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  const main = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(dirname(main) + sep);
  await tf.setBackend("wasm");
  const length = new DataView(bytes).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  const weights = fromFloat16(new Uint16Array(bytes, 4 + length));
  let used = header.classes * header.classLength;
  const read = (n) => weights.subarray(used, used += n);
  const steps = header.layers.map((layer) => {
    switch (layer.kind) {
      case "linear": {
        const matrix = tf.tensor2d(read(layer.in * layer.out), [layer.in, layer.out]);
        const bias = tf.tensor1d(read(layer.out));
        return (x) => tf.add(tf.matMul(x, matrix), bias);
      }
      case "reshape": return (x) => tf.reshape(x, [1, layer.height, layer.width, layer.channels]);
      case "affine": {
        const [scale, shift] = [tf.tensor1d(read(layer.channels)), tf.tensor1d(read(layer.channels))];
        return (x) => tf.add(tf.mul(x, scale), shift);
      }
      case "conv_transpose": {
        const kernel = transposedKernel(read(16 * layer.in * layer.out), layer.in, layer.out);
        const filter = tf.tensor4d(kernel, [4, 4, layer.out, layer.in]);
        const bias = tf.tensor1d(read(layer.out));
        return (x) => {
          const side = 2 * x.shape[1];
          return tf.add(tf.conv2dTranspose(x, filter, [1, side, side, layer.out], 2, "same"), bias);
        };
      }
      case "leaky_relu": return layer.slope ? (x) => tf.leakyRelu(x, layer.slope) : (x) => tf.relu(x);
      case "tanh": return (x) => tf.tanh(x);
      default: throw new Error(`this benchmark has no layer ${layer.kind} in TensorFlow.js`);
    }
  });
  return (z) => tf.tidy(() => steps.reduce((x, step) => step(x), tf.tensor2d(z, [1, z.length]))).data();
}

/**
 * The kernel of a transposed convolution as TensorFlow.js stores it, (4, 4, out, in). In the file it is
 * (parity, tap, in, out): see `transposedConvolution` in generator.js.
 * @param {Float32Array} numbers
 * @param {number} nIn
 * @param {number} nOut
 */
function transposedKernel(numbers, nIn, nOut) {
  const kernel = new Float32Array(numbers.length);
  for (let parity = 0; parity < 4; parity += 1) {
    for (let tap = 0; tap < 4; tap += 1) {
      const y = 3 - (parity >> 1) - 2 * (tap >> 1);
      const x = 3 - (parity % 2) - 2 * (tap % 2);
      for (let i = 0; i < nIn; i += 1) {
        for (let o = 0; o < nOut; o += 1) {
          kernel[((y * 4 + x) * nOut + o) * nIn + i] = numbers[((parity * 4 + tap) * nIn + i) * nOut + o];
        }
      }
    }
  }
  return kernel;
}

const content = readFileSync(file);
const bytes = () => content.buffer.slice(content.byteOffset, content.byteOffset + content.length);
const [vectors, plain] = [new Generator(bytes()), new Generator(bytes(), false)];
const label = vectors.classes ? vectors.classVector(0) : [];

/** @type {Record<string, (z: Float32Array) => unknown>} */
const ways = { "vector instructions": (z) => vectors.make(z, label), JavaScript: (z) => plain.make(z, label) };
const onnxWay = existsSync(onnx) && await ifInstalled(() => onnxSession(onnx));
if (onnxWay) ways["onnxruntime-web"] = onnxWay;
const tensorFlowWay = await ifInstalled(() => tensorFlow(bytes()));
if (tensorFlowWay) {
  ways["TensorFlow.js"] = (z) => tensorFlowWay(Float32Array.from([...z, ...label]));
  const z = randomZ(vectors.latentDim);
  const [ours, theirs] = [vectors.make(z, label).values, await ways["TensorFlow.js"](z)];
  const difference = Math.max(...ours.map((value, i) => Math.abs(value - theirs[i])));
  if (difference > 1e-4) throw new Error(`TensorFlow.js gives other samples: they differ by ${difference}`);
}
/** @type {Record<string, number[]>} */
const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
for (let round = -50; round < ROUNDS; round += 1) {
  for (const [name, make] of Object.entries(ways)) {
    const z = randomZ(vectors.latentDim);
    const start = performance.now();
    await make(z);
    if (round >= 0) times[name].push(performance.now() - start);
  }
}
const middle = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
stdout.write(JSON.stringify(Object.fromEntries(
  Object.entries(times).map(([name, each]) => [name, middle(each)]),
)));
