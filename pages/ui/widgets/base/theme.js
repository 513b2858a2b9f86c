// The colours and the only Plotly template of the app, derived from Streamlit's theme.

import { bytesOf, contextOf, make } from "./dom.js";

/**
 * Colours by name; `surface` goes from the lowest value to the highest.
 * @typedef {typeof PALETTES["light"] & {
 *   text: string, background: string, grid: string, panel: string,
 * }} Colours
 */

/**
 * The theme at an element; `sheet` is a text that changes with any other field.
 * @typedef {{ dark: boolean, font: string, colours: Colours, border: string, sheet: string }} Theme
 */

// The same five meanings everywhere. Pairs that share a chart (critic and generator, real and fake)
// can be distinguished with protanopia, deuteranopia and tritanopia, and have a contrast of at
// least 3:1 on the page.
const PALETTES = {
  light: {
    critic: "#1f6fbf", generator: "#d4700c", real: "#00695a", fake: "#c957a5",
    mark: "#6d5bd0", muted: "#656e7d",
    // Colours of compared runs, by Okabe and Ito, which are distinguishable with colour blindness.
    one: "#0072b2", two: "#d55e00", three: "#009e73", four: "#a8518a", five: "#b07d00",
    six: "#2f8fc4",
    // Even steps of lightness with little chroma, so that both colours of points are visible on all
    // shades.
    surface: ["#f8fafd", "#ebf0f7", "#dee6f2", "#d2dded", "#c6d3e7", "#bac9e2", "#aebfdd",
      "#a3b5d7", "#98abd2"],
  },
  dark: {
    critic: "#5aa9ee", generator: "#f2a03d", real: "#3ddbb0", fake: "#e26fb4",
    mark: "#a99bff", muted: "#8f9bb0",
    one: "#56a8e0", two: "#f08a4b", three: "#3cc79b", four: "#d98cc0", five: "#e6b83f",
    six: "#9fd3f2",
    surface: ["#181c21", "#1e232c", "#232b37", "#293242", "#2e3a4e", "#34425a", "#3a4a66",
      "#405273", "#475b80"],
  },
};

/**
 * Red, green and blue, 0 … 255, of a colour in the notation of a canvas: #rrggbb or rgba(…).
 * @param {string} text
 */
export function channels(text) {
  return text[0] === "#"
    ? [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16))
    : (text.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
}

/**
 * Whether a colour is so dark that text on it must be light.
 * @param {number[]} channels
 */
