import assert from "node:assert/strict";
import test from "node:test";

import { dragged, followed, placeAtShare, placeWords, tileAt, toCanvas, zoomed } from "./latent_map.js";

const LIMITS = { least: 0.5, most: 8 };

test("a place of the plane is on the canvas with y upwards", () => {
  assert.deepEqual(toCanvas({ x: 0, y: 0, half: 2 }, 100, { x: 1, y: 1 }), [75, 25]);
  assert.deepEqual(toCanvas({ x: 3, y: -1, half: 2 }, 100, { x: 3, y: -2 }), [50, 75]);
});

test("a share of the canvas is a place of the plane", () => {
  const view = { x: 1, y: 2, half: 2 };
  assert.deepEqual(placeAtShare(view, 0, 0), { x: -1, y: 4 });
  assert.deepEqual(placeAtShare(view, 0.5, 0.5), { x: 1, y: 2 });
  assert.deepEqual(placeAtShare(view, 1, 0.75), { x: 3, y: 1 });
});

test("a picture that is dragged right and down shows what is left and above", () => {
  assert.deepEqual(dragged({ x: 1, y: 1, half: 4 }, 10, 20, 80), { half: 4, x: 0, y: 3 });
});

test("what is zoomed around stays in its place", () => {
  assert.deepEqual(zoomed({ x: 0, y: 0, half: 2 }, 0.5, { x: 1, y: -1 }, LIMITS),
    { half: 1, x: 0.5, y: -0.5 });
});

test("zooming ends at the limits, and there it moves as far as it zooms", () => {
  assert.deepEqual(zoomed({ x: 0, y: 2, half: 2 }, 100, { x: 1, y: 2 }, LIMITS), { half: 8, x: -3, y: 2 });
  assert.deepEqual(zoomed({ x: 0, y: 0, half: 2 }, 0.01, { x: 4, y: 8 }, LIMITS),
    { half: 0.5, x: 3, y: 6 });
  assert.deepEqual(zoomed({ x: 0, y: 0, half: 8 }, 2, { x: 4, y: 4 }, LIMITS), { half: 8, x: 0, y: 0 });
});

test("a view follows a cursor that leaves it, in that direction only", () => {
  const view = { x: 0, y: 0, half: 2 };
  assert.equal(followed(view, { x: 1, y: 1 }, { x: 2, y: -2 }), undefined);
  assert.deepEqual(followed(view, { x: 1.5, y: 1 }, { x: 2.5, y: 1.5 }), { half: 2, x: 1, y: 0 });
  assert.deepEqual(followed(view, { x: 1, y: -1.5 }, { x: 1, y: -2.5 }), { half: 2, x: 0, y: -1 });
});

test("a view follows around its own middle", () => {
  assert.deepEqual(followed({ x: 10, y: 20, half: 2 }, { x: 11, y: 21 }, { x: 13, y: 23 }),
    { half: 2, x: 12, y: 22 });
  assert.equal(followed({ x: 10, y: 20, half: 2 }, { x: 11, y: 21 }, { x: 9, y: 19 }), undefined);
});

test("the picture under a place is counted from the upper left", () => {
  const at = { x: 0, y: 0, half: 2, side: 4 };
  assert.deepEqual(tileAt(at, { x: -1.9, y: 1.9 }), { column: 0, row: 0 });
  assert.deepEqual(tileAt(at, { x: 0.1, y: 1.1 }), { column: 2, row: 0 });
  assert.deepEqual(tileAt(at, { x: 1.9, y: -1.9 }), { column: 3, row: 3 });
  assert.deepEqual(tileAt({ x: 10, y: 20, half: 1, side: 2 }, { x: 10.5, y: 20.5 }), { column: 1, row: 0 });
});

test("there is no picture beyond those that are there", () => {
  const at = { x: 0, y: 0, half: 2, side: 4 };
  for (const place of [{ x: -2.1, y: 0 }, { x: 2, y: 0 }, { x: 0, y: 2.1 }, { x: 0, y: -2 }]) {
    assert.equal(tileAt(at, place), undefined);
  }
  assert.deepEqual(tileAt(at, { x: -2, y: 2 }), { column: 0, row: 0 }); // the edge is in
});

test("a place is written with two decimals and true minus signs", () => {
  assert.equal(placeWords({ x: -1, y: -0.456 }), "x −1.00, y −0.46");
});
