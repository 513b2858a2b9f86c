// The player of a walk through latent space: pictures, or points that move over the real ones. If the browser
// has the generator, it makes the picture of every moment. Else it has all frames from the start, and
// pictures fade into each other. So playback is smooth.

import {
  bytesOf, calm, clamp, contextOf, decode, define, iconButton, make, PADDING, setIcon, shape,
} from "../base/dom.js";
import { tellMoment } from "../base/moment.js";
import { fade, themeAt } from "../base/theme.js";
import { writePixels } from "../generator/generator.js";
import { load } from "../generator/renderer.js";

const SPEEDS = [0.5, 1, 2];

/**
 * The common fields of walks: `count` frames at `fps` frames per second; with `loop`, the first
 * frame follows the last; `waypoints` are the frames of the chosen points. `token` identifies the
 * walk. `names` are the captions of several walks that are played in step; `lengthsOf` names the chart
 * that follows the playback.
 * @typedef {{ token: string, count: number, fps: number, loop: boolean, waypoints: number[],
 *   names: string[], lengthsOf: string }} Frames
 */

/**
 * What the browser needs to make the pictures itself: the generator, and the z as float32 in base64, frame by
 * frame; within a frame, one z per walk.
 * @typedef {import("../generator/renderer.js").Source & { z: string }} Local
 */

/**
 * A walk of pictures in one image. The pictures of several walks are side by side in each frame; they
 * are drawn with a gap.
 * @typedef {Frames & { sprite: string, width: number, height: number, gap: number, columns: number,
 *   local: Local | null }} PictureWalk
 */

/**
 * A walk of `points` points in the plane, as float32 in base64: `path` frame by frame, the real
 * points, and the lines of the grid.
 * @typedef {Frames & { sprite?: undefined, points: number, path: string, real: string,
 *   grid: string[] }} PointWalk
 */

/** @typedef {{ walk: PictureWalk | PointWalk, alt: string, height: number }} PlayerData */

/** @typedef {import("../base/theme.js").Theme} Theme */

/**
 * The parameters of drawing a frame: the size in device pixels, and `ratio`, the number of device
 * pixels per CSS pixel.
 * @typedef {{ width: number, height: number, ratio: number, theme: Theme }} FrameView
 */

/** @typedef {Pick<Frames, "count" | "loop">} Track */

/**
 * The playback position in frames, with a fraction, and the direction: 1 or -1.
 * @typedef {{ at: number, way: number }} Playback
 */

/**
 * Decode base64 text to float32 numbers.
 * @param {string} base64
 */
export const floats = (base64) => new Float32Array(bytesOf(base64).buffer);

/**
 * The last position. A closed walk continues from its last frame to its first.
 * @param {Track} track
 * @param {boolean} pingPong there and back
 */
export const lastPlace = ({ count, loop }, pingPong) => (
  Math.max(loop && !pingPong ? count - 1e-6 : count - 1, 0)
);

/**
 * The frames at a position: the current one, the next one, and the progress between them, 0 … 1.
 * @param {Track} track
 * @param {boolean} pingPong there and back
 * @param {number} place
 */
export function framesAt({ count, loop }, pingPong, place) {
  const at = Math.min(Math.floor(place), count - 1);
  const next = at + 1 < count ? at + 1 : loop && !pingPong ? 0 : at;
  return { at, next, part: place - at };
}

/**
 * The playback position some frames later.
 * @param {Track} track
 * @param {boolean} pingPong there and back
 * @param {Playback} playback
 * @param {number} by
 * @returns {Playback}
 */
export function advanced({ count, loop }, pingPong, { at, way }, by) {
  // An open walk restarts after its last frame.
  if (!pingPong) return { at: (at + by) % (loop ? count : count - 1), way };
  const to = at + way * by;
  if (to >= count - 1) return { at: count - 1, way: -1 };
  if (to <= 0) return { at: 0, way: 1 };
  return { at: to, way };
}

/**
 * The frame to which a key leads from a position; undefined for other keys.
 * @param {string} key
 * @param {number} place
 * @param {Track} track
 */
export function frameByKey(key, place, { count, loop }) {
  const last = count - 1;
  const frame = new Map([
    ["ArrowLeft", Math.ceil(place) - 1], ["ArrowRight", Math.floor(place) + 1], ["Home", 0], ["End", last],
  ]).get(key);
  if (frame === undefined) return undefined;
  return loop ? (frame + last + 1) % (last + 1) : clamp(frame, 0, last);
}

