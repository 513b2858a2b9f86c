// A generator that runs in the browser. Most of its time goes into `addProducts`, which kernel.wat computes
// with vector instructions; without them, JavaScript does.
//
// wgan/export/browser_generator.py writes a generator's file: the layers as JSON, and the weights as float16.
// Maps are (height, width, channels).

import { KERNEL } from "./kernel.js";

/**
 * A layer of the file. `weights` are read in the order in which they are listed here.
 * @typedef {{ kind: "linear", in: number, out: number }
 *   | { kind: "reshape", height: number, width: number, channels: number }
 *   | { kind: "affine", channels: number }
 *   | { kind: "conv", in: number, out: number, size: number }
 *   | { kind: "conv_transpose", in: number, out: number }
 *   | { kind: "leaky_relu", slope: number }
 *   | { kind: "tanh" }
 *   | { kind: "upsample" }
 *   | { kind: "residual", way: Layer[], short: Layer[] }} Layer
 */

/**
 * @typedef {{ format: number, latentDim: number, classes: number, classLength: number,
 *   layers: Layer[] }} Header
 */

/**
 * A map of `height` × `width` pixels with `channels` numbers each; a vector is a map of one pixel.
 * @typedef {{ height: number, width: number, channels: number }} Size
 */

/** @typedef {Size & { values: Float32Array }} Sample a picture with values in [−1, 1], or a point */

/** @typedef {Size & { at: number }} Activations a map in the memory, from number `at` on */

/** @typedef {(input: Activations) => Activations} Step the computation of one layer */

/**
 * Add to the nOut numbers at `output` the products of the nIn numbers at `input` and the matrix
 * (nIn, nOut) at `weights`. Addresses are in bytes.
 * @typedef {(input: number, nIn: number, weights: number, output: number, nOut: number) => void
 * } AddProducts
 */

export const FORMAT = 1;

/** @type {Float32Array | undefined} */
let float16Values;

/** All float16 numbers by their bits: Float16Array is missing in browsers of 2024. */
function allFloat16() {
  if (float16Values) return float16Values;
  float16Values = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits += 1) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31 ? (fraction ? NaN : Infinity) : (1 + fraction / 1024) * 2 ** (exponent - 15);
    float16Values[bits] = bits >> 15 ? -size : size;
  }
  return float16Values;
}

/**
 * The numbers of float16 data.
 * @param {Uint16Array} bits
 */
export function fromFloat16(bits) {
  const values = allFloat16();
  const numbers = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) numbers[i] = values[bits[i]];
  return numbers;
}

const PAGE = 65536; // bytes

/** Weights and activations in one memory, which WebAssembly shares. */
class Memory {
  /** @param {boolean} vectors whether to use vector instructions if the browser has them */
  constructor(vectors) {
    this.memory = typeof WebAssembly === "undefined" ? undefined : new WebAssembly.Memory({ initial: 1 });
    this.numbers = new Float32Array(this.memory?.buffer ?? new ArrayBuffer(PAGE));
    this.used = 0; // numbers
    this.addProducts = (vectors && this.kernel()) || this.plainProducts;
  }

  /**
   * The compiled program; undefined if the browser lacks WebAssembly or its vector instructions.
   * @returns {AddProducts | undefined}
   */
  kernel() {
    if (!this.memory) return undefined;
    const code = Uint8Array.from(atob(KERNEL.replace(/\s/g, "")), (letter) => letter.charCodeAt(0));
    try {
      const { exports } = new WebAssembly.Instance(
        new WebAssembly.Module(code), { env: { memory: this.memory } },
      );
      return /** @type {AddProducts} */ (exports.addProducts);
    } catch { // no vector instructions, or the page's security policy forbids it
      return undefined;
    }
  }

  /** @type {AddProducts} */
  plainProducts = (input, nIn, weights, output, nOut) => {
    const { numbers } = this;
    const from = input / 4;
    const at = weights / 4;
    const to = output / 4;
    let o = 0;
    for (; o + 4 <= nOut; o += 4) {
      let [a, b, c, d] = [0, 0, 0, 0];
      for (let i = 0, row = at + o; i < nIn; i += 1, row += nOut) {
        const x = numbers[from + i];
        if (x === 0) continue; // after a ReLU about half of the numbers are 0
        a += x * numbers[row];
        b += x * numbers[row + 1];
        c += x * numbers[row + 2];
        d += x * numbers[row + 3];
      }
      numbers[to + o] += a;
      numbers[to + o + 1] += b;
      numbers[to + o + 2] += c;
      numbers[to + o + 3] += d;
    }
    for (; o < nOut; o += 1) {
      let sum = 0;
      for (let i = 0; i < nIn; i += 1) sum += numbers[from + i] * numbers[at + i * nOut + o];
      numbers[to + o] += sum;
    }
  };

  /**
   * Reserve space for n numbers, and return its address. The content is undefined.
   * @param {number} n
   */
  reserve(n) {
    const at = this.used;
    this.used += n;
    const missing = 4 * this.used - this.numbers.byteLength;
    if (missing > 0) {
      if (this.memory) {
        this.memory.grow(Math.ceil(missing / PAGE));
        this.numbers = new Float32Array(this.memory.buffer);
      } else {
        const grown = new Float32Array(2 * this.used);
        grown.set(this.numbers);
        this.numbers = grown;
      }
    }
    return at;
  }

