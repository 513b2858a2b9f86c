// A function of slope at most 1 that the visitor bends by hand over two piles, and the bound that
// it gives.

import {
  clamp, define, Edits, formatSigned, Help, make, makeSvg, svgPoint, write,
} from "../base/dom.js";
import { themeAt } from "../base/theme.js";

const WIDE = 760;
const TALL = 320;
const MIDDLE = 116;
const UNIT = 13.5; // pixels per unit of height
const MOST = 8; // largest |height|
const GROUND = 302;
const ROOM = 62; // height of the highest column

const SIDES = new Map([["ArrowLeft", -1], ["ArrowRight", 1]]);
const LIFTS = new Map([["ArrowUp", 0.25], ["ArrowDown", -0.25], ["PageUp", 2], ["PageDown", -2]]);

/**
 * Data from potential_editor.py: the shares of both piles, the visitor's function, and an optimal
 * one.
 * @typedef {{ fake: number[], real: number[], f: number[], shown: boolean, optimal: number[],
 *   edit: EditAnswer, help: string }} BendData
 */

/** @typedef {{ f: number[], shown: boolean }} Bent the visitor's edits */

/**
 * The column, of `count`, at a place of the drawing.
 * @param {number} x
 * @param {number} count
 */
export const columnAt = (x, count) => (
  clamp(Math.floor((x - 8) / ((WIDE - 16) / count)), 0, count - 1)
);

/**
 * The function after a point has been pulled to a height. All other points are moved into the cone
 * of slope 1 around it: this is the nearest function of slope at most 1 through the point
 * (McShane).
 * @param {number[]} f
 * @param {number} column
 * @param {number} height
 */
export function bendFunction(f, column, height) {
  const top = clamp(height, -MOST, MOST);
  return f.map((v, i) => clamp(v, top - Math.abs(i - column), top + Math.abs(i - column)));
}

/**
 * The lower bound that a function of slope at most 1 gives: its mean over the real pile minus that
 * over the fake one.
 * @param {number[]} f
 * @param {number[]} fake
 * @param {number[]} real
 */
export const lowerBound = (f, fake, real) => (
  f.reduce((total, v, i) => total + v * (real[i] - fake[i]), 0)
);

/**
 * W₁ of two piles on a line: Σ |F − G| over the gaps between columns.
 * @param {number[]} fake
 * @param {number[]} real
 */
export function wasserstein(fake, real) {
  let [over, w1] = [0, 0];
  for (let i = 0; i < fake.length - 1; i++) w1 += Math.abs((over += fake[i] - real[i]));
  return w1;
}

/**
 * The optimal function for display. Only differences matter, so it gets the mean height of the
 * visitor's function, unless it would leave the drawing.
 * @param {number[]} optimal
 * @param {number[]} f
 */
export function besideFunction(optimal, f) {
  /** @param {number[]} values */
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const shift = mean(f) - mean(optimal);
  const far = Math.max(...optimal.map((v) => Math.abs(v + shift)));
  return optimal.map((v) => v + (far > MOST ? 0 : shift));
}

class Bend {
  /** @type {BendData} */
  data;
  /** @type {number[]} */
  f = [];
  shown = false; // whether an optimal function is shown
  at = 0; // the keyboard's column
  /** @type {number | undefined} */
  held; // the column under the pointer
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  telling; // of the next message to Python

  /** @param {StreamlitComponent} component */
  constructor(component) {
    /** @type {Edits<Bent>} */
    this.edits = new Edits(component);
    /**
     * @param {string} words
     * @param {() => void} act
     * @param {string} title
     */
    const button = (words, act, title) => make("button",
      { type: "button", className: "wgan-button", onclick: act, title }, words);
    this.flat = button("Reset", () => this.flatten(), "Make the function flat again");
    this.show = button("Optimal function", () => this.reveal(), "Show an optimal function");
    this.help = new Help("how to bend it", "");
    this.svg = makeSvg("svg", { viewBox: `0 0 ${WIDE} ${TALL + 16}`, tabindex: 0, role: "application" });
    this.fill = make("div", {});
    this.says = make("output", {});
    this.says.setAttribute("aria-live", "polite");
    this.root = make("div", { className: "wgan-bend" },
      make("div", { className: "wgan-tools" }, make("strong", {}, "Bend the function"), this.help.root,
        this.flat, this.show),
      this.svg, make("div", { className: "wgan-gauge" }, make("div", {}, this.fill), this.says));
    this.svg.onpointerdown = (event) => {
      if (event.button) return;
      this.svg.setPointerCapture(event.pointerId);
      this.held = this.where(event).column;
      this.pull(event);
    };
    this.svg.onpointermove = (event) => this.held !== undefined && this.pull(event);
    this.svg.onpointerup = this.svg.onpointercancel = () => {
      if (this.held === undefined) return;
      this.at = this.held;
      this.held = undefined;
      this.tell();
      this.paint();
    };
    this.svg.onkeydown = (event) => this.key(event);
    this.svg.onfocus = () => this.paint();
    this.svg.onblur = () => {
      if (this.telling) this.tell(); // the visitor may be about to leave
      this.paint();
    };
    // Text keeps its size on the screen when the drawing is narrow.
    this.observer = new ResizeObserver(([{ contentRect: { width } }]) => (
      width && this.root.style.setProperty("--shrunk", String(WIDE / width))));
    this.observer.observe(this.root);
  }

  /** @param {BendData} data */
  update(data) {
    const { fake, real, mark, critic } = themeAt(this.root).colours;
    for (const [name, colour] of Object.entries({ fake, real, mark, critic })) {
      this.root.style.setProperty(`--${name}`, colour);
    }
    this.data = data;
    this.help.words = data.help;
    // During a drag, values from Python are older than the visitor's edits.
    if (this.held === undefined && !this.telling && this.edits.takes(data.edit)) {
      this.f = [...data.f];
      this.shown = data.shown;
    }
    this.paint();
  }