/**
 * The position in a walk through the same points with another number of frames, at the same share.
 * @param {number} place
 * @param {number} before number of frames of the first walk
 * @param {number} after number of frames of the other walk
 */
export const placeAtSameShare = (place, before, after) => (
  place * (Math.max(after - 1, 1) / Math.max(before - 1, 1))
);

/**
 * The size of a canvas, in device pixels, for a scene of `size` in a padded space. A scene of
 * `whole` pixels is enlarged by an integer factor, so that all its pixels are equal.
 * @param {{ width: number, height: number, whole: boolean }} size
 * @param {{ width: number, height: number }} room in pixels of CSS
 * @param {number} ratio
 */
export function canvasSize({ width: w, height: h, whole }, room, ratio) {
  let scale = Math.min((room.width - 2 * PADDING) / w, (room.height - 2 * PADDING) / h) * ratio;
  if (whole && scale > 1) scale = Math.floor(scale);
  return { width: Math.round(w * scale), height: Math.round(h * scale) };
}

/**
 * The square around all points of some lists [x, y, x, y, …], with a margin. Points that are not
 * finite are ignored.
 * @param {Float32Array[]} lists
 */
export function squareAround(lists) {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const list of lists) {
    for (let i = 0; i + 1 < list.length; i += 2) {
      if (!Number.isFinite(list[i] + list[i + 1])) continue;
      left = Math.min(left, list[i]);
      right = Math.max(right, list[i]);
      low = Math.min(low, list[i + 1]);
      high = Math.max(high, list[i + 1]);
    }
  }
  if (left > right) [left, right, low, high] = [-1, 1, -1, 1];
  return {
    middle: [(left + right) / 2, (low + high) / 2],
    side: Math.max(right - left, high - low, 1e-6) * 1.1,
  };
}

/**
 * The position of the k-th of `points` points between two frames of a path.
 * @param {Float32Array} path
 * @param {number} points
 * @param {number} k
 * @param {{ at: number, next: number, part: number }} frames
 */
export function pointBetween(path, points, k, { at, next, part }) {
  const a = 2 * (at * points + k);
  const b = 2 * (next * points + k);
  return [path[a] + part * (path[b] - path[a]), path[a + 1] + part * (path[b + 1] - path[a + 1])];
}

/**
 * The next speed; after the fastest, the slowest.
 * @param {number} speed
 */
export const nextSpeed = (speed) => SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length];

/**
 * Width and height of a frame in pixels of its pictures.
 * @param {Pick<PictureWalk, "width" | "height" | "gap" | "names">} walk
 */
export function frameSize({ width, height, gap, names }) {
  const pictures = Math.max(names.length, 1);
  return { width: pictures * (width + gap) - gap, height };
}

/** Pictures, one after the other in a sheet. */
class Pictures {
  /**
   * @param {PictureWalk} walk
   * @param {HTMLImageElement} image
   */
  constructor(walk, image) {
    this.walk = walk;
    this.image = image;
  }

  /** @param {PictureWalk} walk */
  static async of(walk) {
    return new Pictures(walk, await decode(walk.sprite));
  }