export const isDark = ([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue < 110;

/** @type {CanvasRenderingContext2D | undefined} */
let painter; // converts colours; created on first use

/**
 * Convert any CSS colour to [red, green, blue], 0 … 255.
 * @param {string} colour
 */
export function rgb(colour) {
  painter ??= contextOf(document.createElement("canvas"));
  painter.fillStyle = "#000";
  painter.fillStyle = colour;
  return channels(painter.fillStyle);
}

/**
 * @param {string} colour
 * @param {number | string} alpha
 */
export function fade(colour, alpha) {
  return `rgba(${rgb(colour).join(",")},${alpha})`;
}

/**
 * The theme at `element`.
 * @param {Element} element
 * @returns {Theme}
 */
export function themeAt(element) {
  const style = getComputedStyle(element);
  /** @param {string} name */
  const read = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const background = read("background-color") || "#ffffff";
  const dark = isDark(rgb(background));
  const text = read("text-color") || (dark ? "#f1f5f9" : "#0f172a");
  const colours = {
    ...PALETTES[dark ? "dark" : "light"],
    text, background, grid: fade(text, 0.1), panel: read("secondary-background-color"),
  };
  const font = read("font") || "system-ui, sans-serif";
  return { dark, font, colours, border: read("border-color") || colours.grid,
    sheet: [background, text, colours.panel, font].join("|") };
}

const NAMED = /^@([a-z]+)(?:\/([\d.]+))?$/;

/**
 * The colour that `name` ("@critic", "@real/0.3") stands for. Other texts, and names of colour
 * scales, are returned unchanged.
 * @param {string} name
 * @param {Colours} colours
 */
export function colourNamed(name, colours) {
  const match = NAMED.exec(name);
  const colour = match && colours[/** @type {keyof Colours} */ (match[1])];
  if (typeof colour !== "string" || !colour) return name;
  return match?.[2] ? fade(colour, match[2]) : colour;
}

/**
 * Evenly spaced colours in Plotly's notation of a colour scale: [[0, "#…"], …, [1, "#…"]].
 * @param {string[]} stops
 * @returns {[number, string][]}
 */
export const colourScale = (stops) => stops.map((stop, i) => [i / (stops.length - 1), stop]);

/**
 * A copy of `value` in which names of colours and colour scales are replaced. Arrays of numbers are
 * not searched.
 * @param {any} value
 * @param {Colours} colours
 * @returns {any}
 */
export function dress(value, colours) {
  if (value === "@surface") return colourScale(colours.surface);
  if (typeof value === "string") return colourNamed(value, colours);
  if (Array.isArray(value)) {
    const numbers = typeof value[0] === "number" && typeof value.at(-1) !== "string";
    return numbers ? value.slice() : value.map((v) => dress(v, colours));
  }
  if (value === null || typeof value !== "object") return value;
  /** @type {Record<string, any>} */
  const copy = {};
  for (const name in value) copy[name] = dress(value[name], colours);
  return copy;
}

/** @param {Theme} theme */
function templateFor({ font, colours, border }) {
  const axis = {
    gridcolor: colours.grid, zerolinecolor: fade(colours.text, 0.25), linecolor: border,
    tickcolor: border, tickfont: { color: fade(colours.text, 0.75), size: 11.5 },
    title: { font: { size: 12.5 }, standoff: 8 }, zerolinewidth: 1,
    spikecolor: colours.muted, spikethickness: -1, spikedash: "solid", // −1: no white outline
    exponentformat: "none", separatethousands: true, // 0.00015 and 20,000, where Plotly would write 150µ and 20k
    // 10M: there is no room for 10,000,000.
    tickformatstops: [{ name: "large", dtickrange: [200_000, null], value: "~s" }],
  };
  return {
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: font, color: colours.text, size: 13 },
      colorway: [
        colours.critic, colours.generator, colours.real, colours.fake, colours.mark, colours.muted,
      ],
      colorscale: { sequential: colourScale(colours.surface) },
      xaxis: axis, yaxis: axis,
      margin: { l: 48, r: 12, t: 12, b: 40 },
      hoverlabel: {
        // See-through and small, so that the box does not hide a small chart.
        bgcolor: fade(colours.panel || colours.background, 0.85), bordercolor: border,
        font: { family: font, color: colours.text, size: 11 },
        namelength: -1, // do not cut names
      },
      legend: {
        bgcolor: "rgba(0,0,0,0)", orientation: "h", x: 0, xanchor: "left", y: 1.02,
        yanchor: "bottom", font: { size: 12.5 },
      },
      title: { font: { size: 15 }, x: 0, xref: "paper" },
      annotationdefaults: { font: { color: colours.text }, arrowcolor: colours.muted },
      shapedefaults: { line: { color: colours.muted } },
      modebar: {
        orientation: "h", bgcolor: "rgba(0,0,0,0)", color: fade(colours.text, 0.45),
        activecolor: colours.text,
      },
    },
    data: {
      heatmap: [{ colorbar: { outlinewidth: 0, thickness: 12, tickfont: { size: 11 } } }],
      contour: [{ colorbar: { outlinewidth: 0, thickness: 12, tickfont: { size: 11 } } }],
    },
  };
}

const ARRAYS = {
  f4: Float32Array, f8: Float64Array, i1: Int8Array, i2: Int16Array, i4: Int32Array,
  u1: Uint8Array, u2: Uint16Array, u4: Uint32Array,
};

/** @typedef {keyof typeof ARRAYS} TypeCode */

/**
 * The numbers of Plotly's base64 typed array, or of a plain array.
 * @param {(number | null)[] | PackedArray | SharedX | undefined} spec
 * @returns {NumberList}
 */
export function unpack(spec) {
  // A null in a list is a gap; callers check for finite values.
  if (!spec || !("bdata" in spec)) return /** @type {number[]} */ (spec ?? []);
  return new ARRAYS[/** @type {TypeCode} */ (spec.dtype)](bytesOf(spec.bdata).buffer);
}

/**
 * Whether `Plot.grow` can update a trace's line without Plotly: not if it has steps or a filling.
 * @param {Trace} trace
 */
export const isLine = (trace) => trace.type === "scatter" && trace.mode === "lines" && !trace.yaxis
  && !trace.fill && !trace.line?.shape;

/**
 * All of a figure except for the points of its lines.
 * @param {Figure} figure
 */
export function skeleton({ data = [], layout }) {
  return JSON.stringify([data.map((trace) => (
    isLine(trace) ? { ...trace, x: undefined, y: undefined } : trace
  )), layout]);
}

/**
 * Points as an SVG path on two linear axes; undefined if they exceed the axes.
 * @param {NumberList} xs
 * @param {NumberList} ys
 * @param {PlotlyAxis} xaxis
 * @param {PlotlyAxis} yaxis
 */
