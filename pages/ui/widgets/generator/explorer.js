// The latent space of a generator in an exported page (wgan/export/report.py): a walk, a plane, and sliders.
// The page contains this program and its imports in one script.

import { Generator, writePixels } from "./generator.js";
import { decoded, moved, randomZ, rowsOf, slerp, windowOf } from "./latent.js";

/**
 * What the page contains, as base64: the generator, and as float32 the rows of a plane (centre, u and v),
 * of the sliders' directions, and of the samples that they move.
 * @typedef {{ generator: string, classes: string[], plane: string, shell: boolean, directions: string,
 *   shares: number[], z: string, columns: number }} LatentData
 */

const SIDE = 9; // pictures per side of the plane
const WALK_SECONDS = 2; // from one waypoint to the next
const FRAME = 33; // milliseconds

/**
 * An element of the page.
 * @template {HTMLElement} [E=HTMLElement]
 * @param {string} id
 * @returns {E}
 */
const element = (id) => /** @type {E} */ (document.getElementById(id));

/** Draws samples into a canvas with sharp pixels: the style sheet enlarges it. */
class Sheet {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Explorer} explorer
   * @param {number} columns
   */
  constructor(canvas, explorer, columns) {
    this.canvas = canvas;
    this.explorer = explorer;
    this.columns = columns;
  }

  /** @param {ArrayLike<number>[]} inputs */
  draw(inputs) {
    const { canvas, columns, explorer } = this;
    /** @type {ImageData | undefined} */
    let pixels;
    for (const [i, z] of inputs.entries()) {
      const sample = explorer.make(z);
      const { width, height } = sample;
      pixels ??= new ImageData(columns * width, Math.ceil(inputs.length / columns) * height);
      writePixels(sample, pixels.data, pixels.width, (i % columns) * width, Math.floor(i / columns) * height);
    }
    if (!pixels) return;
    if (canvas.width !== pixels.width || canvas.height !== pixels.height) {
      Object.assign(canvas, { width: pixels.width, height: pixels.height });
    }
    canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
  }
}

/** The three views of latent space. */
class Explorer {
  label = 0;
  playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  place = 0; // on the walk, in waypoints
  before = 0;

  /** @param {LatentData} data */
  constructor(data) {
    this.data = data;
    this.generator = new Generator(decoded(data.generator));
    const n = this.generator.latentDim;
    this.z = rowsOf(data.z, n);
    this.plane = rowsOf(data.plane, n);
    this.directions = rowsOf(data.directions, n);
    this.values = this.directions.map(() => 0);
    this.ends = [this.z[0], this.z[1]]; // of the part of the walk on show
    this.view = { x: 0, y: 0, half: 1.5 };
    this.walkSheet = new Sheet(element("walk"), this, 1);
    this.planeSheet = new Sheet(element("plane"), this, SIDE);
    this.dialSheet = new Sheet(element("sheet"), this, data.columns);
    this.chooseClass();
    this.makeSliders();
    this.listenToPlane();
    const play = element("play");
    play.onclick = () => {
      this.playing = !this.playing;
      this.nameButton();
    };
    this.nameButton();
    this.drawAll();
    requestAnimationFrame((now) => this.tick(now));
  }

  /** @param {ArrayLike<number>} z */
  make(z) {
    return this.generator.make(z, this.generator.classes ? this.generator.classVector(this.label) : []);
  }

  drawAll() {
    this.drawWalk();
    this.drawPlane();
    this.drawSheet();
  }

  chooseClass() {
    const choice = /** @type {HTMLSelectElement | null} */ (document.getElementById("class"));
    if (!choice) return;
    choice.replaceChildren(...this.data.classes.map((name, i) => new Option(name, String(i))));
    choice.onchange = () => {
      this.label = Number(choice.value);
      this.drawAll();
    };
  }

  makeSliders() {
    element("sliders").replaceChildren(...this.directions.map((_, k) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { type: "range", min: "-4", max: "4", step: "0.05", value: "0" });
      input.oninput = () => {
        this.values[k] = Number(input.value);
        this.drawSheet();
      };
      label.append(`Direction ${k + 1} · ${Math.round(100 * this.data.shares[k])} %`, input);
      return label;
    }));
  }

  listenToPlane() {
    const { canvas } = this.planeSheet;
    /** @type {{ x: number, y: number } | undefined} */
    let held;
    canvas.onpointerdown = (event) => {
      if (!event.isPrimary) return;
      canvas.setPointerCapture(event.pointerId);
      held = { x: event.clientX, y: event.clientY };
    };
    canvas.onpointerup = canvas.onpointercancel = () => (held = undefined);
    canvas.onpointermove = (event) => {
      if (!held || !event.isPrimary) return;
      const unit = (2 * this.view.half) / canvas.clientWidth;
      this.look(-(event.clientX - held.x) * unit, (event.clientY - held.y) * unit, 1);
      held = { x: event.clientX, y: event.clientY };
    };
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.look(0, 0, Math.exp(Math.sign(event.deltaY) * 0.1));
    }, { passive: false });
    element("zoom-in").onclick = () => this.look(0, 0, 1 / 1.3);
    element("zoom-out").onclick = () => this.look(0, 0, 1.3);
    canvas.onkeydown = (event) => {
      const step = this.view.half / 3;
      /** @type {Record<string, [number, number, number]>} */
      const moves = {
        ArrowLeft: [-step, 0, 1], ArrowRight: [step, 0, 1], ArrowUp: [0, step, 1],
        ArrowDown: [0, -step, 1], "+": [0, 0, 1 / 1.3], "-": [0, 0, 1.3],
      };
      const move = moves[event.key];
      if (!move) return;
      event.preventDefault();
      this.look(...move);
    };
  }

  /**
   * Move the view of the plane, and zoom.
   * @param {number} x
   * @param {number} y
   * @param {number} zoom
   */
  look(x, y, zoom) {
    const { view } = this;
    const half = Math.min(Math.max(view.half * zoom, 0.05), 8);
    this.view = { x: view.x + x, y: view.y + y, half };
    this.planeIsOld = true;
  }

  planeIsOld = false;

  drawPlane() {
    this.planeIsOld = false;
    this.planeSheet.draw(windowOf(this.plane, this.data.shell, { ...this.view, side: SIDE }));
  }

  drawSheet() {
    this.dialSheet.draw(moved(this.z, this.directions, this.values));
  }

  drawWalk() {
    this.walkSheet.draw([slerp(this.ends[0], this.ends[1], this.place)]);
  }

  nameButton() {
    element("play").textContent = this.playing ? "Pause" : "Play";
  }

  /** @param {number} now */
  tick(now) {
    requestAnimationFrame((next) => this.tick(next));
    if (this.planeIsOld) this.drawPlane();
    if (!this.playing || now - this.before < FRAME) return;
    this.place += Math.min(now - this.before, 100) / 1000 / WALK_SECONDS;
    this.before = now;
    if (this.place >= 1) {
      this.place -= 1;
      this.ends = [this.ends[1], randomZ(this.generator.latentDim)];
    }
    this.drawWalk();
  }
}

const latent = JSON.parse(element("data").textContent ?? "{}").latent;
if (latent) new Explorer(latent);
