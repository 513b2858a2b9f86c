import assert from "node:assert/strict";
import test from "node:test";

import { bendFunction, lowerBound, wasserstein } from "../widgets/potential_editor/potential_editor.js";
import { shares } from "../widgets/plan_editor/plan_editor.js";
import { optimalFunction } from "./labs.js";

test("an optimal function has slope at most 1, and no such function gives a higher bound", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let trial = 0; trial < 200; trial++) {
    const [fake, real] = [0, 1].map(() => shares(Array.from({ length: 16 }, () => Math.floor(10 * random()) + 0.01)));
    const f = optimalFunction(fake, real);
    assert.equal(f.slice(1).every((v, i) => Math.abs(v - f[i]) <= 1 + 1e-12), true);
    assert.equal(Math.abs(lowerBound(f, fake, real) - wasserstein(fake, real)) < 1e-12, true);
    assert.equal(Math.abs(f.reduce((a, b) => a + b, 0)) < 1e-9, true);
    // Another function of slope at most 1: the optimal one, bent at a point.
    const other = bendFunction(f, Math.floor(16 * random()), 16 * random() - 8);
    assert.equal(lowerBound(other, fake, real) <= wasserstein(fake, real) + 1e-12, true);
  }
});

test("where nothing passes, the function is flat", () => {
  assert.deepEqual(optimalFunction([0.5, 0.5, 0], [0.5, 0.5, 0]), [0, 0, 0]);
  assert.deepEqual(optimalFunction([1, 0, 0], [0, 0, 1]), [-1, 0, 1]);
});
