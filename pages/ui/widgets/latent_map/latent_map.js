// A plane in latent space as a map of pictures: drag to move, turn the wheel to zoom, point to
// preview, click to keep. The current picture moves at once. The new part is made by the browser if it
// has the generator, else by Python.

import { clamp, contextOf, decode, define, Edits, Heading, make, write } from "../base/dom.js";
import { recall, remember } from "../base/memory.js";
import { themeAt } from "../base/theme.js";
import { rowsOf, windowOf } from "../generator/latent.js";
import { Renderer } from "../generator/renderer.js";

const MOVED = "map-moved"; // the browser remembers that the visitor knows how to move a map

const SETTLE = 90; // milliseconds after the last movement until the new part is requested

const PAN = 0.5; // movement by a button, as a share of half the view's side

const STEPS = new Map([
  ["ArrowLeft", { x: -1, y: 0 }], ["ArrowRight", { x: 1, y: 0 }],
  ["ArrowUp", { x: 0, y: 1 }], ["ArrowDown", { x: 0, y: -1 }],
]);

/** @typedef {Point & { half: number }} View a square part of the plane: its centre and half its side */

/** @typedef {View & { side: number }} Tiled a part of the plane as `side` × `side` pictures */

/**
 * Data from latent_map.py: the part of the plane that `image` shows; the initial part; how far the
 * visitor can go from the centre (`reach`), and the limits of `half`. `source` identifies the
 * plane. `local` is what the browser needs to make the pictures; then `image` can be missing.
 * @typedef {Tiled & { image: string | null, local: Local | null, edit: EditAnswer, homeX: number, homeY: number, homeHalf: number,
 *   source: string, marks: (Point & { name: string })[], reach: number, least: number, most: number,
 *   alt: string, title: string, help: string, height: number }} MapData
 */

/**
 * A plane for `windowOf`: the rows centre, u and v. With `shell` it is wrapped around a sphere.
 * @typedef {import("../generator/renderer.js").Source & { plane: string, shell: boolean, share: number
 * }} Local
 */

/**
 * The visitor's view, and whether the browser makes the pictures (`local`).
 * @typedef {View & { source: string | undefined, local: boolean }} Seen
 */

/**
 * The position of a place of the plane on a canvas of `width` × `width` that shows `view`; y grows
 * upwards.
 * @param {View} view
 * @param {number} width
 * @param {Point} place
 */
export function toCanvas(view, width, { x, y }) {
  const scale = width / (2 * view.half);
  return [(x - view.x) * scale + width / 2, width / 2 - (y - view.y) * scale];
}

/**
 * The place of the plane at a share of the canvas from the left and from the top.
 * @param {View} view
 * @param {number} left
 * @param {number} top
 */
export const placeAtShare = (view, left, top) => ({
  x: view.x + (2 * left - 1) * view.half,
  y: view.y + (1 - 2 * top) * view.half,
});

/**
 * The view after dragging the picture by some pixels.
 * @param {View} view before
 * @param {number} across
 * @param {number} down
 * @param {number} width of the canvas in the same pixels
 * @returns {View}
 */
export function dragged(view, across, down, width) {
  const unit = (2 * view.half) / width;
  return { half: view.half, x: view.x - across * unit, y: view.y + down * unit };
}

/**
 * The view after multiplying its side by `by`, with `around` at the same position on screen.
 * @param {View} view
 * @param {number} by
 * @param {Point} around
 * @param {{ least: number, most: number }} limits
 * @returns {View}
 */
export function zoomed(view, by, around, { least, most }) {
  const half = clamp(view.half * by, least, most);
  const share = half / view.half;
  return {
    half,
    x: around.x + (view.x - around.x) * share,
    y: around.y + (view.y - around.y) * share,
  };
}

/**
 * The view after a cursor has moved from a place to another: it follows if the new place is
 * outside. Undefined if the view does not change.
 * @param {View} view
 * @param {Point} from
 * @param {Point} to
 * @returns {View | undefined}
 */
