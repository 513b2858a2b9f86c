import assert from "node:assert/strict";
import test from "node:test";

import { dabCells, encodeCells, strokePlaces } from "./sketch_pad.js";

/**
 * The cells of a square after one dab.
 * @param {number} side
 * @param {[x: number, y: number, radius: number, value: number]} dab
 * @param {number} [before] value of all cells
 */
function dabbed(side, dab, before = 0) {
  const cells = new Uint8Array(side * side).fill(before);
  dabCells(cells, side, ...dab);
  return [...cells];
}

test("a dab fills the cells whose middles it reaches", () => {
  assert.deepEqual(dabbed(3, [1.5, 1.5, 0.5, 9]), [0, 0, 0, 0, 9, 0, 0, 0, 0]);
  assert.deepEqual(dabbed(3, [1.5, 1.5, 1, 9]), [0, 9, 0, 9, 9, 9, 0, 9, 0]);
  assert.deepEqual(dabbed(3, [1.5, 1.5, 1.5, 9]), [9, 9, 9, 9, 9, 9, 9, 9, 9]);
});

test("a dab erases with 0", () => {
  assert.deepEqual(dabbed(3, [1.5, 0.5, 0.5, 0], 7), [7, 0, 7, 7, 7, 7, 7, 7, 7]);
});

test("a dab over an edge does not come in again on the other side", () => {
  assert.deepEqual(dabbed(3, [0, 1.5, 0.6, 9]), [0, 0, 0, 9, 0, 0, 0, 0, 0]);
  assert.deepEqual(dabbed(3, [3, 1.5, 0.6, 9]), [0, 0, 0, 0, 0, 9, 0, 0, 0]);
  assert.deepEqual(dabbed(3, [1.5, 0, 0.6, 9]), [0, 9, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(dabbed(3, [1.5, 3, 0.6, 9]), [0, 0, 0, 0, 0, 0, 0, 9, 0]);
});

test("a stroke has places half a cell apart, and its end", () => {
  assert.deepEqual(strokePlaces([1, 1], [2, 1]), [[1.5, 1], [2, 1]]);
  assert.deepEqual(strokePlaces([1, 1], [1, -1]), [[1, 0.5], [1, 0], [1, -0.5], [1, -1]]);
  assert.equal(strokePlaces([0, 0], [3, 4]).length, 10);
  assert.equal(strokePlaces([0, 0], [0.6, 0]).length, 2);
});

test("a stroke that goes nowhere is one place", () => {
  assert.deepEqual(strokePlaces([3, 4], [3, 4]), [[3, 4]]);
});

test("cells are sent as base64", () => {
  assert.equal(encodeCells(Uint8Array.of(0, 255)), "AP8=");
});
