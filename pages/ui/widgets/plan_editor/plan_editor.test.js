import assert from "node:assert/strict";
import test from "node:test";

import {
  carriedLoads, cheapest, columnAt, levelled, lifted, loadProgress, nearestFirst, passedColumns, remaining,
  shares, stackedLoads, uncrossed,
} from "./plan_editor.js";

test("heights become shares of the pile", () => {
  assert.deepEqual(shares([1, 3, 0]), [0.25, 0.75, 0]);
});

test("a pointer is in one of 24 columns of 31 pixels, or in the outermost beyond them", () => {
  assert.deepEqual([8, 38.9, 39, 720.9, 721, 752, -50, 900].map((x) => columnAt(x, 24)),
    [0, 0, 1, 22, 23, 23, 0, 23]);
});

test("the cheapest plan costs mass times distance", () => {
  assert.equal(cheapest([1, 0, 0], [0, 0, 1]), 2);
  assert.equal(cheapest([0.5, 0.5, 0], [0, 0.5, 0.5]), 1);
  assert.equal(cheapest([0, 0, 1], [0.5, 0, 0.5]), 1); // in the other direction
  assert.equal(cheapest([0.5, 0.5], [0.5, 0.5]), 0);
});

test("the plan that never crosses goes from left to right", () => {
  assert.deepEqual(uncrossed([0.5, 0.5, 0], [0, 0.5, 0.5]), [[0, 1, 0.5], [1, 2, 0.5]]);
  assert.deepEqual(uncrossed([1, 0], [0.25, 0.75]), [[0, 0, 0.25], [0, 1, 0.75]]);
  assert.deepEqual(uncrossed([0.25, 0.75], [0, 1]), [[0, 1, 0.25], [1, 1, 0.75]]);
});

test("that plan leaves out a load that only rounding makes", () => {
  const tenths = [0.1, 0.2, 0.7];
  const rounded = [0.1, 0.1 + 0.1, 1 - 0.1 - 0.1 - 0.1]; // 0.7000000000000001
  assert.deepEqual(uncrossed(tenths, rounded).map(([i, j]) => [i, j]), [[0, 0], [1, 1], [2, 2]]);
});

test("each move by hand takes as much as is left and still needed", () => {
  assert.deepEqual(carriedLoads([0.5, 0.5], [0.25, 0.75], [[0, 1], [1, 1], [1, 0], [0, 0]]),
    [[0, 1, 0.5], [1, 1, 0.25], [1, 0, 0.25], [0, 0, 0]]);
  assert.deepEqual(carriedLoads([0.5, 0.5], [0.25, 0.75], [[0, 1], [0, 0]]), [[0, 1, 0.5], [0, 0, 0]]);
});

test("a plan by hand leaves earth and room, and rounding is neither", () => {
  assert.deepEqual(remaining([0.5, 0.5], [0.25, 0.75], [[0, 1]]), [[0, 0.5], [0.25, 0.25]]);
  assert.deepEqual(remaining([0.5, 0.5], [0.5, 0.5], []), [[0.5, 0.5], [0.5, 0.5]]);
  assert.deepEqual(remaining([0.1 + 0.2, 1e-10], [0.3, 1e-10], [[0, 0]]), [[0, 0], [0, 0]]);
});

test("a plan is finished from the nearest earth, though the moves before stay", () => {
  assert.deepEqual(nearestFirst([0.5, 0.5, 0], [0, 0.5, 0.5], []), [[1, 1], [0, 2]]);
  assert.deepEqual(nearestFirst([0.5, 0.5, 0], [0, 0.5, 0.5], [[0, 1]]), [[0, 1], [1, 2]]);
  assert.deepEqual(nearestFirst([0, 0, 1], [0.5, 0.25, 0.25], []), [[2, 2], [2, 1], [2, 0]]);
});

test("of two pairs that are as close, the left one comes first", () => {
  assert.deepEqual(nearestFirst([0.5, 0, 0.5], [0, 1, 0], []), [[0, 1], [2, 1]]);
  assert.deepEqual(nearestFirst([0, 1, 0], [0.5, 0, 0.5], []), [[1, 0], [1, 2]]);
});

test("a pair that has no earth or no room for more than rounding is no move", () => {
  assert.deepEqual(nearestFirst([1, 5e-10], [1, 5e-10], []), [[0, 0]]);
});

test("loads are taken from the top of a column and laid on one another", () => {
  assert.deepEqual(stackedLoads([0.75, 0.25], [0.25, 0.75], [[0, 0, 0.25], [0, 1, 0.5], [1, 1, 0.25]]), [
    { from: 0, to: 0, mass: 0.25, start: 0.5, end: 0 },
    { from: 0, to: 1, mass: 0.5, start: 0, end: 0 },
    { from: 1, to: 1, mass: 0.25, start: 0, end: 0.5 },
  ]);
});

/**
 * @param {number} actual
 * @param {number} expected
 */
const near = (actual, expected) => assert(Math.abs(actual - expected) < 1e-12, `${actual} for ${expected}`);

test("loads go one after the other, the last until the end of the film", () => {
  near(loadProgress(0, 1, 0.35), 1); // alone, it starts at once
  near(loadProgress(0, 3, 0.175), 0.5);
  near(loadProgress(1, 3, 0.5), 0.5); // begins at 0.325
  near(loadProgress(2, 3, 0.65), 0);
  near(loadProgress(2, 3, 0.825), 0.5);
  near(loadProgress(2, 3, 1), 1);
  near(loadProgress(0, 3, 0.9), 1);
  near(loadProgress(2, 3, 0.1), 0);
  near(loadProgress(1, 2, 0.65), 0);
});

test("a pointer that jumps passes all columns between", () => {
  assert.deepEqual(passedColumns({ x: 0, y: 10, column: 2 }, { x: 0, y: 30, column: 4 }),
    [{ column: 2, y: 10 }, { column: 3, y: 20 }, { column: 4, y: 30 }]);
  assert.deepEqual(passedColumns({ x: 0, y: 10, column: 3 }, { x: 0, y: 40, column: 2 }),
    [{ column: 3, y: 10 }, { column: 2, y: 40 }]);
  // 1/49 of 49 columns is a little less than 1.
  const far = passedColumns({ x: 0, y: 0, column: 0 }, { x: 0, y: 0, column: 49 });
  assert.deepEqual(far.map(({ column }) => column), Array.from({ length: 50 }, (_, i) => i));
});

test("a pointer that stays in its column sets its newest height only", () => {
  assert.deepEqual(passedColumns({ x: 0, y: 10, column: 2 }, { x: 0, y: 30, column: 2 }),
    [{ column: 2, y: 30 }]);
});

test("a column gets a whole height between 0 and the tallest", () => {
  const pile = [5, 5];
  assert.deepEqual(lifted(pile, 0, 2.6, 100), [3, 5]);
  assert.deepEqual(lifted(pile, 1, 250, 100), [5, 100]);
  assert.deepEqual(lifted(pile, 1, -3, 100), [5, 0]);
  assert.deepEqual(pile, [5, 5]);
});

test("some earth stays in a pile", () => {
  assert.deepEqual(lifted([0, 7], 1, 0, 100), [0, 1]);
});

test("a shaped pile's highest column is brought to 60", () => {
  assert.deepEqual(levelled([30, 15, 0]), [60, 30, 0]);
  assert.deepEqual(levelled([120, 1, 119]), [60, 1, 60]); // 0.5 and 59.5
});
