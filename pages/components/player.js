// The player of a walk through the latent space: pictures that melt into each other, or points
// that move over the real ones. Everything it shows is here at once, so it plays smoothly.

import {
  calm, clamp, decode, define, iconButton, make, PADDING, setIcon, shape,
} from "./shared.js";
import { fade, themeAt } from "./plotly_theme.js";

const SPEEDS = [0.5, 1, 2];

const floats = (base64) => new Float32Array(
  Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer,
);

// Pictures: one after the other in a sheet.
class Pictures {
  static async of(walk) {
    return Object.assign(new Pictures(), { walk, image: await decode(walk.sprite) });
  }

  get size() {
    return { width: this.walk.width, height: this.walk.height, whole: true };
  }

  draw(context, { width, height }, at, next, part) {
    context.clearRect(0, 0, width, height);
    this.frame(context, width, height, at, 1);
    if (part > 0.01) this.frame(context, width, height, next, part);
    context.globalAlpha = 1;
  }

  frame(context, width, height, at, alpha) {
    const { width: w, height: h, columns } = this.walk;
    context.imageSmoothingEnabled = width < w;
    context.globalAlpha = alpha;
    context.drawImage(
      this.image, (at % columns) * w, Math.floor(at / columns) * h, w, h, 0, 0, width, height,
    );
  }
}

// Points: where each of K generated points is at each frame, over the real ones and the grid of
// the latent space as the generator bends it.
class Points {
  static async of(walk) {
    const points = Object.assign(new Points(), {
      walk, path: floats(walk.path), real: floats(walk.real), grid: walk.grid.map(floats),
    });
    points.bound();
    return points;
  }

  get size() {
    return { width: 1, height: 1, whole: false };
  }

