import assert from "node:assert/strict";
import test from "node:test";

import { pickedAfter } from "./image_picker.js";

test("a sample that is pressed is picked after the others", () => {
  assert.deepEqual(pickedAfter([4, 2], 3, 8), [4, 2, 3]);
});

test("a picked sample that is pressed is unpicked, also where no more may be picked", () => {
  assert.deepEqual(pickedAfter([4, 2, 3], 2, 8), [4, 3]);
  assert.deepEqual(pickedAfter([4, 2], 4, 2), [2]);
});

test("not more than the most are picked", () => {
  assert.deepEqual(pickedAfter([4], 3, 2), [4, 3]);
  assert.equal(pickedAfter([4, 2], 3, 2), undefined);
});

test("where only one may be picked, another takes its place", () => {
  assert.deepEqual(pickedAfter([4], 3, 1), [3]);
  assert.deepEqual(pickedAfter([], 3, 1), [3]);
  assert.deepEqual(pickedAfter([3], 3, 1), [3]);
});