  get size() {
    return { ...frameSize(this.walk), whole: true };
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {FrameView} view
   * @param {ReturnType<typeof framesAt>} frames
   */
  draw(context, { width, height }, { at, next, part }) {
    context.clearRect(0, 0, width, height);
    this.frame(context, width, height, at, 1);
    if (part > 0.01) this.frame(context, width, height, next, part);
    context.globalAlpha = 1;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   * @param {number} at
   * @param {number} alpha
   */
  frame(context, width, height, at, alpha) {
    const { width: w, height: h, gap, columns } = this.walk;
    const pictures = Math.max(this.walk.names.length, 1);
    const scale = width / this.size.width;
    context.imageSmoothingEnabled = scale < 1;
    context.globalAlpha = alpha;
    for (let i = 0; i < pictures; i++) {
      context.drawImage(
        this.image, ((at % columns) * pictures + i) * w, Math.floor(at / columns) * h, w, h,
        Math.round(i * (w + gap) * scale), 0, Math.round(w * scale), height,
      );
    }
  }
}

/**
 * The z at a moment of a walk: between those of two frames.
 * @param {Float32Array} path frame by frame; within a frame, one z per walk
 * @param {number} length of a z
 * @param {number} walks
 * @param {number} i number of the walk
 * @param {ReturnType<typeof framesAt>} frames
 */
export function zBetween(path, length, walks, i, { at, next, part }) {
  const [a, b] = [at, next].map((frame) => (frame * walks + i) * length);
  return Float32Array.from({ length }, (_, k) => (1 - part) * path[a + k] + part * path[b + k]);
}

/** The pictures of a walk, each made by the browser when it is shown. */
class MadePictures {
  /**
   * @param {PictureWalk} walk
   * @param {Local} local
   * @param {import("../generator/generator.js").Generator} generator
   */
  constructor(walk, local, generator) {
    this.walk = walk;
    this.generator = generator;
    this.path = floats(local.z);
    this.vector = local.label < 0 ? [] : generator.classVector(local.label);
    this.canvas = make("canvas", { width: walk.width, height: walk.height });
    this.pixels = new ImageData(walk.width, walk.height);
  }

  get size() {
    return { ...frameSize(this.walk), whole: true };
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {FrameView} view
   * @param {ReturnType<typeof framesAt>} frames
   */
  draw(context, { width, height }, frames) {
    const { width: w, gap, names } = this.walk;
    const walks = Math.max(names.length, 1);
    const scale = width / this.size.width;
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = scale < 1;
    for (let i = 0; i < walks; i += 1) {
      const z = zBetween(this.path, this.generator.latentDim, walks, i, frames);
      writePixels(this.generator.make(z, this.vector), this.pixels.data, w, 0, 0);
      contextOf(this.canvas).putImageData(this.pixels, 0, 0);
      context.drawImage(
        this.canvas, Math.round(i * (w + gap) * scale), 0, Math.round(w * scale), height,
      );
    }
  }
}

/**
 * The positions of K generated points in each frame, over the real points and the grid of latent
 * space as the generator maps it.
 */
class Points {
  /** @type {HTMLCanvasElement | undefined} */
  still; // everything that does not move
  like = ""; // its size and theme

  /** @param {PointWalk} walk */
  constructor(walk) {
    this.walk = walk;
    this.path = floats(walk.path);
    this.real = floats(walk.real);
    this.grid = walk.grid.map(floats);
    // Fit the window to the real points and the walk: an untrained generator may map the grid far
    // away.
    this.square = squareAround([this.path, this.real]);
  }

  /** @param {PointWalk} walk */
  static async of(walk) {
    return new Points(walk);
  }

  get size() {
    return { width: 1, height: 1, whole: false };
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {FrameView} view
   * @param {ReturnType<typeof framesAt>} frames
   */
  draw(context, { width, height, ratio, theme }, frames) {
    const { colours } = theme;
    const { points } = this.walk;
    const { middle, side } = this.square;
    const scale = Math.min(width, height) / side;
    /** @param {number} value */
    const x = (value) => width / 2 + (value - middle[0]) * scale;
    /** @param {number} value */
    const y = (value) => height / 2 - (value - middle[1]) * scale;
    // Draw everything that does not move only once.
    const like = [width, height, theme.sheet].join();
    if (!this.still || this.like !== like) {
      this.like = like;
      this.still = make("canvas", { width, height });
      this.background(contextOf(this.still), x, y, ratio, colours);
    }
    context.clearRect(0, 0, width, height);
    context.drawImage(this.still, 0, 0);
    context.strokeStyle = colours.background;
    context.lineWidth = 1.5 * ratio;
    const radius = (points > 64 ? 3 : 6) * ratio;
    // Draw the first walk over the others.
    for (let k = points - 1; k >= 0; k--) {
      context.fillStyle = this.colourOf(k, colours);
      const [px, py] = pointBetween(this.path, points, k, frames);
      context.beginPath();
      context.arc(x(px), y(py), radius, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  /**
   * The colour of a point; that of its caption, if several walks have one.
   * @param {number} k
   * @param {Theme["colours"]} colours
   */
  colourOf(k, colours) {
    return this.walk.names.length ? colours[captionColour(k)] : colours.fake;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {(value: number) => number} x
   * @param {(value: number) => number} y
   * @param {number} ratio
   * @param {Theme["colours"]} colours
   */
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
    if (points > 16) return; // more trails are confusing
    context.lineWidth = 2 * ratio;
    for (let k = 0; k < points; k++) {
      context.strokeStyle = fade(this.colourOf(k, colours), 0.5);
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

/**
 * The colour of a walk's caption, point and curve of ‖z‖ (`lengths` in figures/plane.py).
 * @param {number} walk
 */
const captionColour = (walk) => (walk === 0 ? "generator" : "muted");

/**
 * What the drawing shows, by colour: the walks, and in the plane also the real points and the grid.
 * @param {PictureWalk | PointWalk} walk
 * @returns {{ words: string, colour: "generator" | "muted" | "fake" | "real" }[]}
 */
export function legendOf(walk) {
  /** @type {{ words: string, colour: "generator" | "muted" | "fake" | "real" }[]} */
  const entries = walk.names.map((words, i) => ({ words, colour: captionColour(i) }));
  if (walk.sprite !== undefined) return entries;
  if (!entries.length) entries.push({ words: "Fake", colour: "fake" });
  entries.push({ words: "Real", colour: "real" });
  if (walk.grid.length) entries.push({ words: "Grid of z", colour: "generator" });
  return entries;
}

class Player {
  /** @type {PlayerData} */
  data;
  /** @type {string | undefined} */
  token; // of the newest walk, which may still be loading
  /** @type {PictureWalk | PointWalk | undefined} */
  walk; // the shown walk
  /** @type {Pictures | MadePictures | Points | undefined} */
  scene; // draws the walk
  /** @type {Theme | undefined} */
  theme;
  ratio = 1; // device pixels per CSS pixel
  at = 0; // position in frames, with a fraction
  way = 1;
  speed = 1;
  pingPong = false; // there and back
  playing = false;
  seen = true; // whether it is visible on the screen
  ended = false;
  ticking = 0; // pending animation frame of playback
  moved = 0; // time at which the knob was last moved

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
    this.captions = make("div", { className: "wgan-walk-names", hidden: true });
    this.root = make("div", { className: "wgan-player" }, this.stageBox, this.captions,
      make("div", { className: "wgan-playback", role: "group", ariaLabel: "Playback" },
        this.playButton, make("div", { className: "wgan-track" }, this.slider, this.ticks),
        this.speedButton, this.modeButton));
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.stageBox);
    this.watcher = new IntersectionObserver(([entry]) => {
      this.seen = entry.isIntersecting;
      if (this.seen && this.playing) this.start();
    });
    this.watcher.observe(this.canvas);
  }

  /**
   * Make the pictures of a walk in the browser from now on, if its generator can be read.
   * @param {PictureWalk} walk
   * @param {Local} local
   */
  async useGenerator(walk, local) {
    const generator = await load(local.address);
    if (!generator || this.ended || this.walk !== walk) return;
    this.scene = new MadePictures(walk, local, generator);
    this.root.dataset.made = "browser";
    this.draw();
  }

  /** @param {PlayerData} data */
  async update(data) {
    this.data = data;
    this.canvas.setAttribute("aria-label", data.alt);
    const { walk } = data;
    const { width, height } = walk.sprite === undefined ? { width: 1, height: 1 } : frameSize(walk);
    shape(this.stageBox, width / height, data.height);
    this.caption(walk);
    if (this.token === walk.token) {
      this.layout();
      return;
    }
    this.token = walk.token;
    let scene;
    try {
      scene = await (walk.sprite === undefined ? Points.of(walk) : Pictures.of(walk));
    } catch {
      this.words.textContent = "This walk cannot be shown: its pictures cannot be read.";
      this.words.hidden = false;
      return;
    }
    if (this.ended || this.token !== walk.token) return;
    this.words.hidden = true;
    const before = this.walk;
    // The same walk with newer weights continues at the same position; one of another length, at
    // the same share.
    if (before && before.count !== walk.count) {
      this.at = placeAtSameShare(this.at, before.count, walk.count);
    }
    if (before?.loop !== walk.loop) this.pingPong = !walk.loop;
    this.scene = scene;
    this.root.dataset.made = "server";
    this.walk = walk;
    if (walk.sprite !== undefined && walk.local) this.useGenerator(walk, walk.local);
    this.at = clamp(this.at, 0, lastPlace(walk, this.pingPong));
    this.marks(walk);
    this.layout();
    if (!before && !calm.matches && walk.count > 1) this.start();
  }

  /** @param {PictureWalk | PointWalk} walk */
  caption(walk) {
    const entries = legendOf(walk);
    this.captions.hidden = !entries.length;
    this.captions.classList.toggle("wgan-plane-captions", walk.sprite === undefined);
    const words = entries.map((entry) => entry.words);
    if (this.captions.textContent === words.join("")) return;
    this.captions.replaceChildren(...entries.map((entry) => {
      const mark = make("i");
      mark.dataset.colour = entry.colour;
      if (entry.words === "Grid of z") mark.className = "wgan-line";
      return make("span", {}, mark, entry.words);
    }));
  }

  /** @param {Frames} walk */
  marks({ count, waypoints }) {
    const last = Math.max(count - 1, 1);
    this.ticks.replaceChildren(...waypoints.map((frame) => {
      const tick = make("i");
      tick.style.left = `${(100 * frame) / last}%`;
      return tick;
    }));
  }

  layout() {
    if (!this.scene) return;
    const room = { width: this.stageBox.clientWidth, height: this.stageBox.clientHeight };
    if (!room.width) return;
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = canvasSize(this.scene.size, room, ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
      Object.assign(this.canvas.style, {
        width: `${width / ratio}px`, height: `${height / ratio}px`,
      });
    }
    this.theme = themeAt(this.root);
    this.ratio = ratio;
    for (const name of this.captions.children) {
      const mark = /** @type {HTMLElement} */ (name.firstElementChild);
      const colour = /** @type {"generator" | "muted" | "fake" | "real"} */ (mark.dataset.colour);
      mark.style.background = this.theme.colours[colour];
    }
    // The pictures of several walks are above their captions.
    this.captions.style.width = this.walk?.sprite === undefined ? "" : `${width / ratio}px`;
    this.controls();
    this.draw();
  }

  draw() {
    if (!this.scene || !this.walk || !this.theme) return;
    const frames = framesAt(this.walk, this.pingPong, this.at);
    const { width, height } = this.canvas;
    const view = { width, height, ratio: this.ratio, theme: this.theme };
    this.scene.draw(contextOf(this.canvas), view, frames);
    this.tell(Math.min(this.at, this.walk.count - 1));
    // Moving the knob costs the browser more than the picture does, so do it only ten times a
    // second.
    const now = performance.now();
    if (this.playing && now - this.moved < 95) return;
    this.moved = now;
    this.slider.value = String(this.at);
    const words = `frame ${frames.at + 1} of ${this.walk.count}`;
    if (this.slider.getAttribute("aria-valuetext") !== words) {
      this.slider.setAttribute("aria-valuetext", words);
    }
  }

  /**
   * Tell the chart of ‖z‖ the frame.
   * @param {number | undefined} frame
   */
  tell(frame) {
    if (this.walk?.lengthsOf) tellMoment("shown", this.walk.lengthsOf, frame);
  }

  controls() {
    const count = this.walk?.count ?? 0;
    this.slider.max = String(Math.max(count - 1, 1));
    this.slider.disabled = this.playButton.disabled = count < 2;
    setIcon(this.playButton, this.playing ? "pause" : "play", this.playing ? "Pause" : "Play");
    this.speedButton.textContent = `${this.speed}×`;
    this.speedButton.title = "Speed";
    this.speedButton.setAttribute("aria-label", `Speed ${this.speed}×`);
    setIcon(this.modeButton, this.pingPong ? "swap" : "loop",
      this.pingPong ? "There and back; switch to loop" : "Loop; switch to there and back");
  }

  faster() {
    this.speed = nextSpeed(this.speed);
    this.controls();
  }

  toggle() {
    if (this.playing) this.stop();
    else this.start();
  }

  start() {
    if ((this.walk?.count ?? 0) < 2) return;
    this.playing = true;
    this.controls();
    cancelAnimationFrame(this.ticking);
    /** @type {number | undefined} */
    let before;
    /** @param {number} now */
    const tick = (now) => {
      if (!this.playing || !this.seen || !this.walk) return;
      // After a pause of the browser, the walk continues where it was.
      this.ticking = requestAnimationFrame(tick);
      if (before !== undefined && now - before < 30) return; // 30 frames per second are smooth
      const passed = Math.min(now - (before ?? now), 100) / 1000;
      before = now;
      const by = passed * this.walk.fps * this.speed;
      Object.assign(this, advanced(this.walk, this.pingPong, this, by));
      this.draw();
    };
    this.ticking = requestAnimationFrame(tick);
  }

  stop() {
    this.playing = false;
    cancelAnimationFrame(this.ticking);
    this.controls();
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!this.walk || event.altKey || event.ctrlKey || event.metaKey) return;
    const frame = frameByKey(event.key, this.at, this.walk);
    if (event.key === " ") {
      // Buttons handle their own keys.
      if (/** @type {Element} */ (event.target).closest("button")) return;
      this.toggle();
    } else if (frame !== undefined) {
      this.stop();
      this.at = frame;
      this.draw();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  destroy() {
    this.ended = true;
    this.playing = false;
    this.tell(undefined);
    cancelAnimationFrame(this.ticking);
    this.observer.disconnect();
    this.watcher.disconnect();
  }
}

export default define(() => new Player());
