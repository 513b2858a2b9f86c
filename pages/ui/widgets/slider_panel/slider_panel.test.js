import assert from "node:assert/strict";
import test from "node:test";

import { timeToSend } from "./slider_panel.js";

test("a movement goes at once where no answer is awaited", () => {
  assert.equal(timeToSend({ waiting: false, sentAt: 1000 }, 1001), 0);
});

test("a movement waits for the answer to the one before, two seconds at most", () => {
  assert.equal(timeToSend({ waiting: true, sentAt: 1000 }, 1500), 1500);
  assert.equal(timeToSend({ waiting: true, sentAt: 1000 }, 3000), 0);
  assert.equal(timeToSend({ waiting: true, sentAt: 1000 }, 9000), 0);
});
