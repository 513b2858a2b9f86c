// The samples of several runs with a common timeline, over steps, images or seconds.

import { define, formatCount, iconButton, make, setIcon, write } from "../base/dom.js";
import { onMoment, tellMoment } from "../base/moment.js";
import { colourNamed, themeAt } from "../base/theme.js";
import { indexAt, Stage } from "../sample_timeline/stage.js";

const HISTORY = 15_000; // milliseconds for playing the whole timeline

/**
 * A run: `at` is the position of each of its `steps` on the common axis.
 * @typedef {Omit<import("../sample_timeline/stage.js").StageData, "at" | "height" | "plotly" | "help">
 *   & { colour: string, at: number[] }} WallItem
 */

/**
 * Data from run_grid.py; `moment` is the initial position on the common axis, and `moments` identifies the
 * grid for the charts that show the same position.
 * @typedef {{ items: WallItem[], unit: string, moment: number | null, moments: string, height: number,
 *   plotly: string | null }} WallData
 */

/**
 * The end of the common axis: the position of the last frame of all runs.
 * @param {{ at: number[] }[]} items
 */
export const axisEnd = (items) => Math.max(...items.map((item) => item.at.at(-1) ?? 0), 0);

/**
 * The share of the timeline that is played after some more milliseconds.
 * @param {number} share
 * @param {number} passed
 */
export const playedShare = (share, passed) => Math.min(share + passed / HISTORY, 1);

class Wall {
  /** @type {WallData} */
  data;
  /** @type {string | undefined} */
  names; // of the shown runs
  /** @type {Map<string, number[]>} */
  wishes = new Map(); // the steps of the frames that each run's stage requests
  /** @type {{ stage: Stage, swatch: HTMLElement, title: HTMLElement, moment: HTMLElement,
   *   root: HTMLElement }[]} */
  stages = [];
  share = 1; // the visitor's position, as a share of the common axis
  end = 0; // of the common axis
  playing = false;
  following = true; // shows the newest frames
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  telling; // of the next request
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  resting; // of the next message for the page's address
  ticking = 0; // pending animation frame of playback
  /** @type {{ share: number, following: boolean } | undefined} */
  before; // the position before a chart was pointed at
  /** @type {number | undefined} */
  peeked; // the position at which a chart is pointed, on the common axis

  /** @param {StreamlitComponent} component */
  constructor({ setTriggerValue }) {
    /** @param {Record<string, number[]>} wishes */
    this.tell = (wishes) => setTriggerValue("want", wishes);
    /** @param {number} moment */
    this.tellMoment = (moment) => setTriggerValue("moment", moment);
    this.endMoments = onMoment("pointed", (moments, moment) => {
      if (moments === this.data?.moments) this.peek(moment);
    });
    this.grid = make("div", { className: "wgan-wall" });
    this.playButton = iconButton("play", "Play", () => (this.playing ? this.pause() : this.play()));
    this.slider = make("input", { type: "range", className: "wgan-range", min: 0, max: 1000 });
    this.slider.oninput = () => this.seek(Number(this.slider.value) / 1000, 100);
    this.slider.onchange = () => this.seek(Number(this.slider.value) / 1000, 0);
    this.label = make("span", { className: "wgan-step" });
    this.liveButton = make("button", {
      type: "button", className: "wgan-button wgan-live", onclick: () => this.follow(),
    }, "Latest");
    this.root = make("div", {}, this.grid,
      make("div", { className: "wgan-timeline", role: "group", ariaLabel: "Timeline of all runs" },
        this.playButton, this.slider, this.label, this.liveButton));
  }

