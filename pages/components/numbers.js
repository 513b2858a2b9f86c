// A row of numbers in cards. One component for all of them: as elements of Streamlit's own they
// would cost the browser most of an update.

import { define, Help, make, write } from "./shared.js";

class Numbers {
  constructor() {
    this.list = make("dl", { className: "wgan-cards" });
    this.words = make("p", {});
    this.fill = make("div", {});
    this.bar = make("div", { className: "wgan-bar", role: "progressbar" }, this.fill);
    this.bar.setAttribute("aria-valuemin", 0);
    this.bar.setAttribute("aria-valuemax", 100);
    this.progress = make("div", { className: "wgan-progress" }, this.words, this.bar);
    this.root = make("div", { className: "wgan-numbers" }, this.list, this.progress);
    this.cards = [];
  }

  update({ cards, progress }) {
    const names = cards.map((card) => card.label).join();
    if (names !== this.names) {
      this.names = names;
      for (const { help } of this.cards) help.destroy();
      this.cards = cards.map(({ label, help }) => {
        const [value, unit] = [make("span", {}), make("small", {})];
        const card = { value, unit, help: new Help(label, help) };
        card.root = make("div", {}, make("dt", {}, label, card.help.root),
          make("dd", {}, value, " ", unit));
        return card;
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
    this.bar.setAttribute("aria-valuenow", Math.round(100 * progress.share));
    this.bar.setAttribute("aria-label", progress.words);
  }

  destroy() {
    for (const { help } of this.cards) help.destroy();
  }
}

export default define(() => new Numbers());