  /**
   * Reserve space for a map.
   * @param {Size} size
   * @returns {Activations}
   */
  map({ height, width, channels }) {
    return { at: this.reserve(height * width * channels), height, width, channels };
  }
}

/** The steps of a generator's layers, over one memory. */
class Program {
  /**
   * @param {Memory} memory
   * @param {(n: number) => number} read returns the address of the next n weights
   */
  constructor(memory, read) {
    this.memory = memory;
    this.read = read;
  }

  /**
   * @param {Layer[]} layers
   * @returns {Step}
   */
  sequence(layers) {
    const steps = layers.map((layer) => this.step(layer));
    return (input) => steps.reduce((map, step) => step(map), input);
  }

  /**
   * @param {Layer} layer
   * @returns {Step}
   */
  step(layer) {
    switch (layer.kind) {
      case "linear": return this.linear(layer.in, layer.out);
      case "reshape": {
        const { height, width, channels } = layer;
        return ({ at }) => ({ at, height, width, channels });
      }
      case "affine": return this.affine(layer.channels);
      case "conv": return this.convolution(layer.in, layer.out, layer.size);
      case "conv_transpose": return this.transposedConvolution(layer.in, layer.out);
      case "leaky_relu": {
        const { slope } = layer;
        return this.each((value) => (value < 0 ? value * slope : value));
      }
      case "tanh": return this.each(Math.tanh);
      case "upsample": return this.upsample();
      case "residual": return this.residual(this.sequence(layer.way), this.sequence(layer.short));
      default: throw new Error(`unknown layer ${JSON.stringify(layer)}`);
    }
  }

  /**
   * A new map whose pixels all hold the bias.
   * @param {number} height
   * @param {number} width
   * @param {number} bias its address
   * @param {number} channels
   */
  filled(height, width, bias, channels) {
    const output = this.memory.map({ height, width, channels });
    const { numbers } = this.memory;
    for (let pixel = 0; pixel < height * width; pixel += 1) {
      numbers.copyWithin(output.at + pixel * channels, bias, bias + channels);
    }
    return output;
  }

  /**
   * @param {number} nIn
   * @param {number} nOut
   * @returns {Step}
   */
  linear(nIn, nOut) {
    const weights = this.read(nIn * nOut);
    const bias = this.read(nOut);
    return (input) => {
      const output = this.filled(1, 1, bias, nOut);
      this.memory.addProducts(4 * input.at, nIn, 4 * weights, 4 * output.at, nOut);
      return output;
    };
  }

  /**
   * @param {number} channels
   * @returns {Step}
   */
  affine(channels) {
    const scale = this.read(channels);
    const shift = this.read(channels);
    return (input) => {
      const output = this.memory.map(input);
      const { numbers } = this.memory;
      for (let i = 0; i < input.height * input.width * channels; i += 1) {
        const channel = i % channels;
        numbers[output.at + i] = numbers[input.at + i] * numbers[scale + channel] + numbers[shift + channel];
      }
      return output;
    };
  }

  /**
   * A convolution with stride 1 that keeps the size of the map.
   * @param {number} nIn
   * @param {number} nOut
   * @param {number} size side of the kernel, odd
   * @returns {Step}
   */
  convolution(nIn, nOut, size) {
    const weights = this.read(size * size * nIn * nOut);
    const bias = this.read(nOut);
    const margin = (size - 1) / 2;
    return ({ at, height, width }) => {
      const output = this.filled(height, width, bias, nOut);
      for (let y = 0; y < height; y += 1) {
        for (let x = 0; x < width; x += 1) {
          const to = output.at + (y * width + x) * nOut;
          for (let ky = 0; ky < size; ky += 1) {
            const row = y + ky - margin;
            if (row < 0 || row >= height) continue;
            for (let kx = 0; kx < size; kx += 1) {
              const column = x + kx - margin;
              if (column < 0 || column >= width) continue;
              const from = at + (row * width + column) * nIn;
              const kernel = weights + (ky * size + kx) * nIn * nOut;
              this.memory.addProducts(4 * from, nIn, 4 * kernel, 4 * to, nOut);
            }
          }
        }
      }
      return output;
    };
  }

  /**
   * A 4×4 transposed convolution with stride 2 and padding 1: each output pixel is a sum over 2×2 pixels.
   * @param {number} nIn
   * @param {number} nOut
   * @returns {Step}
   */
  transposedConvolution(nIn, nOut) {
    const weights = this.read(16 * nIn * nOut);
    const bias = this.read(nOut);
    return ({ at, height, width }) => {
      const output = this.filled(2 * height, 2 * width, bias, nOut);
      for (let y = 0; y < output.height; y += 1) {
        for (let x = 0; x < output.width; x += 1) {
          const to = output.at + (y * output.width + x) * nOut;
          const parity = (y % 2) * 2 + (x % 2);
          for (let tap = 0; tap < 4; tap += 1) {
            const row = (y >> 1) - 1 + (y % 2) + (tap >> 1);
            const column = (x >> 1) - 1 + (x % 2) + (tap % 2);
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            const from = at + (row * width + column) * nIn;
            const kernel = weights + (parity * 4 + tap) * nIn * nOut;
            this.memory.addProducts(4 * from, nIn, 4 * kernel, 4 * to, nOut);
          }
        }
      }
      return output;
    };
  }

