// A line on a chart at the step that the timeline shows. Pointing at the chart shows that step's samples.

import { make } from "../base/dom.js";
import { momentOf, onMoment, tellMoment } from "../base/moment.js";
import { Plot } from "../base/theme.js";

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

/** A chart whose x axis is the step of a run. */
export class StepPlot extends Plot {
  /** @type {string | undefined} */
  stepsOf; // the run; undefined if the x axis is something else

  constructor() {
    super();
    this.cursor = make("div", { className: "wgan-cursor", hidden: true, ariaHidden: "true" });
    this.end = onMoment("shown", (run) => run === this.stepsOf && this.place());
    this.hears = false;
  }

  /** @param {string | undefined} run */
  follow(run) {
    if (run === this.stepsOf) return;
    this.stepsOf = run;
    this.place();
  }

  /** Move the line to the step that the timeline shows. */
  place() {
    const full = this.root._fullLayout;
    const step = this.stepsOf === undefined ? undefined : momentOf("shown", this.stepsOf);
    const x = full?.xaxis && pixelOf(full.xaxis, step);
    this.cursor.hidden = x === undefined;
    if (x === undefined || !full) return;
    const { _offset: top = 0, _length: height = 0 } = full.yaxis ?? {};
    Object.assign(this.cursor.style, { left: `${x}px`, top: `${top}px`, height: `${height}px` });
  }

  drawn() {
    if (this.cursor.parentElement !== this.root) this.root.append(this.cursor);
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
