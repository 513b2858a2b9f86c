import assert from "node:assert/strict";
import test from "node:test";

import { insideWindow, nearestPoint } from "./cloud_editor.js";

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
