// The stage: the newest samples of a generator, and a timeline of all earlier ones.

import {
  clamp, decode, formatCount, Heading, iconButton, make, PADDING, setIcon, shape,
} from "../base/dom.js";
import { onMoment, tellMoment } from "../base/moment.js";
import { Plane } from "./plane.js";
import { SpriteSheet, Strip } from "../base/sprite.js";

const CHUNK = 16; // frames per request; sample_timeline.py sends at most this many
const AHEAD = 12; // frames requested before playback needs them
const KEPT = 16e6; // characters of frames kept in the browser, about 16 MB
const HISTORY = 8; // earlier pictures of an enlarged sample
const PATIENCE = 3000; // milliseconds after which an answer counts as lost

/**
 * The samples at a step: a sheet as an address, or a figure.
 * @typedef {{ step: number, image?: string, figure?: Figure }} Frame
 */

/** @typedef {import("../base/sprite.js").StripData} StripData */

/**
 * Data from sample_timeline.py. `steps` are those with a frame; `frames` are the requested ones,
 * and `absent` the requested steps without a frame; `at` is the initial step.
 * @typedef {{ run: string, title: string, help: string, steps: number[], latest: Frame | null,
 *   frames: Frame[], absent: number[], at?: number | null, live: boolean, words: string,
 *   rows: number, columns: number, height: number, alt: string, plotly: string | null,
 *   real?: Omit<StripData, "caption" | "height"> | null, moments?: string, near?: Near | null }} StageData
 * `moments` identifies the run for the charts that show the same step; `near` is the real picture nearest
 * to a sample.
 */

/** @typedef {import("../base/sprite.js").Near} Near */

/**
 * At most `count` steps from first to last, evenly spread.
 * @param {number[]} steps
 * @param {number} count
 */
export function spread(steps, count) {
  if (steps.length <= count) return steps;
  return Array.from({ length: count }, (_, i) => steps[Math.round((i * (steps.length - 1)) / (count - 1))]);
}

/**
 * The index of `step` in ascending `steps`; if it was thinned out, the index before it.
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

/** Frames by step, least recently used first. The oldest are dropped if there are too many. */
export class FrameCache {
  size = 0; // characters of all frames
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
   * @param {number} [shown] the step of a frame that is always kept
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
 * The steps of the frames to request, most urgent first.
 * @param {{ steps: number[], target: number | undefined, following: boolean, playing: boolean,
 *   history?: number[] }} timeline `history` are the steps of an enlarged sample
 * @param {(step: number | undefined) => boolean} missing
 */
export function stepsToAsk({ steps, target, following, playing, history = [] }, missing) {
  if (!steps.length || target === undefined) return [];
  if (following && !playing) return [...new Set([target, ...history])].filter(missing).slice(0, CHUNK);
  const at = indexAt(steps, target);
  const list = [target];
  if (playing) {
    list.push(...steps.slice(at + 1, at + 1 + CHUNK));
    if (!steps.slice(at + 1, at + 1 + AHEAD).some(missing)) return [];
  } else {
    for (const by of [1, -1, 2, -2, 3]) list.push(steps[at + by]);
    // Also request a coarse selection of the whole history, so that a drag always finds a near
    // frame.
    list.push(...spread(steps, 10), ...history);
  }
  return [...new Set(list)].filter(missing).slice(0, CHUNK);
}

/**
 * Milliseconds until the next request for frames can be sent, with `first` the most urgent frame; 0
 * for now. Only one request is pending at a time. An answer may be lost, because Streamlit drops an
 * update that is overtaken by the next one. So the request is repeated after a while, and soon if
 * the urgent frame was not requested.
 * @param {{ asked: number[] | undefined, askedAt: number }} question the pending request
 * @param {number} first
 * @param {number} now
 */
export function timeToAsk({ asked, askedAt }, first, now) {
  const waiting = asked ? PATIENCE - (now - askedAt) : 0;
  const urgent = asked && !asked.includes(first);
  return waiting > 0 && !(urgent && waiting < PATIENCE - 300) ? Math.min(waiting, 300) : 0;
}

/**
 * Milliseconds between two frames, so that the whole history takes about 15 seconds.
 * @param {number} last the index of the last frame
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
  shown; // the step whose picture is shown
  /** @type {number[]} */
  steps = [];
  frames = new FrameCache(KEPT);
  /** @type {Set<number>} */
  absent = new Set(); // steps that Python does not have either
  /** @type {number[] | undefined} */
  asked; // the steps of the pending request
  askedAt = 0;
  following = true;
  playing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer; // of the next request
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  telling; // of the next message for the page's address
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  nearTimer; // until the nearest real picture is requested again
  /** @type {[number, number] | undefined} */
  nearAsked; // step and index of the sample whose nearest real picture was requested last
  ticking = 0; // pending animation frame of playback
  /** @type {number[]} */
  history = []; // the steps of an enlarged sample
  /** @type {{ following: boolean, target: number | undefined } | undefined} */
  before; // the moment to return to when the pointer leaves the chart

