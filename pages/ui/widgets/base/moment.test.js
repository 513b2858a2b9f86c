import assert from "node:assert/strict";
import test from "node:test";

import { momentOf, onMoment, tellMoment } from "./moment.js";

test("a listener hears each change of a run's step once", () => {
  /** @type {[string, number | undefined][]} */
  const told = [];
  const end = onMoment("shown", (run, step) => told.push([run, step]));
  tellMoment("shown", "a", 5);
  tellMoment("shown", "a", 5);
  tellMoment("pointed", "a", 7);
  tellMoment("shown", "b", 1);
  tellMoment("shown", "a", undefined);
  end();
  tellMoment("shown", "a", 9);
  assert.deepEqual(told, [["a", 5], ["b", 1], ["a", undefined]]);
  assert.deepEqual([momentOf("shown", "a"), momentOf("pointed", "a"), momentOf("shown", "b")], [9, 7, 1]);
});
