// Linked views of samples: pointing at a sample marks its score, its place on a map, and its nearest training picture.

import {
  clamp, decode, define, Heading, make, makeSvg, svgPoint, write,
} from "../base/dom.js";
import { sampleBox, SpriteSheet } from "../base/sprite.js";
import { themeAt } from "../base/theme.js";

/**
 * Samples of one kind: a sheet of their pictures, their places on the map, and their scores.
 * @typedef {{ image: string, x: number[], y: number[], scores: number[] }} Samples
 */

/**
 * Data from sample_map.py.
 * @typedef {{ fake: Samples, real: Samples, nearest: string | null, differences: number[] | null, rows: number,
 *   columns: number, help: string }} MapData
 */

/** @typedef {{ x: number, y: number }} Place */

const SIZE = 300; // units of the map, which is square
const MARGIN = 10;
const SHOWN = 8; // real pictures beside a place of the map
const BARS = 24;
const BARS_HEIGHT = 70;

/**
 * The scale from the samples' positions to the map: one unit is as long in both directions.
 * @param {Samples[]} samples
 */
export function mapScale(samples) {
  const xs = samples.flatMap(({ x }) => x);
  const ys = samples.flatMap(({ y }) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const scale = (SIZE - 2 * MARGIN) / Math.max(right - left, high - low, 1e-9);
  return /** @param {Place} place */ ({ x, y }) => ({
    x: SIZE / 2 + scale * (x - (left + right) / 2),
    y: SIZE / 2 - scale * (y - (low + high) / 2),
  });
}

/**
 * The indices of the places nearest to a place, nearest first.
 * @param {Place} at
 * @param {Place[]} places
 * @param {number} count
 */
export function nearestTo(at, places, count) {
  return places
    .map(({ x, y }, index) => ({ index, distance: Math.hypot(x - at.x, y - at.y) }))
    .sort((a, b) => a.distance - b.distance || a.index - b.index)
    .slice(0, count);
}

/**
 * The real pictures that are farthest from every fake on the map, farthest first. One that is near an
 * earlier one is left out, so each is in another part of the map.
 * @param {Place[]} real
 * @param {Place[]} fake
 * @param {number} count
 */
export function gaps(real, fake, count) {
  const distances = real.map((place) => nearestTo(place, fake, 1)[0]?.distance ?? Infinity);
  const order = real.map((_, i) => i).sort((a, b) => distances[b] - distances[a]);
  /** @type {number[]} */
  const found = [];
  for (const index of order) {
    const near = found.some((other) => Math.hypot(
      real[index].x - real[other].x, real[index].y - real[other].y,
    ) < distances[other] / 2);
    if (!near) found.push(index);
    if (found.length === count) break;
  }
  return found;
}

/**
 * The numbers of values in equally wide bars between `low` and `high`.
 * @param {number[]} values
 * @param {number} low
 * @param {number} high
 */
export function barsOf(values, low, high) {
  const counts = new Array(BARS).fill(0);
  for (const value of values) {
    counts[clamp(Math.floor(((value - low) / (high - low || 1)) * BARS), 0, BARS - 1)] += 1;
  }
  return counts;
}

/**
 * The share of values below a value, in percent; equal ones count half.
 * @param {number} value
 * @param {number[]} values
 */
export function percentBelow(value, values) {
  const below = values.filter((other) => other < value).length;
  const equal = values.filter((other) => other === value).length;
  return Math.round((100 * (below + equal / 2)) / values.length);
}

/** @param {Samples} samples */
const placesOf = ({ x, y }) => x.map((value, i) => ({ x: value, y: y[i] }));

/** One sample of a sheet, enlarged. */
class Large {
  /** @param {string} label */
  constructor(label) {
    this.canvas = make("canvas", { width: 84, height: 84, role: "img" });
    this.words = make("figcaption", {}, label);
    this.root = make("figure", {}, this.canvas, this.words);
  }

  /**
   * @param {HTMLImageElement | undefined} image
   * @param {MapData} data
   * @param {number} index
   * @param {string} alt
   */
  show(image, { rows, columns }, index, alt) {
    const context = this.canvas.getContext("2d");
    this.root.hidden = !image;
    if (!image || !context) return;
    const { x, y, width, height } = sampleBox({ image, rows, columns }, index);
    context.imageSmoothingEnabled = false;
    context.drawImage(image, x, y, width, height, 0, 0, this.canvas.width, this.canvas.height);
    this.canvas.setAttribute("aria-label", alt);
  }
}

class SampleMap {
  /** @type {MapData | undefined} */
  data;
  /** @type {Record<string, { address: string, image: HTMLImageElement | undefined }>} */
  images = {};
  chosen = 0;
  /** @type {Place | undefined} */
  place; // on the map, in the units of the positions
  gap = -1; // number of the gap on show
  text = ""; // the newest samples
  /** @type {ReturnType<typeof mapScale> | undefined} */
  toMap;
  /** @type {number[]} */
  gaps = [];

  constructor() {
    this.sheet = new SpriteSheet((index) => this.choose(index));
    this.sheet.cells.addEventListener("pointerover", (event) => this.point(event));
    this.sheet.cells.addEventListener("focusin", (event) => this.point(event));
    this.heading = new Heading();
    this.real = makeSvg("g", { class: "wgan-linked-real" });
    this.fake = makeSvg("g", { class: "wgan-linked-fake" });
    this.marks = makeSvg("g", { class: "wgan-linked-marks" });
    this.map = makeSvg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", class: "wgan-linked-plane" },
      this.real, this.fake, this.marks);
    this.map.addEventListener("pointermove", (event) => this.pointAtMap(event));
    this.map.addEventListener("click", (event) => this.press(event));
    this.bars = makeSvg("svg", { viewBox: `0 0 ${SIZE} ${BARS_HEIGHT + 16}`, role: "img", class: "wgan-linked-bars" });
    this.sample = new Large("sample");
    this.near = new Large("nearest training picture");
    this.words = make("p", { role: "status" });
    this.places = make("p", { className: "wgan-linked-note" });
    this.pictures = make("canvas", { className: "wgan-linked-pictures", role: "img", hidden: true });
    this.next = make("button", {
      type: "button", className: "wgan-button", onclick: () => this.showGap(),
    }, "Show a gap");
    this.next.title = "Show real pictures in a part of the map that has no fakes";
    this.root = make("div", { className: "wgan-linked" },
      make("div", { className: "wgan-linked-left" },
        this.sheet.root, make("div", { className: "wgan-linked-pair" }, this.sample.root, this.near.root, this.words)),
      make("div", { className: "wgan-linked-right" },
        make("div", { className: "wgan-linked-title" }, this.heading.root, this.legend(), this.next),
        this.map, this.bars, this.places, this.pictures));
  }

  legend() {
    return make("span", { className: "wgan-linked-legend" },
      make("i", { className: "wgan-linked-dot-real" }), "real",
      make("i", { className: "wgan-linked-dot-fake" }), "fake");
  }

  /** @param {MapData} data */
  async update(data) {
    const { colours } = themeAt(this.root);
    for (const name of /** @type {const} */ (["real", "fake"])) this.root.style.setProperty(`--${name}`, colours[name]);
    const text = JSON.stringify([data.fake, data.real, data.nearest]);
    if (text === this.text) return;
    this.text = text;
    this.data = data;
    this.heading.update("Features on a map", data.help);
    this.toMap = mapScale([data.real, data.fake]);
    this.gaps = gaps(placesOf(data.real), placesOf(data.fake), 12);
    this.gap = -1;
    this.place = undefined;
    this.chosen = Math.min(this.chosen, data.fake.x.length - 1);
    this.drawPoints();
    this.sheet.show({
      image: this.sheet.sheet?.image, rows: data.rows, columns: data.columns, height: 300, alt: "Fakes",
    });
    await Promise.all([
      this.load("fake", data.fake.image), this.load("real", data.real.image), this.load("nearest", data.nearest),
    ]);
    if (this.data !== data) return;
    this.sheet.show({
      image: this.images.fake?.image, rows: data.rows, columns: data.columns, height: 300, alt: "Fakes",
    });
    this.draw();
  }

  /**
   * @param {string} name
   * @param {string | null} address
   */
  async load(name, address) {
    if (!address) {
      delete this.images[name];
      return;
    }
    if (this.images[name]?.address === address) return;
    const image = await decode(address).catch(() => undefined);
    this.images[name] = { address, image };
  }

  drawPoints() {
    const { data, toMap } = this;
    if (!data || !toMap) return;
    for (const [group, samples] of /** @type {const} */ ([[this.real, data.real], [this.fake, data.fake]])) {
      group.replaceChildren(...placesOf(samples).map((place) => {
        const { x, y } = toMap(place);
        return makeSvg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 3 });
      }));
    }
    this.map.setAttribute("aria-label", `${data.real.x.length} real pictures and ${data.fake.x.length} fakes on a map ` +
      "of their features");
  }

  draw() {
    const { data, toMap } = this;
    if (!data || !toMap) return;
    const { fake, differences } = data;
    const score = fake.scores[this.chosen];
    const { x, y } = toMap(placesOf(fake)[this.chosen]);
    /** @type {SVGElement[]} */
    const marks = [makeSvg("circle", { cx: x, cy: y, r: 7, class: "wgan-linked-chosen" })];
    if (this.place) {
      const at = toMap(this.place);
      marks.push(makeSvg("path", { d: `M${at.x - 6} ${at.y}h12M${at.x} ${at.y - 6}v12`, class: "wgan-linked-cross" }));
    }
    this.marks.replaceChildren(...marks);
    this.drawBars(score);
    for (const [i, cell] of this.sheet.buttons().entries()) cell.setAttribute("aria-pressed", String(i === this.chosen));
    this.sample.show(this.images.fake?.image, data, this.chosen, `Sample ${this.chosen + 1}`);
    this.near.show(this.images.nearest?.image, data, this.chosen, "The nearest training picture");
    const far = differences ? ` The nearest training picture differs by ${Math.round(differences[this.chosen])} of 255 per pixel.` : "";
    write(this.words, `Sample ${this.chosen + 1}: score ${number(score)}, higher than ${percentBelow(score, fake.scores)} % of the ` +
      `fakes and ${percentBelow(score, data.real.scores)} % of the real pictures.${far}`);
    this.drawPlace();
  }

  /** @param {number} score */
  drawBars(score) {
    const { data } = this;
    if (!data) return;
    const all = [...data.real.scores, ...data.fake.scores];
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const width = SIZE / BARS;
    const sides = /** @type {const} */ ([["real", data.real.scores], ["fake", data.fake.scores]]);
    const counts = sides.map(([, values]) => barsOf(values, low, high));
    const most = Math.max(...counts.flat(), 1);
    const bars = sides.flatMap(([name], side) => counts[side].map((count, i) => makeSvg("rect", {
      x: (i * width).toFixed(2), width: (width - 1).toFixed(2), y: (BARS_HEIGHT * (1 - count / most)).toFixed(2),
      height: ((BARS_HEIGHT * count) / most).toFixed(2), class: `wgan-linked-bar-${name}`,
    })));
    const at = ((score - low) / (high - low || 1)) * SIZE;
    this.bars.setAttribute("aria-label", `Scores of real pictures and fakes; the chosen sample has ${number(score)}`);
    this.bars.replaceChildren(
      ...bars,
      makeSvg("line", { x1: at, x2: at, y1: 0, y2: BARS_HEIGHT, class: "wgan-linked-score" }),
      makeSvg("text", { x: 0, y: BARS_HEIGHT + 13 }, number(low)),
      makeSvg("text", { x: SIZE / 2, y: BARS_HEIGHT + 13, "text-anchor": "middle" }, "critic's score"),
      makeSvg("text", { x: SIZE, y: BARS_HEIGHT + 13, "text-anchor": "end" }, number(high)),
    );
  }

  /** Show the real pictures near the place that was pressed. */
  drawPlace() {
    const { data, place, images } = this;
    const image = images.real?.image;
    this.pictures.hidden = !place || !image;
    if (!data || !place || !image) {
      write(this.places, "Press a place of the map to see the real pictures there.");
      return;
    }
    const near = nearestTo(place, placesOf(data.real), SHOWN);
    const radius = near[near.length - 1].distance;
    const fakes = placesOf(data.fake).filter(({ x, y }) => Math.hypot(x - place.x, y - place.y) <= radius).length;
    write(this.places, fakes ? `The ${near.length} real pictures nearest to this place, and as near: ${fakes} of ` +
      `${data.fake.x.length} fakes.` : `The ${near.length} real pictures nearest to this place. No fake is as near: the ` +
      "generator hardly makes such pictures.");
    const part = sampleBox({ image, rows: data.rows, columns: data.columns }, 0);
    this.pictures.width = near.length * part.width;
    this.pictures.height = part.height;
    this.pictures.setAttribute("aria-label", `${near.length} real pictures`);
    const context = this.pictures.getContext("2d");
    for (const [i, { index }] of near.entries()) {
      const box = sampleBox({ image, rows: data.rows, columns: data.columns }, index);
      context?.drawImage(image, box.x, box.y, box.width, box.height, i * part.width, 0, part.width, part.height);
    }
  }

  /** @param {number} index */
  choose(index) {
    if (index === this.chosen) return;
    this.chosen = index;
    this.draw();
  }

  /** @param {Event} event */
  point(event) {
    const cell = /** @type {Element} */ (event.target).closest("button");
    if (cell) this.choose(this.sheet.indexOf(/** @type {HTMLButtonElement} */ (cell)));
  }

  /**
   * The fake at a place of the map, if one is near.
   * @param {{ clientX: number, clientY: number }} event
   */
  fakeAt(event) {
    const { data, toMap } = this;
    if (!data || !toMap) return undefined;
    const at = svgPoint(this.map, event);
    const [nearest] = nearestTo(at, placesOf(data.fake).map(toMap), 1);
    return nearest && nearest.distance <= 6 ? nearest.index : undefined;
  }

  /** @param {PointerEvent} event */
  pointAtMap(event) {
    const index = this.fakeAt(event);
    if (index !== undefined) this.choose(index);
  }

  /** @param {MouseEvent} event */
  press(event) {
    const index = this.fakeAt(event);
    if (index !== undefined) this.choose(index);
    const origin = this.toMap?.({ x: 0, y: 0 });
    const one = this.toMap?.({ x: 1, y: 1 });
    if (!origin || !one) return;
    const at = svgPoint(this.map, event);
    this.place = { x: (at.x - origin.x) / (one.x - origin.x), y: (at.y - origin.y) / (one.y - origin.y) };
    this.draw();
  }

  showGap() {
    if (!this.data || !this.gaps?.length) return;
    this.gap = (this.gap + 1) % this.gaps.length;
    this.place = placesOf(this.data.real)[this.gaps[this.gap]];
    this.draw();
  }

  destroy() {
    this.sheet.destroy();
    this.heading.destroy();
  }
}

/** @param {number} value */
const number = (value) => String(Number(value.toPrecision(3))).replace("-", "−");

export default define(() => new SampleMap());
