import assert from "node:assert/strict";
import test from "node:test";

import {
  enlargedSize, fit, sampleBox, sampleByKey, sampleCaption, sheetLayout, sheetRatio,
} from "./sprite.js";

/**
 * An image of a given size.
 * @param {number} naturalWidth
 * @param {number} naturalHeight
 */
const image = (naturalWidth, naturalHeight) => ({ naturalWidth, naturalHeight });

test("samples lie row by row in the image of their sheet", () => {
  const sheet = { image: image(80, 90), rows: 3, columns: 4 };
  assert.deepEqual(sampleBox(sheet, 0), { x: 0, y: 0, width: 20, height: 30 });
  assert.deepEqual(sampleBox(sheet, 3), { x: 60, y: 0, width: 20, height: 30 });
  assert.deepEqual(sampleBox(sheet, 5), { x: 20, y: 30, width: 20, height: 30 });
});

test("a sheet is as wide to its height as its image, else as its columns to its rows", () => {
  assert.equal(sheetRatio({ image: image(80, 40), rows: 1, columns: 1 }), 2);
  assert.equal(sheetRatio({ rows: 2, columns: 8 }), 4);
});

test("a sample is drawn at a whole multiple of its pixels where that costs less than an eighth", () => {
  assert.equal(fit(28, 90), 84);
  assert.equal(fit(28, 100), 100); // 84 would be too small
  assert.equal(fit(25, 28.4), 25); // 0.8803 of it
  assert.equal(fit(22, 25), 25); // 0.88 exactly
  assert.equal(fit(64, 50.7), 50); // less than its own pixels
});

test("a sheet fills its padded room, with gaps of two pixels", () => {
  const sheet = { image: image(64, 64), rows: 2, columns: 2 };
  assert.deepEqual(sheetLayout(sheet, { width: 90, height: 500 }, 1),
    { gap: 2, cell: 32, tall: 32, width: 66, height: 66 });
  assert.deepEqual(sheetLayout(sheet, { width: 500, height: 90 }, 1),
    { gap: 2, cell: 32, tall: 32, width: 66, height: 66 });
  assert.deepEqual(sheetLayout(sheet, { width: 90, height: 90 }, 2),
    { gap: 4, cell: 64, tall: 64, width: 132, height: 132 });
});

test("of four samples side by side, or one above the other, each gets its part of the room", () => {
  const narrow = sheetLayout({ image: image(256, 64), rows: 1, columns: 4 }, { width: 124, height: 500 }, 1);
  assert.deepEqual(narrow, { gap: 2, cell: 23, tall: 23, width: 98, height: 23 }); // (100 − 6) / 4 = 23.5
  const low = sheetLayout({ image: image(64, 256), rows: 4, columns: 1 }, { width: 500, height: 124 }, 1);
  assert.deepEqual(low, { gap: 2, cell: 23, tall: 23, width: 23, height: 98 });
});

test("samples that are not square keep their shape, also where the height is what limits them", () => {
  const sheet = { image: image(40, 80), rows: 1, columns: 2 }; // each 20 × 80
  assert.deepEqual(sheetLayout(sheet, { width: 500, height: 184 }, 1),
    { gap: 2, cell: 40, tall: 160, width: 82, height: 160 });
});

test("a sheet of many columns has gaps of one pixel", () => {
  const room = { width: 1000, height: 1000 };
  assert.equal(sheetLayout({ rows: 1, columns: 12 }, room, 1).gap, 2);
  assert.equal(sheetLayout({ rows: 1, columns: 13 }, room, 1).gap, 1);
});

test("a place without an image is that of samples of 32 × 32 pixels", () => {
  assert.deepEqual(sheetLayout({ rows: 2, columns: 3 }, { width: 124, height: 500 }, 1),
    { gap: 2, cell: 32, tall: 32, width: 100, height: 66 });
});

test("a sample has one pixel at least, in the smallest room", () => {
  assert.equal(sheetLayout({ rows: 2, columns: 2 }, { width: 10, height: 10 }, 1).cell, 1);
});

test("a sample alone is as large as whole multiples fit into the window, 640 pixels at most", () => {
  const sheet = { image: image(56, 28), rows: 1, columns: 2 };
  assert.deepEqual(enlargedSize(sheet, { innerWidth: 2000, innerHeight: 2000 }, 1),
    { width: 616, height: 616 });
  assert.deepEqual(enlargedSize(sheet, { innerWidth: 148, innerHeight: 2000 }, 1),
    { width: 84, height: 84 });
  assert.deepEqual(enlargedSize(sheet, { innerWidth: 2000, innerHeight: 244 }, 1),
    { width: 84, height: 84 });
  assert.deepEqual(enlargedSize(sheet, { innerWidth: 2000, innerHeight: 2000 }, 2),
    { width: 1260, height: 1260 });
});

test("a sample alone has its own pixels at least", () => {
  const sheet = { image: image(28, 28), rows: 1, columns: 1 };
  assert.deepEqual(enlargedSize(sheet, { innerWidth: 80, innerHeight: 800 }, 1), { width: 28, height: 28 });
});

test("a high sample alone fits into the height of the window", () => {
  const sheet = { image: image(20, 80), rows: 1, columns: 1 };
  assert.deepEqual(enlargedSize(sheet, { innerWidth: 2000, innerHeight: 360 }, 1), { width: 40, height: 160 });
});

test("keys go from sample to sample", () => {
  const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];
  assert.deepEqual(keys.map((key) => sampleByKey(key, 9, 32, 8)), [8, 10, 1, 17, 0, 31]);
  assert.equal(sampleByKey("Enter", 9, 32, 8), undefined);
});

test("a sample is called by its place, its note and its moment", () => {
  const sheet = { rows: 2, columns: 4, where: "step 1,250", notes: ["", "7"], noun: "sample" };
  assert.equal(sampleCaption(sheet, 1), "sample 2 of 8: 7, step 1,250");
  assert.equal(sampleCaption({ ...sheet, where: "", noun: "picture" }, 0), "picture 1 of 8");
  assert.equal(sampleCaption(sheet, 7), "sample 8 of 8, step 1,250");
});
