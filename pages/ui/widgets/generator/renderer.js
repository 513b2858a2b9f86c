// Sheets of samples that the browser makes itself.

import { bytesOf } from "../base/dom.js";
import { Generator, writePixels } from "./generator.js";

/**
 * Where a generator's file is, the length of its z, and the class that it makes (−1: it takes no class), as
 * `on_browser` in generator.py sends them.
 * @typedef {{ address: string, latentDim: number, label: number }} Source
 */

/**
 * A sheet to make: the samples of `inputs` from left to right in `columns` columns. `view` is passed on to
 * the receiver.
 * @template View
 * @typedef {{ inputs: Float32Array[], label: number, columns: number, view: View }} Request
 */

/** @typedef {HTMLCanvasElement & { naturalWidth: number, naturalHeight: number }} Drawn */

/**
 * A request that is being made.
 * @template View
 * @typedef {{ generator: Generator, request: Request<View>, done: number, pixels?: ImageData }} Job
 */

const SLICE = 12; // milliseconds of work between two frames of the browser

const MAX_KEPT = 4;

/** @type {Map<string, Promise<Generator | undefined>>} */
const files = new Map();

/**
 * The generator at an address; undefined if it cannot be read. Then the server makes the samples.
 * @param {string} address relative to the app's
 */
export function load(address) {
  const known = files.get(address);
  if (known) return known;
  const file = read(address).catch((error) => {
    console.warn(error);
    files.delete(address);
    return undefined;
  });
  files.set(address, file);
  for (const old of [...files.keys()].slice(0, -MAX_KEPT)) files.delete(old);
  return file;
}

/** @param {string} address */
async function read(address) {
  const answer = await fetch(new URL(address, document.baseURI));
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return new Generator(await answer.arrayBuffer());
}

/**
 * The rows of a matrix as Python sends it: float32 in base64.
 * @param {string} base64
 * @param {number} length of a row
 */
export function rowsOf(base64, length) {
  const numbers = new Float32Array(bytesOf(base64).buffer);
  return Array.from({ length: numbers.length / length }, (_, i) => (
    numbers.subarray(i * length, (i + 1) * length)
  ));
}

/**
 * Makes sheets, a slice of time after the other, so that the page stays responsive. Of several requests that
 * wait, only the newest is made.
 * @template View
 */
export class Renderer {
  /** @type {Generator | undefined} */
  generator;
  address = ""; // of the generator that is wanted
  /** @type {Job<View> | undefined} */
  job;
  /** @type {Request<View> | undefined} */
  waiting;
  frame = 0;

  /** @param {(sheet: Drawn, view: View) => void} show called with each finished sheet */
  constructor(show) {
    this.show = show;
  }

  /**
   * Load the generator of a source, and call `changed` when it is there, or when it cannot be read. Until then
   * the earlier generator is used if it takes z of the same length.
   * @param {Source | null} source
   * @param {() => void} changed
   */
  async follow(source, changed) {
    const address = source?.address ?? "";
    if (address === this.address) return;
    this.address = address;
    if (this.generator?.latentDim !== source?.latentDim) this.generator = undefined;
    const generator = address ? await load(address) : undefined;
    if (address !== this.address) return;
    this.generator = generator;
    changed();
  }

  /**
   * Make a sheet with the generator.
   * @param {Request<View>} request
   */
  make(request) {
    this.waiting = request;
    if (!this.job) this.work();
  }

  work() {
    const { generator } = this;
    if (!this.job && this.waiting && generator) {
      this.job = { generator, request: this.waiting, done: 0 };
      this.waiting = undefined;
    }
    if (!this.job) return;
    const { request } = this.job;
    const pixels = this.slice(this.job);
    if (pixels) {
      this.job = undefined;
      this.show(drawn(pixels), request.view);
    }
    if (this.job || this.waiting) this.frame = requestAnimationFrame(() => this.work());
  }

  /**
   * Work on a sheet for a slice of time; return its pixels when it is finished.
   * @param {Job<View>} job
   */
  slice(job) {
    const { generator, request: { inputs, label, columns } } = job;
    const vector = label < 0 ? [] : generator.classVector(label);
    const end = performance.now() + SLICE;
    while (job.done < inputs.length) {
      if (performance.now() > end) return undefined;
      const sample = generator.make(inputs[job.done], vector);
      const { width, height } = sample;
      job.pixels ??= new ImageData(columns * width, Math.ceil(inputs.length / columns) * height);
      writePixels(
        sample, job.pixels.data, job.pixels.width,
        (job.done % columns) * width, Math.floor(job.done / columns) * height,
      );
      job.done += 1;
    }
    return job.pixels;
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    this.address = "";
    this.job = this.waiting = undefined;
  }
}

/**
 * @param {ImageData} pixels
 * @returns {Drawn}
 */
function drawn(pixels) {
  const canvas = document.createElement("canvas");
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return Object.assign(canvas, { naturalWidth: pixels.width, naturalHeight: pixels.height });
}
