// A row of numbers in cards. It is one component, because separate Streamlit elements would take
// most of the browser's time for an update.

import { define, Help, make, write } from "../base/dom.js";

/**
 * A card: its number as text, the unit, and an explanation.
 * @typedef {{ label: string, value: string, unit: string, help: string }} Card
 */

/**
 * Data from stat_cards.py; `share` is the progress, 0 … 1.
 * @typedef {{ cards: Card[], progress: { words: string, share: number } | null }} NumbersData
 */

class Numbers {
  /** @type {string | undefined} */
  names; // of the shown cards
  /** @type {{ value: HTMLElement, unit: HTMLElement, help: Help, root: HTMLElement }[]} */
  cards = [];

  constructor() {
    this.list = make("dl", { className: "wgan-cards" });
    this.words = make("p", {});
    this.fill = make("div", {});
    this.bar = make("div", { className: "wgan-bar", role: "progressbar" }, this.fill);
    this.bar.setAttribute("aria-valuemin", "0");
    this.bar.setAttribute("aria-valuemax", "100");
    this.progress = make("div", { className: "wgan-progress" }, this.words, this.bar);
    this.root = make("div", { className: "wgan-numbers" }, this.list, this.progress);
  }

  /** @param {NumbersData} data */
  update({ cards, progress }) {
    const names = cards.map((card) => card.label).join();
    if (names !== this.names) {
      this.names = names;
      for (const { help } of this.cards) help.destroy();
      this.cards = cards.map(({ label, help }) => {
        const [value, unit, about] = [make("span", {}), make("small", {}), new Help(label, help)];
        const root = make("div", {}, make("dt", {}, label, about.root), make("dd", {}, value, " ", unit));
        return { value, unit, help: about, root };
      });
      this.list.replaceChildren(...this.cards.map((card) => card.root));
    }
    cards.forEach(({ value, unit, help }, i) => {
      write(this.cards[i].value, value);
      write(this.cards[i].unit, unit);
      this.cards[i].help.words = help;
    });
    this.progress.hidden = !progress;
    if (!progress) return;
    write(this.words, progress.words);
    this.fill.style.transform = `scaleX(${progress.share})`;
    this.bar.setAttribute("aria-valuenow", String(Math.round(100 * progress.share)));
    this.bar.setAttribute("aria-label", progress.words);
  }

  destroy() {
    for (const { help } of this.cards) help.destroy();
  }
}

export default define(() => new Numbers());