export function followed(view, from, to) {
  const [beyondX, beyondY] = [Math.abs(to.x - view.x) > view.half, Math.abs(to.y - view.y) > view.half];
  if (!beyondX && !beyondY) return undefined;
  return {
    half: view.half,
    x: view.x + (beyondX ? to.x - from.x : 0),
    y: view.y + (beyondY ? to.y - from.y : 0),
  };
}

/**
 * The picture at a place; undefined if there is none yet.
 * @param {Tiled} at
 * @param {Point} place
 */
export function tileAt(at, place) {
  const column = Math.floor(((place.x - at.x + at.half) / (2 * at.half)) * at.side);
  const row = Math.floor(((at.y + at.half - place.y) / (2 * at.half)) * at.side);
  return column >= 0 && row >= 0 && column < at.side && row < at.side ? { column, row } : undefined;
}

/**
 * A place as text.
 * @param {Point} place
 */
export const placeWords = ({ x, y }) => `x ${x.toFixed(2)}, y ${y.toFixed(2)}`.replaceAll("-", "−");

class LatentMap {
  /** @type {MapData} */
  data;
  /** @type {View} */
  view; // what the visitor sees
  /** @type {View} */
  start; // initial view of this plane
  /** @type {Tiled | undefined} */
  at; // the part that the image shows
  /** @type {import("../base/sprite.js").Picture | undefined} */
  image;
  /** @type {string | undefined} */
  given; // address of the newest image from Python
  /** @type {HTMLImageElement | undefined} */
  sent; // that image
  /** @type {string | undefined} */
  source;
  /** @type {Point | undefined} */
  cursor; // of the pointer or the keyboard
  /** @type {(Point & { view: View, moved: boolean }) | undefined} */
  held; // where a drag began, and in which view
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  settling;

