import assert from "node:assert/strict";
import test from "node:test";

import { frameAt } from "./looping_picture.js";

test("frames follow one another, in three loops", () => {
  const loop = { count: 4, fps: 2 };
  assert.deepEqual([0, 0.6, 1.9, 2, 5.9].map((seconds) => frameAt(loop, seconds)), [0, 1, 3, 0, 3]);
  assert.equal(frameAt(loop, 6), undefined);
});
