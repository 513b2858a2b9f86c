// A plane of latent space as a map of pictures: drag to move, turn the wheel to zoom, point to
// preview, click to keep. The picture at hand moves at once; Python renders the new part after it.

import { clamp, decode, define, Edits, Heading, make, write } from "./shared.js";
import { themeAt } from "./plotly_theme.js";

const SETTLE = 90; // milliseconds without a movement after which the new part is asked for

class LatentMap {
  constructor(component) {
    this.edits = new Edits(component);
    this.canvas = make("canvas", { className: "wgan-focus", tabIndex: 0, role: "application" });
    this.large = make("canvas", { ariaHidden: "true" });
    this.words = make("p", { className: "wgan-map-words" });
    this.words.setAttribute("aria-live", "polite");
    const button = (text, label, act) => {
      const made = make("button", { type: "button", className: "wgan-button", onclick: act }, text);
      made.setAttribute("aria-label", label);
      made.title = label;
      return made;
    };
    this.buttons = make("div", { className: "wgan-map-tools" },
      button("+", "Zoom in", () => this.zoom(1 / 1.5)),
      button("−", "Zoom out", () => this.zoom(1.5)),
      button("Home", "Back to the start", () => this.home()));
    this.side = make("div", { className: "wgan-map-side" }, this.large, this.words, this.buttons);
    this.screen = make("div", { className: "wgan-map-screen" }, this.canvas);
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

  async update(data) {
    this.data = data;
    this.heading.update(data.title, data.help);
    this.root.style.setProperty("--height", `${data.height}px`);
    this.canvas.setAttribute("aria-label",
      `${data.alt}. Arrow keys point at a picture, plus and minus zoom, Enter keeps.`);
    const fresh = this.source !== data.source;
    const taken = !this.held && !this.settling && this.edits.takes(data.edit);
    if (fresh || taken) {
      this.source = data.source;
      this.view = { x: data.x, y: data.y, half: data.half };
      this.start = { x: data.homeX, y: data.homeY, half: data.homeHalf };
    }
    if (fresh) this.cursor = undefined;
    if (this.image && data.image === this.given) {
      this.at = { x: data.x, y: data.y, half: data.half, side: data.side };
      return this.draw();
    }
    this.given = data.image;
    try {
      const image = await decode(data.image);
      if (this.given !== data.image) return;
      this.image = image;
      this.at = { x: data.x, y: data.y, half: data.half, side: data.side };
      this.draw();
    } catch {
      write(this.words, "This map cannot be read.");
    }
  }

  // From the plane to the canvas and back; y grows upwards.
  toCanvas({ x, y }) {
    const { width } = this.canvas;
    const scale = width / (2 * this.view.half);
    return [(x - this.view.x) * scale + width / 2, width / 2 - (y - this.view.y) * scale];
  }

  placeAt({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const share = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    return {
      x: this.view.x + (2 * share[0] - 1) * this.view.half,
      y: this.view.y + (1 - 2 * share[1]) * this.view.half,
    };
  }

  drag(event) {
    const { held } = this;
    const box = this.canvas.getBoundingClientRect();
    const unit = (2 * this.view.half) / box.width;
    const by = [event.clientX - held.x, event.clientY - held.y];
    if (Math.hypot(...by) < 4 && !held.moved) return;
    held.moved = true;
    this.view = { ...this.view, x: held.view.x - by[0] * unit, y: held.view.y + by[1] * unit };
    this.moved();
  }

  zoom(by, around = this.view) {
    const half = clamp(this.view.half * by, this.data.least, this.data.most);
    const share = half / this.view.half;
    this.view = {
      half,
      x: around.x + (this.view.x - around.x) * share,
      y: around.y + (this.view.y - around.y) * share,
    };
    this.moved();
  }

  home() {
    this.view = { ...this.start };
    this.moved();
  }

  moved() {
    const { reach } = this.data;
    this.view.x = clamp(this.view.x, -reach, reach);
    this.view.y = clamp(this.view.y, -reach, reach);
    this.draw();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.settling = undefined;
      this.edits.send({ ...this.view, source: this.source });
    }, SETTLE);
  }

