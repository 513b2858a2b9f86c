// A value that the browser remembers between visits.

import { define, make } from "../base/dom.js";
import { recall, remember } from "../base/memory.js";

/** @typedef {{ name: string, value: unknown }} MemoryData the value to store; null to read it */

/** @type {() => ComponentView<MemoryData>} */
const createMemory = () => ({
  root: make("div", { hidden: true }),
  update({ name, value }, { setStateValue }) {
    if (value === null) setStateValue("recalled", { value: recall(name) ?? null });
    else remember(name, value);
  },
  destroy() {},
});

export default define(createMemory);
