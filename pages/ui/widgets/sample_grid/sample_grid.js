// A grid of samples. The browser makes them if it has the generator, else Python does.

import { define } from "../base/dom.js";
import { Strip } from "../base/sprite.js";
import { rowsOf } from "../generator/latent.js";
import { Renderer } from "../generator/renderer.js";

/**
 * What the browser needs to make the samples: `local_samples` and `local_blend` in sample_grid.py.
 * @typedef {import("../generator/renderer.js").Source & { z: string,
 *   blend?: import("../generator/renderer.js").Blend }} Local
 */

/** @typedef {import("../base/sprite.js").StripData & { local: Local | null }} GridData */

class SampleGrid {
  /** @type {GridData} */
  data;
  cannot = false; // what Python was told: that the browser cannot run the generator

  /** @param {StreamlitComponent} component */
  constructor({ setStateValue }) {
    this.tell = setStateValue;
    this.strip = new Strip();
    this.root = this.strip.root;
    /** @type {Renderer<undefined>} */
    this.renderer = new Renderer((sheet) => this.show(sheet));
  }

  /** @param {GridData} data */
  async update(data) {
    const isOther = this.data && data.local?.run !== this.data.local?.run;
    this.data = data;
    this.root.ariaBusy = "true";
    if (isOther) this.strip.clear(); // the samples of another run do not fit the new caption
    this.renderer.follow(data.local, () => this.generatorChanged());
    if (this.renderer.generator) {
      this.render();
      return;
    }
    await this.strip.update(data);
    if (!data.image || this.data !== data || this.renderer.generator) return;
    this.root.dataset.made = "server";
    this.root.ariaBusy = "false";
  }

  /** The generator has been loaded, or cannot be read: then Python must make the samples. */
  generatorChanged() {
    const cannot = !this.renderer.generator;
    if (!cannot) this.render();
    if (cannot !== this.cannot) this.tell("cannot", cannot);
    this.cannot = cannot;
  }

  render() {
    const { local, columns } = this.data;
    if (!local) return;
    const { label, latentDim, blend } = local;
    this.strip.update({ ...this.data, image: null }); // only the words
    const inputs = rowsOf(local.z, latentDim);
    this.renderer.make({ inputs, label, blend, columns, view: undefined });
  }

  /** @param {import("../base/sprite.js").Picture} sheet */
  show(sheet) {
    this.strip.draw(sheet);
    this.root.dataset.made = "browser";
    if (!this.renderer.waiting) this.root.ariaBusy = "false";
  }

  destroy() {
    this.renderer.destroy();
    this.strip.destroy();
  }
}

export default define((component) => new SampleGrid(component));
