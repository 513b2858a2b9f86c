// Points in the plane, arrows and the critic's surface, on a canvas below Plotly's axes. As SVG, a
// thousand points cost 0.1 s per update. So Plotly draws only the axes and the legend, and only
// when they change; it still provides zoom, pan and legend.

import { clamp, contextOf, make } from "../base/dom.js";
import { colourNamed, colourScale, CONFIG, fade, Plot, rgb, unpack } from "../base/theme.js";

/** @typedef {import("../base/theme.js").PlotData} PlotData */

/**
 * The critic's scores on a grid, row 0 at the bottom; `low` and `high` are never equal.
 * @typedef {{ values: NumberList, rows: number, columns: number, x0: number, dx: number, y0: number,
 *   dy: number, low: number, high: number }} Surface
 */

/**
 * A trace that is drawn here: dots, arrows (a mode with lines) or a surface.
 * @typedef {{ kind: "dots" | "arrows" | "surface", x: NumberList, y: NumberList,
 *   surface?: Surface, sizes: number | NumberList | undefined, colour: string | undefined,
 *   lineWidth: number | undefined }} Painting
 */

/** @typedef {(value: number) => number} Scale from the plane to pixels */

/**
 * Whether a trace is drawn here instead of by Plotly.
 * @param {Trace} trace
 */
export const painted = (trace) => Boolean(
  trace.type === "contour" || (trace.type === "scatter" && trace.mode?.includes("markers")),
);

/**
 * What Plotly draws of such a trace: its legend entry.
 * @param {Trace} trace
 * @returns {Trace}
 */
export function emptied({ type, mode, name, marker, line }) {
  if (type === "contour") return { type: "scatter", x: [null], y: [null], showlegend: false };
  if (mode?.includes("lines")) return { type, mode: "lines", name, line, x: [null], y: [null] };
  return { type, mode, name, marker, x: [null], y: [null] };
}

/**
 * The surface of a contour trace, whose z is packed or a list of rows.
 * @param {Trace} trace
 * @returns {Surface}
 */
export function surfaceOf({ z = [], x0 = 0, dx = 1, y0 = 0, dy = 1 }) {
  const [rows, columns] = "bdata" in z
    ? (z.shape ?? "0,0").split(",").map(Number)
    : [z.length, z[0]?.length ?? 0];
  const values = "bdata" in z ? unpack(z) : Float32Array.from(z.flat());
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low < high)) [low, high] = [low - 0.5 || -0.5, low + 0.5 || 0.5];
  return { values, rows, columns, x0, dx, y0, dy, low, high };
}

/**
 * The score at a place of the plane; undefined outside of the surface.
 * @param {Surface} surface
 * @param {number} x
 * @param {number} y
 */
export function scoreAt({ values, rows, columns, x0, dx, y0, dy }, x, y) {
  const column = Math.round((x - x0) / dx);
  const row = Math.round((y - y0) / dy);
  if (row < 0 || row >= rows || column < 0 || column >= columns) return undefined;
  return values[row * columns + column];
}

/**
 * Evenly spaced colours from the first of `stops` to the last.
 * @param {number[][]} stops
 * @param {number} count
 */
export function colourSteps(stops, count) {
  return Array.from({ length: count }, (_, i) => {
    const at = (i / (count - 1)) * (stops.length - 1);
    const [a, b] = [stops[Math.floor(at)], stops[Math.ceil(at)]];
    return a.map((value, k) => value + (at % 1) * (b[k] - value));
  });
}

/**
 * Level lines as segments from one edge of a grid square to another: [column, row] of both ends.
 * @param {Surface} surface
 * @param {number} step between the levels
 * @returns {[number, number][][]}
 */
