import assert from "node:assert/strict";
import test from "node:test";

import { moved, randomZ, slerp, windowOf, zAt } from "./latent.js";

const PLANE = [Float32Array.of(0, 0, 3), Float32Array.of(1, 0, 0), Float32Array.of(0, 1, 0)];

test("a flat plane is its centre plus x·u plus y·v", () => {
  assert.deepEqual([...zAt(PLANE, false, { x: 2, y: -1 })], [2, -1, 3]);
});

test("a wrapped plane is the sphere around 0: r is the angle from the centre", () => {
  assert.deepEqual([...zAt(PLANE, true, { x: 0, y: 0 })], [0, 0, 3]);
  const quarter = zAt(PLANE, true, { x: Math.PI / 2, y: 0 });
  assert(Math.hypot(quarter[0] - 3, quarter[1], quarter[2]) < 1e-6);
  const z = zAt(PLANE, true, { x: 0.7, y: -1.1 });
  assert(Math.abs(Math.hypot(...z) - 3) < 1e-6);
  assert(Math.abs(Math.acos(z[2] / 3) - Math.hypot(0.7, 1.1)) < 1e-6);
});

test("the pictures of a part of a plane are at the middles of its squares, from the top", () => {
  const places = windowOf(PLANE, false, { x: 1, y: 0, half: 2, side: 2 }).map(([x, y]) => [x, y]);
  assert.deepEqual(places, [[0, 1], [2, 1], [0, -1], [2, -1]]);
});

test("sliders move every z along their directions", () => {
  const rows = [Float32Array.of(1, 2), Float32Array.of(0, 0)];
  const directions = [Float32Array.of(1, 0), Float32Array.of(1, 1)];
  assert.deepEqual(moved(rows, directions, [2, -1]).map((z) => [...z]), [[2, 1], [1, -1]]);
});

test("the arc between two z: half way between perpendicular z of one length, and of two lengths", () => {
  const half = slerp([3, 0], [0, 3], 0.5);
  assert(Math.hypot(half[0] - 3 / Math.SQRT2, half[1] - 3 / Math.SQRT2) < 1e-6);
  const third = slerp([1, 0], [0, 4], 1 / 3); // 30 degrees, of length 2
  assert(Math.hypot(third[0] - 2 * Math.cos(Math.PI / 6), third[1] - 1) < 1e-6);
});

test("the arc between parallel z is the straight line", () => {
  assert.deepEqual([...slerp([1, 2], [3, 6], 0.5)], [2, 4]);
});

test("random z have mean 0 and variance 1", () => {
  const z = randomZ(20000);
  const mean = z.reduce((sum, x) => sum + x, 0) / z.length;
  const variance = z.reduce((sum, x) => sum + x * x, 0) / z.length;
  assert(Math.abs(mean) < 0.05 && Math.abs(variance - 1) < 0.1); // 7 standard errors
});
