import assert from "node:assert/strict";
import test from "node:test";

import { moved, timeToSend } from "./slider_panel.js";

test("a movement goes at once where no answer is awaited", () => {
  assert.equal(timeToSend({ waiting: false, sentAt: 1000 }, 1001), 0);
});

test("a movement waits for the answer to the one before, two seconds at most", () => {
  assert.equal(timeToSend({ waiting: true, sentAt: 1000 }, 1500), 1500);
  assert.equal(timeToSend({ waiting: true, sentAt: 1000 }, 3000), 0);
  assert.equal(timeToSend({ waiting: true, sentAt: 1000 }, 9000), 0);
});

test("sliders move every z along their directions", () => {
  const rows = [Float32Array.of(1, 2), Float32Array.of(0, 0)];
  const directions = [Float32Array.of(1, 0), Float32Array.of(1, 1)];
  assert.deepEqual(moved(rows, directions, [2, -1]).map((z) => [...z]), [[2, 1], [1, -1]]);
});