export function contourPieces({ values, rows, columns }, step) {
  /**
   * @param {number} a
   * @param {number} b
   * @param {number} level
   */
  const cut = (a, b, level) => (level - a) / (b - a);
  /** @type {[number, number][][]} */
  const pieces = [];
  for (let j = 0; j + 1 < rows; j++) {
    for (let i = 0; i + 1 < columns; i++) {
      const at = j * columns + i;
      const [a, b, c, d] = [values[at], values[at + 1], values[at + columns + 1], values[at + columns]];
      const top = Math.max(a, b, c, d);
      for (let level = Math.ceil(Math.min(a, b, c, d) / step) * step; level < top; level += step) {
        /** @type {[number, number][]} */
        const ends = [];
        if (a < level !== b < level) ends.push([i + cut(a, b, level), j]);
        if (b < level !== c < level) ends.push([i + 1, j + cut(b, c, level)]);
        if (d < level !== c < level) ends.push([i + cut(d, c, level), j + 1]);
        if (a < level !== d < level) ends.push([i, j + cut(a, d, level)]);
        for (let k = 0; k + 1 < ends.length; k += 2) pieces.push([ends[k], ends[k + 1]]);
      }
    }
  }
  return pieces;
}

/**
 * The head of an arrow from a to b: where its line ends, and the two other corners of the head of
 * length `size`. Undefined if the arrow has no length or an end is missing.
 * @param {[number, number]} a
 * @param {[number, number]} b
 * @param {number} size
 */
export function arrowHead([ax, ay], [bx, by], size) {
  const long = Math.hypot(bx - ax, by - ay);
  if (!(long > 0)) return undefined;
  const [ux, uy] = [((bx - ax) / long) * size, ((by - ay) / long) * size];
  return {
    line: [bx - ux / 2, by - uy / 2],
    left: [bx - ux - uy * 0.45, by - uy + ux * 0.45],
    right: [bx - ux + uy * 0.45, by - uy - ux * 0.45],
  };
}

/**
 * The painting of a trace for which `painted` is true.
 * @param {Trace} trace
 * @returns {Painting}
 */
export function paintingOf(trace) {
  const { type, mode, x, y, z, marker, line } = trace;
  const arrows = type !== "contour" && mode?.includes("lines");
  const size = marker?.size;
  return {
    kind: type === "contour" ? "surface" : arrows ? "arrows" : "dots",
    x: unpack(x),
    y: unpack(y),
    surface: z ? surfaceOf(trace) : undefined,
    sizes: typeof size === "number" ? size : unpack(size),
    colour: type === "contour" || arrows ? line?.color : marker?.color,
    lineWidth: line?.width,
  };
}

export class Plane extends Plot {
  /** @type {(Painting | undefined)[]} */
  paintings = []; // one item per trace of the figure
  /** @type {Figure | undefined} */
  given;
  /** @type {string | undefined} */
  frameLike; // what Plotly draws, as text
  /** @type {number[][]} */
  table = []; // colours of the surface
  /** @type {string | undefined} */
  stopsOf; // the theme of these colours
  listening = false; // to Plotly's events

