import assert from "node:assert/strict";
import test from "node:test";

import { recall, remember } from "./memory.js";

test("a value is remembered", () => {
  /** @type {Map<string, string>} */
  const items = new Map();
  const storage = {
    /** @param {string} key */
    getItem: (key) => items.get(key) ?? null,
    /** @type {(key: string, value: string) => void} */
    setItem: (key, value) => void items.set(key, value),
  };
  assert.equal(recall("tour", storage), undefined);
  remember("tour", { step: 3 }, storage);
  assert.deepEqual(recall("tour", storage), { step: 3 });
  items.set("wgan-tour", "{broken");
  assert.equal(recall("tour", storage), undefined);
});

test("a browser that forbids storage only forgets", () => {
  const fail = () => {
    throw new Error("forbidden");
  };
  remember("tour", 1, { setItem: fail });
  assert.equal(recall("tour", { getItem: fail }), undefined);
});
