// Two piles on a line, which the visitor shapes and moves by hand, and the cheapest plan.

import {
  calm, clamp, define, Edits, Help, iconButton, make, makeSvg, setIcon, svgPoint, write,
} from "../base/dom.js";
import { themeAt } from "../base/theme.js";

const WIDE = 760;
const TALL = 338;
const TOP = 152; // y of the upper pile's ground
const BOTTOM = 318; // y of the lower pile's ground
const ROOM = 128; // height of the highest column
const HALF = (TOP + BOTTOM - ROOM) / 2; // a pointer above it is at the upper pile
const EPS = 1e-9;
const SECONDS = 5;

const GROWN = 60; // height of the highest column after a pile has been shaped

const SIDES = new Map([["ArrowLeft", -1], ["ArrowRight", 1]]);
const LIFTS = new Map([["ArrowUp", 1], ["ArrowDown", -1], ["PageUp", 8], ["PageDown", -8]]);

/** @typedef {"shape" | "move" | "best"} Mode shape the piles, move them by hand, or show the cheapest plan */

/** @typedef {[from: number, to: number]} Move from a column of the earth to one of the mould */

/** @typedef {[from: number, to: number, mass: number]} Load */

/**
 * Data from plan_editor.py: the heights of the columns, at most `tallest`; the moves made by hand;
 * and whether the visitor has `seen` the cheapest plan.
 * @typedef {{ fake: number[], real: number[], moves: Move[], mode: Mode, seen: boolean, tallest: number,
 *   edit: EditAnswer, help: Record<Mode, string> }} PilesData
 */

/** @typedef {Pick<PilesData, "fake" | "real" | "moves" | "mode" | "seen">} Made the visitor's edits */

/** @typedef {Point & { pile: number, column: number }} Place of the pointer */

/** @param {number[]} list */
const sum = (list) => list.reduce((a, b) => a + b, 0);

/**
 * Heights as shares of the whole pile.
 * @param {number[]} heights
 */
export const shares = (heights) => heights.map((h) => h / sum(heights));

/** @param {number} value */
const formatCost = (value) => value.toFixed(2);

/**
 * The column, of `count`, at a place of the drawing.
 * @param {number} x
 * @param {number} count
 */
export const columnAt = (x, count) => (
  clamp(Math.floor((x - 8) / ((WIDE - 16) / count)), 0, count - 1)
);

/**
 * The cost of the cheapest plan: at least |F − G| must pass each gap, and it moves no more.
 * @param {number[]} a
 * @param {number[]} b
 */
export function cheapest(a, b) {
  let [over, cost] = [0, 0];
  for (let i = 0; i < a.length - 1; i++) cost += Math.abs((over += a[i] - b[i]));
  return cost;
}

/**
 * The plan without crossings, as loads from left to right.
 * @param {number[]} a
 * @param {number[]} b
 */
export function uncrossed(a, b) {
  /** @type {[number[], number[], Load[]]} */
  const [left, needed, loads] = [[...a], [...b], []];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const mass = Math.min(left[i], needed[j]);
    if (mass > EPS) loads.push([i, j, mass]);
    left[i] -= mass;
    needed[j] -= mass;
    if (left[i] <= EPS) i++;
    else j++;
  }
  return loads;
}

/**
 * The loads of a plan by hand: each move takes as much as is left and still needed.
 * @param {number[]} a
 * @param {number[]} b
 * @param {Move[]} moves
 * @returns {Load[]}
 */
export function carriedLoads(a, b, moves) {
  const [left, needed] = [[...a], [...b]];
  return moves.map(([i, j]) => {
    const mass = Math.min(left[i], needed[j]);
    left[i] -= mass;
    needed[j] -= mass;
    return [i, j, mass];
  });
}

/**
 * What remains after a plan by hand: the earth that is not moved, and the room in the mould.
 * @param {number[]} a
 * @param {number[]} b
 * @param {Move[]} moves
 */
export function remaining(a, b, moves) {
  const [left, needed] = [[...a], [...b]];
  for (const [i, j, mass] of carriedLoads(a, b, moves)) {
    left[i] -= mass;
    needed[j] -= mass;
  }
  return [left.map((v) => (v < EPS ? 0 : v)), needed.map((v) => (v < EPS ? 0 : v))];
}

/**
 * The moves that complete a plan by hand. The closest pair of columns with earth and room comes
 * first; of equally close pairs the left one.
 * @param {number[]} a
 * @param {number[]} b
 * @param {Move[]} moves
 * @returns {Move[]}
 */
