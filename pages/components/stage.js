// The stage: what the generator makes, and a timeline of how it came to make it. And the strip:
// one sheet of samples without a timeline.

import {
  clamp, decode, Heading, iconButton, make, number, PADDING, setIcon, shape,
} from "./shared.js";
import { Plane } from "./plane.js";
import { SpriteSheet, Strip } from "./sprite.js";

const CHUNK = 16; // frames asked for at once; stage.py gives no more
const AHEAD = 12; // frames asked for before playback needs them
const KEPT = 16e6; // characters of frames kept in the browser: about 16 MB

export class Stage {
  // `ask` is called with the steps of the frames that are missed, `tell` with the step that the
  // visitor went to (-1: follows the newest); a `bare` stage has no timeline.
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
    this.liveButton = make("button", {
      type: "button", className: "wgan-button wgan-live", onclick: () => this.follow(),
    }, make("span", { className: "wgan-dot", ariaHidden: "true" }), make("span", {}));
    this.heading = new Heading();
    this.real = make("div", { className: "wgan-real", hidden: true });
    this.root = make("div", { className: "wgan-stage" },
      make("div", { className: "wgan-row" }, this.real,
        make("div", { className: "wgan-made" }, this.heading.root, this.picture)),
      make("div", { className: "wgan-timeline", role: "group", ariaLabel: "Timeline" },
        this.playButton, this.slider, this.label, this.liveButton));
    if (bare) this.root.lastChild.remove();
    this.visible = () => this.data && this.show();
    document.addEventListener("visibilitychange", this.visible);
    this.reset();
  }

  reset() {
    this.frames = new Map(); // step → frame; the least recently used first
    this.size = 0;
    this.absent = new Set(); // steps that Python does not have either
    this.asked = undefined;
    this.steps = [];
    this.following = true;
    this.target = undefined; // the step to show
    this.shown = undefined; // the step whose picture stands there
    this.playing = false;
    clearTimeout(this.timer);
    clearTimeout(this.telling);
    cancelAnimationFrame(this.ticking);
  }

  update(data) {
    const begins = data.run !== this.run;
    if (begins) this.reset();
    this.run = data.run;
    this.data = data;
    this.heading.update(data.title, data.help);
    this.beside(data.real);
    this.steps = data.steps;
    if (data.latest) {
      this.keep(data.latest);
      const last = this.steps.at(-1) ?? -1;
      if (data.latest.step > last) this.steps = [...this.steps, data.latest.step];
    }
    for (const frame of data.frames) this.keep(frame);
    for (const step of data.absent) this.absent.add(step);
    if (this.asked?.every((step) => this.frames.has(step) || this.absent.has(step))) {
      this.asked = undefined;
    }
    if (begins && Number.isFinite(data.at) && this.steps.length) {
      this.following = false;
      this.target = this.steps[this.indexOf(data.at)];
    }
    if (this.following) this.target = data.latest?.step ?? this.steps.at(-1);
    this.show();
    this.request(0);
  }

  // Say where the visitor rests, for the page's address.
  rest() {
    clearTimeout(this.telling);
    if (!this.tell || this.playing) return;
    this.telling = setTimeout(() => this.tell(this.following ? -1 : this.target), 400);
  }

  // Real pictures, each as large as a sample.
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

  keep(frame) {
    const had = this.frames.get(frame.step);
    if (had) {
      this.frames.delete(frame.step);
      this.frames.set(frame.step, had);
      return;
    }
    frame.size = frame.image?.length ?? JSON.stringify(frame.figure).length;
    this.frames.set(frame.step, frame);
    this.size += frame.size;
    for (const [step, old] of this.frames) {
      if (this.size < KEPT) break;
      if (step === this.target || step === frame.step) continue;
      this.frames.delete(step);
      this.size -= old.size;
    }
  }

  // Where `step` stands on the timeline; the place before it where it was thinned out.
  indexOf(step) {
    let low = 0;
    let high = this.steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.steps[middle] <= step) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, 0);
  }

  missing(step) {
    return step !== undefined && !this.frames.has(step) && !this.absent.has(step);
  }

  // What to ask for, the most urgent first.
  wanted() {
    const { steps } = this;
    if (!steps.length || this.target === undefined) return [];
    if (this.following && !this.playing) return this.missing(this.target) ? [this.target] : [];
    const at = this.indexOf(this.target);
    const list = [this.target];
    if (this.playing) {
      list.push(...steps.slice(at + 1, at + 1 + CHUNK));
      const near = steps.slice(at + 1, at + 1 + AHEAD).filter((step) => this.missing(step));
      if (!near.length) return [];
    } else {
      for (const by of [1, -1, 2, -2, 3]) list.push(steps[at + by]);
      // And a coarse view of the whole, so that a drag meets something near everywhere.
      for (let i = 0; i < 10; i++) list.push(steps[Math.round((i * (steps.length - 1)) / 9)]);
    }
    return [...new Set(list)].filter((step) => this.missing(step)).slice(0, CHUNK);
  }

  request(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const list = this.wanted();
      if (!list.length) return;
      // One question at a time. An answer may be lost (Streamlit drops an update that is
      // overtaken by the next), so it is asked again after a while.
      const waiting = this.asked ? 3000 - (performance.now() - this.askedAt) : 0;
      const urgent = this.asked && !this.asked.includes(list[0]);
      if (waiting > 0 && !(urgent && waiting < 2700)) return this.request(Math.min(waiting, 300));
      this.asked = list;
      this.askedAt = performance.now();
      this.ask(list);
      this.request(3050);
    }, delay);
  }

  // --- picture

  nearest(step) {
    let best;
    for (const frame of this.frames.values()) {
      const distance = Math.abs(frame.step - step);
      if (!best || distance < best.distance) best = { frame, distance };
    }
    return best?.frame;
  }

  show() {
    const { data } = this;
    const exact = this.frames.get(this.target);
    const frame = exact ?? (this.target === undefined ? undefined : this.nearest(this.target));
    // The nearest picture at hand stands in, paler, until the one asked for arrives.
    this.root.classList.toggle("wgan-waiting", !exact && this.missing(this.target));
    this.picture.setAttribute("aria-busy", String(!exact && this.missing(this.target)));
    this.controls();
    if (frame?.figure) this.showFigure(frame);
    else if (frame) this.showImage(frame);
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

  put(view) {
    if (this.picture.firstChild !== view.root) this.picture.replaceChildren(view.root);
  }

  where(step) {
    return `step ${number.format(step)}`;
  }

  showFigure(frame) {
    const { data } = this;
    this.put(this.plot);
    // Plot tells a change of theme or size from no change at all.
    if (this.shown === frame.step && this.plot.given === frame.figure) return this.plot.draw();
    this.shown = frame.step;
    // As high as a sheet with its padding, so that nothing moves when the first frame comes.
    shape(this.plot.root, data.columns / data.rows, data.height + 2 * PADDING);
    this.plot.give({
      figure: frame.figure, run: data.run, plotly: data.plotly,
      alt: `${data.alt}, ${this.where(frame.step)}`,
    });
  }

  async showImage(frame) {
    const { data, run } = this;
    // In a hidden tab nothing is decoded for nobody.
    if (document.hidden || (this.shown === frame.step && this.sheet.sheet?.image)) return;
    this.shown = frame.step;
    const { rows, columns, height, alt } = data;
    if (!this.sheet.sheet) this.sheet.show({ rows, columns, height, alt }); // keeps the place
    try {
      const image = await decode(frame.image);
      // Another frame may have been shown meanwhile, or another run begun.
      if (this.shown !== frame.step || this.run !== run) return;
      this.put(this.sheet);
      this.sheet.show({
        image, rows: data.rows, columns: data.columns, height: data.height, alt: data.alt,
        where: this.where(frame.step),
      });
    } catch {
      this.absent.add(frame.step); // not a picture: the next one will do
    }
  }

  controls() {
    const { steps, slider, data } = this;
    const last = steps.length - 1;
    const known = this.target !== undefined;
    slider.max = Math.max(last, 1);
    slider.value = known ? this.indexOf(this.target) : 1;
    slider.disabled = this.playButton.disabled = last < 1;
    const words = known ? this.where(this.target) : "";
    slider.setAttribute("aria-valuetext", words);
    this.label.textContent = words;
    setIcon(this.playButton, this.playing ? "pause" : "play", this.playing ? "Pause" : "Play");
    this.liveButton.disabled = !known;
    this.liveButton.classList.toggle("wgan-on", this.following);
    this.liveButton.classList.toggle("wgan-now", data.live);
    this.liveButton.setAttribute("aria-pressed", String(this.following));
    this.liveButton.lastChild.textContent = data.live ? "Live" : "Latest";
    this.liveButton.title = data.live ? "Follow the newest picture" : "Show the newest picture";
  }

  // --- time

  seek(index, delay) {
    this.pause();
    this.following = false;
    this.target = this.steps[index];
    this.show();
    this.request(delay);
    this.rest();
  }

  // Show the newest frame at or before `step`: for a timeline elsewhere.
  goTo(step, delay) {
    this.following = false;
    this.target = this.steps[this.indexOf(step)];
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
    if (this.following || this.indexOf(this.target) >= end) this.target = this.steps[0];
    this.following = false;
    this.playing = true;
    this.show();
    this.request(0);
    // The whole history in about a quarter of a minute.
    const pace = 1000 / clamp(end / 15, 4, 24);
    let due = performance.now() + pace;
    const tick = (now) => {
      if (!this.playing) return;
      this.ticking = requestAnimationFrame(tick);
      if (now < due || this.missing(this.target)) return;
      const at = this.indexOf(this.target);
      if (at >= this.steps.length - 1) return this.follow();
      if (this.missing(this.steps[at + 1])) return this.asked || this.request(0);
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
