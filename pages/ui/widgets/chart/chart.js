import { define, Heading, make } from "../base/dom.js";
import { Plot } from "../base/theme.js";

/**
 * @typedef {import("../base/theme.js").PlotData & { title: string, help: string, height: number }} ChartData
 */

/**
 * Give each trace whose x names an earlier trace that one's x: lines over the same steps carry them
 * once (chart.py).
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
  const plot = new Plot();
  return {
    root: make("div", {}, heading.root, plot.root),
    update: (data) => {
      heading.update(data.title, data.help);
      plot.root.style.height = `${data.height}px`;
      resolveSharedX(data.figure.data ?? []);
      plot.give(data);
    },
    destroy: () => {
      heading.destroy();
      plot.destroy();
    },
  };
};

export default define(createChart);
