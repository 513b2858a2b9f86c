// The stage: what the generator makes, and a timeline of how it came to make it. And the strip:
// one sheet of samples without a timeline.

import {
  clamp, decode, formatCount, Heading, iconButton, make, PADDING, setIcon, shape,
} from "../base/dom.js";
import { Plane } from "./plane.js";
import { SpriteSheet, Strip } from "../base/sprite.js";

const CHUNK = 16; // frames asked for at once; sample_timeline.py gives no more
const AHEAD = 12; // frames asked for before playback needs them
const KEPT = 16e6; // characters of frames kept in the browser: about 16 MB
const PATIENCE = 3000; // milliseconds after which an answer is no longer waited for

/**
 * What the generator made at a step: a sheet of samples as an address, or a figure.
 * @typedef {{ step: number, image?: string, figure?: Figure }} Frame
 */

/** @typedef {import("../base/sprite.js").StripData} StripData */

/**
 * What sample_timeline.py sends. `steps` are those of which there is a frame; `frames` are those that were
 * asked for, `absent` the steps that were asked for in vain; `at` is the step to open at.
 * @typedef {{ run: string, title: string, help: string, steps: number[], latest: Frame | null,
 *   frames: Frame[], absent: number[], at?: number | null, live: boolean, words: string,
 *   rows: number, columns: number, height: number, alt: string, plotly: string | null,
 *   real?: Omit<StripData, "caption" | "height"> | null }} StageData
 */

/**
 * The place of `step` in ascending `steps`; the place before it where it was thinned out.
 * @param {number[]} steps
 * @param {number} step
 */
export function indexAt(steps, step) {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= step) low = middle + 1;
    else high = middle;
  }
  return Math.max(low - 1, 0);
}

/** Frames by their steps, the least recently used first; the oldest go where they become too many. */
export class FrameCache {
  size = 0; // characters of all
  /** @type {Map<number, { frame: Frame, size: number }>} */
  entries = new Map();

  /** @param {number} limit characters */
  constructor(limit) {
    this.limit = limit;
  }

  /** @param {number} step */
  has(step) {
    return this.entries.has(step);
  }

  /** @param {number | undefined} step */
  get(step) {
    return step === undefined ? undefined : this.entries.get(step)?.frame;
  }

  /**
   * @param {Frame} frame
   * @param {number} [shown] the step of a frame that stays in any case
   */
  keep(frame, shown) {
    const had = this.entries.get(frame.step);
    if (had) {
      this.entries.delete(frame.step);
      this.entries.set(frame.step, had);
      return;
    }
    const size = frame.image?.length ?? JSON.stringify(frame.figure).length;
    this.entries.set(frame.step, { frame, size });
    this.size += size;
    for (const [step, old] of this.entries) {
      if (this.size < this.limit) break;
      if (step === shown || step === frame.step) continue;
      this.entries.delete(step);
      this.size -= old.size;
    }
  }

  /**
   * The frame whose step is closest to `step`.
   * @param {number} step
   */
  nearest(step) {
    /** @type {{ frame: Frame, distance: number } | undefined} */
    let best;
    for (const { frame } of this.entries.values()) {
      const distance = Math.abs(frame.step - step);
      if (!best || distance < best.distance) best = { frame, distance };
    }
    return best?.frame;
  }
}

/**
 * The steps whose frames to ask for, the most urgent first.
 * @param {{ steps: number[], target: number | undefined, following: boolean, playing: boolean }} timeline
 * @param {(step: number | undefined) => boolean} missing
 */
export function stepsToAsk({ steps, target, following, playing }, missing) {
  if (!steps.length || target === undefined) return [];
  if (following && !playing) return missing(target) ? [target] : [];
  const at = indexAt(steps, target);
  const list = [target];
  if (playing) {
    list.push(...steps.slice(at + 1, at + 1 + CHUNK));
    if (!steps.slice(at + 1, at + 1 + AHEAD).some(missing)) return [];
  } else {
    for (const by of [1, -1, 2, -2, 3]) list.push(steps[at + by]);
    // And a coarse view of the whole, so that a drag meets something near everywhere.
    for (let i = 0; i < 10; i++) list.push(steps[Math.round((i * (steps.length - 1)) / 9)]);
  }
  return [...new Set(list)].filter(missing).slice(0, CHUNK);
}

