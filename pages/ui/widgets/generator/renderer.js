// Sheets of samples that the browser makes itself.

import { Generator, writePixels } from "./generator.js";

/**
 * Where the file of a run's generator is, and the class that it makes (−1: it takes no class), as
 * `on_browser` in generator.py sends them.
 * @typedef {{ run: string, address: string, label: number, latentDim: number }} Source
 */

/** @typedef {{ to: number, shares: number[] }} Blend the share of another class in each sample, from 0 to 1 */

/**
 * A sheet to make: the samples of `inputs` from left to right in `columns` columns. `view` is passed on to
 * the receiver.
 * @template View
 * @typedef {{ inputs: Float32Array[], label: number, blend?: Blend, columns: number, view: View }} Request
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
 * Makes sheets in slices of 12 ms, so that the page stays responsive. If several requests wait, only the
 * newest is made.
 * @template View
 */
export class Renderer {
  /** @type {Generator | undefined} */
  generator;
  run = ""; // whose generator it is
  address = ""; // of the generator that is wanted
  /** @type {Job<View> | undefined} */
  job;
  /** @type {Request<View> | undefined} */
  waiting;
  frame = 0; // pending animation frame
  /** @type {Drawn[]} */
  canvases = []; // two, used in turn: the receiver still shows the previous one

  /** @param {(sheet: Drawn, view: View) => void} show called with each finished sheet */
  constructor(show) {
    this.show = show;
  }

  /**
   * Load the generator of a source, and call `changed` when it is there, or when it cannot be read. Until then
   * an earlier generator of the same run is used.
   * @param {Source | null} source
   * @param {() => void} changed
   */
  async follow(source, changed) {
    const address = source?.address ?? "";
    if (address === this.address) return;
    this.address = address;
    if (source?.run !== this.run) this.use(undefined);
    this.run = source?.run ?? "";
    if (!address) return;
    const generator = await load(address);
    if (address !== this.address) return;
    this.use(generator);
    changed();
  }

  /**
   * Use a generator from now on; without one, nothing more is made.
   * @param {Generator | undefined} generator
   */
  use(generator) {
    this.generator = generator;
    if (!generator) {
      cancelAnimationFrame(this.frame);
      this.job = this.waiting = undefined;
    }
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
    cancelAnimationFrame(this.frame);
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
      this.show(this.drawn(pixels), request.view);
    }
    if (this.job || this.waiting) this.frame = requestAnimationFrame(() => this.work());
  }

  /**
   * Work on a sheet for a slice of time; return its pixels when it is finished.
   * @param {Job<View>} job
   */
  slice(job) {
    const { generator, request: { inputs, label, blend, columns } } = job;
    const own = label < 0 ? [] : generator.classVector(label);
    const end = performance.now() + SLICE;
    while (job.done < inputs.length) {
      if (performance.now() > end) return undefined;
      const vector = blend ? generator.mixedVector(label, blend.to, blend.shares[job.done]) : own;
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

  /**
   * A canvas with these pixels, another one than that of the previous sheet.
   * @param {ImageData} pixels
   */
  drawn(pixels) {
    const { width, height } = pixels;
    const canvas = this.canvases.length < 2
      ? Object.assign(document.createElement("canvas"), { naturalWidth: 0, naturalHeight: 0 })
      : /** @type {Drawn} */ (this.canvases.shift());
    this.canvases.push(canvas);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    return Object.assign(canvas, { naturalWidth: width, naturalHeight: height });
  }

  destroy() {
    this.address = "";
    this.use(undefined);
  }
}