  // Send all edits to Python.
  tell() {
    clearTimeout(this.telling);
    this.telling = undefined;
    this.edits.send({ f: this.f, shown: this.shown });
  }

  reveal() {
    this.shown = !this.shown;
    this.tell();
    this.paint();
  }

  flatten() {
    this.f = this.f.map(() => 0);
    this.tell();
    this.paint();
  }

  /** @param {PointerEvent} event */
  where(event) {
    const point = svgPoint(this.svg, event);
    return { column: columnAt(point.x, this.f.length), height: (MIDDLE - point.y) / UNIT };
  }

  /** @param {PointerEvent} event */
  pull(event) {
    if (this.held !== undefined) this.bend(this.held, this.where(event).height);
  }

  /**
   * @param {number} column
   * @param {number} height
   */
  bend(column, height) {
    this.f = bendFunction(this.f, column, height);
    this.paint();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const n = this.f.length;
    const side = SIDES.get(event.key);
    const lift = LIFTS.get(event.key);
    if (side) this.at = clamp(this.at + side, 0, n - 1);
    else if (lift) {
      this.bend(this.at, this.f[this.at] + lift);
      clearTimeout(this.telling);
      this.telling = setTimeout(() => this.tell(), 500);
    } else return;
    event.preventDefault();
    this.paint();
  }

  paint() {
    const { f, data: { fake, real, optimal } } = this;
    const n = f.length;
    const slot = (WIDE - 16) / n;
    /** @param {number} i */
    const x = (i) => 8 + (i + 0.5) * slot;
    /** @param {number} v */
    const y = (v) => MIDDLE - UNIT * v;
    /** @param {number[]} values */
    const line = (values) => values.map((v, i) => `${i ? "L" : "M"}${x(i)} ${y(v)}`).join("");
    const scale = ROOM / Math.max(...fake, ...real);
    /** @type {SVGElement[]} */
    const parts = [-8, -4, 0, 4, 8].flatMap((v) => [
      makeSvg("line", { class: "wgan-grid", x1: 8, x2: WIDE - 8, y1: y(v), y2: y(v) }),
      makeSvg("text", { class: "wgan-tick", x: WIDE - 10, y: y(v) + 12, "text-anchor": "end" },
        String(v).replace("-", "−")),
    ]);
    // The numbers of the columns, below the marks of the piles.
    for (let i = 0; i < n; i += 4) {
      parts.push(makeSvg("text", { class: "wgan-tick", x: x(i), y: TALL + 12, "text-anchor": "middle" }, String(i)));
    }
    const at = this.held ?? (this.svg.matches(":focus-visible") ? this.at : undefined);
    if (at !== undefined) {
      const [left, right] = [at, n - 1 - at];
      parts.push(makeSvg("path", { class: "wgan-cone", d: `M${x(at)} ${y(f[at])}L${x(0)} ${y(f[at] + left)}V${y(f[at] - left)}Z`
        + `M${x(at)} ${y(f[at])}L${x(n - 1)} ${y(f[at] + right)}V${y(f[at] - right)}Z` }));
    }
    for (let i = 0; i < n; i++) {
      for (const { values, name, shift } of [
        { values: fake, name: "fake", shift: -0.4 }, { values: real, name: "real", shift: 0.02 },
      ]) {
        const height = values[i] * scale;
        if (height) parts.push(makeSvg("rect", { x: x(i) + shift * slot, width: 0.38 * slot,
          y: GROUND - height, height, rx: 2, style: `fill:var(--${name})` }));
      }
      const more = real[i] - fake[i];
      // Where the real pile is higher, raising f increases the bound; elsewhere it decreases it.
      if (Math.abs(more) > 0.004) parts.push(makeSvg("path", { style: `fill:var(--${more > 0 ? "real" : "fake"})`,
        d: more > 0 ? `M${x(i) - 5} ${GROUND + 14}h10l-5 -9Z` : `M${x(i) - 5} ${GROUND + 5}h10l-5 9Z` }));
    }
    parts.push(makeSvg("line", { class: "wgan-grid", x1: 8, x2: WIDE - 8, y1: GROUND, y2: GROUND, style: "stroke-opacity:0.5" }));
    parts.push(makeSvg("text", { x: 10, y: 4, "dominant-baseline": "hanging" }, "Your function f"));
    if (this.shown) {
      parts.push(makeSvg("path", { class: "wgan-optimal", d: line(besideFunction(optimal, f)) }));
    }
    parts.push(makeSvg("path", { class: "wgan-curve", d: line(f) }));
    f.forEach((v, i) => parts.push(makeSvg("circle", { class: `wgan-knob${i === at ? " wgan-on" : ""}`, cx: x(i), cy: y(v), r: 6 })));
    this.svg.replaceChildren(...parts);

    const [bound, w1] = [lowerBound(f, fake, real), wasserstein(fake, real)];
    this.fill.style.transform = `scaleX(${w1 > 1e-9 ? clamp(bound / w1, 0, 1) : 1})`;
    write(this.says, `your lower bound is ${formatSigned(bound)} · W₁ is ${formatSigned(w1)}`);
    this.show.setAttribute("aria-pressed", String(Boolean(this.shown)));
    this.svg.setAttribute("aria-label", `A function over ${n} columns. Arrow keys left and right choose a column, `
      + `up and down bend it there. Column ${this.at}: ${formatSigned(f[this.at])}`);
  }

  destroy() {
    this.observer.disconnect();
    clearTimeout(this.telling);
    this.help.destroy();
  }
}

export default define((component) => new Bend(component));