/**
 * Milliseconds until a question for frames, `first` the most urgent of them, may go out; 0 for now.
 * One question is out at a time. An answer may be lost (Streamlit drops an update that is overtaken by
 * the next), so it is asked again after a while; and soon, where what is urgent was not asked for.
 * @param {{ asked: number[] | undefined, askedAt: number }} question that is out
 * @param {number} first
 * @param {number} now
 */
export function timeToAsk({ asked, askedAt }, first, now) {
  const waiting = asked ? PATIENCE - (now - askedAt) : 0;
  const urgent = asked && !asked.includes(first);
  return waiting > 0 && !(urgent && waiting < PATIENCE - 300) ? Math.min(waiting, 300) : 0;
}

/**
 * Milliseconds from a frame to the next, so that the whole history takes about a quarter of a minute.
 * @param {number} last the place of the last frame
 */
export const frameInterval = (last) => 1000 / clamp(last / 15, 4, 24);

export class Stage {
  /** @type {StageData} */
  data;
  /** @type {string | undefined} */
  run;
  /** @type {Strip | undefined} */
  strip; // real pictures
  /** @type {number | undefined} */
  target; // the step to show
  /** @type {number | undefined} */
  shown; // the step whose picture stands there
  /** @type {number[]} */
  steps = [];
  frames = new FrameCache(KEPT);
  /** @type {Set<number>} */
  absent = new Set(); // steps that Python does not have either
  /** @type {number[] | undefined} */
  asked; // the steps of the question that is out
  askedAt = 0;
  following = true;
  playing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer; // of the next question
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  telling; // of the next message to the page's address
  ticking = 0; // the browser's frame that playback waits for

  /**
   * @param {(steps: number[]) => void} ask is called with the steps of the frames that are missed
   * @param {((step: number) => void) | null} tell is called with the step that the visitor went to
   *   (-1: follows the newest)
   * @param {boolean} bare without a timeline
   */
  constructor(ask, tell, bare = false) {
    this.ask = ask;
    this.tell = tell;
    this.sheet = new SpriteSheet();
    this.plot = new Plane();
    this.picture = make("div", { className: "wgan-picture" }, this.sheet.root);
    this.playButton = iconButton("play", "Play", () => (this.playing ? this.pause() : this.play()));
    this.slider = make("input", { type: "range", className: "wgan-range", min: 0, step: 1 });
    this.slider.setAttribute("aria-label", "Training step shown");
    this.slider.oninput = () => this.seek(Number(this.slider.value), 100);
    this.slider.onchange = () => this.seek(Number(this.slider.value), 0);
    this.label = make("span", { className: "wgan-step" });
    this.liveWords = make("span", {});
    this.liveButton = make("button", {
      type: "button", className: "wgan-button wgan-live", onclick: () => this.follow(),
    }, make("span", { className: "wgan-dot", ariaHidden: "true" }), this.liveWords);
    this.heading = new Heading();
    this.real = make("div", { className: "wgan-real", hidden: true });
    this.root = make("div", { className: "wgan-stage" },
      make("div", { className: "wgan-row" }, this.real,
        make("div", { className: "wgan-made" }, this.heading.root, this.picture)));
    if (!bare) {
      this.root.append(make("div", { className: "wgan-timeline", role: "group", ariaLabel: "Timeline" },
        this.playButton, this.slider, this.label, this.liveButton));
    }
    this.visible = () => this.data && this.show();
    document.addEventListener("visibilitychange", this.visible);
    this.reset();
  }

  reset() {
    this.frames = new FrameCache(KEPT);
    this.absent = new Set();
    this.asked = undefined;
    this.steps = [];
    this.following = true;
    this.target = undefined;
    this.shown = undefined;
    this.playing = false;
    clearTimeout(this.timer);
    clearTimeout(this.telling);
    cancelAnimationFrame(this.ticking);
  }