  /**
   * Collect the requests of the stages, and send one request for all of them.
   * @param {string} run
   * @param {number[]} steps
   */
  ask(run, steps) {
    this.wishes.set(run, steps);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      this.tell(Object.fromEntries(this.wishes));
      this.wishes.clear();
    }, 40);
  }

  /** @param {WallData} data */
  update(data) {
    const names = data.items.map((item) => item.run).join();
    if (this.data && (this.data.moments !== data.moments || this.names !== names)) {
      this.peek(undefined); // the charts are others, and will not say that nothing is pointed at
      tellMoment("shown", this.data.moments, undefined);
    }
    this.data = data;
    let begins = false;
    if (names !== this.names) {
      this.names = names;
      for (const { stage } of this.stages) stage.destroy();
      this.stages = data.items.map((item) => {
        const stage = new Stage((steps) => this.ask(item.run, steps), null, true);
        const [swatch, title, moment] = [
          make("i", { className: "wgan-swatch" }), make("span", {}), make("small", {}),
        ];
        const root = make("figure", {}, make("figcaption", {}, swatch, title, moment), stage.root);
        return { stage, swatch, title, moment, root };
      });
      this.grid.replaceChildren(...this.stages.map(({ root }) => root));
      this.following = data.moment === null || !Number.isFinite(data.moment);
      begins = !this.following;
    }
    const { colours } = themeAt(this.root);
    data.items.forEach((item, i) => {
      const { stage, swatch, title } = this.stages[i];
      write(title, item.title);
      swatch.style.background = colourNamed(item.colour, colours);
      const { plotly, height } = data;
      stage.update({ ...item, at: null, plotly, height, title: "", help: "" });
    });
    this.end = axisEnd(data.items);
    this.slider.setAttribute("aria-label", `Moment shown, in ${data.unit}`);
    if (begins) this.share = this.end > 0 ? Math.min((data.moment ?? 0) / this.end, 1) : 1;
    if (this.following) this.share = 1;
    else {
      if (this.peeked !== undefined) this.share = this.shareOf(this.peeked);
      this.place(0);
    }
    this.controls();
  }

  // Report the visitor's position for the page's address.
  rest() {
    clearTimeout(this.resting);
    if (this.playing) return;
    const moment = this.following ? -1 : this.share * this.end;
    this.resting = setTimeout(() => this.tellMoment(moment), 400);
  }

  /**
   * Let every stage show its newest frame at or before the position; without one, its first frame.
   * @param {number} delay milliseconds until frames are asked for
   */
  place(delay) {
    const moment = this.share * this.end;
    this.data.items.forEach((item, i) => {
      const at = indexAt(item.at, moment);
      if (item.steps.length) this.stages[i].stage.goTo(item.steps[at], delay);
    });
  }

  /**
   * @param {number} share
   * @param {number} delay milliseconds until frames are asked for
   */
  seek(share, delay) {
    this.pause();
    this.endPeek();
    this.following = false;
    this.share = share;
    this.place(delay);
    this.controls();
    this.rest();
  }

  /** @param {number} moment */
  shareOf(moment) {
    return this.end > 0 ? Math.min(Math.max(moment / this.end, 0), 1) : 1;
  }

  /** Stay at the position on show, whatever it was before. */
  endPeek() {
    this.before = this.peeked = undefined;
  }

  /**
   * Show the position at which a chart is pointed, and afterwards the one before.
   * @param {number | undefined} moment undefined: no chart is pointed at
   */
  peek(moment) {
    if (this.playing || !(this.end > 0)) return;
    if (moment !== undefined) {
      this.before ??= { share: this.share, following: this.following };
      this.peeked = moment;
      this.share = this.shareOf(moment);
      this.following = false;
      this.place(100);
    } else if (this.before) {
      Object.assign(this, this.before);
      this.endPeek();
      if (this.following) for (const { stage } of this.stages) stage.follow();
      else this.place(0);
    }
    this.controls();
  }

  follow() {
    this.pause();
    this.endPeek();
    this.following = true;
    this.share = 1;
    for (const { stage } of this.stages) stage.follow();
    this.controls();
    this.rest();
  }

  play() {
    this.endPeek();
    if (this.share >= 1) this.share = 0;
    this.following = false;
    this.playing = true;
    let before = performance.now();
    /** @param {number} now */
    const tick = (now) => {
      if (!this.playing) return;
      this.ticking = requestAnimationFrame(tick);
      if (now - before < 150) return;
      // Wait for frames that have been requested, so that all runs stay in step.
      if (this.stages.some(({ stage }) => stage.missing(stage.target))) return;
      this.share = playedShare(this.share, now - before);
      before = now;
      this.place(0);
      if (this.share >= 1) this.follow();
      else this.controls();
    };
    this.ticking = requestAnimationFrame(tick);
    this.place(0);
    this.controls();
  }

  pause() {
    this.playing = false;
    cancelAnimationFrame(this.ticking);
  }

  controls() {
    tellMoment("shown", this.data.moments, this.following ? undefined : this.share * this.end);
    this.slider.value = String(Math.round(this.share * 1000));
    this.slider.disabled = this.playButton.disabled = !(this.end > 0);
    const moment = `${formatCount(Math.round(this.share * this.end))} ${this.data.unit}`;
    write(this.label, moment);
    this.slider.setAttribute("aria-valuetext", moment);
    setIcon(this.playButton, this.playing ? "pause" : "play", this.playing ? "Pause" : "Play");
    this.liveButton.classList.toggle("wgan-on", this.following);
    this.liveButton.setAttribute("aria-pressed", String(this.following));
    for (const { stage, moment: words } of this.stages) {
      write(words, stage.target === undefined ? "" : stage.where(stage.target));
    }
  }

  destroy() {
    this.pause();
    clearTimeout(this.telling);
    clearTimeout(this.resting);
    this.endMoments();
    if (this.data) tellMoment("shown", this.data.moments, undefined);
    for (const { stage } of this.stages) stage.destroy();
  }
}

export default define((component) => new Wall(component));
