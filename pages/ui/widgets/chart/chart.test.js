import assert from "node:assert/strict";
import test from "node:test";

import { resolveSharedX } from "./chart.js";

test("a trace that names an earlier one gets its x", () => {
  const packed = { dtype: "f4", bdata: "AACAPw==" };
  /** @type {Trace[]} */
  const traces = [{ x: [1, 2] }, { x: packed }, { x: { as: 1 } }, { y: [3] }, { x: { as: 0 } }];
  resolveSharedX(traces);
  assert.deepEqual(traces, [{ x: [1, 2] }, { x: packed }, { x: packed }, { y: [3] }, { x: [1, 2] }]);
});
