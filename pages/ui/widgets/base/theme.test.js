import assert from "node:assert/strict";
import test from "node:test";

import {
  channels, colourNamed, colourScale, dress, isDark, isLine, linePath, pannedRange, skeleton, unpack,
} from "./theme.js";

// In place of a canvas: its colours are written as #rrggbb already.
Object.assign(globalThis, {
  document: { createElement: () => ({ getContext: () => ({ fillStyle: "" }) }) },
});

const COLOURS = /** @type {import("./theme.js").Colours} */ (/** @type {unknown} */ ({
  critic: "#102030", panel: "", surface: ["#000000", "#888888", "#ffffff"],
}));

test("a colour is read as its channels", () => {
  assert.deepEqual(channels("#ff8001"), [255, 128, 1]);
  assert.deepEqual(channels("rgba(12, 34, 56, 0.5)"), [12, 34, 56]);
});

test("a background is dark by what the eye sees of it", () => {
  assert.equal(isDark([14, 17, 23]), true);
  assert.equal(isDark([255, 255, 255]), false);
  assert.equal(isDark([109, 109, 109]), true);
  assert.equal(isDark([111, 111, 111]), false);
  assert.equal(isDark([0, 255, 0]), false); // green is light,
  assert.equal(isDark([0, 0, 255]), true); // blue is dark,
  assert.equal(isDark([255, 0, 0]), true); // and so is red
});

test("the name of a colour is the theme's, with its alpha if it has one", () => {
  assert.equal(colourNamed("@critic", COLOURS), "#102030");
  assert.equal(colourNamed("@critic/0.3", COLOURS), "rgba(16,32,48,0.3)");
});

test("what names no colour stays as it is", () => {
  for (const text of ["critic", "@nobody", "a @critic", "@critic now", "@panel", "@constructor", "#123456"]) {
    assert.equal(colourNamed(text, COLOURS), text);
  }
});

test("a scale has its stops at even steps", () => {
  assert.deepEqual(colourScale(COLOURS.surface), [[0, "#000000"], [0.5, "#888888"], [1, "#ffffff"]]);
});

test("names of colours and scales are replaced wherever they are in a figure", () => {
  const figure = {
    data: [{ line: { color: "@critic" }, colorscale: "@surface", x: [1, 2], n: null, on: true }],
    layout: { colorway: ["@critic", "red"], title: "@ home" },
  };
  assert.deepEqual(dress(figure, COLOURS), {
    data: [{
      line: { color: "#102030" }, colorscale: colourScale(COLOURS.surface), x: [1, 2], n: null, on: true,
    }],
    layout: { colorway: ["#102030", "red"], title: "@ home" },
  });
});

test("a dressed figure is a copy, its lists of numbers too", () => {
  const figure = { x: [1, 2], deep: { y: ["a"] } };
  const copy = dress(figure, COLOURS);
  assert.deepEqual(copy, figure);
  assert(copy !== figure && copy.x !== figure.x && copy.deep !== figure.deep && copy.deep.y !== figure.deep.y);
});

test("a stop of a scale, a number beside a colour, is no list of numbers", () => {
  assert.deepEqual(dress([[0, "@critic"], [1, "#fff"]], COLOURS), [[0, "#102030"], [1, "#fff"]]);
  assert.deepEqual(dress(["@critic", 2], COLOURS), ["#102030", 2]);
});

test("a packed array is read as its numbers", () => {
  assert.deepEqual([...unpack({ dtype: "f4", bdata: "AADAPwAAAMA=" })], [1.5, -2]);
  assert.deepEqual([...unpack({ dtype: "u1", bdata: "AP8=" })], [0, 255]);
  assert.deepEqual([...unpack({ dtype: "i2", bdata: "/v8BAA==" })], [-2, 1]);
  assert.deepEqual(unpack([1, 2]), [1, 2]);
  assert.deepEqual(unpack(undefined), []);
});

const LINE = { type: "scatter", mode: "lines", x: [1], y: [2], line: { color: "red" } };

test("a line without steps and filling can be moved", () => {
  assert.equal(isLine(LINE), true);
  for (const other of [
    { type: "bar" }, { mode: "lines+markers" }, { yaxis: "y2" }, { fill: "tozeroy" }, { line: { shape: "hv" } },
  ]) assert.equal(isLine({ ...LINE, ...other }), false);
});

test("figures that differ in the points of lines only have the same skeleton", () => {
  const bars = { type: "bar", y: [1] };
  const figure = { data: [LINE, bars], layout: { title: "a" } };
  const same = skeleton(figure);
  assert.equal(skeleton({ ...figure, data: [{ ...LINE, x: [5, 6], y: [7, 8] }, bars] }), same);
  assert.notEqual(skeleton({ ...figure, data: [{ ...LINE, name: "b" }, bars] }), same);
  assert.notEqual(skeleton({ ...figure, data: [LINE, { ...bars, y: [2] }] }), same);
  assert.notEqual(skeleton({ ...figure, layout: { title: "b" } }), same);
});

/** @type {PlotlyAxis} */
const XAXIS = { type: "linear", range: [10, 20], autorange: true, _offset: 0, _length: 100 };
/** @type {PlotlyAxis} */
const YAXIS = { type: "linear", range: [2, 4], autorange: true, _offset: 0, _length: 50 };

test("points become a path in pixels, y downwards", () => {
  assert.equal(linePath([10, 12.5, 20], [2, 3, 4], XAXIS, YAXIS), "M0.0,50.0L25.0,25.0L100.0,0.0");
});

test("a line that leaves axes which fit themselves is left to Plotly", () => {
  for (const [x, y] of [[9.9, 3], [20.1, 3], [15, 1.9], [15, 4.1]]) {
    assert.equal(linePath([15, x], [3, y], XAXIS, YAXIS), undefined);
  }
});

test("a line may leave axes that a visitor has zoomed", () => {
  const zoomed = [{ ...XAXIS, autorange: false }, { ...YAXIS, autorange: false }];
  assert.equal(linePath([0, 30], [0, 6], zoomed[0], zoomed[1]), "M-100.0,100.0L200.0,-50.0");
});

test("a line with a gap, of one point or on other axes is left to Plotly", () => {
  assert.equal(linePath([11, 12], [3, NaN], XAXIS, YAXIS), undefined);
  assert.equal(linePath([Infinity, 12], [3, 3], { ...XAXIS, autorange: false }, YAXIS), undefined);
  assert.equal(linePath([11], [3], XAXIS, YAXIS), undefined);
  assert.equal(linePath([11, 12], [3, 3], { ...XAXIS, type: "log" }, YAXIS), undefined);
  assert.equal(linePath([11, 12], [3, 3], XAXIS, { ...YAXIS, type: "log" }), undefined);
});

test("an arrow key moves an axis by a tenth of what it shows", () => {
  assert.deepEqual(pannedRange([0, 20], 1), [2, 22]);
  assert.deepEqual(pannedRange([-5, 5], -1), [-6, 4]);
  assert.deepEqual(pannedRange([10, 0], 1), [9, -1]); // a reversed axis
});
