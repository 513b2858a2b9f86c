// A function of slope at most 1, bent by hand over two piles: what its mean difference proves.

import { clamp, define, Edits, Help, make, makeSvg, write } from "./shared.js";
import { themeAt } from "./plotly_theme.js";

const WIDE = 760;
const TALL = 320;
const MIDDLE = 116;
const UNIT = 13.5; // pixels a unit of height
const MOST = 8; // heights lie between plus and minus this
const GROUND = 302;
const ROOM = 62; // how high the highest column is

const signed = (value) => value.toFixed(2).replace("-", "−");

class Bend {
  constructor(component) {
    this.edits = new Edits(component);
    const button = (words, act, title) => make("button",
      { type: "button", className: "wgan-button", onclick: act, title }, words);
    this.flat = button("Flatten", () => this.flatten(), "Begin again with a flat function");
    this.show = button("Best function", () => this.reveal(), "Show an optimal function");
    this.help = new Help("how to bend it", "");
    this.svg = makeSvg("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, tabindex: 0, role: "application" });
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
    this.at = 0;
    // Words keep their size on the screen where the drawing is narrow.
    this.observer = new ResizeObserver(([{ contentRect: { width } }]) => (
      width && this.root.style.setProperty("--shrunk", WIDE / width)));
    this.observer.observe(this.root);
  }

  update(data) {
    const { colours } = themeAt(this.root);
    for (const name of ["fake", "real", "mark", "critic"]) this.root.style.setProperty(`--${name}`, colours[name]);
    this.data = data;
    this.help.words = data.help;
    // While the hand is on it, whatever comes is older than what it does.
    if (this.held === undefined && !this.telling && this.edits.takes(data.edit)) {
      this.f = [...data.f];
      this.shown = data.shown;
    }
    this.paint();
  }

  // Tell Python all that the visitor has made.
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

  where(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    const n = this.f.length;
    return { column: clamp(Math.floor((point.x - 8) / ((WIDE - 16) / n)), 0, n - 1),
      height: (MIDDLE - point.y) / UNIT };
  }

  pull(event) {
    this.bend(this.held, this.where(event).height);
  }

  // The point goes where the hand is, all others into the cone of slope 1 around it: the nearest
  // function of slope at most 1 that passes there (McShane).
  bend(column, height) {
    const top = clamp(height, -MOST, MOST);
    this.f = this.f.map((v, i) => clamp(v, top - Math.abs(i - column), top + Math.abs(i - column)));
    this.paint();
  }

  key(event) {
    const n = this.f.length;
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const lift = { ArrowUp: 0.25, ArrowDown: -0.25, PageUp: 2, PageDown: -2 }[event.key];
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
    const x = (i) => 8 + (i + 0.5) * slot;
    const y = (v) => MIDDLE - UNIT * v;
    const line = (values) => values.map((v, i) => `${i ? "L" : "M"}${x(i)} ${y(v)}`).join("");
    const scale = ROOM / Math.max(...fake, ...real);
    const parts = [-8, -4, 0, 4, 8].flatMap((v) => [
      makeSvg("line", { class: "wgan-grid", x1: 8, x2: WIDE - 8, y1: y(v), y2: y(v) }),
    ]);
    const at = this.held ?? (this.svg.matches(":focus-visible") ? this.at : undefined);
    if (at !== undefined) {
      const [left, right] = [at, n - 1 - at];
      parts.push(makeSvg("path", { class: "wgan-cone", d: `M${x(at)} ${y(f[at])}L${x(0)} ${y(f[at] + left)}V${y(f[at] - left)}Z`
        + `M${x(at)} ${y(f[at])}L${x(n - 1)} ${y(f[at] + right)}V${y(f[at] - right)}Z` }));
    }
    for (let i = 0; i < n; i++) {
      for (const [values, name, shift] of [[fake, "fake", -0.4], [real, "real", 0.02]]) {
        const height = values[i] * scale;
        if (height) parts.push(makeSvg("rect", { x: x(i) + shift * slot, width: 0.38 * slot,
          y: GROUND - height, height, rx: 2, style: `fill:var(--${name})` }));
      }
      const more = real[i] - fake[i];
      // Where the real pile is the higher one, lifting f gains; elsewhere it loses.
      if (Math.abs(more) > 0.004) parts.push(makeSvg("path", { style: `fill:var(--${more > 0 ? "real" : "fake"})`,
        d: more > 0 ? `M${x(i) - 5} ${GROUND + 14}h10l-5 -9Z` : `M${x(i) - 5} ${GROUND + 5}h10l-5 9Z` }));
    }
    parts.push(makeSvg("line", { class: "wgan-grid", x1: 8, x2: WIDE - 8, y1: GROUND, y2: GROUND, style: "stroke-opacity:0.5" }));
    parts.push(makeSvg("text", { x: 10, y: 15 }, "f, as high as you bend it"));
    if (this.shown) {
      // Only differences count: the optimal function is drawn at the hand's mean height.
      const shift = f.reduce((a, b) => a + b, 0) / n - optimal.reduce((a, b) => a + b, 0) / n;
      const far = Math.max(...optimal.map((v) => Math.abs(v + shift)));
      parts.push(makeSvg("path", { class: "wgan-optimal", d: line(optimal.map((v) => v + (far > MOST ? 0 : shift))) }));
    }
    parts.push(makeSvg("path", { class: "wgan-curve", d: line(f) }));
    f.forEach((v, i) => parts.push(makeSvg("circle", { class: `wgan-knob${i === at ? " wgan-on" : ""}`, cx: x(i), cy: y(v), r: 6 })));
    this.svg.replaceChildren(...parts);

    const bound = f.reduce((total, v, i) => total + v * (real[i] - fake[i]), 0);
    let [over, w1] = [0, 0];
    for (let i = 0; i < n - 1; i++) w1 += Math.abs((over += fake[i] - real[i]));
    this.fill.style.transform = `scaleX(${w1 > 1e-9 ? clamp(bound / w1, 0, 1) : 1})`;
    write(this.says, `yours proves ${signed(bound)} · W₁ is ${signed(w1)}`);
    this.show.setAttribute("aria-pressed", String(Boolean(this.shown)));
    this.svg.setAttribute("aria-label", `A function over ${n} columns. Arrow keys left and right choose a column, `
      + `up and down bend it there. Column ${this.at}: ${signed(f[this.at])}`);
  }

  destroy() {
    this.observer.disconnect();
    clearTimeout(this.telling);
    this.help.destroy();
  }
}

export default define((component) => new Bend(component));
