// Sliders that change all shown samples at once. The browser makes the samples if it has the generator, else
// Python does. Only one change is sent at a time: the newest goes out when the answer to the previous
// one has arrived, so no queue builds up.

import { decode, define, Edits, formatSigned, Heading, make, write } from "../base/dom.js";
import { SpriteSheet } from "../base/sprite.js";
import { moved, rowsOf } from "../generator/latent.js";
import { Renderer } from "../generator/renderer.js";

const PATIENCE = 2000; // milliseconds after which an answer counts as lost

/**
 * Data from slider_panel.py: the sliders' positions from -`range` to `range`, and the samples.
 * `source` identifies what the sliders change. `local` is what the browser needs to make the samples: their
 * z, and the direction of each slider. Then `image` can be missing.
 * @typedef {{ image: string | null, local: Local | null, values: number[], edit: EditAnswer, source: string, labels: string[],
 *   range: number, rows: number, columns: number, height: number, caption: string, alt: string,
 *   title: string, help: string }} DialsData
 */

/** @typedef {import("../generator/renderer.js").Source & { z: string, directions: string }} Local */

/**
 * The visitor's edits, and whether the browser makes the samples (`local`).
 * @typedef {{ values: number[], source: string | undefined, local: boolean }} Turned
 */

/**
 * Milliseconds until a change can be sent; 0 if no answer is pending, or if it has taken too long:
 * it may be lost, or belong to an earlier message.
 * @param {{ waiting: boolean, sentAt: number }} message the newest
 * @param {number} now
 */
export const timeToSend = ({ waiting, sentAt }, now) => (
  waiting ? Math.max(PATIENCE - (now - sentAt), 0) : 0
);

class Dials {
  /** @type {DialsData} */
  data;
  /** @type {string | undefined} */
  source;
  /** @type {string | undefined} */
  given; // address of the newest image from Python
  /** @type {number[]} */
  values = [];
  /** @type {{ input: HTMLInputElement, value: HTMLElement, name: HTMLElement, root: HTMLElement }[]} */
  rows = [];
  held = false; // whether the pointer holds a slider
  changed = false; // since the newest message
  waiting = false; // for its answer
  sentAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  patience;

  /** @param {StreamlitComponent} component */
  constructor(component) {
    /** @type {Edits<Turned>} */
    this.edits = new Edits(component);
    this.sheet = new SpriteSheet();
    /** @type {Renderer<number[]>} */
    this.renderer = new Renderer((sheet, values) => this.showSheet(sheet, values));
    this.list = make("div", { className: "wgan-dials-list" });
    this.reset = make("button", {
      type: "button", className: "wgan-button", onclick: () => this.zero(),
    }, "All to 0");
    this.keepButton = make("button", {
      type: "button", className: "wgan-button", onclick: () => this.keep(),
    }, "Keep first sample");
    this.words = make("p", { className: "wgan-caption" });
    this.heading = new Heading();
    this.root = make("div", { className: "wgan-dials" },
      make("div", { className: "wgan-dials-side" }, this.heading.root, this.list,
        make("div", { className: "wgan-dials-tools" }, this.reset, this.keepButton), this.words),
      make("div", { className: "wgan-dials-show" }, this.sheet.root));
  }

  /** @param {DialsData} data */
  async update(data) {
    this.data = data;
    const fresh = data.source !== this.source;
    const taken = !this.held && this.edits.takes(data.edit);
    if (fresh || taken) {
      this.source = data.source;
      this.values = [...data.values];
      if (fresh) this.build();
      else this.show();
    }
    for (const [i, row] of this.rows.entries()) {
      // Other weights have other shares.
      write(row.name, data.labels[i] ?? "");
      row.input.setAttribute("aria-label", data.labels[i] ?? "");
    }
    if (this.edits.heard(data.edit)) {
      this.waiting = false;
      if (this.changed) this.send();
    }
    this.heading.update(data.title, data.help);
    write(this.words, data.caption);
    this.renderer.follow(data.local, () => this.generatorChanged());
    if (this.renderer.generator) {
      this.render();
      return;
    }
    const { rows, columns, height, alt } = data;
    // Without an image, this reserves the space.
    if (!this.sheet.sheet || !data.image) this.sheet.show({ rows, columns, height, alt });
    if (!data.image || data.image === this.given) return;
    this.given = data.image;
    try {
      const image = await decode(data.image);
      if (this.given !== data.image || this.renderer.generator) return;
      this.showSheet(image, data.values);
    } catch {
      this.sheet.show({ rows, columns, height, alt, words: "This picture cannot be read." });
    }
  }

  /** The generator has been loaded, or cannot be read: then Python must make the samples. */
  generatorChanged() {
    if (!this.renderer.generator && !this.data.image) this.send();
    this.update(this.data);
  }

  /** Make the samples in the browser. */
  render() {
    const { local, columns } = this.data;
    if (!this.renderer.generator || !local) return;
    const length = local.latentDim;
    const values = [...this.values];
    const inputs = moved(rowsOf(local.z, length), rowsOf(local.directions, length), values);
    this.renderer.make({ inputs, label: local.label, columns, view: values });
  }

  /**
   * @param {import("../base/sprite.js").Picture} image
   * @param {number[]} values positions of the sliders with which it was made
   */
  showSheet(image, values) {
    const { rows, columns, height, alt } = this.data;
    this.sheet.show({ image, rows, columns, height, alt });
    this.root.dataset.shown = JSON.stringify(values);
    this.root.dataset.made = this.renderer.generator ? "browser" : "server";
  }

  build() {
    this.rows = this.data.labels.map((label, i) => {
      const value = make("output", {});
      const input = make("input", {
        type: "range", className: "wgan-range", min: -this.data.range, max: this.data.range,
        step: 0.05, value: this.values[i],
      });
      input.setAttribute("aria-label", label);
      input.oninput = () => this.move(i, Number(input.value));
      input.onpointerdown = () => (this.held = true);
      input.onpointerup = input.onpointercancel = () => (this.held = false);
      // A double click resets the slider, as is usual.
      input.ondblclick = () => this.move(i, 0);
      const name = make("span", {}, label);
      const line = make("div", { className: "wgan-dial" }, name, value);
      return { input, value, name, root: make("label", {}, line, input) };
    });
    this.list.replaceChildren(...this.rows.map((row) => row.root));
    this.show();
  }

  show() {
    for (const [i, { input, value }] of this.rows.entries()) {
      if (Number(input.value) !== this.values[i]) input.value = String(this.values[i]);
      write(value, formatSigned(this.values[i]));
    }
  }

  /**
   * @param {number} i
   * @param {number} value
   */
  move(i, value) {
    this.values[i] = value;
    this.show();
    this.render();
    this.send();
  }

  zero() {
    this.values = this.values.map(() => 0);
    this.show();
    this.render();
    this.send();
  }

  send() {
    this.changed = true;
    const now = performance.now();
    clearTimeout(this.patience);
    const wait = timeToSend(this, now);
    if (wait > 0) {
      this.patience = setTimeout(() => this.send(), wait);
      return;
    }
    this.changed = false;
    this.waiting = true;
    this.sentAt = now;
    const local = this.renderer.generator !== undefined;
    this.edits.send({ values: [...this.values], source: this.source, local });
  }

  keep() {
    this.edits.command("keep", { values: [...this.values], source: this.source });
  }

  destroy() {
    clearTimeout(this.patience);
    this.renderer.destroy();
    this.sheet.destroy();
    this.heading.destroy();
  }
}

export default define((component) => new Dials(component));