  /** @param {StageData} data */
  update(data) {
    const begins = data.run !== this.run;
    if (begins) this.reset();
    this.run = data.run;
    this.data = data;
    this.heading.update(data.title, data.help);
    this.beside(data.real);
    this.steps = data.steps;
    if (data.latest) {
      this.frames.keep(data.latest, this.target);
      const last = this.steps.at(-1) ?? -1;
      if (data.latest.step > last) this.steps = [...this.steps, data.latest.step];
    }
    for (const frame of data.frames) this.frames.keep(frame, this.target);
    for (const step of data.absent) this.absent.add(step);
    if (this.asked?.every((step) => this.frames.has(step) || this.absent.has(step))) {
      this.asked = undefined;
    }
    if (begins && typeof data.at === "number" && Number.isFinite(data.at) && this.steps.length) {
      this.following = false;
      this.target = this.steps[indexAt(this.steps, data.at)];
    }
    if (this.following) this.target = data.latest?.step ?? this.steps.at(-1);
    this.show();
    this.request(0);
  }

  // Say where the visitor rests, for the page's address.
  rest() {
    clearTimeout(this.telling);
    const { tell } = this;
    if (!tell || this.playing) return;
    this.telling = setTimeout(() => {
      const step = this.following ? -1 : this.target;
      if (step !== undefined) tell(step);
    }, 400);
  }

  /**
   * Real pictures, each as large as a sample.
   * @param {StageData["real"]} real
   */
  beside(real) {
    this.real.hidden = !real;
    if (!real) return;
    if (!this.strip) {
      this.strip = new Strip();
      const heading = new Heading();
      heading.update("Real");
      this.real.append(heading.root, this.strip.root);
    }
    this.strip.update({ ...real, caption: "", height: this.data.height });
  }

  // --- frames

  /** @param {number | undefined} step */
  missing(step) {
    return step !== undefined && !this.frames.has(step) && !this.absent.has(step);
  }

  // What to ask for, the most urgent first.
  wanted() {
    return stepsToAsk(this, (step) => this.missing(step));
  }

