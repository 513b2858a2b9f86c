// The picker: a sheet of samples from which the visitor picks some in an order.

import { define, Edits, make, write } from "../base/dom.js";
import { Strip } from "../base/sprite.js";

/**
 * Data from image_picker.py: the picked samples in order, and how many may be picked.
 * @typedef {import("../base/sprite.js").StripData & { picked: number[], most: number, edit: EditAnswer }} PickerData
 */

/**
 * The picks after a press on a sample; undefined if `most` are picked already. A press picks or
 * unpicks. If only one may be picked, it replaces the previous one and cannot be unpicked.
 * @param {number[]} picked
 * @param {number} index
 * @param {number} most
 */
export function pickedAfter(picked, index, most) {
  if (most === 1) return [index];
  if (picked.includes(index)) return picked.filter((other) => other !== index);
  return picked.length < most ? [...picked, index] : undefined;
}

class Picker extends Strip {
  /** @type {PickerData} */
  data;
  /** @type {number[]} */
  picked = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer; // removes a refusal

  /** @param {StreamlitComponent} component */
  constructor(component) {
    super((index) => this.press(index));
    /** @type {Edits<number[]>} */
    this.edits = new Edits(component);
    this.words = make("span", {});
    this.refusal = make("span", { role: "status" });
    this.caption.append(this.words, this.refusal);
    this.root.classList.add("wgan-picker");
  }

  /** @param {PickerData} data */
  async update(data) {
    this.data = data;
    if (this.edits.takes(data.edit)) this.picked = data.picked;
    const updated = super.update(data);
    this.mark();
    await updated;
    this.mark();
  }

  /** @param {string} text */
  label(text) {
    write(this.words, text);
  }

  /** @param {number} index */
  press(index) {
    const { most } = this.data;
    const picked = pickedAfter(this.picked, index, most);
    if (!picked) {
      this.refuse(`${most} are the most: unpick one first.`);
      return;
    }
    if (most === 1 && this.picked.includes(index)) return; // the only pick remains
    this.refuse("");
    this.picked = picked;
    this.mark();
    this.sheet.focus(index);
    this.edits.send(this.picked);
  }

  /** @param {string} words */
  refuse(words) {
    clearTimeout(this.timer);
    this.refusal.textContent = words;
    this.root.classList.toggle("wgan-refused", Boolean(words));
    if (words) this.timer = setTimeout(() => this.refuse(""), 5000);
  }

  mark() {
    const order = new Map(this.picked.map((index, i) => [index, i + 1]));
    this.sheet.buttons().forEach((cell, index) => {
      const place = String(order.get(index) ?? "");
      if (cell.dataset.place === place) return;
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
