import assert from "node:assert/strict";
import test from "node:test";

import { insideWindow, nearestPoint, wholeNumbers } from "./cloud_editor.js";

test("the axes have whole numbers that are not cut at the border", () => {
  assert.deepEqual(wholeNumbers(-1.9, 5.9), [-1, 0, 1, 2, 3, 4, 5]);
  assert.deepEqual(wholeNumbers(-2.1, 2.1), [-1, 0, 1]);
  assert.deepEqual(wholeNumbers(0.1, 0.2), []);
});

test("the nearest point within reach is chosen", () => {
  /** @type {[number, number][]} */
  const points = [[0, 0], [1, 0], [1, 1]];
  assert.equal(nearestPoint(points, [0.9, 0.1], 0.5), 1);
  assert.equal(nearestPoint(points, [0.9, 0.9], 0.5), 2);
  assert.equal(nearestPoint(points, [3, 3], 0.5), -1);
  assert.equal(nearestPoint([], [0, 0], 1), -1);
});

test("a point stays inside the window", () => {
  const span = [-2, 6, -2.4, 2.4];
  assert.deepEqual(insideWindow([1.234, -0.567], span), [1.23, -0.57]);
  assert.deepEqual(insideWindow([-9, 9], span), [-2, 2.4]);
});