export function linePath(xs, ys, xaxis, yaxis) {
  if (xaxis.type !== "linear" || yaxis.type !== "linear") return undefined;
  const [left, right] = xaxis.range;
  const [low, high] = yaxis.range;
  const steps = [];
  for (let i = 0; i < xs.length; i++) {
    const [x, y] = [xs[i], ys[i]];
    // At a gap, Plotly would break the line into several.
    if (!Number.isFinite(x) || !Number.isFinite(y)) return undefined;
    if (xaxis.autorange && (x < left || x > right)) return undefined;
    if (yaxis.autorange && (y < low || y > high)) return undefined;
    const across = ((x - left) / (right - left)) * xaxis._length;
    const down = ((high - y) / (high - low)) * yaxis._length;
    steps.push(`${across.toFixed(1)},${down.toFixed(1)}`);
  }
  return steps.length > 1 ? `M${steps.join("L")}` : undefined;
}

/** @type {Map<string, { axis: "xaxis" | "yaxis", way: -1 | 1 }>} */
const PANS = new Map([
  ["ArrowLeft", { axis: "xaxis", way: -1 }], ["ArrowRight", { axis: "xaxis", way: 1 }],
  ["ArrowDown", { axis: "yaxis", way: -1 }], ["ArrowUp", { axis: "yaxis", way: 1 }],
]);

/**
 * The range of an axis after it has been moved by a tenth of its length.
 * @param {[number, number]} range
 * @param {-1 | 1} way
 * @returns {[number, number]}
 */
export function pannedRange([from, to], way) {
  const by = (way * (to - from)) / 10;
  return [from + by, to + by];
}

export const CONFIG = {
  displaylogo: false,
  displayModeBar: "hover",
  locales: { en: { dictionary: { Pan: "Pan: drag, or press the arrow keys" } } },
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
  responsive: false, // the observer below handles it, and hidden tabs, too
};

const NO_PLOTLY = "This chart cannot be shown: the app could not send Plotly's program. Reload the " +
  "page. If that does not help, install the Python package plotly again.";

/**
 * Load Plotly once per document, for all charts of all components.
 * @param {string | null} address
 * @returns {Promise<PlotlyModule>}
 */
function loadPlotly(address) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  if (!address) return Promise.reject(new Error(NO_PLOTLY));
  window.wganPlotly ??= new Promise((resolve, reject) => {
    const script = make("script", { src: new URL(address, document.baseURI), async: true });
    const fail = () => {
      window.wganPlotly = undefined; // the next chart may try again
      script.remove();
      reject(new Error(NO_PLOTLY));
    };
    script.onload = () => (window.Plotly ? resolve(window.Plotly) : fail());
    script.onerror = fail;
    document.head.append(script);
  });
  return window.wganPlotly;
}

/**
 * A figure and its display: `run` identifies its content, `plotly` is the address of the bundle.
 * @typedef {{ figure: Figure, run: string, alt: string, plotly: string | null }} PlotData
 */

/** A Plotly chart in a permanent div. give() may be called as often as there are new data. */
export class Plot {
  /** @type {PlotlyModule | undefined} */
  plotly;
  /** @type {string | undefined} */
  content; // last given content, as text
  /** @type {Figure | undefined} */
  figure;
  /** @type {string | undefined} */
  run;
  /** @type {Theme | undefined} */
  theme; // of the last drawing, like the fields below
  /** @type {string | undefined} */
  like; // size and theme
  /** @type {string | undefined} */
  shown; // run
  /** @type {string | undefined} */
  skeleton;
  /** @type {HTMLParagraphElement | undefined} */
  note;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  wait;
  frame = 0; // pending animation frame of the browser
  rest = 0; // earliest time of the next drawing
  whole = 0; // time from which Plotly must draw
  stale = false; // given, but not drawn yet
  behind = false; // drawn, but not by Plotly
  ended = false;

  constructor() {
    /** @type {PlotlyElement} */
    this.root = make("div", { className: "wgan-plot" });
    /** @type {object} */
    this.config = CONFIG;
    this.root.setAttribute("role", "figure"); // not "img", which may contain no buttons
    // On hover, let Plotly draw, so that it shows the newest values at the pointer.
    this.root.addEventListener("pointerenter", () => this.behind && this.draw(true));
    this.root.addEventListener("keydown", (event) => this.pan(event));
    this.observer = new ResizeObserver(() => this.later());
    this.observer.observe(this.root);
    this.visible = () => this.later();
    document.addEventListener("visibilitychange", this.visible);
  }

