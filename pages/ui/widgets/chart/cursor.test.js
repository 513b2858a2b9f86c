import assert from "node:assert/strict";
import test from "node:test";

import { pixelOf, valueAt } from "./cursor.js";

/** @type {{ type: string, range: [number, number], _offset: number, _length: number }} */
const linear = { type: "linear", range: [0, 200], _offset: 40, _length: 100 };

test("a step is at its place on the axis, and nowhere outside of it", () => {
  assert.deepEqual([0, 100, 200].map((step) => pixelOf(linear, step)), [40, 90, 140]);
  assert.deepEqual([-1, 201, undefined].map((step) => pixelOf(linear, step)), [undefined, undefined, undefined]);
});

test("on a logarithmic axis, steps lie by their powers of ten", () => {
  const axis = { ...linear, type: "log", range: /** @type {[number, number]} */ ([0, 4]) };
  assert.deepEqual([1, 100, 10_000].map((step) => pixelOf(axis, step)), [40, 90, 140]);
  assert.equal(pixelOf(axis, 0), undefined);
});

test("a line has a value between its points, and none beyond its ends", () => {
  const xs = [0, 10, 20];
  assert.deepEqual([0, 5, 10, 20].map((x) => valueAt(xs, [1, 3, 2], x)), [1, 2, 3, 2]);
  assert.deepEqual([-1, 21].map((x) => valueAt(xs, [1, 3, 2], x)), [undefined, undefined]);
  assert.equal(valueAt([], [], 0), undefined);
});
