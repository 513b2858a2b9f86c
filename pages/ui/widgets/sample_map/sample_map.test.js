import assert from "node:assert/strict";
import test from "node:test";

import { barsOf, gaps, mapScale, nearestTo, percentBelow } from "./sample_map.js";

/** @param {number[][]} points */
const places = (points) => points.map(([x, y]) => ({ x, y }));

test("the map keeps all points inside, and one unit is as long in both directions", () => {
  const samples = { image: "", x: [-4, 10, 3], y: [1, 2, -3], scores: [] };
  const toMap = mapScale([samples]);
  for (let i = 0; i < 3; i++) {
    const { x, y } = toMap({ x: samples.x[i], y: samples.y[i] });
    assert.equal(x >= 10 && x <= 290 && y >= 10 && y <= 290, true);
  }
  const [origin, right, up] = places([[0, 0], [1, 0], [0, 1]]).map(toMap);
  assert.equal(Math.abs((right.x - origin.x) - (origin.y - up.y)) < 1e-9 && right.x > origin.x, true);
  const alone = mapScale([{ image: "", x: [5], y: [5], scores: [] }])({ x: 5, y: 5 });
  assert.deepEqual(alone, { x: 150, y: 150 });
});

test("the nearest places come first", () => {
  const found = nearestTo({ x: 0, y: 0 }, places([[3, 0], [0, 1], [0, -1], [9, 9]]), 3);
  assert.deepEqual(found, [{ index: 1, distance: 1 }, { index: 2, distance: 1 }, { index: 0, distance: 3 }]);
});

test("gaps are the real pictures far from every fake, each in another part of the map", () => {
  const real = places([[0, 0], [10, 0], [10.1, 0], [0, 5], [0.1, 0]]);
  const fake = places([[0, 0.2], [0, -0.2]]);
  assert.deepEqual(gaps(real, fake, 2), [2, 3]); // [10, 0] is beside [10.1, 0]
  assert.deepEqual(gaps(real, fake, 99), [2, 3, 4]); // and [0, 0] is beside [0.1, 0]
  assert.deepEqual(gaps([], fake, 2), []);
});

test("bars count every value once, also the largest one", () => {
  const values = [0, 0.1, 0.5, 1];
  const bars = barsOf(values, 0, 1);
  assert.equal(bars.reduce((sum, count) => sum + count), values.length);
  assert.equal(bars[bars.length - 1], 1);
  assert.equal(barsOf([2, 2], 2, 2)[0], 2); // equal scores
});

test("a share below counts equal values half", () => {
  assert.equal(percentBelow(2, [1, 2, 3, 4]), 38);
  assert.equal(percentBelow(9, [1, 2]), 100);
  assert.equal(percentBelow(1, [1, 1]), 50);
});
