import assert from "node:assert/strict";
import test from "node:test";

import {
  arrowHead, colourSteps, contourPieces, emptied, formatScore, niceStep, painted, paintingOf, scoreAt,
  surfaceOf,
} from "./plane.js";

const POINTS = { type: "scatter", mode: "markers", name: "real", x: [1], y: [2], marker: { color: "@real", size: 5 } };
const ARROWS = {
  type: "scatter", mode: "lines+markers", name: "push", x: [0, 1], y: [0, 1],
  line: { color: "@generator", width: 1.2 }, marker: { color: "@fake", size: [0, 7] },
};
const SURFACE = {
  type: "contour", z: [[1, 2, 3], [4, 5, 6]], x0: 0, dx: 1, y0: 10, dy: 2,
  line: { color: "@text/0.5", width: 0.7 },
};

test("dots, arrows and surfaces are painted here; lines are Plotly's", () => {
  assert.deepEqual([POINTS, ARROWS, SURFACE].map(painted), [true, true, true]);
  assert.equal(painted({ type: "scatter", mode: "lines" }), false);
  assert.equal(painted({ type: "scatter" }), false);
  assert.equal(painted({ type: "bar", mode: "markers" }), false);
});

test("Plotly gets the entry in the legend, without points", () => {
  const none = { x: [null], y: [null] };
  assert.deepEqual(emptied(POINTS),
    { type: "scatter", mode: "markers", name: "real", marker: POINTS.marker, ...none });
  assert.deepEqual(emptied(ARROWS), { type: "scatter", mode: "lines", name: "push", line: ARROWS.line, ...none });
  assert.deepEqual(emptied(SURFACE), { type: "scatter", showlegend: false, ...none });
});

test("what is painted has its kind, its numbers and its colour", () => {
  const dots = paintingOf(POINTS);
  assert.deepEqual([dots.kind, dots.x, dots.y, dots.sizes, dots.colour, dots.surface],
    ["dots", [1], [2], 5, "@real", undefined]);
  const arrows = paintingOf(ARROWS);
  assert.deepEqual([arrows.kind, arrows.sizes, arrows.colour, arrows.lineWidth],
    ["arrows", [0, 7], "@generator", 1.2]);
  const surface = paintingOf(SURFACE);
  assert.deepEqual([surface.kind, surface.colour, surface.lineWidth, surface.surface?.rows],
    ["surface", "@text/0.5", 0.7, 2]);
});

