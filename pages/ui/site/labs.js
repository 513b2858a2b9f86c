// The labs of the static site. There is no Streamlit, so this program gives the widgets their data.

import { make, makeSvg } from "../widgets/base/dom.js";
import showPlan, { shares } from "../widgets/plan_editor/plan_editor.js";
import showFunction from "../widgets/potential_editor/potential_editor.js";

/** @typedef {{ fake: number[], real: number[] }} Piles the heights of the columns */

/**
 * Two shapes: the lab's question about them, and for each θ the four distances and their slopes as texts,
 * and whether the shapes hardly overlap.
 * @typedef {{ question: string, right: number, theta: number[], values: string[][], slopes: string[][],
 *   apart: boolean[] }} Shape
 */

/**
 * Data from build.py.
 * @typedef {{ piles: Record<string, Piles>, tallest: number, planHelp: object, bendHelp: string,
 *   labs: Record<string, { answers: string[], right: number }>, shapes: Record<string, Shape>,
 *   chart: { left: number, right: number, farthest: number } }} LabData `left` and `right` are the margins
 * of the charts
 */

/**
 * A function of slope at most 1 that reaches W₁, with mean 0: it rises where earth must move right.
 * @param {number[]} fake shares
 * @param {number[]} real shares
 */
export function optimalFunction(fake, real) {
  const f = [0];
  let over = 0;
  for (let i = 0; i < fake.length - 1; i++) {
    over += fake[i] - real[i];
    f.push(f[i] + (Math.abs(over) < 1e-12 ? 0 : Math.sign(over)));
  }
  const mean = f.reduce((a, b) => a + b, 0) / f.length;
  return f.map((v) => v - mean);
}

/**
 * A widget with its own state, as in the app: `show` passes new data, and `edited` receives what the
 * visitor changes.
 * @template Edit
 * @param {HTMLElement} place
 * @param {(component: StreamlitComponent, data: any) => unknown} program
 * @param {(edit: Edit) => void} edited
 */
function mount(place, program, edited) {
  const answer = { client: "", number: 0, revision: 0 };
  /** @type {StreamlitComponent} */
  const component = {
    parentElement: place,
    data: new Uint8Array(),
    setStateValue(_name, message) {
      const { client, number, value } = /** @type {EditAnswer & { value: Edit }} */ (message);
      Object.assign(answer, { client, number });
      edited(value);
    },
    setTriggerValue() {},
  };
  /**
   * @param {object} data
   * @param {boolean} replaces whether `data` replaces what the visitor has made
   */
  return (data, replaces = false) => {
    if (replaces) answer.revision += 1;
    program(component, { ...data, edit: { ...answer } });
  };
}

/**
 * @template {Element} E
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {E}
 */
const find = (selector, root = document) => /** @type {E} */ (root.querySelector(selector));

/**
 * Show the result of a lab beside the visitor's prediction.
 * @param {string} key
 * @param {string[]} answers
 * @param {number} right
 * @param {boolean} known whether what is on show answers the question
 */
function tell(key, answers, right, known = true) {
  /** @type {HTMLInputElement | null} */
  const chosen = document.querySelector(`[name=predict-${key}]:checked`);
  const result = find(`#${key} .result`);
  result.toggleAttribute("hidden", !chosen || !known);
  if (!chosen) return;
  const predicted = Number(chosen.value);
  find(".answer", result).textContent = predicted === right
    ? `As you predicted: ${answers[right]}.`
    : `You predicted: ${answers[predicted]}. It is: ${answers[right]}.`;
}

/** @param {LabData} data */
function showPiles(data) {
  const state = { ...data.piles.heaps, moves: [], mode: "shape", seen: false };
  let bent = { f: state.fake.map(() => 0), shown: false };
  const plan = mount(find("#plan"), showPlan, (edit) => {
    const isOther = JSON.stringify([state.fake, state.real]) !== JSON.stringify([edit.fake, edit.real]);
    Object.assign(state, edit);
    if (isOther) for (const select of selects) select.value = "";
    give();
  });
  const bend = mount(find("#bend"), showFunction, (edit) => {
    bent = edit;
    give();
  });
  /** @param {"" | "plan" | "all"} replaced which of the widgets takes its value from here */
  function give(replaced = "") {
    const [fake, real] = [shares(state.fake), shares(state.real)];
    plan({ ...state, tallest: data.tallest, help: data.planHelp }, replaced !== "");
    bend({ fake, real, ...bent, optimal: optimalFunction(fake, real), help: data.bendHelp }, replaced === "all");
  }
  /** @type {NodeListOf<HTMLSelectElement>} */
  const selects = document.querySelectorAll("select.piles");
  for (const select of selects) {
    // The empty choice stands for piles that the visitor has shaped.
    select.prepend(make("option", { value: "", hidden: true }, "Shaped by you"));
    select.onchange = () => {
      Object.assign(state, data.piles[select.value], { moves: [], seen: false });
      for (const other of selects) other.value = select.value;
      give("plan");
    };
  }
  give("all");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => give());
}

