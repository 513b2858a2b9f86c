import { define, Heading, make } from "./shared.js";
import { Plot } from "./plotly_theme.js";

export default define(() => {
  const heading = new Heading();
  const plot = new Plot();
  return {
    root: make("div", {}, heading.root, plot.root),
    update: (data) => {
      heading.update(data.title, data.help);
      plot.root.style.height = `${data.height}px`;
      // Lines over the same steps carry them once (chart.py).
      const traces = data.figure.data ?? [];
      for (const trace of traces) if (trace.x?.as !== undefined) trace.x = traces[trace.x.as].x;
      plot.give(data);
    },
    destroy: () => {
      heading.destroy();
      plot.destroy();
    },
  };
});