export function nearestFirst(a, b, moves) {
  const all = [...moves];
  const [left, needed] = remaining(a, b, moves);
  /** @type {Move[]} */
  const pairs = left.flatMap((_, i) => needed.map((__, j) => /** @type {Move} */ ([i, j])));
  pairs.sort((p, q) => Math.abs(p[0] - p[1]) - Math.abs(q[0] - q[1]) || p[0] - q[0]);
  for (const [i, j] of pairs) {
    const mass = Math.min(left[i], needed[j]);
    if (mass <= EPS) continue;
    left[i] -= mass;
    needed[j] -= mass;
    all.push([i, j]);
  }
  return all;
}

/**
 * Loads with their slices of the first and the last column: `start` and `end` are the heights of
 * their lower sides, in shares.
 * @param {number[]} a
 * @param {number[]} b
 * @param {Load[]} plan
 */
export function stackedLoads(a, b, plan) {
  const [left, filled] = [[...a], b.map(() => 0)];
  return plan.map(([from, to, mass]) => {
    left[from] -= mass;
    const load = { from, to, mass, start: left[from], end: filled[to] };
    filled[to] += mass;
    return load;
  });
}

/**
 * The progress of the k-th load of `count` at `time` of the film. Loads start one after the other,
 * and each takes 0.35 of the film.
 * @param {number} k
 * @param {number} count
 * @param {number} time
 */
export function loadProgress(k, count, time) {
  const begin = count > 1 ? (0.65 * k) / (count - 1) : 0;
  return clamp((time - begin) / 0.35, 0, 1);
}

/**
 * The columns that a pointer has passed between two places, with its height at each. If it stayed
 * in its column, this is the first one only.
 * @param {Point & { column: number }} from
 * @param {Point & { column: number }} to
 */
export function passedColumns(from, to) {
  const steps = to.column - from.column;
  const count = Math.abs(steps) || 1;
  const passed = [];
  for (let k = steps ? 0 : 1; k <= count; k++) {
    passed.push({
      column: Math.round(from.column + (k / count) * steps), y: from.y + (k / count) * (to.y - from.y),
    });
  }
  return passed;
}

/**
 * A pile with one column at another height, an integer up to `tallest`. At least one unit of earth
 * remains in the pile.
 * @param {number[]} heights
 * @param {number} column
 * @param {number} height
 * @param {number} tallest
 */
export function lifted(heights, column, height, tallest) {
  const made = [...heights];
  made[column] = clamp(Math.round(height), 0, tallest);
  if (!sum(made)) made[column] = 1;
  return made;
}

/**
 * A pile of the same shape with its highest column at a medium height, so that there is room to
 * raise it.
 * @param {number[]} heights
 */
export function levelled(heights) {
  const most = Math.max(...heights);
  return heights.map((h) => Math.round((GROWN * h) / most));
}

class Piles {
  /** @type {PilesData} */
  data;
  /** @type {number[][]} */
  piles = []; // heights of both piles, once received from Python
  /** @type {Move[]} */
  moves = [];
  /** @type {Mode} */
  mode = "shape";
  seen = false; // whether the visitor has seen the cheapest plan
  at = [0, 0]; // the keyboard's column in each pile
  time = 0; // position in the film of the cheapest plan, 0 … 1
  playing = false;
  frame = 0; // pending animation frame of the film or of a flight
  /** @type {number | undefined} */
  from; // the column whose earth is picked up
  /** @type {Place | undefined} */
  held; // where a drag began
  /** @type {Place | undefined} */
  last; // last place of the pointer while shaping
  /** @type {Place | undefined} */
  point; // place of the pointer while carrying
  /** @type {[pile: number, column: number] | undefined} */
  over; // the column under the pointer, if it can take or leave earth there
  /** @type {number | undefined} */
  focused; // the pile with keyboard focus
  /** @type {number[] | undefined} */
  scales; // pixels per unit of height in each pile while one is being shaped
  /** @type {[before: number, t: number] | undefined} */
  flying; // the first flying load, and its progress
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  telling; // of the next message to Python

