// The layers of networks as a chain of pictures. A press on a layer chooses it.

import { define, Edits, make, write } from "../base/dom.js";

/**
 * A layer: the shape of its output and its number of parameters as texts, and a picture of its output. If the
 * output is one number, `number` shows it, and there is no picture.
 * @typedef {{ title: string, shape: string, parameters: string, image: string, number: string }} Layer
 */

/**
 * Data from network_diagram.py; `chosen` counts the layers of all networks.
 * @typedef {{ networks: { title: string, layers: Layer[] }[], chosen: number, edit: EditAnswer }} DiagramData
 */

/** @typedef {{ root: HTMLButtonElement, image: HTMLImageElement, number: HTMLElement, shape: HTMLElement, parameters: HTMLElement }} Card */

class Diagram {
  /** @type {string | undefined} */
  names; // of the networks and layers on show
  /** @type {Card[]} */
  cards = [];
  chosen = 0;

  /** @param {StreamlitComponent} component */
  constructor(component) {
    /** @type {Edits<number>} */
    this.edits = new Edits(component);
    this.root = make("div", { className: "wgan-networks" });
  }

  /** @param {DiagramData} data */
  update({ networks, chosen, edit }) {
    if (this.edits.takes(edit)) this.chosen = chosen;
    const names = JSON.stringify(networks.map(({ title, layers }) => [title, layers.map((layer) => layer.title)]));
    if (names !== this.names) {
      this.names = names;
      this.cards = [];
      this.root.replaceChildren(...networks.map((network) => this.chain(network)));
    }
    networks.flatMap(({ layers }) => layers).forEach(({ image, number, shape, parameters }, i) => {
      const card = this.cards[i];
      card.image.hidden = image === "";
      card.number.hidden = image !== "";
      if (image && card.image.getAttribute("src") !== image) card.image.src = image;
      write(card.number, number);
      write(card.shape, shape);
      write(card.parameters, parameters);
    });
    this.mark();
  }

  /** @param {{ title: string, layers: Layer[] }} network */
  chain({ title, layers }) {
    const row = make("div", { className: "wgan-chain", role: "group" });
    row.setAttribute("aria-label", title);
    for (const layer of layers) {
      const index = this.cards.length;
      const card = {
        image: make("img", { alt: "" }), number: make("span", { className: "wgan-layer-number" }), shape: make("small", {}), parameters: make("small", {}),
        root: make("button", { type: "button", className: "wgan-layer wgan-focus", title: layer.title, onclick: () => this.choose(index) }),
      };
      card.root.append(card.image, card.number, make("strong", {}, layer.title), card.shape, card.parameters);
      this.cards.push(card);
      row.append(card.root);
    }
    return make("section", {}, make("strong", { className: "wgan-network-title" }, title), row);
  }

  /** @param {number} index */
  choose(index) {
    this.chosen = index;
    this.mark();
    this.edits.send(index);
  }

  mark() {
    this.cards.forEach(({ root }, i) => root.setAttribute("aria-pressed", String(i === this.chosen)));
  }

  destroy() {}
}

export default define((component) => new Diagram(component));
