import assert from "node:assert/strict";
import test from "node:test";

import { axisEnd, playedShare } from "./run_grid.js";

test("the axis ends where the longest run does", () => {
  assert.equal(axisEnd([{ at: [0, 10] }, { at: [0, 5, 30] }, { at: [] }]), 30);
  assert.equal(axisEnd([]), 0);
  assert.equal(axisEnd([{ at: [] }]), 0);
});

test("the whole history is played in a quarter of a minute", () => {
  assert.equal(playedShare(0, 7500), 0.5);
  assert.equal(playedShare(0.5, 1500), 0.6);
  assert.equal(playedShare(0.95, 1500), 1);
});