  /**
   * A function of each number.
   * @param {(value: number) => number} change
   * @returns {Step}
   */
  each(change) {
    return (input) => {
      const output = this.memory.map(input);
      const { numbers } = this.memory;
      const n = input.height * input.width * input.channels;
      for (let i = 0; i < n; i += 1) numbers[output.at + i] = change(numbers[input.at + i]);
      return output;
    };
  }

  /** @returns {Step} */
  upsample() {
    return ({ at, height, width, channels }) => {
      const output = this.memory.map({ height: 2 * height, width: 2 * width, channels });
      const { numbers } = this.memory;
      for (let y = 0; y < 2 * height; y += 1) {
        for (let x = 0; x < 2 * width; x += 1) {
          const from = at + ((y >> 1) * width + (x >> 1)) * channels;
          numbers.copyWithin(output.at + (y * 2 * width + x) * channels, from, from + channels);
        }
      }
      return output;
    };
  }

  /**
   * @param {Step} way
   * @param {Step} short
   * @returns {Step}
   */
  residual(way, short) {
    return (input) => {
      const output = way(input);
      const added = short(input).at;
      const { numbers } = this.memory;
      const n = output.height * output.width * output.channels;
      for (let i = 0; i < n; i += 1) numbers[output.at + i] += numbers[added + i];
      return output;
    };
  }
}

/** A generator, read from its file. */
export class Generator {
  /**
   * @param {ArrayBuffer} file
   * @param {boolean} [vectors] whether to use vector instructions if the browser has them
   */
  constructor(file, vectors = true) {
    const length = new DataView(file).getUint32(0, true);
    /** @type {Header} */
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 4, length)));
    if (header.format !== FORMAT) throw new Error(`the generator has the format ${header.format}`);
    const weights = fromFloat16(new Uint16Array(file, 4 + length));
    this.memory = new Memory(vectors);
    this.memory.reserve(weights.length);
    this.memory.numbers.set(weights);
    let used = 0;
    /** @param {number} n */
    const read = (n) => {
      used += n;
      if (used > weights.length) throw new Error("the generator's file is too short");
      return used - n;
    };
    this.latentDim = header.latentDim;
    this.classes = header.classes;
    this.classLength = header.classLength;
    this.vectors = weights.slice(0, header.classes * header.classLength);
    read(this.vectors.length);
    this.run = new Program(this.memory, read).sequence(header.layers);
    if (used !== weights.length) throw new Error("the generator's file is too long");
  }

  /**
   * The vector of a class: a part of the generator's input.
   * @param {number} label
   */
  classVector(label) {
    return this.vectors.subarray(label * this.classLength, (label + 1) * this.classLength);
  }

  /**
   * The vector between two classes: `Models.blend` in wgan/latent/models.py.
   * @param {number} from
   * @param {number} to
   * @param {number} share of class `to`, from 0 to 1
   */
  mixedVector(from, to, share) {
    const other = this.classVector(to);
    return this.classVector(from).map((number, i) => (1 - share) * number + share * other[i]);
  }

  /**
   * The sample of a z.
   * @param {ArrayLike<number>} z
   * @param {ArrayLike<number>} [vector] of a class, or a mixture of several; for class-conditional generators
   * @returns {Sample}
   */
  make(z, vector = []) {
    const { memory } = this;
    const weights = memory.used;
    const channels = z.length + vector.length;
    if (channels !== this.latentDim + this.classLength) {
      throw new Error(`the generator takes ${this.latentDim + this.classLength} numbers, not ${channels}`);
    }
    const input = memory.map({ height: 1, width: 1, channels });
    memory.numbers.set(z, input.at);
    memory.numbers.set(vector, input.at + z.length);
    const { at, height, width, channels: depth } = this.run(input);
    memory.used = weights; // the next sample uses the same space
    return {
      values: memory.numbers.slice(at, at + height * width * depth), height, width, channels: depth,
    };
  }
}

/**
 * Write a picture into the pixels of an image: grey or RGB in [−1, 1] → RGBA. The same rounding as
 * `as_bytes` in wgan/data.
 * @param {Sample} picture
 * @param {Uint8ClampedArray} pixels of the image, RGBA
 * @param {number} across pixels of a row of the image
 * @param {number} left
 * @param {number} top
 */
export function writePixels({ values, height, width, channels }, pixels, across, left, top) {
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const from = (y * width + x) * channels;
      const to = 4 * ((top + y) * across + left + x);
      for (let c = 0; c < 3; c += 1) {
        pixels[to + c] = (values[from + (channels === 3 ? c : 0)] + 1) * 127.5;
      }
      pixels[to + 3] = 255;
    }
  }
}
