import assert from "node:assert/strict";
import test from "node:test";

import {
  advanced, canvasSize, floats, frameByKey, framesAt, frameSize, lastPlace, legendOf, nextSpeed, placeAtSameShare,
  pointBetween, squareAround, zBetween,
} from "./walk_player.js";

const OPEN = { count: 5, loop: false };
const CLOSED = { count: 5, loop: true };

test("base64 text is read as float32", () => {
  assert.deepEqual([...floats("AADAPwAAAMA=")], [1.5, -2]);
  assert.equal(floats("").length, 0);
});

test("a legend names what is drawn in the plane, and the walks beside each other", () => {
  const frames = { token: "", count: 1, fps: 1, loop: true, waypoints: [], lengthsOf: "" };
  const plane = { ...frames, points: 1, path: "", real: "" };
  /** @param {Parameters<typeof legendOf>[0]} walk */
  const words = (walk) => legendOf(walk).map((entry) => entry.words);
  assert.deepEqual(words({ ...plane, names: [], grid: [] }), ["Fake", "Real"]);
  assert.deepEqual(words({ ...plane, names: ["A", "B"], grid: [""] }), ["A", "B", "Real", "Grid of z"]);
  const pictures = { ...frames, sprite: "x", width: 1, height: 1, gap: 0, local: null, columns: 1 };
  assert.deepEqual(words({ ...pictures, names: [] }), []);
  assert.deepEqual(words({ ...pictures, names: ["A", "B"] }), ["A", "B"]);
});

test("a closed walk goes on from its last frame to its first, unless it goes there and back", () => {
  assert.equal(lastPlace(OPEN, false), 4);
  assert.equal(lastPlace(OPEN, true), 4);
  assert.equal(lastPlace(CLOSED, true), 4);
  assert.equal(lastPlace(CLOSED, false), 5 - 1e-6);
  assert.equal(lastPlace({ count: 0, loop: false }, false), 0);
});

test("between two frames the next one comes in", () => {
  assert.deepEqual(framesAt(OPEN, false, 1.25), { at: 1, next: 2, part: 0.25 });
  assert.deepEqual(framesAt(OPEN, false, 2), { at: 2, next: 3, part: 0 });
});

test("after the last frame comes the first of a closed walk, and none of another", () => {
  assert.deepEqual(framesAt(CLOSED, false, 4.25), { at: 4, next: 0, part: 0.25 });
  assert.deepEqual(framesAt(CLOSED, false, 3.25), { at: 3, next: 4, part: 0.25 });
  assert.deepEqual(framesAt(OPEN, false, 5), { at: 4, next: 4, part: 1 });
  assert.deepEqual(framesAt(CLOSED, true, 4), { at: 4, next: 4, part: 0 });
  assert.deepEqual(framesAt(OPEN, false, 4), { at: 4, next: 4, part: 0 });
});

test("a loop starts anew: a closed walk after five frames, an open one after four", () => {
  assert.deepEqual(advanced(CLOSED, false, { at: 4.5, way: 1 }, 1), { at: 0.5, way: 1 });
  assert.deepEqual(advanced(OPEN, false, { at: 3.5, way: 1 }, 1), { at: 0.5, way: 1 });
  assert.deepEqual(advanced(OPEN, false, { at: 1, way: 1 }, 0.5), { at: 1.5, way: 1 });
});

test("there and back turns at both ends", () => {
  assert.deepEqual(advanced(OPEN, true, { at: 1, way: 1 }, 0.5), { at: 1.5, way: 1 });
  assert.deepEqual(advanced(OPEN, true, { at: 3, way: 1 }, 0.5), { at: 3.5, way: 1 });
  assert.deepEqual(advanced(OPEN, true, { at: 1, way: -1 }, 0.5), { at: 0.5, way: -1 });
  assert.deepEqual(advanced(OPEN, true, { at: 3.5, way: 1 }, 1), { at: 4, way: -1 });
  assert.deepEqual(advanced(OPEN, true, { at: 3.5, way: 1 }, 0.5), { at: 4, way: -1 });
  assert.deepEqual(advanced(OPEN, true, { at: 2, way: -1 }, 0.5), { at: 1.5, way: -1 });
  assert.deepEqual(advanced(OPEN, true, { at: 0.5, way: -1 }, 1), { at: 0, way: 1 });
  assert.deepEqual(advanced(OPEN, true, { at: 0.5, way: -1 }, 0.5), { at: 0, way: 1 });
});

test("arrow keys go to whole frames", () => {
  assert.equal(frameByKey("ArrowRight", 1.5, OPEN), 2);
  assert.equal(frameByKey("ArrowRight", 2, OPEN), 3);
  assert.equal(frameByKey("ArrowLeft", 1.5, OPEN), 1);
  assert.equal(frameByKey("ArrowLeft", 2, OPEN), 1);
  assert.equal(frameByKey("Home", 2, CLOSED), 0);
  assert.equal(frameByKey("End", 2, CLOSED), 4);
  assert.equal(frameByKey("a", 2, OPEN), undefined);
});