  keep(place) {
    this.edits.command("keep", { ...place, source: this.source });
  }

  point(event) {
    this.preview(this.held?.moved ? undefined : this.placeAt(event));
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.at) return;
    const cell = (2 * this.view.half) / this.at.side;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key in steps) {
      const from = this.cursor ?? this.view;
      const place = { x: from.x + steps[event.key][0] * cell, y: from.y + steps[event.key][1] * cell };
      this.preview(place);
      const { x, y, half } = this.view;
      const over = [Math.abs(place.x - x) - half, Math.abs(place.y - y) - half];
      if (over[0] > 0 || over[1] > 0) {
        this.view = { half, x: x + (over[0] > 0 ? place.x - from.x : 0), y: y + (over[1] > 0 ? place.y - from.y : 0) };
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

  preview(place) {
    this.cursor = place;
    this.draw();
  }

  // The tile of the sheet at hand that lies under a place; nothing where it has none yet.
  tileAt(place) {
    const { at } = this;
    if (!at || !place) return undefined;
    const column = Math.floor(((place.x - at.x + at.half) / (2 * at.half)) * at.side);
    const row = Math.floor(((at.y + at.half - place.y) / (2 * at.half)) * at.side);
    return column >= 0 && row >= 0 && column < at.side && row < at.side ? { column, row } : undefined;
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.screen;
    if (!this.image || !width) return;
    const ratio = window.devicePixelRatio || 1;
    const side = Math.floor(Math.min(width, height) * ratio);
    if (this.canvas.width !== side) {
      Object.assign(this.canvas, { width: side, height: side });
      Object.assign(this.canvas.style, { width: `${side / ratio}px`, height: `${side / ratio}px` });
    }
    const { colours } = themeAt(this.root);
    const context = this.canvas.getContext("2d");
    const { at } = this;
    const [left, top] = this.toCanvas({ x: at.x - at.half, y: at.y + at.half });
    const size = (side * at.half) / this.view.half;
    context.clearRect(0, 0, side, side);
    context.imageSmoothingEnabled = size < this.image.naturalWidth;
    context.drawImage(this.image, left, top, size, size);
    context.lineWidth = 2 * ratio;
    context.font = `700 ${12 * ratio}px sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const { x, y, name } of this.data.marks) {
      const [px, py] = this.toCanvas({ x, y });
      context.fillStyle = colours.generator;
      context.beginPath();
      context.arc(px, py, 9 * ratio, 0, 2 * Math.PI);
      context.fill();
      context.fillStyle = "#10151d";
      context.fillText(name, px, py);
    }
    this.show(ratio);
    const tile = this.tileAt(this.cursor);
    if (!tile) return;
    const cell = size / at.side;
    context.strokeStyle = colours.generator;
    context.strokeRect(left + tile.column * cell, top + tile.row * cell, cell, cell);
  }

  show(ratio) {
    const tile = this.tileAt(this.cursor) ?? { column: (this.at.side - 1) >> 1, row: (this.at.side - 1) >> 1 };
    const { naturalWidth } = this.image;
    const w = naturalWidth / this.at.side;
    const side = Math.floor((this.side.clientWidth || 160) * ratio);
    if (this.large.width !== side) Object.assign(this.large, { width: side, height: side });
    this.large.style.width = this.large.style.height = `${side / ratio}px`;
    const context = this.large.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(this.image, tile.column * w, tile.row * w, w, w, 0, 0, side, side);
    const place = this.cursor ?? this.view;
    const words = `${this.cursor ? "" : "Middle: "}x ${place.x.toFixed(2)}, y ${place.y.toFixed(2)}`
      .replaceAll("-", "−");
    write(this.words, words);
  }

  destroy() {
    clearTimeout(this.settling);
    this.observer.disconnect();
    this.heading.destroy();
  }
}

export default define((component) => new LatentMap(component));
