// Milliseconds for a sample of a generator, for browser_generator.py: with vector instructions, in JavaScript,
// and with onnxruntime-web where it is installed. They take turns.

import { existsSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { argv, stdout } from "node:process";
import { Generator } from "../pages/ui/widgets/generator/generator.js";
import { randomZ } from "../pages/ui/widgets/generator/latent.js";

const ROUNDS = 300;
const [, , file, onnx] = argv;

const content = readFileSync(file);
const bytes = () => content.buffer.slice(content.byteOffset, content.byteOffset + content.length);
const [vectors, plain] = [new Generator(bytes()), new Generator(bytes(), false)];
const n = vectors.latentDim;

/** @type {Record<string, (z: Float32Array) => unknown>} */
const ways = { "vector instructions": (z) => vectors.make(z), JavaScript: (z) => plain.make(z) };
if (onnx && existsSync(onnx)) {
  try {
    const runtime = await import("onnxruntime-web/wasm");
    runtime.env.wasm.numThreads = 1;
    const session = await runtime.InferenceSession.create(readFileSync(onnx), { executionProviders: ["wasm"] });
    const [name] = session.inputNames;
    ways["onnxruntime-web"] = (z) => session.run({ [name]: new runtime.Tensor("float32", z, [1, n]) });
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
  }
}
/** @type {Record<string, number[]>} */
const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
for (let round = -50; round < ROUNDS; round += 1) {
  for (const [name, make] of Object.entries(ways)) {
    const z = randomZ(n);
    const start = performance.now();
    await make(z);
    if (round >= 0) times[name].push(performance.now() - start);
  }
}
const middle = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
stdout.write(JSON.stringify(Object.fromEntries(
  Object.entries(times).map(([name, each]) => [name, middle(each)]),
)));
