// Two clouds of points in the plane, which the visitor moves, and a plan between them.

import { clamp, define, Edits, formatSigned, Help, make, makeSvg, svgPoint } from "../base/dom.js";
import { themeAt } from "../base/theme.js";

const SCALE = 100; // units of the drawing per unit of the plane
const REACH = 18; // pixels on the screen around a point in which a press chooses it
const SEND_EVERY = 250; // milliseconds between two messages during a drag, or after a key

const STEPS = new Map([
  ["ArrowLeft", [-0.1, 0]], ["ArrowRight", [0.1, 0]], ["ArrowUp", [0, 0.1]], ["ArrowDown", [0, -0.1]],
]);
const TURNS = new Map([["PageUp", -1], ["PageDown", 1]]);

/** @typedef {[x: number, y: number]} Place in the plane */

/** @typedef {{ fake: Place[], real: Place[] }} Clouds the visitor's edits */

/**
 * Data from cloud_editor.py: the points, the real point to which each fake is moved, and the window
 * (left, right, bottom, top).
 * @typedef {Clouds & { matches: number[], span: [number, number, number, number], title: string,
 *   help: string, edit: EditAnswer }} CloudData
 */

/**
 * The index of the point that is nearest to a place; -1 if none is within reach.
 * @param {Place[]} points
 * @param {Place} place
 * @param {number} reach
 */
export function nearestPoint(points, [x, y], reach) {
  let [nearest, smallest] = [-1, reach];
  points.forEach((point, index) => {
    const distance = Math.hypot(point[0] - x, point[1] - y);
    if (distance <= smallest) [nearest, smallest] = [index, distance];
  });
  return nearest;
}

/**
 * A place inside the window, in steps of 0.01.
 * @param {Place} place
 * @param {number[]} span
 * @returns {Place}
 */
export function insideWindow([x, y], [left, right, bottom, top]) {
  const round = /** @param {number} v */ (v) => Math.round(100 * v) / 100;
  return [round(clamp(x, left, right)), round(clamp(y, bottom, top))];
}

/**
 * The whole numbers between two values, without those at the border, whose labels would be cut.
 * @param {number} low
 * @param {number} high
 */
export function wholeNumbers(low, high) {
  const first = Math.ceil(low + 0.2);
  const count = Math.floor(high - 0.2) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => first + i);
}

/** @param {number} value */
const formatWhole = (value) => String(value).replace("-", "−");

class CloudEditor {
  /** @type {CloudData} */
  data;
  /** @type {Place[]} */
  points = []; // fakes, then real points
  chosen = -1; // index of the chosen point
  held = false; // whether the pointer is down on it
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  telling; // of the next message to Python

  /** @param {StreamlitComponent} component */
  constructor(component) {
    /** @type {Edits<Clouds>} */
    this.edits = new Edits(component);
    this.title = make("strong", {});
    this.help = new Help("how to move points", "");
    this.svg = makeSvg("svg", { tabindex: 0, role: "application" });
    this.root = make("div", { className: "wgan-clouds" },
      make("div", { className: "wgan-heading" }, this.title, this.help.root,
        make("span", { className: "wgan-key" }, "Fake"),
        make("span", { className: "wgan-key wgan-real" }, "Real")), this.svg);
    this.svg.onpointerdown = (event) => this.down(event);
    this.svg.onpointermove = (event) => this.held && this.move(this.where(event));
    this.svg.onpointerup = this.svg.onpointercancel = () => {
      if (!this.held) return;
      this.held = false;
      this.tell();
      this.paint();
    };
    this.svg.onkeydown = (event) => this.key(event);
    this.svg.onfocus = () => this.paint();
    this.svg.onblur = () => {
      if (this.telling) this.tell(); // the visitor may be about to leave
      this.paint();
    };
  }

  /** @param {CloudData} data */
  update(data) {
    const { fake, real, critic } = themeAt(this.root).colours;
    for (const [name, colour] of Object.entries({ fake, real, critic })) {
      this.root.style.setProperty(`--${name}`, colour);
    }
    this.data = data;
    this.help.words = data.help;
    this.title.textContent = data.title;
    const [left, right, bottom, top] = data.span;
    this.svg.setAttribute("viewBox", [0, 0, right - left, top - bottom].map((v) => SCALE * v).join(" "));
    // During a drag, points from Python are older than the visitor's edits.
    if (!this.held && !this.telling && this.edits.takes(data.edit)) {
      this.points = [...data.fake, ...data.real];
    }
    this.paint();
  }