  /** @param {number} delay milliseconds */
  request(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const list = this.wanted();
      if (!list.length) return;
      const wait = timeToAsk(this, list[0], performance.now());
      if (wait > 0) {
        this.request(wait);
        return;
      }
      this.asked = list;
      this.askedAt = performance.now();
      this.ask(list);
      this.request(PATIENCE + 50);
    }, delay);
  }

  // --- picture

  show() {
    const { data } = this;
    const exact = this.frames.get(this.target);
    const frame = exact ?? (this.target === undefined ? undefined : this.frames.nearest(this.target));
    // The nearest picture at hand stands in, paler, until the one asked for arrives.
    this.root.classList.toggle("wgan-waiting", !exact && this.missing(this.target));
    this.picture.setAttribute("aria-busy", String(!exact && this.missing(this.target)));
    this.controls();
    if (frame?.figure) this.showFigure(frame.step, frame.figure);
    else if (frame) this.showImage(frame.step, frame.image ?? "");
    else {
      this.shown = undefined;
      this.put(this.sheet);
      this.sheet.show({
        rows: data.rows, columns: data.columns, height: data.height, alt: data.alt,
        words: this.steps.length && !data.live
          ? "Loading the picture …"
          : data.words,
      });
    }
  }

  /** @param {{ root: HTMLElement }} view */
  put(view) {
    if (this.picture.firstChild !== view.root) this.picture.replaceChildren(view.root);
  }

  /** @param {number} step */
  where(step) {
    return `step ${formatCount(step)}`;
  }

  /**
   * @param {number} step
   * @param {Figure} figure
   */
  showFigure(step, figure) {
    const { data } = this;
    this.put(this.plot);
    // Plot tells a change of theme or size from no change at all.
    if (this.shown === step && this.plot.given === figure) {
      this.plot.draw();
      return;
    }
    this.shown = step;
    // As high as a sheet with its padding, so that nothing moves when the first frame comes.
    shape(this.plot.root, data.columns / data.rows, data.height + 2 * PADDING);
    this.plot.give({
      figure, run: data.run, plotly: data.plotly,
      alt: `${data.alt}, ${this.where(step)}`,
    });
  }

  /**
   * @param {number} step
   * @param {string} uri
   */
  async showImage(step, uri) {
    const { data, run } = this;
    // In a hidden tab nothing is decoded for nobody.
    if (document.hidden || (this.shown === step && this.sheet.sheet?.image)) return;
    this.shown = step;
    const { rows, columns, height, alt } = data;
    if (!this.sheet.sheet) this.sheet.show({ rows, columns, height, alt }); // keeps the place
    try {
      const image = await decode(uri);
      // Another frame may have been shown meanwhile, or another run begun.
      if (this.shown !== step || this.run !== run) return;
      this.put(this.sheet);
      this.sheet.show({
        image, rows: data.rows, columns: data.columns, height: data.height, alt: data.alt,
        where: this.where(step),
      });
    } catch {
      this.absent.add(step); // not a picture: the next one will do
    }
  }

  controls() {
    const { steps, slider, data } = this;
    const last = steps.length - 1;
    const { target } = this;
    slider.max = String(Math.max(last, 1));
    slider.value = String(target === undefined ? 1 : indexAt(steps, target));
    slider.disabled = this.playButton.disabled = last < 1;
    const words = target === undefined ? "" : this.where(target);
    slider.setAttribute("aria-valuetext", words);
    this.label.textContent = words;
    setIcon(this.playButton, this.playing ? "pause" : "play", this.playing ? "Pause" : "Play");
    this.liveButton.disabled = target === undefined;
    this.liveButton.classList.toggle("wgan-on", this.following);
    this.liveButton.classList.toggle("wgan-now", data.live);
    this.liveButton.setAttribute("aria-pressed", String(this.following));
    this.liveWords.textContent = data.live ? "Live" : "Latest";
    this.liveButton.title = data.live ? "Follow the newest picture" : "Show the newest picture";
  }

  // --- time

  // Where the step that is shown stands on the timeline.
  place() {
    return indexAt(this.steps, this.target ?? -1);
  }

  /**
   * @param {number} index
   * @param {number} delay milliseconds until frames are asked for
   */
  seek(index, delay) {
    this.pause();
    this.following = false;
    this.target = this.steps[index];
    this.show();
    this.request(delay);
    this.rest();
  }

  /**
   * Show the newest frame at or before `step`: for a timeline elsewhere.
   * @param {number} step
   * @param {number} delay milliseconds until frames are asked for
   */
  goTo(step, delay) {
    this.following = false;
    this.target = this.steps[indexAt(this.steps, step)];
    this.show();
    this.request(delay);
  }

  follow() {
    this.playing = false;
    cancelAnimationFrame(this.ticking);
    this.following = true;
    this.target = this.data.latest?.step ?? this.steps.at(-1);
    this.show();
    this.request(0);
    this.rest();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.ticking);
    this.controls();
    this.rest();
  }

  play() {
    const end = this.steps.length - 1;
    if (this.following || this.place() >= end) this.target = this.steps[0];
    this.following = false;
    this.playing = true;
    this.show();
    this.request(0);
    const pace = frameInterval(end);
    let due = performance.now() + pace;
    /** @param {number} now */
    const tick = (now) => {
      if (!this.playing) return;
      this.ticking = requestAnimationFrame(tick);
      if (now < due || this.missing(this.target)) return;
      const at = this.place();
      if (at >= this.steps.length - 1) {
        this.follow();
        return;
      }
      if (this.missing(this.steps[at + 1])) {
        if (!this.asked) this.request(0);
        return;
      }
      due = Math.max(due + pace, now);
      this.target = this.steps[at + 1];
      this.show();
      if (!this.asked && this.wanted().length) this.request(0);
    };
    this.ticking = requestAnimationFrame(tick);
  }

  destroy() {
    this.reset();
    document.removeEventListener("visibilitychange", this.visible);
    this.heading.destroy();
    this.strip?.destroy();
    this.sheet.destroy();
    this.plot.destroy();
  }
}