test("arrow keys stop at the ends of an open walk, and go round a closed one", () => {
  assert.equal(frameByKey("ArrowLeft", 0, OPEN), 0);
  assert.equal(frameByKey("ArrowRight", 4, OPEN), 4);
  assert.equal(frameByKey("ArrowLeft", 0, CLOSED), 4);
  assert.equal(frameByKey("ArrowRight", 4, CLOSED), 0);
});

test("a walk of another length goes on at its share", () => {
  assert.equal(placeAtSameShare(2, 5, 9), 4);
  assert.equal(placeAtSameShare(4, 9, 5), 2);
  assert.equal(placeAtSameShare(0.5, 1, 9), 4); // one frame counts as two
  assert.equal(placeAtSameShare(4, 9, 1), 0.5);
});

test("pictures grow by whole times only", () => {
  const size = { width: 28, height: 28, whole: true };
  assert.deepEqual(canvasSize(size, { width: 124, height: 224 }, 1), { width: 84, height: 84 });
  assert.deepEqual(canvasSize(size, { width: 124, height: 224 }, 2), { width: 196, height: 196 });
  assert.deepEqual(canvasSize(size, { width: 224, height: 124 }, 1), { width: 84, height: 84 });
});

test("pictures that are larger than the room shrink to it", () => {
  const size = { width: 200, height: 100, whole: true };
  assert.deepEqual(canvasSize(size, { width: 124, height: 224 }, 1), { width: 100, height: 50 });
});

test("points get all the room there is", () => {
  const size = { width: 1, height: 1, whole: false };
  assert.deepEqual(canvasSize(size, { width: 124.5, height: 224 }, 1), { width: 101, height: 101 });
  assert.deepEqual(canvasSize(size, { width: 224, height: 124.4 }, 1), { width: 100, height: 100 });
});

/**
 * @param {number} actual
 * @param {number} expected
 */
const near = (actual, expected) => assert(Math.abs(actual - expected) < 1e-6, `${actual} for ${expected}`);

test("all points are in a square a tenth larger than they need", () => {
  const { middle, side } = squareAround([Float32Array.of(0, 1, 10, 5), Float32Array.of(2, -3)]);
  assert.deepEqual(middle, [5, 1]);
  near(side, 11);
  near(squareAround([Float32Array.of(0, -10, 1, 10)]).side, 22);
});

test("points that are not finite do not count", () => {
  const { middle } = squareAround([Float32Array.of(0, 0, 10, 4, NaN, 100, 100, Infinity)]);
  assert.deepEqual(middle, [5, 2]);
});

test("without points there is a square all the same", () => {
  const { middle, side } = squareAround([]);
  assert.deepEqual(middle, [0, 0]);
  near(side, 2.2);
  const { side: smallest } = squareAround([Float32Array.of(3, 3)]);
  assert(smallest > 0 && smallest < 1e-5);
});

test("a point is between its places in two frames", () => {
  const path = Float32Array.of(0, 0, 1, 1, /* the next frame */ 4, 8, 3, 7);
  assert.deepEqual(pointBetween(path, 2, 1, { at: 0, next: 1, part: 0.5 }), [2, 4]);
  assert.deepEqual(pointBetween(path, 2, 0, { at: 0, next: 1, part: 0.25 }), [1, 2]);
  assert.deepEqual(pointBetween(path, 2, 0, { at: 1, next: 0, part: 0 }), [4, 8]);
});

test("speeds follow one another", () => {
  assert.deepEqual([0.5, 1, 2].map(nextSpeed), [1, 2, 0.5]);
});

test("the pictures of two walks are side by side, with a gap", () => {
  const walk = { width: 28, height: 20, gap: 4 };
  assert.deepEqual(frameSize({ ...walk, names: [] }), { width: 28, height: 20 });
  assert.deepEqual(frameSize({ ...walk, names: ["slerp", "lerp"] }), { width: 60, height: 20 });
});

test("the z between two frames, for two walks side by side", () => {
  const path = Float32Array.of(0, 0, 8, 8, 4, 0, 8, 0); // frames (walk 0, walk 1), z of length 2
  const half = { at: 0, next: 1, part: 0.5 };
  assert.deepEqual([...zBetween(path, 2, 2, 0, half)], [2, 0]);
  assert.deepEqual([...zBetween(path, 2, 2, 1, half)], [8, 4]);
  assert.deepEqual([...zBetween(path, 2, 2, 1, { ...half, part: 0 })], [8, 8]);
});