  /** @param {PlotData} data */
  give({ figure, run, alt, plotly }) {
    this.root.setAttribute("aria-label", alt);
    // Drawing takes a hundred times as long as comparing.
    const content = JSON.stringify([figure, run]);
    if (content === this.content) {
      this.later(); // the theme may have changed
      return;
    }
    this.content = content;
    this.figure = figure;
    this.run = run;
    this.stale = true;
    // Draw in a separate task, so that several charts with new data do not block the page.
    if (this.plotly) {
      this.after(0);
      return;
    }
    loadPlotly(plotly).then(
      (plotlyLoaded) => {
        this.plotly = plotlyLoaded;
        this.draw();
      },
      (error) => this.say(error.message),
    );
  }

  /** @param {string} words */
  say(words) {
    if (this.ended) return;
    this.note ??= make("p", { className: "wgan-note", role: "status" });
    this.note.textContent = words;
    this.root.append(this.note);
  }

  /** @param {number} delay */
  after(delay) {
    clearTimeout(this.wait);
    this.wait = setTimeout(() => this.draw(), delay);
  }

  later() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw(whole = false) {
    const { clientWidth: width, clientHeight: height } = this.root;
    // Do not draw in a hidden tab; the observer or the event calls again when it is visible.
    if (this.ended || !this.plotly || !this.figure || !width || document.hidden) return;
    const theme = themeAt(this.root);
    const like = [width, height, theme.sheet].join("|");
    const begun = performance.now();
    // After a change of the run, keep nothing of the previous one: neither its axes nor its lines.
    if (like === this.like && !whole && this.run === this.shown) {
      if (!this.stale) return;
      if (this.grow(begun)) return;
      if (begun < this.rest) {
        this.after(this.rest - begun);
        return;
      }
    }
    // A redraw would abort the zoom that the visitor is dragging.
    if (this.root._dragging) {
      this.after(150);
      return;
    }
    this.theme = theme;
    /** @type {Figure} */
    const { data = [], layout = {} } = dress(this.figure, theme.colours);
    Object.assign(layout, { width, height, autosize: false, uirevision: this.run });
    layout.template = templateFor(theme);
    // On touch screens, dragging over a chart scrolls the page; the mode bar still offers zoom.
    if (matchMedia("(pointer: coarse)").matches) layout.dragmode ??= false;
    this.stale = this.behind = false;
    this.like = like;
    this.shown = this.run;
    this.skeleton = skeleton(this.figure);
    this.plotly.react(this.root, data, layout, this.config).then(
      () => this.ended || this.unsay(),
      (error) => this.say(`This chart cannot be drawn: ${error.message}`),
    );
    this.drawn();
    // A chart uses at most a 50th of the browser's time: where drawing is slow, it is drawn less
    // often. The newest data are always drawn in the end.
    const now = performance.now();
    this.rest = now + Math.min(50 * (now - begun), 2000);
    this.whole = now + 10_000;
  }

  /**
   * Move the lines that Plotly has drawn to their new points, if these fit into the current axes;
   * return whether this was done. It costs a hundredth of a redraw. Plotly's own data are then a
   * few seconds old until the pointer enters the chart.
   * @param {number} now
   */
  grow(now) {
    const { _fullLayout: full, _fullData: traces, calcdata } = this.root;
    if (now > this.whole || this.root.matches(":hover") || this.root._dragging) return false;
    if (!this.figure || !full?.xaxis || !full.yaxis || skeleton(this.figure) !== this.skeleton) return false;
    /** @type {[Element, string][]} */
    const paths = [];
    for (const [i, trace] of (this.figure.data ?? []).entries()) {
      if (!isLine(trace) || traces?.[i]?.visible !== true) continue;
      const lines = calcdata?.[i]?.[0]?.node3?.node?.()?.querySelectorAll(".js-line");
      const d = linePath(unpack(trace.x), unpack(trace.y), full.xaxis, full.yaxis);
      if (lines?.length !== 1 || !d) return false;
      paths.push([lines[0], d]);
    }
    for (const [line, d] of paths) line.setAttribute("d", d);
    this.stale = false;
    this.behind = true;
    return true;
  }

  /**
   * Move a zoomed chart with the arrow keys, while a button of its toolbar has the focus.
   * @param {KeyboardEvent} event
   */
  pan(event) {
    const pan = PANS.get(event.key);
    const axis = pan && this.root._fullLayout?.[pan.axis];
    if (!axis || axis.autorange) return; // autorange: all of it is visible
    event.preventDefault();
    event.stopPropagation();
    this.plotly?.relayout(this.root, { [`${pan.axis}.range`]: pannedRange(axis.range, pan.way) });
  }

  drawn() {} // a hook for subclasses

  unsay() {
    if (!this.note) return;
    this.note.remove();
    this.note = undefined;
  }

  destroy() {
    this.ended = true;
    cancelAnimationFrame(this.frame);
    clearTimeout(this.wait);
    this.observer.disconnect();
    document.removeEventListener("visibilitychange", this.visible);
    this.plotly?.purge(this.root);
  }
}
