import assert from "node:assert/strict";
import test from "node:test";

import { bendFunction, besideFunction, columnAt, lowerBound, wasserstein } from "./potential_editor.js";

test("a pointer is in one of 12 columns of 62 pixels, or in the outermost beyond them", () => {
  assert.deepEqual([8, 69.9, 70, 194, 689.9, 690, -50, 900].map((x) => columnAt(x, 12)),
    [0, 0, 1, 3, 10, 11, 0, 11]);
});

test("a function that is pulled up follows with slope 1 at most", () => {
  assert.deepEqual(bendFunction([0, 0, 0, 0, 0], 2, 3), [1, 2, 3, 2, 1]);
  assert.deepEqual(bendFunction([0, 0, 0], 0, 1), [1, 0, 0]);
});

test("a function that is pulled down follows as little as it must", () => {
  assert.deepEqual(bendFunction([1, 2, 3, 2, 1], 2, 0), [1, 1, 0, 1, 1]);
});

test("a function stays between plus and minus 8", () => {
  assert.deepEqual(bendFunction([0, 0, 0], 0, 20), [8, 7, 6]);
  assert.deepEqual(bendFunction([0, 0, 0], 2, -20), [-6, -7, -8]);
});

test("a function gives as lower bound its mean over the real pile less that over the fake one", () => {
  assert.equal(lowerBound([0, 1, 2], [1, 0, 0], [0, 0, 1]), 2);
  assert.equal(lowerBound([3, 1], [0.5, 0.5], [0, 1]), -1);
});

test("W₁ is mass times distance, whichever way", () => {
  assert.equal(wasserstein([1, 0, 0], [0, 0, 1]), 2);
  assert.equal(wasserstein([0, 0.5, 0.5], [0.5, 0.5, 0]), 1);
  assert.equal(wasserstein([0.5, 0, 0.5], [0, 1, 0]), 1);
});

test("the optimal function is drawn at the mean height of the visitor's", () => {
  assert.deepEqual(besideFunction([0, 2], [5, 3]), [3, 5]);
});

test("the optimal function stays where it is if the drawing is too low for that", () => {
  assert.deepEqual(besideFunction([0, 4], [8, 8]), [0, 4]);
  assert.deepEqual(besideFunction([0, 4], [6, 6]), [4, 8]); // just inside
  assert.deepEqual(besideFunction([0, -4], [-8, -8]), [0, -4]);
});
