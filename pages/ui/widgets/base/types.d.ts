// Types that several modules share, and the parts of Streamlit and Plotly that they use. Plotly's bundle is a global.

// ---- Streamlit ----

/** The argument with which Streamlit calls a component. */
interface StreamlitComponent {
  parentElement: HTMLElement;
  data: Uint8Array;
  setStateValue(name: string, value: unknown): void;
  setTriggerValue(name: string, value: unknown): void;
}

/** The view of a component; `update` is called at every change of data or theme. */
interface ComponentView<Data> {
  root: HTMLElement;
  update(data: Data, component: StreamlitComponent): unknown;
  destroy(): void;
}

/** Python's answer to the browser's edits (edits.py). */
interface EditAnswer {
  client: string;
  number: number;
  revision: number;
}

// ---- elements ----

/** Properties of a new element: numbers are allowed for the strings of an <input>. */
type ElementProperties<E> = Partial<Omit<E, "min" | "max" | "step" | "value" | "src">> & {
  min?: number | string;
  max?: number | string;
  step?: number | string;
  value?: number | string;
  src?: URL | string;
};

interface Point {
  x: number;
  y: number;
}

// ---- figures, as encode_figure in chart.py sends them ----

/** Plotly's base64 typed array. */
interface PackedArray {
  dtype: string;
  bdata: string;
  shape?: string;
}

type NumberList =
  | number[] | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array
  | Uint8Array | Uint16Array | Uint32Array;

/** The x of an earlier trace, by its index. */
interface SharedX {
  as: number;
}

interface Trace {
  type?: string;
  mode?: string;
  name?: string;
  x?: (number | null)[] | PackedArray | SharedX;
  y?: (number | null)[] | PackedArray;
  z?: number[][] | PackedArray;
  x0?: number;
  dx?: number;
  y0?: number;
  dy?: number;
  yaxis?: string;
  fill?: string;
  showlegend?: boolean;
  marker?: { color?: string; size?: number | number[] | PackedArray };
  line?: { color?: string; width?: number; shape?: string };
}

interface Figure {
  data?: Trace[];
  layout?: Record<string, any>;
}

// ---- Plotly ----

interface PlotlyAxis {
  type: string;
  range: [number, number];
  autorange?: boolean;
  _offset: number;
  _length: number;
}

interface PlotlyModule {
  react(root: HTMLElement, data: Trace[], layout: object, config: object): Promise<unknown>;
  relayout(root: HTMLElement, changes: object): Promise<unknown>;
  purge(root: HTMLElement): void;
}

/** The element that Plotly draws into, with Plotly's additions. */
interface PlotlyElement extends HTMLDivElement {
  _fullLayout?: { xaxis?: PlotlyAxis; yaxis?: PlotlyAxis };
  _fullData?: { visible?: boolean | "legendonly" }[];
  _dragging?: boolean;
  calcdata?: { node3?: { node?(): Element } }[][];
  on?(event: string, listener: (event: { points?: { x?: unknown }[] }) => void): void;
}

interface Window {
  Plotly?: PlotlyModule;
  wganPlotly?: Promise<PlotlyModule>;
}
