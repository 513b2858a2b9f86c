import { define, Heading, make } from "../base/dom.js";
import { StepPlot } from "./cursor.js";

/**
 * @typedef {import("../base/theme.js").PlotData & { title: string, help: string, height: number,
 *   stepsOf?: string, dots?: boolean }} ChartData `stepsOf` is the run whose steps the x axis shows;
 *   `dots`: whether each line has a dot at the shown step
 */

/**
 * Resolve traces whose x refers to an earlier trace: chart.py sends equal x arrays only once.
 * @param {Trace[]} traces
 */
export function resolveSharedX(traces) {
  for (const trace of traces) {
    if (trace.x && "as" in trace.x) trace.x = traces[trace.x.as].x;
  }
}

/** @type {() => ComponentView<ChartData>} */
const createChart = () => {
  const heading = new Heading();
  const plot = new StepPlot();
  const root = make("div", {}, heading.root, plot.root);
  return {
    root,
    update: (data) => {
      heading.update(data.title, data.help);
      root.classList.toggle("wgan-untitled", !data.title);
      plot.root.style.height = `${data.height}px`;
      resolveSharedX(data.figure.data ?? []);
      plot.follow(data.stepsOf, data.dots);
      plot.give(data);
    },
    destroy: () => {
      heading.destroy();
      plot.destroy();
    },
  };
};

export default define(createChart);
