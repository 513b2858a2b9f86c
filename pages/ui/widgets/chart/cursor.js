// A line on a chart at the step that the timeline shows. Pointing at the chart shows that step's samples.

import { make } from "../base/dom.js";
import { momentOf, onMoment, tellMoment } from "../base/moment.js";
import { dress, isLine, Plot, unpack } from "../base/theme.js";

/**
 * The pixel of a value on an axis of Plotly, from the left edge of the chart; undefined outside of the axis.
 * @param {PlotlyAxis} axis
 * @param {number | undefined} value
 */
export function pixelOf({ type, range: [low, high], _offset: offset, _length: length }, value) {
  if (value === undefined || (type === "log" && value <= 0)) return undefined;
  const share = ((type === "log" ? Math.log10(value) : value) - low) / (high - low);
  return share >= 0 && share <= 1 ? offset + share * length : undefined;
}

/**
 * The y of a line at x, between its points; undefined outside of the line.
 * @param {NumberList} xs rising
 * @param {NumberList} ys
 * @param {number} x
 */
export function valueAt(xs, ys, x) {
  let next = 0;
  while (next < xs.length && xs[next] < x) next += 1;
  if (xs[next] === x) return ys[next];
  if (next === 0 || next === xs.length) return undefined;
  const share = (x - xs[next - 1]) / (xs[next] - xs[next - 1]);
  return ys[next - 1] + share * (ys[next] - ys[next - 1]);
}

/** A chart whose x axis is the step of a run. */
export class StepPlot extends Plot {
  /** @type {string | undefined} */
  stepsOf; // the run; undefined if the x axis is something else
  hasDots = false; // whether each line has a dot at the shown step
  /** @type {{ xs: NumberList, ys: NumberList, dot: HTMLElement }[]} */
  lines = [];
  /** @type {Figure | undefined} */
  dotted; // the figure to which the dots belong

  constructor() {
    super();
    this.cursor = make("div", { className: "wgan-step-cursor", hidden: true, ariaHidden: "true" });
    this.end = onMoment("shown", (run) => run === this.stepsOf && this.place());
    this.hears = false;
  }

  /**
   * @param {string | undefined} run
   * @param {boolean} [hasDots]
   */
  follow(run, hasDots = false) {
    this.hasDots = hasDots;
    if (run === this.stepsOf) return;
    this.stepsOf = run;
    this.place();
  }

  /** Move the line to the step that the timeline shows. */
  place() {
    if (this.dotted !== this.figure) this.addDots(); // the lines may have moved without a redraw
    const full = this.root._fullLayout;
    const step = this.stepsOf === undefined ? undefined : momentOf("shown", this.stepsOf);
    const x = full?.xaxis && pixelOf(full.xaxis, step);
    this.cursor.hidden = x === undefined;
    for (const { dot } of this.lines) dot.hidden = true;
    if (x === undefined || step === undefined || !full?.yaxis) return;
    const { _offset: top = 0, _length: height = 0 } = full.yaxis;
    Object.assign(this.cursor.style, { left: `${x}px`, top: `${top}px`, height: `${height}px` });
    for (const { xs, ys, dot } of this.lines) {
      const above = pixelOf(full.yaxis, valueAt(xs, ys, step));
      dot.hidden = above === undefined;
      // `pixelOf` counts from the low end of an axis, which is below.
      if (above !== undefined) {
        Object.assign(dot.style, { left: `${x}px`, top: `${2 * top + height - above}px` });
      }
    }
  }

  // Give each line its dot.
  addDots() {
    for (const { dot } of this.lines) dot.remove();
    this.lines = [];
    this.dotted = this.figure;
    if (!this.hasDots || !this.figure || !this.theme) return;
    for (const trace of dress(this.figure, this.theme.colours).data ?? []) {
      const xs = unpack(trace.x);
      if (!isLine(trace) || xs.length < 2) continue;
      const dot = make("div", { className: "wgan-step-dot", hidden: true, ariaHidden: "true" });
      dot.style.background = trace.line?.color ?? "";
      this.lines.push({ xs, ys: unpack(trace.y), dot });
    }
    this.root.append(...this.lines.map(({ dot }) => dot));
  }

  drawn() {
    if (this.cursor.parentElement !== this.root) this.root.append(this.cursor);
    this.addDots();
    this.place();
    if (this.hears || !this.root.on) return;
    this.hears = true;
    // Margins change while Plotly draws, as the legend needs room.
    this.root.on("plotly_afterplot", () => this.place());
    this.root.on("plotly_relayout", () => this.place());
    this.root.on("plotly_hover", ({ points }) => this.point(points?.[0]?.x));
    this.root.on("plotly_unhover", () => this.point(undefined));
  }

  /** @param {unknown} step */
  point(step) {
    if (this.stepsOf === undefined) return;
    tellMoment("pointed", this.stepsOf, typeof step === "number" ? step : undefined);
  }

  destroy() {
    this.end();
    this.point(undefined);
    super.destroy();
  }
}