  /**
   * @param {(steps: number[]) => void} ask is called with the steps of the frames that are missed
   * @param {((step: number) => void) | null} tell is called with the step that the visitor went to
   *   (-1: follows the newest)
   * @param {boolean} bare without a timeline
   * @param {((step: number, index: number) => void) | null} askNear is called to get the real picture
   *   nearest to a sample
   */
  constructor(ask, tell, bare = false, askNear = null) {
    this.ask = ask;
    this.tell = tell;
    this.sheet = new SpriteSheet();
    this.sheet.lightbox.onOpen = (index) => this.openHistory(index);
    this.sheet.lightbox.onClose = () => {
      this.history = [];
      clearTimeout(this.nearTimer);
    };
    this.sheet.lightbox.onStep = (step) => {
      this.seek(indexAt(this.steps, step), 0);
      this.requestNear(step, this.sheet.lightbox.index);
    };
    this.askNear = askNear;
    this.endMoments = onMoment("pointed", (run, step) => {
      if (run === this.data?.moments) this.peek(step);
    });
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
    }, make("span", { className: "wgan-live-dot", ariaHidden: "true" }), this.liveWords);
    this.heading = new Heading();
    this.real = make("div", { className: "wgan-real-column", hidden: true });
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
    this.before = undefined;
    clearTimeout(this.timer);
    clearTimeout(this.telling);
    clearTimeout(this.nearTimer);
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
    if (this.history.length) this.fillHistory();
    if (data.near) this.receiveNear(data.near);
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

  // Report the visitor's position for the page's address.
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

  // Return the steps to request, most urgent first.
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
    // Until the requested picture arrives, show the nearest one, paler.
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
    // Plot distinguishes a change of theme or size from no change.
    if (this.shown === step && this.plot.given === figure) {
      this.plot.draw();
      return;
    }
    this.shown = step;
    // Use the height of a sheet with its padding, so that nothing moves when the first frame comes.
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
    // Do not decode in a hidden tab.
    if (document.hidden || (this.shown === step && this.sheet.sheet?.image)) return;
    this.shown = step;
    const { rows, columns, height, alt } = data;
    if (!this.sheet.sheet) this.sheet.show({ rows, columns, height, alt }); // reserves the space
    try {
      const image = await decode(uri);
      // In the meantime another frame may have been shown, or another run begun.
      if (this.shown !== step || this.run !== run) return;
      this.put(this.sheet);
      this.sheet.show({
        image, rows: data.rows, columns: data.columns, height: data.height, alt: data.alt,
        where: this.where(step),
      });
    } catch {
      this.absent.add(step); // not a picture: skip it
    }
  }

  /**
   * Show the earlier pictures of an enlarged sample, and the real picture nearest to it.
   * @param {number} index
   */
  openHistory(index) {
    this.history = spread(this.steps, HISTORY);
    this.fillHistory();
    this.request(0);
    if (this.shown !== undefined) this.requestNear(this.shown, index);
  }

  /**
   * Ask for the real picture nearest to a sample, and again while no answer comes: a rerun of the page that
   * is interrupted by the next one sends no answer. A repeat interrupts, too, so the time to wait doubles.
   * @param {number} step
   * @param {number} index
   * @param {number} wait milliseconds
   */
  requestNear(step, index, wait = PATIENCE) {
    if (!this.askNear) return;
    clearTimeout(this.nearTimer);
    this.nearAsked = [step, index];
    this.askNear(step, index);
    this.nearTimer = setTimeout(() => this.requestNear(step, index, 2 * wait), wait);
  }

  /** @param {Near} near */
  receiveNear(near) {
    if (near.step !== this.nearAsked?.[0] || near.index !== this.nearAsked[1]) return;
    clearTimeout(this.nearTimer);
    this.sheet.lightbox.showNear(near);
  }

  fillHistory() {
    this.sheet.lightbox.showHistory(
      this.history.map((step) => ({ step, image: this.frames.get(step)?.image })),
    );
  }

  controls() {
    const { steps, slider, data } = this;
    if (data.moments) tellMoment("shown", data.moments, this.following ? undefined : this.target);
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

  // Move the slider to the step that is shown.
  place() {
    return indexAt(this.steps, this.target ?? -1);
  }

  /**
   * @param {number} index
   * @param {number} delay milliseconds until frames are asked for
   */
  seek(index, delay) {
    this.pause();
    this.before = undefined;
    this.following = false;
    this.target = this.steps[index];
    this.show();
    this.request(delay);
    this.rest();
  }

  /**
   * Show the newest frame at or before `step`, for an external timeline.
   * @param {number} step
   * @param {number} delay milliseconds until frames are asked for
   */
  goTo(step, delay) {
    this.following = false;
    this.target = this.steps[indexAt(this.steps, step)];
    this.show();
    this.request(delay);
  }

  /**
   * Show the samples of a step while the visitor points at it on a chart; undefined: return to the
   * moment before.
   * @param {number | undefined} step
   */
  peek(step) {
    if (this.playing || !this.steps.length) return;
    if (step === undefined) {
      const { before } = this;
      this.before = undefined;
      if (!before) return;
      this.following = before.following;
      this.target = before.following ? (this.data.latest?.step ?? this.steps.at(-1)) : before.target;
      this.show();
      return;
    }
    this.before ??= { following: this.following, target: this.target };
    this.goTo(step, 100);
  }

  follow() {
    this.playing = false;
    this.before = undefined;
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
    this.endMoments();
    if (this.data?.moments) tellMoment("shown", this.data.moments, undefined);
    document.removeEventListener("visibilitychange", this.visible);
    this.heading.destroy();
    this.strip?.destroy();
    this.sheet.destroy();
    this.plot.destroy();
  }
}
