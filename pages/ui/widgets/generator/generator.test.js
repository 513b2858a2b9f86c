import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { assembled } from "./assemble.mjs";
import { FORMAT, fromFloat16, Generator, writePixels } from "./generator.js";

/**
 * The file of a generator with these layers, whose weights are float16 numbers given by their bits.
 * @param {unknown[]} layers
 * @param {number[]} bits
 */
function fileOf(layers, bits, header = {}) {
  const [first] = /** @type {{ in?: number, width?: number }[]} */ (layers);
  const { classLength = 0 } = /** @type {{ classLength?: number }} */ (header);
  const text = JSON.stringify({
    format: FORMAT, latentDim: (first.in ?? first.width ?? 1) - classLength, classes: 0, classLength: 0, layers, ...header,
  });
  const padded = new TextEncoder().encode(text + " ".repeat((4 - (text.length % 4)) % 4));
  const file = new Uint8Array(4 + padded.length + 2 * bits.length);
  new DataView(file.buffer).setUint32(0, padded.length, true);
  file.set(padded, 4);
  file.set(new Uint8Array(Uint16Array.from(bits).buffer), 4 + padded.length);
  return file.buffer;
}

// The bits of whole numbers from −8 to 8 that float16 holds exactly.
const BITS = new Map(Array.from({ length: 65536 }, (_, bits) => [fromFloat16(Uint16Array.of(bits))[0], bits]));
/** @param {number[]} values */
const bitsOf = (values) => values.map((value) => BITS.get(value) ?? NaN);

/**
 * Whole numbers that look random, from −3 to 3.
 * @param {number} n
 * @param {number} seed
 */
function numbers(n, seed) {
  let state = seed;
  return Array.from({ length: n }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor(state / 65536) % 7 - 3;
  });
}

test("float16 numbers by their definition", () => {
  const bits = Uint16Array.of(0x0000, 0x3c00, 0xc000, 0x3555, 0x7bff, 0x0400, 0x0001, 0x7c00, 0xfc00);
  const values = [0, 1, -2, 0.333251953125, 65504, 2 ** -14, 2 ** -24, Infinity, -Infinity];
  assert.deepEqual([...fromFloat16(bits)], values);
  assert(Number.isNaN(fromFloat16(Uint16Array.of(0x7e00))[0]));
});

test("a linear layer, and LeakyReLU", () => {
  const file = fileOf(
    [{ kind: "linear", in: 2, out: 3 }, { kind: "leaky_relu", slope: 0.5 }],
    bitsOf([1, 2, -3, 0, -1, 2, 1, 1, -1]),
  );
  // x = (2, 1): 2·(1, 2, −3) + (0, −1, 2) + (1, 1, −1) = (3, 4, −5)
  assert.deepEqual([...new Generator(file).make([2, 1]).values], [3, 4, -2.5]);
});

test("a transposed convolution adds its kernel to the output at every input pixel", () => {
  const [height, width, nIn, nOut] = [3, 2, 2, 3];
  const kernel = numbers(16 * nIn * nOut, 1); // (4, 4, in, out), as in the definition
  const bias = numbers(nOut, 2);
  const input = numbers(height * width * nIn, 3);
  const expected = Array.from({ length: 4 * height * width * nOut }, (_, i) => bias[i % nOut]);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let ky = 0; ky < 4; ky += 1) {
        for (let kx = 0; kx < 4; kx += 1) {
          const [row, column] = [2 * y - 1 + ky, 2 * x - 1 + kx];
          if (row < 0 || row >= 2 * height || column < 0 || column >= 2 * width) continue;
          for (let i = 0; i < nIn; i += 1) {
            for (let o = 0; o < nOut; o += 1) {
              expected[(row * 2 * width + column) * nOut + o] += input[(y * width + x) * nIn + i]
                * kernel[((ky * 4 + kx) * nIn + i) * nOut + o];
            }
          }
        }
      }
    }
  }
  // The file's order: parity of row and column, then the place among 2 × 2 input pixels.
  const places = [[3, 1], [2, 0]];
  const weights = [];
  for (const rows of places) {
    for (const columns of places) {
      for (const ky of rows) {
        for (const kx of columns) {
          const at = (ky * 4 + kx) * nIn * nOut;
          weights.push(...kernel.slice(at, at + nIn * nOut));
        }
      }
    }
  }
  const n = height * width * nIn;
  const eye = Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  const file = fileOf([
    { kind: "linear", in: n, out: n }, { kind: "reshape", height, width, channels: nIn },
    { kind: "conv_transpose", in: nIn, out: nOut },
  ], bitsOf([...eye, ...Array.from({ length: n }, () => 0), ...weights, ...bias]));
  const output = new Generator(file).make(input);
  assert.deepEqual([output.height, output.width, output.channels], [2 * height, 2 * width, nOut]);
  assert.deepEqual([...output.values], expected);
});