  /** @param {StreamlitComponent} component */
  constructor(component) {
    /** @type {Edits<Made>} */
    this.edits = new Edits(component);
    /**
     * @param {string} words
     * @param {() => void} act
     * @param {string} title
     */
    const button = (words, act, title) => make("button",
      { type: "button", className: "wgan-button", onclick: act, title }, words);
    this.modes = {
      shape: button("Shape", () => this.turn("shape"), "Shape both piles with the mouse"),
      move: button("Move it yourself", () => this.turn("move"), "Build a plan by hand"),
      best: button("Cheapest plan", () => this.turn("best"), "Watch the cheapest plan"),
    };
    this.undo = button("Undo", () => this.moved(this.moves.slice(0, -1)), "Take back the last move");
    this.reset = button("Reset", () => this.moved([]), "Take back all moves");
    this.finish = button("Nearest first", () => this.greedy(),
      "Fill the rest for me, each place from the nearest earth that is left: often not the cheapest way");
    this.play = iconButton("play", "Play", () => this.toggle());
    this.slider = make("input", { type: "range", className: "wgan-range", min: 0, max: 1, step: 0.001,
      value: 0, ariaLabel: "How far the earth has come" });
    this.slider.oninput = () => {
      this.time = Number(this.slider.value); // set before the next paint, together with the slider
      this.stop();
    };
    this.says = make("output", {});
    this.says.setAttribute("aria-live", "polite");
    this.help = new Help("how to use it", "");
    this.byHand = make("span", { className: "wgan-tools" }, this.undo, this.reset, this.finish);
    this.player = make("span", { className: "wgan-tools" }, this.play, this.slider);
    this.svg = makeSvg("svg", { viewBox: `0 0 ${WIDE} ${TALL}` });
    this.groups = ["The earth: where it lies", "The mould: where it must go"].map((label, pile) => {
      const group = makeSvg("g", { tabindex: 0, role: "application", "aria-label": label });
      group.onkeydown = (event) => this.key(event, pile);
      group.onfocus = () => {
        this.focused = group.matches(":focus-visible") ? pile : undefined;
        this.paint();
      };
      group.onblur = () => {
        this.focused = undefined;
        if (this.telling) this.tell(); // the visitor may be about to leave
        this.paint();
      };
      return group;
    });
    this.ways = makeSvg("g");
    this.loose = makeSvg("g");
    this.svg.append(...this.groups, this.ways, this.loose,
      makeSvg("text", { x: 8, y: 13 }, "The earth: fake"),
      makeSvg("text", { x: 8, y: BOTTOM - ROOM - 8 }, "The mould: real"));
    this.root = make("div", { className: "wgan-piles" },
      make("div", { className: "wgan-tools" },
        make("span", { className: "wgan-modes" }, ...Object.values(this.modes)), this.help.root,
        this.byHand, this.player), make("div", { className: "wgan-field" }, this.svg, this.says));
    this.svg.onpointerdown = (event) => this.down(event);
    this.svg.onpointermove = (event) => this.drag(event);
    this.svg.onpointerup = (event) => this.up(event);
    this.svg.onpointercancel = () => this.drop();
    // Text keeps its size on the screen when the drawing is narrow.
    this.observer = new ResizeObserver(([{ contentRect: { width } }]) => (
      width && this.root.style.setProperty("--shrunk", String(WIDE / width))));
    this.observer.observe(this.root);
  }

  /** @param {PilesData} data */
  update(data) {
    const { fake, real, mark } = themeAt(this.root.isConnected ? this.root : document.body).colours;
    for (const [name, colour] of Object.entries({ fake, real, mark })) {
      this.root.style.setProperty(`--${name}`, colour);
    }
    this.data = data;
    // During a drag, values from Python are older than the visitor's edits.
    if (!this.held && !this.telling && this.edits.takes(data.edit)) {
      this.piles = [[...data.fake], [...data.real]];
      this.moves = data.moves.map(([from, to]) => [from, to]);
      this.seen = data.seen;
      this.mode = data.mode;
      this.from = undefined;
      this.time = this.mode === "best" ? 1 : 0;
      this.stop();
    }
    this.display();
  }

  // Send all edits to Python.
  tell() {
    clearTimeout(this.telling);
    this.telling = undefined;
    const { piles: [fake, real], moves, mode, seen } = this;
    this.edits.send({ fake, real, moves, mode, seen });
  }

  /** @param {Mode} mode */
  turn(mode) {
    this.mode = mode;
    this.from = undefined;
    this.seen ||= mode === "best";
    this.tell();
    this.stop();
    if (mode === "best") {
      this.time = calm.matches ? 1 : 0;
      if (!calm.matches) this.start();
    }
    this.display();
  }

