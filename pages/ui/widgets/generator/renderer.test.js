import assert from "node:assert/strict";
import test from "node:test";

import { Renderer } from "./renderer.js";

// What the renderer uses of a browser.
/** @type {Map<number, () => void>} */
const frames = new Map();
let count = 0;
const browser = /** @type {any} */ (globalThis);
browser.requestAnimationFrame = (/** @type {() => void} */ act) => {
  frames.set(count += 1, act);
  return count;
};
browser.cancelAnimationFrame = (/** @type {number} */ number) => frames.delete(number);
browser.ImageData = class {
  constructor(/** @type {number} */ width, /** @type {number} */ height) {
    Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
  }
};
browser.document = {
  createElement: () => ({ getContext: () => ({ putImageData() {} }) }),
};
let time = 0;
Object.defineProperty(globalThis, "performance", { value: { now: () => time } });

/**
 * A generator of one pixel whose brightness is z, which takes `cost` milliseconds.
 * @param {number} cost
 */
const generatorOf = (cost) => /** @type {any} */ ({
  make(/** @type {number[]} */ [z]) {
    time += cost;
    return { values: [z], height: 1, width: 1, channels: 1 };
  },
});

/** @param {number} z */
const request = (z, samples = 3) => ({
  inputs: Array.from({ length: samples }, () => Float32Array.of(z)), label: -1, columns: 1, view: z,
});

/** A renderer with a generator, and the views of the sheets that it has shown. */
function started(cost = 0) {
  frames.clear();
  /** @type {number[]} */
  const views = [];
  /** @type {Renderer<number>} */
  const renderer = new Renderer((_, view) => views.push(view));
  renderer.use(generatorOf(cost));
  return { renderer, views };
}

function nextFrame() {
  const pending = [...frames.values()];
  frames.clear();
  for (const act of pending) act();
}

test("a small sheet is made at once", () => {
  const { renderer, views } = started();
  renderer.make(request(1));
  assert.deepEqual(views, [1]);
  assert.equal(frames.size, 0);
});

test("of several requests that wait, the newest is made; one frame is pending at most", () => {
  const { renderer, views } = started(10);
  for (let z = 0; z < 5; z += 1) {
    renderer.make(request(z));
    assert(frames.size <= 1);
  }
  for (let i = 0; i < 10; i += 1) {
    nextFrame();
    assert(frames.size <= 1);
  }
  assert.deepEqual(views, [0, 4]);
});

test("a request between two frames does not begin a second loop", () => {
  const { renderer } = started(10);
  renderer.make(request(0, 2)); // two slices
  nextFrame();
  renderer.make(request(1));
  renderer.make(request(2));
  assert.equal(frames.size, 1);
});

test("two sheets after each other are two canvases, and the third uses the first again", () => {
  /** @type {unknown[]} */
  const sheets = [];
  const renderer = new Renderer((sheet) => sheets.push(sheet));
  renderer.use(generatorOf(0));
  for (const z of [1, 2, 3]) renderer.make(request(z));
  assert(sheets[0] !== sheets[1] && sheets[0] === sheets[2]);
});

test("without a generator, and after the end, nothing is shown any more", () => {
  for (const end of ["use", "destroy"]) {
    const { renderer, views } = started(10);
    renderer.make(request(1));
    if (end === "use") renderer.use(undefined);
    else renderer.destroy();
    renderer.make(request(2));
    nextFrame();
    assert.deepEqual(views, []);
    assert.equal(frames.size, 0);
  }
});

test("an earlier generator is kept while the next one of the same run is loaded, and not for another run", () => {
  const { renderer } = started();
  renderer.run = "a";
  const never = () => assert(false);
  browser.fetch = () => new Promise(() => {});
  browser.document.baseURI = "http://127.0.0.1/";
  const source = { run: "a", address: "x", label: -1, latentDim: 1 };
  renderer.follow(source, never);
  assert(renderer.generator);
  renderer.follow({ ...source, run: "b", address: "y" }, never);
  assert.equal(renderer.generator, undefined);
});