  // The square around all there is to see. The grid may be thrown far by a young generator, so
  // only what the real points and the walk need is sure to be seen.
  bound() {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const list of [this.path, this.real]) {
      for (let i = 0; i + 1 < list.length; i += 2) {
        if (!Number.isFinite(list[i] + list[i + 1])) continue;
        left = Math.min(left, list[i]);
        right = Math.max(right, list[i]);
        low = Math.min(low, list[i + 1]);
        high = Math.max(high, list[i + 1]);
      }
    }
    if (left > right) [left, right, low, high] = [-1, 1, -1, 1];
    this.middle = [(left + right) / 2, (low + high) / 2];
    this.side = Math.max(right - left, high - low, 1e-6) * 1.1;
  }

  draw(context, { width, height, ratio, theme }, at, next, part) {
    const { colours } = theme;
    const { points } = this.walk;
    const scale = Math.min(width, height) / this.side;
    const x = (value) => width / 2 + (value - this.middle[0]) * scale;
    const y = (value) => height / 2 - (value - this.middle[1]) * scale;
    // All that does not move is drawn once.
    const like = [width, height, theme.sheet].join();
    if (this.like !== like) {
      this.like = like;
      this.still = make("canvas", { width, height });
      this.background(this.still.getContext("2d"), x, y, ratio, colours);
    }
    context.clearRect(0, 0, width, height);
    context.drawImage(this.still, 0, 0);
    context.fillStyle = colours.fake;
    context.strokeStyle = colours.background;
    context.lineWidth = 1.5 * ratio;
    const radius = (points > 64 ? 3 : 6) * ratio;
    for (let k = 0; k < points; k++) {
      const a = 2 * (at * points + k);
      const b = 2 * (next * points + k);
      const px = this.path[a] + part * (this.path[b] - this.path[a]);
      const py = this.path[a + 1] + part * (this.path[b + 1] - this.path[a + 1]);
      context.beginPath();
      context.arc(x(px), y(py), radius, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  background(context, x, y, ratio, colours) {
    context.lineJoin = "round";
    context.lineWidth = ratio;
    context.strokeStyle = fade(colours.generator, 0.35);
    for (const line of this.grid) {
      context.beginPath();
      for (let i = 0; i < line.length; i += 2) context.lineTo(x(line[i]), y(line[i + 1]));
      context.stroke();
    }
    context.fillStyle = fade(colours.real, 0.45);
    const radius = (this.real.length > 4000 ? 1.3 : 2) * ratio;
    for (let i = 0; i < this.real.length; i += 2) {
      context.beginPath();
      context.arc(x(this.real[i]), y(this.real[i + 1]), radius, 0, 2 * Math.PI);
      context.fill();
    }
    const { count, points } = this.walk;
    if (points > 16) return; // more tracks than anyone can follow
    context.lineWidth = 2 * ratio;
    context.strokeStyle = fade(colours.fake, 0.5);
    for (let k = 0; k < points; k++) {
      context.beginPath();
      for (let f = 0; f < count; f++) {
        const i = 2 * (f * points + k);
        context.lineTo(x(this.path[i]), y(this.path[i + 1]));
      }
      if (this.walk.loop) context.closePath();
      context.stroke();
    }
  }
}

class Player {
  constructor() {
    this.canvas = make("canvas", { className: "wgan-focus", tabIndex: 0, role: "img" });
    this.canvas.setAttribute("aria-keyshortcuts", "Space ArrowLeft ArrowRight Home End");
    this.words = make("p", { className: "wgan-note", role: "status", hidden: true });
    this.playButton = iconButton("play", "Play", () => this.toggle());
    this.slider = make("input", { type: "range", className: "wgan-range", min: 0, step: "any" });
    this.slider.setAttribute("aria-label", "Place on the walk");
    this.slider.oninput = () => {
      this.at = Number(this.slider.value); // before stop() moves the knob back
      this.stop();
    };
    this.ticks = make("div", { className: "wgan-ticks", ariaHidden: "true" });
    this.speedButton = make("button", {
      type: "button", className: "wgan-button wgan-speed", onclick: () => this.faster(),
    });
    this.modeButton = iconButton("loop", "Loop", () => {
      this.pingPong = !this.pingPong;
      this.way = 1;
      this.controls();
    });
    this.stageBox = make("div", { className: "wgan-screen" }, this.canvas, this.words);
    this.root = make("div", { className: "wgan-player" }, this.stageBox,
      make("div", { className: "wgan-timeline", role: "group", ariaLabel: "Playback" },
        this.playButton, make("div", { className: "wgan-track" }, this.slider, this.ticks),
        this.speedButton, this.modeButton));
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.at = 0; // frames from the start, with a fraction
    this.way = 1;
    this.speed = 1;
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.stageBox);
    this.seen = true;
    this.watcher = new IntersectionObserver(([entry]) => {
      this.seen = entry.isIntersecting;
      if (this.seen && this.playing) this.start();
    });
    this.watcher.observe(this.canvas);
  }

  async update(data) {
    this.data = data;
    this.canvas.setAttribute("aria-label", data.alt);
    const { walk } = data;
    shape(this.stageBox, walk.sprite ? walk.width / walk.height : 1, data.height);
    if (this.token === walk.token) return this.layout();
    this.token = walk.token;
    let scene;
    try {
      scene = await (walk.sprite ? Pictures : Points).of(walk);
    } catch {
      this.words.textContent = "This walk cannot be shown: its pictures cannot be read.";
      this.words.hidden = false;
      return;
    }
    if (this.ended || this.token !== walk.token) return;
    this.words.hidden = true;
    const first = !this.scene;
    // The same walk with newer weights goes on where it is; one of another length, at its share.
    if (this.walk && this.walk.count !== walk.count) {
      this.at *= Math.max(walk.count - 1, 1) / Math.max(this.walk.count - 1, 1);
    }
    if (first || this.walk.loop !== walk.loop) this.pingPong = !walk.loop;
    this.scene = scene;
    this.walk = walk;
    this.at = clamp(this.at, 0, this.end);
    this.marks();
    this.layout();
    if (first && !calm.matches && walk.count > 1) this.start();
  }

  // The last place: a closed walk goes on from its last frame to its first.
  get end() {
    const { count, loop } = this.walk;
    return Math.max(loop && !this.pingPong ? count - 1e-6 : count - 1, 0);
  }

  marks() {
    const last = Math.max(this.walk.count - 1, 1);
    this.ticks.replaceChildren(...this.walk.waypoints.map((frame) => {
      const tick = make("i");
      tick.style.left = `${(100 * frame) / last}%`;
      return tick;
    }));
  }

  layout() {
    if (!this.scene) return;
    const { clientWidth: room, clientHeight: tallest } = this.stageBox;
    if (!room) return;
    const ratio = window.devicePixelRatio || 1;
    const { width: w, height: h, whole } = this.scene.size;
    let scale = Math.min((room - 2 * PADDING) / w, (tallest - 2 * PADDING) / h) * ratio;
    if (whole && scale > 1) scale = Math.floor(scale); // all pixels alike
    const width = Math.round(w * scale);
    const height = Math.round(h * scale);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
      Object.assign(this.canvas.style, {
        width: `${width / ratio}px`, height: `${height / ratio}px`,
      });
    }
    this.theme = themeAt(this.root);
    this.ratio = ratio;
    this.controls();
    this.draw();
  }

  draw() {
    if (!this.scene || !this.theme) return;
    const { count, loop } = this.walk;
    const at = Math.min(Math.floor(this.at), count - 1);
    const next = at + 1 < count ? at + 1 : loop && !this.pingPong ? 0 : at;
    const { width, height } = this.canvas;
    const view = { width, height, ratio: this.ratio, theme: this.theme };
    this.scene.draw(this.canvas.getContext("2d"), view, at, next, this.at - at);
    // Moving the knob costs the browser more than the picture does: ten times a second will do.
    const now = performance.now();
    if (this.playing && now - this.moved < 95) return;
    this.moved = now;
    this.slider.value = this.at;
    const words = `frame ${at + 1} of ${count}`;
    if (this.slider.getAttribute("aria-valuetext") !== words) {
      this.slider.setAttribute("aria-valuetext", words);
    }
  }

  controls() {
    this.slider.max = Math.max((this.walk?.count ?? 2) - 1, 1);
    this.slider.disabled = this.playButton.disabled = !(this.walk?.count > 1);
    setIcon(this.playButton, this.playing ? "pause" : "play", this.playing ? "Pause" : "Play");
    this.speedButton.textContent = `${this.speed}×`;
    this.speedButton.title = "Speed";
    this.speedButton.setAttribute("aria-label", `Speed ${this.speed}×`);
    setIcon(this.modeButton, this.pingPong ? "swap" : "loop",
      this.pingPong ? "There and back; switch to loop" : "Loop; switch to there and back");
  }

  faster() {
    this.speed = SPEEDS[(SPEEDS.indexOf(this.speed) + 1) % SPEEDS.length];
    this.controls();
  }

  toggle() {
    if (this.playing) this.stop();
    else this.start();
  }

  start() {
    if (!(this.walk?.count > 1)) return;
    this.playing = true;
    this.controls();
    cancelAnimationFrame(this.ticking);
    let before;
    const tick = (now) => {
      if (!this.playing || !this.seen) return;
      // After a pause of the browser the walk goes on where it was, it does not leap.
      this.ticking = requestAnimationFrame(tick);
      if (now - before < 30) return; // 30 pictures a second are smooth, and leave room for others
      const passed = Math.min(now - (before ?? now), 100) / 1000;
      before = now;
      this.advance(passed * this.walk.fps * this.speed);
      this.draw();
    };
    this.ticking = requestAnimationFrame(tick);
  }

  advance(by) {
    const { count } = this.walk;
    if (this.pingPong) {
      this.at += this.way * by;
      if (this.at >= count - 1) [this.at, this.way] = [count - 1, -1];
      else if (this.at <= 0) [this.at, this.way] = [0, 1];
    } else {
      // An open walk has no way from its last frame to its first: it starts anew.
      this.at = (this.at + by) % (this.walk.loop ? count : count - 1);
    }
  }

  stop() {
    this.playing = false;
    cancelAnimationFrame(this.ticking);
    this.controls();
    this.draw();
  }

  key(event) {
    if (!this.walk || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = this.walk.count - 1;
    const places = {
      ArrowLeft: Math.ceil(this.at) - 1, ArrowRight: Math.floor(this.at) + 1, Home: 0, End: last,
    };
    if (event.key === " ") {
      if (event.target.closest("button")) return; // the button does its own work
      this.toggle();
    } else if (event.key in places) {
      this.stop();
      const place = places[event.key];
      this.at = this.walk.loop ? (place + last + 1) % (last + 1) : clamp(place, 0, last);
      this.draw();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  destroy() {
    this.ended = true;
    this.playing = false;
    cancelAnimationFrame(this.ticking);
    this.observer.disconnect();
    this.watcher.disconnect();
  }
}

export default define(() => new Player());
