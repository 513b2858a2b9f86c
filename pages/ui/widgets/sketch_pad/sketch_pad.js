// A square of cells to draw on. 0 is empty; 255 is densest or, with `night`, white.

import { bytesOf, clamp, contextOf, define, Edits, make } from "../base/dom.js";

/** @type {Map<string, [number, number]>} */
const STEPS = new Map([
  ["ArrowLeft", [-1, 0]], ["ArrowRight", [1, 0]], ["ArrowUp", [0, -1]], ["ArrowDown", [0, 1]],
]);

/**
 * Data from sketch_pad.py: `side` × `side` cells in base64, row by row; `night` for drawing white
 * on black.
 * @typedef {{ side: number, cells: string, edit: EditAnswer, height: number, night: boolean, alt: string }} SketchData
 */

/**
 * Set all cells whose centres are within `radius` of a place to a value.
 * @param {Uint8Array} cells side × side, row by row
 * @param {number} side
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {number} value
 */
export function dabCells(cells, side, x, y, radius, value) {
  for (let row = Math.floor(y - radius); row <= y + radius; row++) {
    for (let column = Math.floor(x - radius); column <= x + radius; column++) {
      const inside = Math.hypot(column + 0.5 - x, row + 0.5 - y) <= radius;
      if (!inside || row < 0 || column < 0 || row >= side || column >= side) continue;
      cells[row * side + column] = value;
    }
  }
}

/**
 * Places between two places at most half a cell apart, without the first; at least one.
 * @param {[number, number]} from
 * @param {[number, number]} to
 * @returns {[number, number][]}
 */
export function strokePlaces(from, to) {
  const count = Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])) || 1;
  return Array.from({ length: count }, (_, i) => {
    const share = (i + 1) / count;
    return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
  });
}

/**
 * Encode cells as base64.
 * @param {Uint8Array} cells
 */
export const encodeCells = (cells) => btoa(String.fromCharCode(...cells));

class Sketch {
  side = 0;
  cells = new Uint8Array();
  /** @type {[number, number] | undefined} */
  brush; // position of the keyboard's brush
  /** @type {[number, number] | undefined} */
  last; // last place of the pointer in this stroke
  drawing = false;
  erasing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  telling; // of the next message to Python

  /** @param {StreamlitComponent} component */
  constructor(component) {
    /** @type {Edits<string>} */
    this.edits = new Edits(component);
    this.canvas = make("canvas", { tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.width = make("input",
      { type: "range", className: "wgan-range", min: 1, max: 8, value: 3, ariaLabel: "Width of the brush" });
    this.eraser = make("button", { type: "button", className: "wgan-button", onclick: () => this.erase() }, "Eraser");
    this.clear = make("button", { type: "button", className: "wgan-button", onclick: () => this.empty() }, "Clear");
    this.root = make("div", { className: "wgan-sketch" }, this.canvas,
      make("div", { className: "wgan-sketch-tools" },
        make("label", {}, "Brush", this.width), this.eraser, this.clear));
    const { canvas } = this;
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.last = undefined;
      this.drawing = true;
      this.stroke(event);
    };
    canvas.onpointermove = (event) => {
      if (!this.drawing) return;
      for (const part of event.getCoalescedEvents?.() ?? [event]) this.stroke(part);
    };
    canvas.onpointerup = canvas.onpointercancel = () => {
      if (!this.drawing) return;
      this.drawing = false;
      this.done();
    };
    canvas.onkeydown = (event) => this.key(event);
    canvas.onblur = () => this.telling && this.done(); // the visitor may be about to leave
  }

  /** @param {SketchData} data */
  update(data) {
    this.root.style.setProperty("--height", `${data.height}px`);
    this.canvas.classList.toggle("wgan-night", Boolean(data.night));
    this.canvas.setAttribute("aria-label",
      `${data.alt}. Arrow keys move a brush. With Shift, they draw. The space bar draws a dot, Delete clears all.`);
    // During a stroke, values from Python are older than the drawing.
    if (this.drawing || this.telling || !this.edits.takes(data.edit)) return;
    this.side = data.side;
    this.cells = bytesOf(data.cells);
    this.paint();
  }

  paint() {
    const { canvas, side, cells } = this;
    if (canvas.width !== side) Object.assign(canvas, { width: side, height: side });
    const context = contextOf(canvas);
    const ink = (getComputedStyle(canvas).color.match(/\d+/g) ?? []).slice(0, 3).map(Number);
    const image = context.createImageData(side, side);
    cells.forEach((value, i) => image.data.set([...ink, value], 4 * i));
    context.putImageData(image, 0, 0);
    if (!this.brush) return;
    context.strokeStyle = "#d4700c";
    context.lineWidth = 0.5;
    context.strokeRect(this.brush[0] - 0.5, this.brush[1] - 0.5, 2, 2);
  }

  /** @param {PointerEvent} event */
  stroke(event) {
    const box = this.canvas.getBoundingClientRect();
    /** @type {[number, number]} */
    const to = [
      ((event.clientX - box.left) / box.width) * this.side,
      ((event.clientY - box.top) / box.height) * this.side,
    ];
    for (const [x, y] of strokePlaces(this.last ?? to, to)) this.dab(x, y);
    this.last = to;
    this.paint();
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  dab(x, y) {
    const radius = Number(this.width.value) / 2 + 0.3;
    dabCells(this.cells, this.side, x, y, radius, this.erasing ? 0 : 255);
  }

  dabAtBrush() {
    if (!this.brush) return;
    this.dab(this.brush[0] + 0.5, this.brush[1] + 0.5);
    this.later();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = STEPS.get(event.key);
    this.brush ??= [this.side / 2, this.side / 2];
    const [x, y] = this.brush;
    if (step) {
      this.brush = [clamp(x + step[0], 0, this.side - 1), clamp(y + step[1], 0, this.side - 1)];
      if (event.shiftKey) this.dabAtBrush();
    } else if (event.key === " ") this.dabAtBrush();
    else if (event.key === "Delete") {
      this.empty();
      return;
    } else return;
    event.preventDefault();
    this.paint();
  }

  erase() {
    this.erasing = !this.erasing;
    this.eraser.classList.toggle("wgan-on", this.erasing);
    this.eraser.setAttribute("aria-pressed", String(this.erasing));
    this.eraser.textContent = this.erasing ? "Eraser: on" : "Eraser";
    this.canvas.style.cursor = this.erasing ? "cell" : "crosshair";
  }

  empty() {
    this.cells.fill(0);
    this.paint();
    this.done();
  }

  // Send one message for several keyboard dabs.
  later() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.done(), 800);
  }

  done() {
    clearTimeout(this.telling);
    this.telling = undefined;
    this.edits.send(btoa(String.fromCharCode(...this.cells)));
  }

  destroy() {
    clearTimeout(this.telling);
  }
}

export default define((component) => new Sketch(component));