  display() {
    const { mode } = this;
    this.root.dataset.mode = mode;
    for (const [name, button] of Object.entries(this.modes)) {
      button.setAttribute("aria-pressed", String(name === mode));
    }
    this.byHand.hidden = mode !== "move";
    this.player.hidden = mode !== "best";
    this.help.words = this.data.help[mode];
    this.paint();
  }

  // ---- layout ---------------------------------------------------------------------------------

  // Return the shares of both piles.
  both() {
    return this.piles.map(shares);
  }

  loads() {
    const [a, b] = this.both();
    const plan = this.mode === "best" ? uncrossed(a, b) : this.mode === "move" ? this.carried() : [];
    return stackedLoads(a, b, plan);
  }

  carried() {
    const [a, b] = this.both();
    return carriedLoads(a, b, this.moves);
  }

  rest() {
    const [a, b] = this.both();
    return remaining(a, b, this.moves);
  }

  greedy() {
    const [a, b] = this.both();
    this.moved(nearestFirst(a, b, this.moves));
  }

  /** @param {Move[]} moves */
  moved(moves) {
    const grown = moves.length > this.moves.length;
    const before = this.moves.length;
    this.moves = moves;
    this.tell();
    this.from = undefined;
    cancelAnimationFrame(this.frame);
    if (grown && !calm.matches) this.fly(before);
    else this.paint();
  }

