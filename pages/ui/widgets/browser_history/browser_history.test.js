import assert from "node:assert/strict";
import test from "node:test";

Object.assign(globalThis, {
  history: { pushState() {}, replaceState() {} },
  window: new EventTarget(),
});
const { onePerAction } = await import("./browser_history.js");

/** A history and a page, as in a browser: `entries` are the addresses up to the one on show. */
function browser() {
  /** @type {string[]} */
  const entries = ["/"];
  const history = {
    /** @type {History["pushState"]} */
    pushState: (_state, _unused, url) => void entries.push(String(url)),
    /** @type {History["replaceState"]} */
    replaceState: (_state, _unused, url) => void entries.splice(-1, 1, String(url)),
  };
  const page = new EventTarget();
  onePerAction(history, page);
  return { entries, history, page };
}

test("an action adds one entry, whatever follows it", () => {
  const { entries, history, page } = browser();
  page.dispatchEvent(new Event("click"));
  history.pushState({}, "", "/latent");
  history.pushState({}, "", "/latent?run=a");
  history.pushState({}, "", "/latent?run=a&section=walk");
  page.dispatchEvent(new Event("keydown"));
  history.pushState({}, "", "/latent?run=a&section=plane");
  assert.deepEqual(entries, ["/", "/latent?run=a&section=walk", "/latent?run=a&section=plane"]);
});

test("a change without an action, or after Back, adds no entry", () => {
  const { entries, history, page } = browser();
  history.pushState({}, "", "/?run=a");
  page.dispatchEvent(new Event("keydown")); // the keys of Back
  page.dispatchEvent(new Event("popstate"));
  history.pushState({}, "", "/?run=b");
  assert.deepEqual(entries, ["/?run=b"]);
});