  constructor() {
    super();
    this.config = { ...CONFIG, modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]] };
    this.canvas = make("canvas", { ariaHidden: "true" });
    this.tip = make("div", { className: "wgan-tip", hidden: true });
    this.root.classList.add("wgan-plane");
    this.root.append(this.canvas, this.tip);
    this.root.addEventListener("pointermove", (event) => this.hover(event));
    this.root.addEventListener("pointerleave", () => (this.tip.hidden = true));
  }

  /** @param {PlotData} data */
  give({ figure, ...rest }) {
    this.given = figure;
    const traces = figure.data ?? [];
    this.paintings = traces.map((trace) => (painted(trace) ? paintingOf(trace) : undefined));
    const data = traces.map((trace) => (painted(trace) ? emptied(trace) : trace));
    /** @type {Record<string, any>} */
    const layout = { ...figure.layout };
    if (this.surface) {
      layout.margin = { ...layout.margin, r: 64 }; // for the colour bar
    }
    const like = JSON.stringify([rest.run, rest.plotly, data, layout]);
    if (like === this.frameLike) {
      this.root.setAttribute("aria-label", rest.alt);
      this.draw(); // theme and size
      this.paint();
      return;
    }
    this.frameLike = like;
    super.give({ figure: { data, layout }, ...rest });
  }

  get surface() {
    return this.paintings.find((painting) => painting?.surface)?.surface;
  }

  drawn() {
    if (!this.listening && this.root.on) {
      this.listening = true;
      // After a zoom or a click on the legend, and while the plane is being dragged.
      for (const name of ["plotly_afterplot", "plotly_relayouting"]) {
        this.root.on?.(name, () => this.paint());
      }
    }
    this.paint();
  }

  paint() {
    const axes = this.root._fullLayout;
    if (this.ended || !axes?.xaxis?._length || !axes.yaxis || !this.theme || document.hidden) return;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.root.clientWidth * ratio);
    const height = Math.round(this.root.clientHeight * ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
    }
    const context = contextOf(this.canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const { xaxis, yaxis } = axes;
    /** @type {[number, number, number, number]} */
    const box = [xaxis._offset, yaxis._offset, xaxis._length, yaxis._length];
    const [left, right] = xaxis.range;
    const [low, high] = yaxis.range;
    /** @type {Scale} */
    const x = (value) => box[0] + ((value - left) / (right - left)) * box[2];
    /** @type {Scale} */
    const y = (value) => box[1] + ((high - value) / (high - low)) * box[3];
    context.save();
    context.beginPath();
    context.rect(...box);
    context.clip();
    const { colours } = this.theme;
    this.paintings.forEach((painting, i) => {
      if (!painting || this.root._fullData?.[i]?.visible !== true) return;
      const colour = colourNamed(painting.colour ?? "@text/0.25", colours);
      if (painting.surface) this.shade(context, painting, painting.surface, colour, x, y);
      else if (painting.kind === "arrows") this.arrows(context, painting, colour, x, y);
      else this.dots(context, painting, colour, x, y);
    });
    context.restore();
    if (this.surface) this.scale(context, this.surface, box);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Painting} painting
   * @param {string} colour
   * @param {Scale} x
   * @param {Scale} y
   */
  dots(context, { x: xs, y: ys, sizes }, colour, x, y) {
    const radius = (typeof sizes === "number" ? sizes : sizes?.[0] ?? 6) / 2;
    context.fillStyle = colour;
    context.beginPath();
    for (let i = 0; i < xs.length; i++) {
      const [px, py] = [x(xs[i]), y(ys[i])];
      context.moveTo(px + radius, py);
      context.arc(px, py, radius, 0, 2 * Math.PI);
    }
    context.fill("nonzero");
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Painting} painting
   * @param {string} colour
   * @param {Scale} x
   * @param {Scale} y
   */
  arrows(context, { x: xs, y: ys, lineWidth, sizes }, colour, x, y) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = lineWidth ?? 1.5;
    context.beginPath();
    const heads = new Path2D();
    for (let i = 0; i + 1 < xs.length; i++) {
      const [ax, ay, bx, by] = [x(xs[i]), y(ys[i]), x(xs[i + 1]), y(ys[i + 1])];
      const size = typeof sizes === "number" ? sizes : sizes?.[i + 1] ?? 0;
      const head = arrowHead([ax, ay], [bx, by], size);
      if (!head) continue; // a gap, or an arrow without length
      context.moveTo(ax, ay);
      context.lineTo(head.line[0], head.line[1]);
      heads.moveTo(bx, by);
      heads.lineTo(head.left[0], head.left[1]);
      heads.lineTo(head.right[0], head.right[1]);
      heads.closePath();
    }
    context.stroke();
    context.fill(heads);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Painting} painting
   * @param {Surface} surface
   * @param {string} colour of the lines of equal height
   * @param {Scale} x
   * @param {Scale} y
   */
  shade(context, { lineWidth }, surface, colour, x, y) {
    const { values, rows, columns, x0, dx, y0, dy, low, high } = surface;
    if (this.theme && this.stopsOf !== this.theme.sheet) {
      this.stopsOf = this.theme.sheet;
      this.table = colourSteps(this.theme.colours.surface.map(rgb), 256);
    }
    const small = make("canvas", { width: columns, height: rows });
    const pixels = new ImageData(columns, rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const value = values[row * columns + column];
        if (!Number.isFinite(value)) continue;
        const shade = this.table[Math.round((255 * (value - low)) / (high - low))];
        pixels.data.set(shade, 4 * ((rows - 1 - row) * columns + column)); // row 0 is at the bottom
        pixels.data[4 * ((rows - 1 - row) * columns + column) + 3] = 255;
      }
    }
    contextOf(small).putImageData(pixels, 0, 0);
    const [left, right] = [x(x0 - dx / 2), x(x0 + (columns - 0.5) * dx)];
    const [top, bottom] = [y(y0 + (rows - 0.5) * dy), y(y0 - dy / 2)];
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(small, left, top, right - left, bottom - top);
    context.strokeStyle = colour;
    context.lineWidth = lineWidth ?? 1;
    context.beginPath();
    for (const [from, to] of contourPieces(surface, niceStep((high - low) / 14))) {
      context.moveTo(x(x0 + from[0] * dx), y(y0 + from[1] * dy));
      context.lineTo(x(x0 + to[0] * dx), y(y0 + to[1] * dy));
    }
    context.stroke();
  }

  /**
   * The colour bar to the right of the plane.
   * @param {CanvasRenderingContext2D} context
   * @param {Surface} surface
   * @param {[number, number, number, number]} box
   */
  scale(context, { low, high }, [left, top, width, height]) {
    if (!this.theme) return;
    const x = left + width + 10;
    const colours = context.createLinearGradient(0, top + height, 0, top);
    const { surface, text } = this.theme.colours;
    for (const [at, colour] of colourScale(surface)) colours.addColorStop(at, colour);
    context.fillStyle = colours;
    context.fillRect(x, top, 10, height);
    context.fillStyle = fade(text, 0.75);
    context.font = `11.5px ${this.theme.font}`;
    context.textBaseline = "alphabetic";
    context.textAlign = "right";
    context.fillText("score", x + 46, top - 6);
    context.textAlign = "left";
    context.textBaseline = "middle";
    const step = niceStep((high - low) / 5);
    let before = "";
    for (let i = Math.ceil(low / step); i * step <= high; i++) {
      const y = top + height * (1 - (i * step - low) / (high - low));
      const label = formatScore(i * step);
      // Scores that differ very little have the same three digits.
      if (label !== before) context.fillText(label, x + 14, clamp(y, top + 6, top + height - 6));
      before = label;
    }
  }

  /** @param {PointerEvent} event */
  hover(event) {
    const { xaxis, yaxis } = this.root._fullLayout ?? {};
    const { surface } = this;
    this.tip.hidden = true;
    if (!surface || !xaxis || !yaxis || event.buttons || event.pointerType === "touch") return;
    const place = this.root.getBoundingClientRect();
    const [px, py] = [event.clientX - place.left, event.clientY - place.top];
    const [u, v] = [(px - xaxis._offset) / xaxis._length, (py - yaxis._offset) / yaxis._length];
    if (!(u >= 0 && u <= 1 && v >= 0 && v <= 1)) return;
    const [left, right] = xaxis.range;
    const [low, high] = yaxis.range;
    const score = scoreAt(surface, left + u * (right - left), high - v * (high - low));
    if (score === undefined) return;
    this.tip.textContent = `score ${formatScore(score)}`;
    this.tip.style.transform = `translate(${u > 0.7 ? px - 90 : px + 12}px, ${py - 28}px)`;
    this.tip.hidden = false;
  }
}

/**
 * 1, 2 or 5 times a power of ten, at least `rough`.
 * @param {number} rough
 */
export function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((times) => times * power >= rough) ?? 10);
}

const LARGE = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/**
 * A score with three significant digits and a real minus sign; large ones as 10M.
 * @param {number} value
 */
export const formatScore = (value) =>
  (Math.abs(value) < 1e5 ? String(Number(value.toPrecision(3))) : LARGE.format(value)).replace("-", "−");