  /** @param {StreamlitComponent} component */
  constructor(component) {
    /** @type {Edits<Seen>} */
    this.edits = new Edits(component);
    /** @type {Renderer<Tiled>} */
    this.renderer = new Renderer((sheet, part) => this.showPart(sheet, part));
    this.canvas = make("canvas", { className: "wgan-focus", tabIndex: 0, role: "application" });
    this.large = make("canvas", { ariaHidden: "true" });
    this.words = make("p", { className: "wgan-map-words" });
    this.words.setAttribute("aria-live", "polite");
    /**
     * @param {string} text
     * @param {string} label
     * @param {() => void} act
     */
    const button = (text, label, act) => {
      const made = make("button", { type: "button", className: "wgan-button", onclick: act }, text);
      made.setAttribute("aria-label", label);
      made.title = label;
      return made;
    };
    this.buttons = make("div", {},
      make("div", { className: "wgan-map-tools" },
        button("+", "Zoom in", () => this.zoom(1 / 1.5)),
        button("−", "Zoom out", () => this.zoom(1.5)),
        button("Home", "Home: back to the start", () => this.home())),
      make("div", { className: "wgan-map-tools" },
        button("←", "Move left", () => this.shift({ x: -PAN, y: 0 })),
        button("↑", "Move up", () => this.shift({ x: 0, y: PAN })),
        button("↓", "Move down", () => this.shift({ x: 0, y: -PAN })),
        button("→", "Move right", () => this.shift({ x: PAN, y: 0 }))));
    this.side = make("div", { className: "wgan-map-side" }, this.large, this.words, this.buttons);
    this.hint = make("p", { className: "wgan-map-hint", hidden: recall(MOVED) === true },
      `Drag to move. ${matchMedia("(pointer: coarse)").matches ? "Tap" : "Click"} to keep a picture.`);
    this.screen = make("div", { className: "wgan-map-screen" }, this.canvas, this.hint);
    this.heading = new Heading();
    this.root = make("div", {}, this.heading.root,
      make("div", { className: "wgan-map" }, this.screen, this.side));
    const { canvas } = this;
    canvas.onpointerdown = (event) => {
      if (event.button || !event.isPrimary) return;
      canvas.setPointerCapture(event.pointerId);
      this.held = { x: event.clientX, y: event.clientY, view: { ...this.view }, moved: false };
    };
    canvas.onpointermove = (event) => {
      if (this.held) this.drag(event);
      this.point(event);
    };
    canvas.onpointerup = (event) => {
      const { held } = this;
      this.held = undefined;
      if (held && !held.moved) this.keep(this.placeAt(event));
    };
    canvas.onpointercancel = () => (this.held = undefined);
    canvas.onpointerleave = () => this.held || this.preview(undefined);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(clamp(event.deltaY, -120, 120) / 300), this.placeAt(event));
    }, { passive: false });
    canvas.onkeydown = (event) => this.key(event);
    canvas.onblur = () => this.preview(undefined);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.screen);
  }

  /** @param {MapData} data */
  async update(data) {
    this.data = data;
    this.heading.update(data.title, data.help);
    this.root.style.setProperty("--height", `${data.height}px`);
    this.canvas.setAttribute("aria-label",
      `${data.alt}. Arrow keys point at a picture, and move the map at its edge. With Shift, they move the map. ` +
      "Plus and minus zoom, Enter keeps.");
    const fresh = this.source !== data.source;
    const taken = !this.held && !this.settling && this.edits.takes(data.edit);
    if (fresh || taken) {
      this.source = data.source;
      this.view = { x: data.x, y: data.y, half: data.half };
      this.start = { x: data.homeX, y: data.homeY, half: data.homeHalf };
    }
    if (fresh) this.cursor = undefined;
    this.renderer.follow(data.local, () => this.generatorChanged());
    if (this.renderer.generator) {
      this.render();
      return;
    }
    if (!data.image) {
      this.image = undefined; // that of another generator
      contextOf(this.canvas).clearRect(0, 0, this.canvas.width, this.canvas.height);
      return;
    }
    const part = { x: data.x, y: data.y, half: data.half, side: data.side };
    if (this.sent && data.image === this.given) {
      this.showPart(this.sent, part);
      return;
    }
    this.given = data.image;
    this.sent = undefined;
    try {
      const image = await decode(data.image);
      if (this.given !== data.image) return;
      this.sent = image;
      if (!this.renderer.generator) this.showPart(image, part);
    } catch {
      write(this.words, "This map cannot be read.");
    }
  }

  /** The generator has been loaded, or cannot be read: then Python must make the pictures. */
  generatorChanged() {
    if (!this.renderer.generator && !this.data.image) this.send();
    this.update(this.data);
  }

  /** Make the pictures of the view in the browser. */
  render() {
    const { local, side } = this.data;
    if (!this.renderer.generator || !local) return;
    const plane = rowsOf(local.plane, local.latentDim);
    const view = { ...this.view, side };
    const inputs = windowOf(plane, local.shell, view).map((z) => z.map((number) => number * local.share));
    this.renderer.make({ inputs, label: local.label, columns: side, view });
  }

  /**
   * @param {import("../base/sprite.js").Picture} image
   * @param {Tiled} part what it shows
   */
  showPart(image, part) {
    this.image = image;
    this.at = part;
    this.root.dataset.made = this.renderer.generator ? "browser" : "server";
    this.draw();
  }

  /** @param {{ clientX: number, clientY: number }} event */
  placeAt({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return placeAtShare(this.view, (clientX - box.left) / box.width, (clientY - box.top) / box.height);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    const { held } = this;
    if (!held) return;
    const box = this.canvas.getBoundingClientRect();
    const by = [event.clientX - held.x, event.clientY - held.y];
    if (Math.hypot(...by) < 4 && !held.moved) return;
    held.moved = true;
    // The wheel may have zoomed during the drag.
    this.view = dragged({ ...held.view, half: this.view.half }, by[0], by[1], box.width);
    this.moved();
  }

  /**
   * @param {number} by
   * @param {Point} around
   */
  zoom(by, around = this.view) {
    this.view = zoomed(this.view, by, around, this.data);
    this.moved();
  }

  home() {
    this.view = { ...this.start };
    this.moved();
  }

  moved() {
    if (!this.hint.hidden) {
      this.hint.hidden = true;
      remember(MOVED, true);
    }
    const { reach } = this.data;
    this.view.x = clamp(this.view.x, -reach, reach);
    this.view.y = clamp(this.view.y, -reach, reach);
    this.draw();
    this.render();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.settling = undefined;
      this.send();
    }, SETTLE);
  }

  send() {
    const local = this.renderer.generator !== undefined;
    this.edits.send({ ...this.view, source: this.source, local });
  }

  /** @param {Point} place */
  keep(place) {
    this.edits.command("keep", { ...place, source: this.source });
  }

  /** @param {PointerEvent} event */
  point(event) {
    this.preview(this.held?.moved ? undefined : this.placeAt(event));
  }

  /**
   * Move the map.
   * @param {Point} by as shares of half the view's side
   */
  shift({ x, y }) {
    const { view } = this;
    this.view = { ...view, x: view.x + x * view.half, y: view.y + y * view.half };
    this.moved();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.at) return;
    const cell = (2 * this.view.half) / this.at.side;
    const step = STEPS.get(event.key);
    if (step && event.shiftKey) this.shift({ x: (2 * step.x) / this.at.side, y: (2 * step.y) / this.at.side });
    else if (step) {
      const from = this.cursor ?? this.view;
      const place = { x: from.x + step.x * cell, y: from.y + step.y * cell };
      this.preview(place);
      const view = followed(this.view, from, place);
      if (view) {
        this.view = view;
        this.moved();
      }
    } else if (event.key === "+" || event.key === "=") this.zoom(1 / 1.5, this.cursor);
    else if (event.key === "-") this.zoom(1.5, this.cursor);
    else if (event.key === "Home") this.home();
    else if ((event.key === "Enter" || event.key === " ") && this.cursor) this.keep(this.cursor);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Point | undefined} place */
  preview(place) {
    this.cursor = place;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.screen;
    const { at, image } = this;
    if (!image || !at || !width) return;
    const ratio = window.devicePixelRatio || 1;
    const side = Math.floor(Math.min(width, height) * ratio);
    if (this.canvas.width !== side) {
      Object.assign(this.canvas, { width: side, height: side });
      Object.assign(this.canvas.style, { width: `${side / ratio}px`, height: `${side / ratio}px` });
    }
    const { colours } = themeAt(this.root);
    const context = contextOf(this.canvas);
    const [left, top] = toCanvas(this.view, side, { x: at.x - at.half, y: at.y + at.half });
    const size = (side * at.half) / this.view.half;
    context.clearRect(0, 0, side, side);
    context.imageSmoothingEnabled = size < image.naturalWidth;
    context.drawImage(image, left, top, size, size);
    context.lineWidth = 2 * ratio;
    context.font = `700 ${12 * ratio}px sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const { x, y, name } of this.data.marks) {
      const [px, py] = toCanvas(this.view, side, { x, y });
      context.fillStyle = colours.generator;
      context.beginPath();
      context.arc(px, py, 9 * ratio, 0, 2 * Math.PI);
      context.fill();
      context.fillStyle = "#10151d";
      context.fillText(name, px, py);
    }
    this.show(image, at, ratio);
    const tile = this.cursor && tileAt(at, this.cursor);
    if (!tile) return;
    const cell = size / at.side;
    context.strokeStyle = colours.generator;
    context.strokeRect(left + tile.column * cell, top + tile.row * cell, cell, cell);
  }

  /**
   * Enlarge the picture at the cursor, or the middle one without a cursor.
   * @param {import("../base/sprite.js").Picture} image
   * @param {Tiled} at
   * @param {number} ratio device pixels per CSS pixel
   */
  show(image, at, ratio) {
    const middle = (at.side - 1) >> 1;
    const tile = (this.cursor && tileAt(at, this.cursor)) ?? { column: middle, row: middle };
    const w = image.naturalWidth / at.side;
    const side = Math.floor((this.side.clientWidth || 160) * ratio);
    if (this.large.width !== side) Object.assign(this.large, { width: side, height: side });
    this.large.style.width = this.large.style.height = `${side / ratio}px`;
    const context = contextOf(this.large);
    context.imageSmoothingEnabled = false;
    context.drawImage(image, tile.column * w, tile.row * w, w, w, 0, 0, side, side);
    write(this.words, `${this.cursor ? "" : "Middle: "}${placeWords(this.cursor ?? this.view)}`);
  }

  destroy() {
    clearTimeout(this.settling);
    this.renderer.destroy();
    this.observer.disconnect();
    this.heading.destroy();
  }
}

export default define((component) => new LatentMap(component));
