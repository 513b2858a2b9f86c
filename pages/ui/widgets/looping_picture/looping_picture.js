// A short picture that moves: frames in one sheet, played a few times, with a button to pause it.

import { calm, contextOf, decode, define, iconButton, make, setIcon } from "../base/dom.js";

const LOOPS = 3; // then it stops at its last frame

/**
 * A sheet of `count` frames of `width` × `height` pixels at `fps` frames per second.
 * @typedef {{ image: string, width: number, height: number, columns: number, count: number, fps: number,
 *   alt: string }} LoopData
 */

/**
 * The frame some seconds after the beginning; undefined after the last loop.
 * @param {{ count: number, fps: number }} loop
 * @param {number} seconds
 */
export function frameAt({ count, fps }, seconds) {
  const frame = Math.floor(seconds * fps);
  return frame < LOOPS * count ? frame % count : undefined;
}

class LoopingPicture {
  /** @type {LoopData} */
  data;
  /** @type {HTMLImageElement | undefined} */
  image;
  /** @type {string | undefined} */
  given; // address of the image
  /** @type {ReturnType<typeof setInterval> | undefined} */
  timer;
  seconds = 0; // played so far
  playing = !calm.matches;
  seen = false; // whether it is in sight

  constructor() {
    this.canvas = make("canvas", { role: "img" });
    this.button = iconButton("pause", "Pause", () => this.toggle());
    this.root = make("div", { className: "wgan-loop" }, this.canvas, this.button);
    this.watcher = new IntersectionObserver(([entry]) => {
      this.seen = entry.isIntersecting;
      this.run();
    });
    this.watcher.observe(this.root);
  }

  /** @param {LoopData} data */
  async update(data) {
    this.data = data;
    this.canvas.setAttribute("aria-label", data.alt);
    if (data.image === this.given) return;
    this.given = data.image;
    this.root.style.aspectRatio = `${data.width / data.height}`;
    Object.assign(this.canvas, { width: data.width, height: data.height });
    try {
      this.image = await decode(new URL(data.image, document.baseURI).href);
      // The last frame shows the result, for visitors who prefer no motion.
      this.draw(this.playing ? 0 : data.count - 1);
      this.run();
    } catch {
      this.root.hidden = true; // the step's words say the same
    }
  }

  // Start or stop the timer.
  run() {
    clearInterval(this.timer);
    setIcon(this.button, this.playing ? "pause" : "play", this.playing ? "Pause" : "Play");
    if (!this.playing || !this.seen || !this.image) return;
    const { fps } = this.data;
    this.timer = setInterval(() => {
      this.seconds += 1 / fps;
      const frame = frameAt(this.data, this.seconds + 0.5 / fps);
      if (frame === undefined) {
        this.seconds = 0;
        this.playing = false;
        this.run();
      } else this.draw(frame);
    }, 1000 / fps);
  }

  toggle() {
    this.playing = !this.playing;
    this.run();
  }

  /** @param {number} frame */
  draw(frame) {
    const { image } = this;
    if (!image) return;
    const { width, height, columns } = this.data;
    const context = contextOf(this.canvas);
    context.clearRect(0, 0, width, height);
    context.drawImage(
      image, (frame % columns) * width, Math.floor(frame / columns) * height, width, height,
      0, 0, width, height,
    );
    this.root.dataset.frame = String(frame);
  }

  destroy() {
    clearInterval(this.timer);
    this.watcher.disconnect();
  }
}

export default define(() => new LoopingPicture());