  /**
   * Animate the newest loads to their places.
   * @param {number} before number of loads that do not fly
   */
  fly(before) {
    const begin = performance.now();
    /** @param {number} now */
    const tick = (now) => {
      const t = Math.min(1, (now - begin) / 350);
      this.flying = t < 1 ? [before, t] : undefined;
      this.paint();
      if (t < 1) this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  // ---- drawing --------------------------------------------------------------------------------

  paint() {
    if (!this.piles.length) return;
    const { mode, scales } = this;
    const n = this.piles[0].length;
    const slot = (WIDE - 16) / n;
    /** @param {number} i */
    const x = (i) => 8 + i * slot;
    const both = this.both();
    const unit = ROOM / Math.max(...both.flat());
    // While a pile is being shaped, its scale does not change.
    const tall = scales
      ? this.piles.map((heights, pile) => heights.map((h) => Math.min(h * scales[pile], ROOM + 12)))
      : both.map((pile) => pile.map((share) => share * unit));
    const ground = [TOP, BOTTOM];
    this.groups.forEach((group, pile) => {
      /** @type {SVGElement[]} */
      const parts = [makeSvg("line", { class: "wgan-ground", x1: 4, x2: WIDE - 4, y1: ground[pile], y2: ground[pile] })];
      for (let i = 0; i < n; i++) {
        const height = tall[pile][i];
        const properties = { x: x(i) + 2, width: slot - 4, y: ground[pile] - height, height: Math.max(height, 0) };
        if (pile) parts.push(makeSvg("rect", { ...properties, class: "wgan-mould" }));
        else if (mode === "shape") parts.push(makeSvg("rect", { ...properties, class: "wgan-load", style: `fill:${this.colour(i, n)}` }));
        else parts.push(makeSvg("rect", { ...properties, class: "wgan-hole" }));
        if (pile) parts.push(makeSvg("text", { class: "wgan-faint", x: x(i) + slot / 2, y: BOTTOM + 4, "dominant-baseline": "hanging" }, String(i)));
      }
      group.replaceChildren(...parts);
    });
    this.loose.replaceChildren();
    this.ways.replaceChildren();
    if (mode !== "shape") this.paintLoads(x, slot, unit, n);
    this.paintCursor(x, slot);
    this.paintWords(both);
  }

  /**
   * @param {(column: number) => number} x
   * @param {number} slot the width of a column
   * @param {number} unit pixels for the share 1
   * @param {number} n
   */
  paintLoads(x, slot, unit, n) {
    const loads = this.loads();
    if (this.mode === "move") {
      const [left] = this.rest();
      left.forEach((share, i) => share > 0 && this.loose.append(makeSvg("rect", { class: "wgan-load",
        x: x(i) + 2, width: slot - 4, y: TOP - share * unit, height: share * unit, style: `fill:${this.colour(i, n)}` })));
    }
    loads.forEach((load, k) => {
      const t = this.progress(k, loads.length);
      const ease = t * t * (3 - 2 * t);
      const from = { x: x(load.from) + 2, y: TOP - (load.start + load.mass) * unit };
      const to = { x: x(load.to) + 2, y: BOTTOM - (load.end + load.mass) * unit };
      const middle = (slot - 4) / 2;
      const colour = this.colour(load.from, n);
      const height = load.mass * unit;
      const half = (TOP + to.y) / 2;
      this.ways.append(makeSvg("path", { class: "wgan-way", style: `stroke:${colour}`,
        "stroke-width": 1 + 14 * load.mass,
        d: `M${from.x + middle} ${TOP}C${from.x + middle} ${half + 14} ${to.x + middle} ${half - 14} ${to.x + middle} ${to.y}` }));
      this.loose.append(makeSvg("rect", { class: "wgan-load", width: slot - 4, height,
        x: from.x + ease * (to.x - from.x), y: from.y + ease * (to.y - from.y),
        style: `fill:${colour}`, "data-from": load.from, "data-to": load.to }));
    });
  }

  /**
   * The progress of the k-th load.
   * @param {number} k
   * @param {number} count
   */
  progress(k, count) {
    if (this.mode === "move") return this.flying && k >= this.flying[0] ? this.flying[1] : 1;
    const t = loadProgress(k, count, this.time);
    return calm.matches && t < 1 ? 0 : t;
  }

  /**
   * @param {(column: number) => number} x
   * @param {number} slot the width of a column
   */
  paintCursor(x, slot) {
    /**
     * @param {number} i
     * @param {number} pile
     * @param {boolean} strong
     */
    const ring = (i, pile, strong) => this.loose.append(makeSvg("rect", {
      class: `wgan-cursor${strong ? " wgan-strong" : ""}`, rx: 4, x: x(i), width: slot,
      y: pile ? BOTTOM - ROOM - 4 : TOP - ROOM - 4, height: ROOM + 6 }));
    if (this.focused !== undefined && this.mode !== "best") ring(this.at[this.focused], this.focused, true);
    if (this.from !== undefined) ring(this.from, 0, true);
    if (this.over) ring(this.over[1], this.over[0], false);
    if (this.from !== undefined && this.point) {
      this.ways.append(makeSvg("path", { class: "wgan-way", style: "stroke:var(--fake);stroke-opacity:0.8",
        "stroke-width": 3, d: `M${x(this.from) + slot / 2} ${TOP}L${this.point.x} ${this.point.y}` }));
    }
  }

  /** @param {number[][]} both the shares of both piles */
  paintWords([a, b]) {
    const best = cheapest(a, b);
    const plan = this.carried();
    const cost = sum(plan.map(([i, j, mass]) => mass * Math.abs(i - j)));
    const share = sum(plan.map((load) => load[2]));
    const done = share > 1 - EPS;
    this.undo.disabled = this.reset.disabled = !this.moves.length;
    this.finish.disabled = done;
    this.slider.value = String(this.time);
    setIcon(this.play, this.playing ? "pause" : "play", this.playing ? "Pause" : "Play");
    const words = {
      shape: "Drag the columns",
      move: done ? `Yours costs ${formatCost(cost)}`
        : this.moves.length ? `${Math.round(100 * share)} % moved for ${formatCost(cost)}` : "Drag earth down into the mould",
      best: "",
    }[this.mode];
    write(this.says, `${words ? `${words} · ` : ""}${words && this.mode === "move" ? "the best" : "cheapest plan"}: ${formatCost(best)}`);
  }

  /**
   * @param {number} i
   * @param {number} n
   */
  colour(i, n) {
    return `color-mix(in oklab, var(--fake) ${Math.round(100 - (100 * i) / (n - 1))}%, var(--mark))`;
  }

  // ---- the film -------------------------------------------------------------------------------

  toggle() {
    if (this.playing) {
      this.stop();
      return;
    }
    if (this.time >= 1) this.time = 0;
    this.start();
  }

  start() {
    this.playing = true;
    let last = performance.now();
    /** @param {number} now */
    const tick = (now) => {
      if (!this.playing) return;
      this.time = Math.min(1, this.time + (now - last) / 1000 / SECONDS);
      last = now;
      if (this.time >= 1) this.playing = false;
      this.paint();
      if (this.playing) this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  stop() {
    this.playing = false;
    cancelAnimationFrame(this.frame);
    this.flying = undefined;
    this.paint();
  }

  // ---- pointer and keyboard -------------------------------------------------------------------

  /**
   * @param {PointerEvent} event
   * @returns {Place}
   */
  where(event) {
    const { x, y } = svgPoint(this.svg, event);
    return { x, y, pile: y > HALF ? 1 : 0, column: columnAt(x, this.piles[0].length) };
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button || this.mode === "best") return;
    this.svg.setPointerCapture(event.pointerId);
    const at = this.where(event);
    this.held = at;
    if (this.mode === "shape") {
      const unit = ROOM / Math.max(...this.both().flat());
      this.scales = this.piles.map((heights) => unit / sum(heights));
      this.last = at;
      return this.pull(at);
    }
    const [left, needed] = this.rest();
    if (at.pile === 0) this.from = left[at.column] > 0 && this.from !== at.column ? at.column : undefined;
    else if (this.from !== undefined && needed[at.column] > 0) return this.carry(at.column);
    this.root.classList.toggle("wgan-carrying", this.from !== undefined);
    return this.paint();
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (this.mode === "best") return;
    const at = this.where(event);
    if (this.mode === "shape") {
      if (this.scales) return this.pull(at);
      this.over = undefined;
      return undefined;
    }
    const [left, needed] = this.rest();
    this.point = this.from !== undefined && this.held ? at : undefined;
    const open = at.pile ? needed[at.column] > 0 && this.from !== undefined : left[at.column] > 0;
    this.over = open ? [at.pile, at.column] : undefined;
    return this.paint();
  }

  /** @param {PointerEvent} event */
  up(event) {
    const at = this.where(event);
    const { held } = this;
    this.held = this.point = this.over = undefined;
    if (this.mode === "shape" && this.scales) return this.shaped();
    if (this.mode !== "move" || !held) return undefined;
    this.root.classList.remove("wgan-carrying");
    if (this.from !== undefined && at.pile === 1 && held.pile === 0) {
      if (this.rest()[1][at.column] > 0) return this.carry(at.column);
      this.from = undefined;
    }
    return this.paint(); // still picked up: the next tap chooses its destination
  }

  drop() {
    this.held = this.point = this.over = this.from = undefined;
    if (this.scales) this.shaped();
    else this.paint();
  }

  /** @param {number} to */
  carry(to) {
    if (this.from !== undefined) this.moved([...this.moves, [this.from, to]]);
  }

  /**
   * Set the columns that the pointer has passed to its height.
   * @param {Place} at
   */
  pull(at) {
    const { held, scales } = this;
    if (!held || !scales) return;
    const { pile } = held;
    for (const { column, y } of passedColumns(this.last ?? at, at)) {
      this.lift(pile, column, ((pile ? BOTTOM : TOP) - y) / scales[pile]);
    }
    this.last = at;
    this.paint();
  }

  /**
   * @param {number} pile
   * @param {number} column
   * @param {number} height
   */
  lift(pile, column, height) {
    this.piles[pile] = lifted(this.piles[pile], column, height, this.data.tallest);
  }

  shaped() {
    this.scales = undefined;
    this.moves = [];
    this.piles = this.piles.map(levelled);
    this.seen = false;
    this.tell();
    this.paint();
  }

  /**
   * @param {KeyboardEvent} event
   * @param {number} pile
   */
  key(event, pile) {
    if (this.mode === "best") return;
    const side = SIDES.get(event.key);
    const lift = LIFTS.get(event.key);
    const n = this.piles[0].length;
    this.focused = pile;
    if (side) this.at[pile] = clamp(this.at[pile] + side, 0, n - 1);
    else if (lift && this.mode === "shape") {
      this.lift(pile, this.at[pile], this.piles[pile][this.at[pile]] + 3 * lift);
      clearTimeout(this.telling);
      this.moves = [];
      this.seen = false;
      this.telling = setTimeout(() => this.tell(), 500);
    } else if ((event.key === "Enter" || event.key === " ") && this.mode === "move") {
      const [left, needed] = this.rest();
      if (pile === 0 && left[this.at[0]] > 0) {
        this.from = this.at[0];
        this.at[1] = this.from;
        this.groups[1].focus();
      } else if (pile === 1 && this.from !== undefined && needed[this.at[1]] > 0) {
        this.carry(this.at[1]);
        this.groups[0].focus();
      }
    } else if (event.key === "Escape") this.from = undefined;
    else return;
    event.preventDefault();
    const label = ["The earth", "The mould"][pile];
    const share = (this.mode === "move" ? this.rest()[pile] : shares(this.piles[pile]))[this.at[pile]];
    this.groups[pile].setAttribute("aria-label", `${label}, column ${this.at[pile]}: ${(100 * share).toFixed(0)} %`);
    this.paint();
  }

  destroy() {
    clearTimeout(this.telling);
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.help.destroy();
  }
}

export default define((component) => new Piles(component));