const WIDE = 860;
const GROUND = 140;
const ROOM = 120; // height of a shape

/**
 * The outline of a shape at an offset, as an SVG path.
 * @param {string} shape
 * @param {number} theta
 * @param {(x: number) => number} at
 */
function outline(shape, theta, at) {
  if (shape === "lines") return `M${at(theta)} ${GROUND}V${GROUND - ROOM}`;
  if (shape === "boxes") return `M${at(theta - 0.5)} ${GROUND}V${GROUND - ROOM}H${at(theta + 0.5)}V${GROUND}`;
  const points = [];
  for (let x = -2.2; x <= 2.2; x += 0.05) {
    points.push(`${at(theta + x).toFixed(1)} ${(GROUND - ROOM * Math.exp(-2 * x * x)).toFixed(1)}`);
  }
  return `M${points.join("L")}`;
}

/** @param {LabData} data */
function showDistances({ shapes, chart, labs }) {
  const { left, right, farthest } = chart;
  /** @type {HTMLInputElement} */
  const slider = find("#theta");
  const drawing = find("#shapes");
  let skipped = false;
  /** @type {Map<SVGSVGElement, SVGElement>} */
  const lines = new Map();
  /** @type {NodeListOf<SVGSVGElement>} */
  const charts = document.querySelectorAll("#curves svg");
  for (const svg of charts) {
    const line = makeSvg("path", { stroke: "var(--text)", "stroke-dasharray": "3 3", "stroke-opacity": 0.6 });
    svg.append(line);
    lines.set(svg, line);
  }

  function paint() {
    const name = /** @type {HTMLInputElement} */ (find("[name=shape]:checked")).value;
    const shape = shapes[name];
    const theta = Number(slider.value);
    const index = Math.round((theta + farthest) / (2 * farthest) * (shape.theta.length - 1));
    find("#apart .question").textContent = shape.question;
    find("#offset").textContent = theta.toFixed(2).replace("-", "−");
    const span = farthest + (name === "gaussians" ? 2.3 : 1);
    /** @param {number} x */
    const at = (x) => (x + span) / (2 * span) * WIDE;
    drawing.replaceChildren(
      makeSvg("path", { d: `M0 ${GROUND}H${WIDE}`, stroke: "var(--border)" }),
      ...[["real", 0], ["fake", theta]].map(([who, offset]) => makeSvg("path", {
        d: outline(name, Number(offset), at), stroke: `var(--${who})`, "stroke-width": 3,
        fill: name === "lines" ? "none" : `var(--${who})`, "fill-opacity": 0.25,
      })),
    );
    const revealed = skipped || Boolean(document.querySelector("[name=predict-apart]:checked"));
    find("#curves").toggleAttribute("hidden", !revealed);
    find("#hidden-curves").toggleAttribute("hidden", revealed);
    for (const figure of document.querySelectorAll("#curves figure")) {
      figure.toggleAttribute("hidden", figure.getAttribute("data-shape") !== name);
    }
    for (const formula of document.querySelectorAll("[data-formula]")) {
      formula.toggleAttribute("hidden", formula.getAttribute("data-formula") !== name);
    }
    for (const [svg, line] of lines) {
      const x = left + (theta + farthest) / (2 * farthest) * (svg.viewBox.baseVal.width - right - left);
      line.setAttribute("d", `M${x.toFixed(1)} 30V206`);
    }
    for (let i = 0; i < shape.values.length; i++) {
      find(`[data-value="${i}"]`).textContent = shape.values[i][index];
      const slope = shape.slopes[i][index];
      find(`[data-slope="${i}"]`).textContent = slope ? `slope ${slope}` : "no slope";
    }
    find("#overlap").toggleAttribute("hidden", shape.apart[index]);
    tell("apart", labs.apart.answers, shape.right, shape.apart[index]);
  }

  find("#apart").addEventListener("input", paint);
  find("#skip").addEventListener("click", () => {
    skipped = true;
    paint();
  });
  paint();
}

/** @param {LabData} data */
function start(data) {
  showPiles(data);
  showDistances(data);
  for (const key of ["earth", "dual"]) {
    const { answers, right } = data.labs[key];
    find(`#${key}`).addEventListener("input", () => tell(key, answers, right));
  }
}

if (typeof document !== "undefined") start(JSON.parse(find("#data").textContent ?? ""));
