import assert from "node:assert/strict";
import test from "node:test";

import { FrameCache, frameInterval, indexAt, spread, stepsToAsk, timeToAsk } from "./stage.js";

test("a step is at its place, else at that of the step before it", () => {
  const steps = [0, 10, 20];
  assert.deepEqual([0, 9, 10, 15, 20, 99].map((step) => indexAt(steps, step)), [0, 0, 1, 1, 2, 2]);
  assert.equal(indexAt(steps, -5), 0);
  assert.equal(indexAt([], 5), 0);
});

/**
 * A frame of four characters.
 * @param {number} step
 */
const frame = (step) => ({ step, image: "1234" });

/** @param {FrameCache} cache */
const kept = (cache) => [...cache.entries.keys()];

test("frames are kept up to a limit, and the oldest goes first", () => {
  const cache = new FrameCache(10);
  cache.keep(frame(1));
  cache.keep(frame(2));
  assert.equal(cache.size, 8);
  cache.keep(frame(3));
  assert.deepEqual(kept(cache), [2, 3]);
  assert.equal(cache.size, 8);
  assert.deepEqual([cache.has(1), cache.has(2)], [false, true]);
  assert.deepEqual(cache.get(3), frame(3));
  assert.equal(cache.get(undefined), undefined);
});

test("a frame that comes again is the newest, and does not count twice", () => {
  const cache = new FrameCache(10);
  for (const step of [1, 2, 1]) cache.keep(frame(step));
  assert.equal(cache.size, 8);
  cache.keep(frame(3));
  assert.deepEqual(kept(cache), [1, 3]);
});

test("the frame that is shown stays, and so does the one that has just come", () => {
  const cache = new FrameCache(10);
  cache.keep(frame(1));
  cache.keep(frame(2));
  cache.keep(frame(3), 1);
  assert.deepEqual(kept(cache), [1, 3]);
  const small = new FrameCache(2);
  small.keep(frame(1));
  small.keep(frame(2));
  assert.deepEqual(kept(small), [2]);
});

test("a frame that fills the cache to its limit is one too many", () => {
  const cache = new FrameCache(8);
  cache.keep(frame(1));
  cache.keep(frame(2));
  assert.deepEqual(kept(cache), [2]);
});

test("a figure counts as its text", () => {
  const cache = new FrameCache(100);
  cache.keep({ step: 1, figure: { data: [] } }); // {"data":[]}
  assert.equal(cache.size, 11);
});

test("the nearest frame stands in for one that is missing", () => {
  const cache = new FrameCache(100);
  assert.equal(cache.nearest(5), undefined);
  for (const step of [10, 20, 0]) cache.keep(frame(step));
  assert.deepEqual([-3, 4, 6, 14, 16, 90].map((step) => cache.nearest(step)?.step), [0, 0, 10, 10, 20, 20]);
});

/**
 * @param {number} count
 * @param {number} by
 */
const range = (count, by = 1) => Array.from({ length: count }, (_, i) => i * by);

/** @param {number | undefined} step */
const everyStep = (step) => step !== undefined;

test("at rest the frame is asked for, those around it, and a coarse view of the whole", () => {
  const timeline = { steps: range(11, 10), target: 50, following: false, playing: false };
  assert.deepEqual(stepsToAsk(timeline, everyStep), [50, 60, 40, 70, 30, 80, 0, 10, 20, 90, 100]);
  const long = { ...timeline, steps: range(91), target: 45 };
  assert.deepEqual(stepsToAsk(long, everyStep),
    [45, 46, 44, 47, 43, 48, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
});

test("frames that are there are not asked for", () => {
  const timeline = { steps: range(11, 10), target: 50, following: false, playing: false };
  assert.deepEqual(stepsToAsk(timeline, (step) => step !== undefined && step > 60), [70, 80, 90, 100]);
});

test("there is nothing beyond the ends of the timeline to ask for", () => {
  const timeline = { steps: [0, 1], target: 1, following: false, playing: false };
  assert.deepEqual(stepsToAsk(timeline, everyStep), [1, 0]);
});

test("one who follows the newest frame asks for it alone", () => {
  const timeline = { steps: [0, 10], target: 10, following: true, playing: false };
  assert.deepEqual(stepsToAsk(timeline, everyStep), [10]);
  assert.deepEqual(stepsToAsk(timeline, () => false), []);
});

test("nothing is asked for where there is nothing to show", () => {
  const timeline = { steps: [0, 10], target: undefined, following: false, playing: false };
  assert.deepEqual(stepsToAsk(timeline, everyStep), []);
  assert.deepEqual(stepsToAsk({ ...timeline, steps: [], target: 10 }, everyStep), []);
});

test("playback asks for sixteen frames", () => {
  const timeline = { steps: range(40), target: 5, following: false, playing: true };
  assert.deepEqual(stepsToAsk(timeline, everyStep), range(21).slice(5));
  assert.deepEqual(stepsToAsk(timeline, (step) => step !== undefined && step > 15), [16, 17, 18, 19, 20, 21]);
});

test("playback asks only when one of the next twelve frames is missing", () => {
  const timeline = { steps: range(40), target: 5, following: false, playing: true };
  assert.deepEqual(stepsToAsk(timeline, (step) => step !== undefined && step > 17), []);
  assert.deepEqual(stepsToAsk(timeline, (step) => step !== undefined && step > 16), [17, 18, 19, 20, 21]);
  assert.deepEqual(stepsToAsk(timeline, (step) => step === 6), [6]);
  assert.deepEqual(stepsToAsk(timeline, (step) => step === 4), []);
  assert.deepEqual(stepsToAsk(timeline, (step) => step === 5), []);
});

test("the first question goes out at once", () => {
  assert.equal(timeToAsk({ asked: undefined, askedAt: 0 }, 5, 10), 0);
});

test("a question waits for the answer to the one before, and looks again every 300 milliseconds", () => {
  const question = { asked: [5, 6], askedAt: 1000 };
  assert.equal(timeToAsk(question, 5, 1500), 300);
  assert.equal(timeToAsk(question, 5, 3900), 100);
  assert.equal(timeToAsk(question, 5, 4000), 0); // the answer was lost
});

test("what is urgent and was not asked for goes out after 300 milliseconds", () => {
  const question = { asked: [5, 6], askedAt: 1000 };
  assert.equal(timeToAsk(question, 9, 1200), 300);
  assert.equal(timeToAsk(question, 9, 1300), 300);
  assert.equal(timeToAsk(question, 9, 1301), 0);
});

test("a history is played in 15 seconds, with 4 to 24 frames a second", () => {
  assert.equal(frameInterval(150), 100);
  assert.equal(frameInterval(15), 250);
  assert.equal(frameInterval(3600), 1000 / 24);
});

test("steps are spread evenly from the first to the last", () => {
  const steps = Array.from({ length: 101 }, (_, i) => 10 * i);
  assert.deepEqual(spread(steps, 5), [0, 250, 500, 750, 1000]);
  assert.deepEqual(spread([3, 4], 5), [3, 4]);
});

test("the history of an enlarged sample is asked for, also while the newest picture is followed", () => {
  const timeline = { steps: [0, 1, 2, 3], target: 3, following: true, playing: false, history: [0, 2, 3] };
  assert.deepEqual(stepsToAsk(timeline, (step) => step !== 2), [3, 0]);
  assert.deepEqual(stepsToAsk({ ...timeline, history: [] }, () => true), [3]);
});
