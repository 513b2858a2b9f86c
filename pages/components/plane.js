// Points in the plane, arrows and the critic's surface, on a canvas below Plotly's axes. As SVG a
// thousand points cost 0.1 s an update; so Plotly only draws what frames them, and only when that
// changes, and still gives zoom, pan and legend.

import { clamp, make } from "./shared.js";
import { colourNamed, CONFIG, fade, Plot, rgb, unpack } from "./plotly_theme.js";

const painted = (trace) => (
  trace.type === "contour" || (trace.type === "scatter" && trace.mode?.includes("markers"))
);

// What Plotly draws of a painted trace: its entry in the legend.
function emptied({ type, mode, name, marker, line }) {
  if (type === "contour") return { type: "scatter", x: [null], y: [null], showlegend: false };
  if (mode.includes("lines")) return { type, mode: "lines", name, line, x: [null], y: [null] };
  return { type, mode, name, marker, x: [null], y: [null] };
}

export class Plane extends Plot {
  constructor() {
    super();
    this.config = { ...CONFIG, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"]] };
    this.canvas = make("canvas", { ariaHidden: "true" });
    this.tip = make("div", { className: "wgan-tip", hidden: true });
    this.root.classList.add("wgan-plane");
    this.root.append(this.canvas, this.tip);
    this.root.addEventListener("pointermove", (event) => this.hover(event));
    this.root.addEventListener("pointerleave", () => (this.tip.hidden = true));
  }

  give({ figure, ...rest }) {
    this.given = figure;
    this.traces = figure.data.map((trace) => {
      if (!painted(trace)) return undefined;
      const copy = { ...trace, x: unpack(trace.x), y: unpack(trace.y) };
      if (trace.z) copy.surface = this.surface(trace);
      if (trace.marker) copy.sizes = unpack(trace.marker.size);
      return copy;
    });
    const data = figure.data.map((trace) => (painted(trace) ? emptied(trace) : trace));
    const layout = { ...figure.layout };
    if (this.traces.some((trace) => trace?.surface)) {
      layout.margin = { ...layout.margin, r: 64 }; // for the scale of its colours
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

  surface({ z, x0, dx, y0, dy }) {
    const [rows, columns] = z.shape
      ? z.shape.split(",").map(Number)
      : [z.length, z[0]?.length ?? 0];
    const values = z.shape ? unpack(z) : Float32Array.from(z.flat());
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (!(low < high)) [low, high] = [low - 0.5 || -0.5, low + 0.5 || 0.5];
    return { values, rows, columns, x0, dx, y0, dy, low, high };
  }

  drawn() {
    if (!this.listening && this.root.on) {
      this.listening = true;
      // After a zoom, a click on the legend; and while the plane is being dragged.
      for (const name of ["plotly_afterplot", "plotly_relayouting"]) {
        this.root.on(name, () => this.paint());
      }
    }
    this.paint();
  }

  paint() {
    const axes = this.root._fullLayout;
    if (this.ended || !axes?.xaxis?._length || !this.theme || document.hidden) return;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.root.clientWidth * ratio);
    const height = Math.round(this.root.clientHeight * ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const { xaxis, yaxis } = axes;
    const box = [xaxis._offset, yaxis._offset, xaxis._length, yaxis._length];
    const [left, right] = xaxis.range;
    const [low, high] = yaxis.range;
    const x = (value) => box[0] + ((value - left) / (right - left)) * box[2];
    const y = (value) => box[1] + ((high - value) / (high - low)) * box[3];
    context.save();
    context.beginPath();
    context.rect(...box);
    context.clip();
    this.traces.forEach((trace, i) => {
      if (!trace || this.root._fullData[i]?.visible !== true) return;
      if (trace.surface) this.shade(context, trace, x, y);
      else if (trace.mode.includes("lines")) this.arrows(context, trace, x, y);
      else this.dots(context, trace, x, y);
    });
    context.restore();
    const surface = this.traces.find((trace) => trace?.surface)?.surface;
    if (surface) this.scale(context, surface, box);
  }

  colour(name) {
    return colourNamed(name, this.theme.colours);
  }

  dots(context, { x: xs, y: ys, marker, sizes }, x, y) {
    const radius = (typeof sizes === "number" ? sizes : sizes[0] ?? 6) / 2;
    context.fillStyle = this.colour(marker.color);
    context.beginPath();
    for (let i = 0; i < xs.length; i++) {
      const [px, py] = [x(xs[i]), y(ys[i])];
      context.moveTo(px + radius, py);
      context.arc(px, py, radius, 0, 2 * Math.PI);
    }
    context.fill("nonzero");
  }

  arrows(context, { x: xs, y: ys, line, sizes }, x, y) {
    context.strokeStyle = context.fillStyle = this.colour(line.color);
    context.lineWidth = line.width ?? 1.5;
    context.beginPath();
    const heads = new Path2D();
    for (let i = 0; i + 1 < xs.length; i++) {
      const [ax, ay, bx, by] = [x(xs[i]), y(ys[i]), x(xs[i + 1]), y(ys[i + 1])];
      const long = Math.hypot(bx - ax, by - ay);
      if (!(long > 0)) continue; // a gap, or no push at all
      const size = typeof sizes === "number" ? sizes : sizes[i + 1] ?? 0;
      const [ux, uy] = [((bx - ax) / long) * size, ((by - ay) / long) * size];
      context.moveTo(ax, ay);
      context.lineTo(bx - ux / 2, by - uy / 2);
      heads.moveTo(bx, by);
      heads.lineTo(bx - ux - uy * 0.45, by - uy + ux * 0.45);
      heads.lineTo(bx - ux + uy * 0.45, by - uy - ux * 0.45);
      heads.closePath();
    }
    context.stroke();
    context.fill(heads);
  }

  // The colours of the surface from its lowest to its highest value.
  stops(count) {
    const { surface } = this.theme.colours;
    return Array.from({ length: count }, (_, i) => {
      const at = (i / (count - 1)) * (surface.length - 1);
      const [a, b] = [Math.floor(at), Math.ceil(at)].map((stop) => rgb(surface[stop]));
      return a.map((value, k) => value + (at % 1) * (b[k] - value));
    });
  }

  shade(context, { surface, line }, x, y) {
    const { values, rows, columns, x0, dx, y0, dy, low, high } = surface;
    if (this.stopsOf !== this.theme.sheet) {
      this.stopsOf = this.theme.sheet;
      this.table = this.stops(256);
    }
    const small = make("canvas", { width: columns, height: rows });
    const pixels = new ImageData(columns, rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const value = values[row * columns + column];
        if (!Number.isFinite(value)) continue;
        const colour = this.table[Math.round((255 * (value - low)) / (high - low))];
        pixels.data.set(colour, 4 * ((rows - 1 - row) * columns + column)); // row 0 is below
        pixels.data[4 * ((rows - 1 - row) * columns + column) + 3] = 255;
      }
    }
    small.getContext("2d").putImageData(pixels, 0, 0);
    const [left, right] = [x(x0 - dx / 2), x(x0 + (columns - 0.5) * dx)];
    const [top, bottom] = [y(y0 + (rows - 0.5) * dy), y(y0 - dy / 2)];
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(small, left, top, right - left, bottom - top);
    context.strokeStyle = this.colour(line?.color ?? "@text/0.25");
    context.lineWidth = line?.width ?? 1;
    context.beginPath();
    this.contours(context, surface, (i) => x(x0 + i * dx), (j) => y(y0 + j * dy));
    context.stroke();
  }

  // Lines of equal height: for each square of the grid, where a level crosses its edges.
  contours(context, { values, rows, columns, low, high }, x, y) {
    const step = niceStep((high - low) / 14);
    const cut = (a, b, level) => (level - a) / (b - a);
    for (let j = 0; j + 1 < rows; j++) {
      for (let i = 0; i + 1 < columns; i++) {
        const at = j * columns + i;
        const corners = [values[at], values[at + 1], values[at + columns + 1], values[at + columns]];
        const top = Math.max(...corners);
        for (let level = Math.ceil(Math.min(...corners) / step) * step; level < top; level += step) {
          const [a, b, c, d] = corners;
          const ends = [];
          if (a < level !== b < level) ends.push([i + cut(a, b, level), j]);
          if (b < level !== c < level) ends.push([i + 1, j + cut(b, c, level)]);
          if (d < level !== c < level) ends.push([i + cut(d, c, level), j + 1]);
          if (a < level !== d < level) ends.push([i, j + cut(a, d, level)]);
          for (let k = 0; k + 1 < ends.length; k += 2) {
            context.moveTo(x(ends[k][0]), y(ends[k][1]));
            context.lineTo(x(ends[k + 1][0]), y(ends[k + 1][1]));
          }
        }
      }
    }
  }

  // The scale of colours, right of the plane.
  scale(context, { low, high }, [left, top, width, height]) {
    const x = left + width + 10;
    const colours = context.createLinearGradient(0, top + height, 0, top);
    const { surface, text } = this.theme.colours;
    surface.forEach((colour, i) => colours.addColorStop(i / (surface.length - 1), colour));
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
    for (let i = Math.ceil(low / step); i * step <= high; i++) {
      const y = top + height * (1 - (i * step - low) / (high - low));
      context.fillText(short(i * step), x + 14, clamp(y, top + 6, top + height - 6));
    }
  }

  hover(event) {
    const { xaxis, yaxis } = this.root._fullLayout ?? {};
    const surface = this.traces?.find((trace) => trace?.surface)?.surface;
    this.tip.hidden = true;
    if (!surface || !xaxis || event.buttons || event.pointerType === "touch") return;
    const place = this.root.getBoundingClientRect();
    const [px, py] = [event.clientX - place.left, event.clientY - place.top];
    const [u, v] = [(px - xaxis._offset) / xaxis._length, (py - yaxis._offset) / yaxis._length];
    if (!(u >= 0 && u <= 1 && v >= 0 && v <= 1)) return;
    const [left, right] = xaxis.range;
    const [low, high] = yaxis.range;
    const { values, rows, columns, x0, dx, y0, dy } = surface;
    const column = Math.round((left + u * (right - left) - x0) / dx);
    const row = Math.round((high - v * (high - low) - y0) / dy);
    if (row < 0 || row >= rows || column < 0 || column >= columns) return;
    this.tip.textContent = `score ${short(values[row * columns + column])}`;
    this.tip.style.transform = `translate(${u > 0.7 ? px - 90 : px + 12}px, ${py - 28}px)`;
    this.tip.hidden = false;
  }
}

// 1, 2 or 5 times a power of ten, not less than `rough`.
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((times) => times * power >= rough);
}

const short = (value) => String(Number(value.toPrecision(3))).replace("-", "−");