  // Send all points to Python.
  tell() {
    clearTimeout(this.telling);
    this.telling = undefined;
    const count = this.data.fake.length;
    this.edits.send({ fake: this.points.slice(0, count), real: this.points.slice(count) });
  }

  /** @param {PointerEvent} event @returns {Place} */
  where(event) {
    const [left, , , top] = this.data.span;
    const { x, y } = svgPoint(this.svg, event);
    return [left + x / SCALE, top - y / SCALE];
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button) return;
    const place = this.where(event);
    const unitsPerPixel = (this.data.span[1] - this.data.span[0]) / this.svg.clientWidth;
    const nearest = nearestPoint(this.points, place, REACH * unitsPerPixel);
    if (nearest >= 0) {
      this.svg.setPointerCapture(event.pointerId);
      this.chosen = nearest;
      this.held = true;
    } else if (this.chosen >= 0) {
      this.move(place); // a click moves the chosen point: without a drag
      this.tell();
    }
    this.paint();
  }

  /** @param {Place} place */
  move(place) {
    const moved = insideWindow(place, this.data.span);
    this.points = this.points.map((point, i) => (i === this.chosen ? moved : point));
    this.telling ??= setTimeout(() => this.tell(), SEND_EVERY);
    this.paint();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const [turn, step] = [TURNS.get(event.key), STEPS.get(event.key)];
    if (!turn && !step) return;
    event.preventDefault();
    const count = this.points.length;
    if (turn || this.chosen < 0) this.chosen = (Math.max(this.chosen, turn === 1 ? -1 : 0) + (turn ?? 0) + count) % count;
    else if (step) {
      const [x, y] = this.points[this.chosen];
      this.move([x + step[0], y + step[1]]);
    }
    this.paint();
  }

  paint() {
    const { fake: { length: count }, matches, span: [left, , , top] } = this.data;
    const x = /** @param {Place} p */ (p) => SCALE * (p[0] - left);
    const y = /** @param {Place} p */ (p) => SCALE * (top - p[1]);
    const lines = matches.map((match, i) => {
      const [from, to] = [this.points[i], this.points[count + match]];
      return makeSvg("line", { class: "wgan-way", x1: x(from), y1: y(from), x2: x(to), y2: y(to) });
    });
    const dots = this.points.map((point, i) => makeSvg("circle", {
      class: i === this.chosen ? "wgan-dot wgan-on" : "wgan-dot", cx: x(point), cy: y(point),
      r: i === this.chosen ? 13 : 8, style: `fill:var(--${i < count ? "fake" : "real"})`,
    }));
    this.svg.replaceChildren(...this.axes(), ...lines, ...dots);
    this.svg.setAttribute("aria-label", this.description());
  }

  // Lines at whole numbers, with the numbers at the left and at the bottom.
  axes() {
    const [left, right, bottom, top] = this.data.span;
    const [wide, tall] = [SCALE * (right - left), SCALE * (top - bottom)];
    const vertical = wholeNumbers(left, right).flatMap((v) => {
      const at = SCALE * (v - left);
      return [makeSvg("line", { class: "wgan-axis", x1: at, x2: at, y1: 0, y2: tall }),
        makeSvg("text", { x: at, y: tall - 8, "text-anchor": "middle" }, formatWhole(v))];
    });
    const horizontal = wholeNumbers(bottom, top).flatMap((v) => {
      const at = SCALE * (top - v);
      return [makeSvg("line", { class: "wgan-axis", x1: 0, x2: wide, y1: at, y2: at }),
        makeSvg("text", { x: 8, y: at - 6 }, formatWhole(v))];
    });
    return [...vertical, ...horizontal];
  }

  description() {
    const keys = "Page Up and Page Down choose a point, the arrow keys move it.";
    if (this.chosen < 0) return `Two clouds of points. ${keys}`;
    const kind = this.chosen < this.data.fake.length ? "Fake" : "Real";
    const [x, y] = this.points[this.chosen];
    return `Two clouds of points. ${keys} ${kind} point at ${formatSigned(x)}, ${formatSigned(y)}`;
  }

  destroy() {
    clearTimeout(this.telling);
    this.help.destroy();
  }
}

export default define((component) => new CloudEditor(component));
