// Colours and the one Plotly template of the app, from Streamlit's theme.

import { bytesOf, contextOf, make } from "./dom.js";

/**
 * Colours by their names; `surface` goes from the lowest value to the highest.
 * @typedef {typeof PALETTES["light"] & {
 *   text: string, background: string, grid: string, panel: string,
 * }} Colours
 */

/**
 * What the theme says at an element; `sheet` changes when any of the rest does.
 * @typedef {{ dark: boolean, font: string, colours: Colours, border: string, sheet: string }} Theme
 */

// The same five meanings everywhere. Told apart with protanopia, deuteranopia and tritanopia in
// the pairs that share a chart (critic and generator, real and fake), at least 3:1 on the page.
const PALETTES = {
  light: {
    critic: "#1f6fbf", generator: "#d9730d", real: "#00695a", fake: "#c957a5",
    mark: "#6d5bd0", muted: "#6b7484",
    // Runs beside each other: Okabe and Ito's, which tell apart for all.
    one: "#0072b2", two: "#d55e00", three: "#009e73", four: "#a8518a", five: "#b07d00",
    six: "#2f8fc4",
    // Even steps of lightness and little chroma: both point colours stay readable on all of it.
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
 * Red, green and blue, 0 … 255, of a colour as a canvas writes it: #rrggbb, or rgba(…).
 * @param {string} text
 */
export function channels(text) {
  return text[0] === "#"
    ? [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16))
    : (text.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
}

/**
 * Is a colour of these channels dark, so that light text is read on it?
 * @param {number[]} channels
 */
export const isDark = ([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue < 110;

/** @type {CanvasRenderingContext2D | undefined} */
let painter; // reads colours, once one is asked for

/**
 * Any CSS colour as [red, green, blue], 0 … 255.
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
 * What the theme says at `element`.
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
 * The colour that `name` ("@critic", "@real/0.3") means; any other text as it is, and so is the name
 * of a scale, which is no colour.
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
 * Colours at even steps as Plotly writes a scale: [[0, "#…"], …, [1, "#…"]].
 * @param {string[]} stops
 * @returns {[number, string][]}
 */
export const colourScale = (stops) => stops.map((stop, i) => [i / (stops.length - 1), stop]);

/**
 * A copy of `value` in which the names of colours are colours and those of scales are scales; numbers
 * are not walked through.
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
        bgcolor: colours.panel || colours.background, bordercolor: border,
        font: { family: font, color: colours.text, size: 12.5 },
      },
      legend: {
        bgcolor: "rgba(0,0,0,0)", orientation: "h", x: 0, xanchor: "left", y: 1.02,
        yanchor: "bottom", font: { size: 12.5 },
      },
      title: { font: { size: 15 }, x: 0, xref: "paper" },
      annotationdefaults: { font: { color: colours.text }, arrowcolor: colours.muted },
      shapedefaults: { line: { color: colours.muted } },
      modebar: {
        // Upright, so that in a narrow chart it does not cover the legend.
        orientation: "v", bgcolor: "rgba(0,0,0,0)", color: fade(colours.text, 0.45),
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
 * The numbers of Plotly's base64 typed array, or of an array.
 * @param {(number | null)[] | PackedArray | SharedX | undefined} spec
 * @returns {NumberList}
 */
export function unpack(spec) {
  // A null in a list is a gap; whoever reads it finds it not finite.
  if (!spec || !("bdata" in spec)) return /** @type {number[]} */ (spec ?? []);
  return new ARRAYS[/** @type {TypeCode} */ (spec.dtype)](bytesOf(spec.bdata).buffer);
}

/**
 * A trace whose lines may be moved without Plotly: see `Plot.grow`. Not one with steps or a filling.
 * @param {Trace} trace
 */
export const isLine = (trace) => trace.type === "scatter" && trace.mode === "lines" && !trace.yaxis
  && !trace.fill && !trace.line?.shape;

/**
 * All of a figure but the points of its lines.
 * @param {Figure} figure
 */
export function skeleton({ data = [], layout }) {
  return JSON.stringify([data.map((trace) => (
    isLine(trace) ? { ...trace, x: undefined, y: undefined } : trace
  )), layout]);
}

/**
 * Points as an SVG path in the place of two linear axes; undefined where they do not fit in.
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
    // Plotly breaks a line there into several.
    if (!Number.isFinite(x) || !Number.isFinite(y)) return undefined;
    if (xaxis.autorange && (x < left || x > right)) return undefined;
    if (yaxis.autorange && (y < low || y > high)) return undefined;
    const across = ((x - left) / (right - left)) * xaxis._length;
    const down = ((high - y) / (high - low)) * yaxis._length;
    steps.push(`${across.toFixed(1)},${down.toFixed(1)}`);
  }
  return steps.length > 1 ? `M${steps.join("L")}` : undefined;
}

export const CONFIG = {
  displaylogo: false,
  displayModeBar: "hover",
  modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
  responsive: false, // the observer below does it, and knows hidden tabs
};

const NO_PLOTLY = "This chart cannot be shown: the app could not send Plotly's program. Reload the " +
  "page. If that does not help, install the Python package plotly again.";

/**
 * Plotly, loaded once a document, however many charts of whatever component ask for it.
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
 * A figure, and how it is shown: `run` names what it is of, `plotly` is the address of the bundle.
 * @typedef {{ figure: Figure, run: string, alt: string, plotly: string | null }} PlotData
 */

/** A Plotly chart in a div that stays: give() may be called as often as there is news. */
export class Plot {
  /** @type {PlotlyModule | undefined} */
  plotly;
  /** @type {string | undefined} */
  content; // what was given last, as text
  /** @type {Figure | undefined} */
  figure;
  /** @type {string | undefined} */
  run;
  /** @type {Theme | undefined} */
  theme; // of the last drawing, as are those below
  /** @type {string | undefined} */
  like; // its size and theme
  /** @type {string | undefined} */
  shown; // its run
  /** @type {string | undefined} */
  skeleton;
  /** @type {HTMLParagraphElement | undefined} */
  note;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  wait;
  frame = 0; // of the browser, in which it is drawn next
  rest = 0; // the time before which it is not drawn anew
  whole = 0; // the time after which it is drawn by Plotly in any case
  stale = false; // given, but not drawn
  behind = false; // drawn, but not by Plotly
  ended = false;

  constructor() {
    /** @type {PlotlyElement} */
    this.root = make("div", { className: "wgan-plot" });
    /** @type {object} */
    this.config = CONFIG;
    this.root.setAttribute("role", "img");
    // Whoever points at a line wants Plotly's own, with the newest values under the pointer.
    this.root.addEventListener("pointerenter", () => this.behind && this.draw(true));
    this.observer = new ResizeObserver(() => this.later());
    this.observer.observe(this.root);
    this.visible = () => this.later();
    document.addEventListener("visibilitychange", this.visible);
  }

  /** @param {PlotData} data */
  give({ figure, run, alt, plotly }) {
    this.root.setAttribute("aria-label", alt);
    // Drawing costs a hundred times what comparing does.
    const content = JSON.stringify([figure, run]);
    if (content === this.content) {
      this.later(); // the theme may be another
      return;
    }
    this.content = content;
    this.figure = figure;
    this.run = run;
    this.stale = true;
    // In a task of its own: several charts that are given data at once do not stop the page.
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
    // Replaces the role of an image: the words are to be read, not the picture's description.
    this.root.setAttribute("role", "group");
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
    // Nothing is drawn for nobody: in a hidden tab the observer or the event calls again.
    if (this.ended || !this.plotly || !this.figure || !width || document.hidden) return;
    const theme = themeAt(this.root);
    const like = [width, height, theme.sheet].join("|");
    const begun = performance.now();
    // Of another run, or another walk, nothing may stay: not the axes, nor the lines for a while.
    if (like === this.like && !whole && this.run === this.shown) {
      if (!this.stale) return;
      if (this.grow(begun)) return;
      if (begun < this.rest) {
        this.after(this.rest - begun);
        return;
      }
    }
    // A redraw would break off the zoom that is being drawn.
    if (this.root._dragging) {
      this.after(150);
      return;
    }
    this.theme = theme;
    /** @type {Figure} */
    const { data = [], layout = {} } = dress(this.figure, theme.colours);
    Object.assign(layout, { width, height, autosize: false, uirevision: this.run });
    layout.template = templateFor(theme);
    // A finger that drags over a chart means to scroll the page; the mode bar still offers zoom.
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
    // A chart takes a 50th of the browser's time at most: where drawing is slow, it is drawn less
    // often. What is given meanwhile is not lost, the newest is drawn in the end.
    const now = performance.now();
    this.rest = now + Math.min(50 * (now - begun), 2000);
    this.whole = now + 10_000;
  }

  /**
   * Move the lines that Plotly drew to their new points, where these fit into the axes as they are,
   * and tell whether that was done. A hundredth of a redraw's cost. What Plotly knows is then a few
   * seconds old, until somebody points at the chart.
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

  drawn() {} // for those who add to it

  unsay() {
    if (!this.note) return;
    this.note.remove();
    this.note = undefined;
    this.root.setAttribute("role", "img");
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