test("a surface is read from rows", () => {
  const { values, ...rest } = surfaceOf(SURFACE);
  assert.deepEqual([...values], [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(rest, { rows: 2, columns: 3, x0: 0, dx: 1, y0: 10, dy: 2, low: 1, high: 6 });
});

test("a surface is read from a packed array", () => {
  const bdata = "AADAPwAAAMA="; // 1.5 and -2
  const { values, rows, columns, low, high } = surfaceOf({ z: { dtype: "f4", bdata, shape: "1, 2" } });
  assert.deepEqual([[...values], rows, columns, low, high], [[1.5, -2], 1, 2, -2, 1.5]);
});

test("a surface without a slope has a scale around its height", () => {
  const { low, high } = surfaceOf({ ...SURFACE, z: [[4, 4], [4, 4]] });
  assert.deepEqual([low, high], [3.5, 4.5]);
  assert.equal(surfaceOf({ ...SURFACE, z: [[0.5]] }).low, -0.5);
  assert.equal(surfaceOf({ ...SURFACE, z: [[-0.5]] }).high, 0.5);
  const empty = surfaceOf({ ...SURFACE, z: [] });
  assert.deepEqual([empty.rows, empty.columns], [0, 0]);
});

test("the score at a place is that of the nearest point of the grid", () => {
  const surface = surfaceOf(SURFACE);
  assert.equal(scoreAt(surface, 1.4, 11.5), 5);
  assert.equal(scoreAt(surface, -0.4, 9.5), 1);
  assert.equal(scoreAt(surface, 2.4, 10), 3);
  assert.equal(scoreAt({ ...surface, x0: 5, dx: 0.5 }, 5.6, 10), 2);
});

test("there is no score beside the surface", () => {
  const surface = surfaceOf(SURFACE);
  for (const [x, y] of [[-0.6, 10], [2.6, 10], [1, 8.9], [1, 13.1]]) {
    assert.equal(scoreAt(surface, x, y), undefined);
  }
});

test("colours go evenly from stop to stop", () => {
  assert.deepEqual(colourSteps([[0, 0, 0], [100, 200, 50]], 3), [[0, 0, 0], [50, 100, 25], [100, 200, 50]]);
  assert.deepEqual(colourSteps([[0], [10], [50]], 5), [[0], [5], [10], [30], [50]]);
});

/**
 * A surface on a grid of 2 × 2 points.
 * @param {number} a lower left
 * @param {number} b lower right
 * @param {number} c upper right
 * @param {number} d upper left
 */
const square = (a, b, c, d) => surfaceOf({ z: [[a, b], [d, c]] });

test("a line of equal height crosses a slope where the level is", () => {
  assert.deepEqual(contourPieces(square(0, 4, 4, 0), 3), [[[0.75, 0], [0.75, 1]]]);
  assert.deepEqual(contourPieces(square(0, 0, 4, 4), 3), [[[1, 0.75], [0, 0.75]]]);
  assert.deepEqual(contourPieces(square(4, 0, 0, 0), 3), [[[0.25, 0], [0, 0.25]]]);
  assert.deepEqual(contourPieces(square(0, 0, 4, 0), 3), [[[1, 0.75], [0.75, 1]]]);
});

test("there is a line for each level, also below 0, and none at the top", () => {
  assert.deepEqual(contourPieces(square(-3, 3, 3, -3), 2).map(([[x]]) => x.toFixed(3)),
    ["0.167", "0.500", "0.833"]); // -2, 0 and 2
  assert.deepEqual(contourPieces(square(3, 9, 9, 3), 2).map(([[x]]) => x.toFixed(3)),
    ["0.167", "0.500", "0.833"]); // 4, 6 and 8
  assert.deepEqual(contourPieces(square(0, 2, 2, 0), 1), [[[0.5, 0], [0.5, 1]]]);
});

test("a saddle has two lines", () => {
  assert.deepEqual(contourPieces(square(0, 2, 0, 2), 1), [[[0.5, 0], [1, 0.5]], [[0.5, 1], [0, 0.5]]]);
});

test("lines go on from one square of the grid to the next", () => {
  const slope = surfaceOf({ z: [[0, 0, 0], [2, 2, 2]] });
  assert.deepEqual(contourPieces(slope, 1), [[[1, 0.5], [0, 0.5]], [[2, 0.5], [1, 0.5]]]);
  const steps = surfaceOf({ z: [[0, 0], [0, 0], [2, 2]] });
  assert.deepEqual(contourPieces(steps, 1), [[[1, 1.5], [0, 1.5]]]);
});

/**
 * @param {number[] | undefined} actual
 * @param {number[]} expected
 */
const nearPoint = (actual, expected) => (
  assert(actual && expected.every((value, i) => Math.abs(actual[i] - value) < 1e-9), `${actual} for ${expected}`)
);

test("an arrow's line ends inside its head", () => {
  const right = arrowHead([0, 0], [10, 0], 4);
  nearPoint(right?.line, [8, 0]);
  nearPoint(right?.left, [6, 1.8]);
  nearPoint(right?.right, [6, -1.8]);
  nearPoint(arrowHead([0, 0], [0.5, 0], 0.25)?.line, [0.375, 0]); // even if it is short
  const down = arrowHead([1, 2], [1, 12], 4);
  nearPoint(down?.line, [1, 10]);
  nearPoint(down?.left, [-0.8, 8]);
  nearPoint(down?.right, [2.8, 8]);
});

test("an arrow without a length, or without an end, is none", () => {
  assert.equal(arrowHead([3, 3], [3, 3], 4), undefined);
  assert.equal(arrowHead([3, 3], [NaN, 3], 4), undefined);
});

test("a step is 1, 2 or 5 times a power of ten", () => {
  assert.deepEqual([1, 1.5, 3, 7, 0.3, 150, 2000].map(niceStep), [1, 2, 5, 10, 0.5, 200, 2000]);
});

test("a score has three digits and a true minus sign", () => {
  assert.deepEqual([-0.123456, 1234.5, 2, 0].map(formatScore), ["−0.123", "1230", "2", "0"]);
  assert.deepEqual([-1e7, 123456, 99999].map(formatScore), ["−10M", "123K", "100000"]);
});
