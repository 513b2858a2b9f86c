// The picker: a sheet of samples from which some are picked, in an order.

import { define, Edits, make } from "./shared.js";
import { Strip } from "./sprite.js";

class Picker extends Strip {
  constructor(component) {
    super((index) => this.press(index));
    this.edits = new Edits(component);
    this.words = make("span", {});
    this.refusal = make("span", { role: "status" });
    this.caption.append(this.words, this.refusal);
    this.root.classList.add("wgan-picker");
  }

  update(data) {
    this.data = data;
    if (this.edits.takes(data.edit)) this.picked = data.picked;
    super.update(data).then(() => this.mark());
    this.mark();
  }

  label(text) {
    if (this.words.textContent !== text) this.words.textContent = text;
  }

  press(index) {
    const { most } = this.data;
    if (most === 1) this.picked = this.picked.filter((other) => other === index);
    const without = this.picked.filter((other) => other !== index);
    if (most === 1 && !without.length && this.picked.length) return; // the one stays picked
    if (without.length === this.picked.length && without.length >= most) {
      return this.refuse(`${most} are the most: unpick one first.`);
    }
    this.refuse("");
    this.picked = without.length < this.picked.length ? without : [...without, index];
    this.mark();
    this.sheet.focus(index);
    this.edits.send(this.picked);
  }

  refuse(words) {
    clearTimeout(this.timer);
    this.refusal.textContent = words;
    this.root.classList.toggle("wgan-refused", Boolean(words));
    if (words) this.timer = setTimeout(() => this.refuse(""), 5000);
  }

  mark() {
    const order = new Map(this.picked.map((index, i) => [index, i + 1]));
    [...this.sheet.cells.children].forEach((cell, index) => {
      const place = order.get(index) ?? "";
      if (cell.dataset.place === String(place)) return;
      cell.dataset.place = place;
      cell.setAttribute("aria-pressed", String(Boolean(place)));
      const words = `Sample ${index + 1} of ${this.sheet.cells.children.length}`;
      cell.setAttribute("aria-label", place ? `${words}, pick ${place}` : words);
    });
  }

  destroy() {
    clearTimeout(this.timer);
    super.destroy();
  }
}

export default define((component) => new Picker(component));