test("a convolution whose kernel is 1 in the middle keeps the map; one beside it shifts the map", () => {
  const eye = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  for (const [place, expected] of [[4, [1, 2, 3, -3]], [5, [2, 0, -3, 0]], [7, [3, -3, 0, 0]]]) {
    const kernel = Array.from({ length: 9 }, (_, i) => (i === place ? 1 : 0));
    const file = fileOf([
      { kind: "linear", in: 4, out: 4 }, { kind: "reshape", height: 2, width: 2, channels: 1 },
      { kind: "conv", in: 1, out: 1, size: 3 },
    ], bitsOf([...eye, 0, 0, 0, 0, ...kernel, 0]));
    assert.deepEqual([...new Generator(file).make([1, 2, 3, -3]).values], expected);
  }
});

test("a residual block adds the two ways; upsampling repeats each pixel", () => {
  const file = fileOf([
    { kind: "reshape", height: 1, width: 2, channels: 1 },
    {
      kind: "residual",
      way: [{ kind: "affine", channels: 1 }, { kind: "upsample" }],
      short: [{ kind: "upsample" }],
    },
  ], bitsOf([2, 1])); // 2x + 1, and x beside it
  assert.deepEqual([...new Generator(file).make([1, -2]).values], [4, 4, -5, -5, 4, 4, -5, -5]);
});

test("the vector of a class follows z", () => {
  const header = { classes: 2, classLength: 1 };
  const file = fileOf([{ kind: "linear", in: 3, out: 1 }], bitsOf([5, 6, 1, 2, 3, 0]), header);
  const generator = new Generator(file);
  assert.deepEqual([...generator.make([1, 1], generator.classVector(1)).values], [1 + 2 + 18]);
});

test("a vector between two classes is a mean of both, weighted with the shares", () => {
  const header = { classes: 2, classLength: 2 };
  const file = fileOf([{ kind: "linear", in: 3, out: 1 }], bitsOf([4, 0, 8, 16, 1, 2, 3, 0]), header);
  const generator = new Generator(file);
  const mixed = [0, 0.25, 1].map((share) => [...generator.mixedVector(0, 1, share)]);
  assert.deepEqual(mixed, [[4, 0], [5, 4], [8, 16]]);
});

test("a file of another length or format is refused", () => {
  const layers = [{ kind: "linear", in: 1, out: 1 }];
  assert.throws(() => new Generator(fileOf(layers, bitsOf([1]))), /too short/);
  assert.throws(() => new Generator(fileOf(layers, bitsOf([1, 1, 1]))), /too long/);
  assert.throws(() => new Generator(fileOf(layers, bitsOf([1, 1]), { format: 2 })), /format 2/);
  assert.throws(() => new Generator(fileOf([{ kind: "lstm" }], [])), /unknown layer/);
});

test("pixels are grey or RGB, rounded and limited", () => {
  const pixels = new Uint8ClampedArray(4 * 4);
  const grey = { values: Float32Array.of(-1, 1.5), height: 1, width: 2, channels: 1 };
  writePixels(grey, pixels, 4, 0, 0);
  const red = { values: Float32Array.of(1, -1, 0), height: 1, width: 1, channels: 3 };
  writePixels(red, pixels, 4, 3, 0);
  assert.deepEqual([...pixels], [0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0, 255, 0, 128, 255]);
});

test("kernel.js is made from kernel.wat; else call `npm run kernel`", async () => {
  assert.equal(readFileSync(new URL("kernel.js", import.meta.url), "utf8"), await assembled());
});

test("vector instructions and JavaScript give the same products, for every number of channels", () => {
  for (const nOut of [1, 2, 3, 4, 5, 15, 16, 17, 32, 40]) {
    for (const nIn of [1, 3, 4, 7, 16]) {
      const layers = [{ kind: "linear", in: nIn, out: nOut }];
      const file = fileOf(layers, bitsOf(numbers((nIn + 1) * nOut, nOut)));
      const input = numbers(nIn, nIn);
      const [fast, plain] = [true, false].map((vectors) => (
        [...new Generator(file, vectors).make(input).values].map((value) => value + 0) // −0 → 0
      ));
      assert.deepEqual(fast, plain); // whole numbers: there is no rounding
    }
  }
});
