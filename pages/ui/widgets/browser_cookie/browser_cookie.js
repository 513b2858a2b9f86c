// A cookie, which the browser sends to the server at its next visit.

import { define, make } from "../base/dom.js";

const SECONDS = 365 * 24 * 60 * 60;

/** @typedef {{ name: string, value: string }} CookieData an empty value deletes the cookie */

/** @type {() => ComponentView<CookieData>} */
const createCookie = () => ({
  root: make("div", { hidden: true }),
  update({ name, value }) {
    const path = new URL(".", document.baseURI).pathname;
    document.cookie =
      `${name}=${value}; max-age=${value ? SECONDS : 0}; path=${path}; samesite=lax`;
  },
  destroy() {},
});

export default define(createCookie);
