// A sheet of samples: rows × columns pictures in one image, drawn apart, each a button that
// enlarges it.

import { decode, iconButton, make, PADDING, shape, write } from "./shared.js";

// Part `index` of `sheet` into the rectangle of `context`, pixels kept sharp.
function drawSample(context, sheet, index, x, y, width, height) {
  const { image, rows, columns } = sheet;
  const w = image.naturalWidth / columns;
  const h = image.naturalHeight / rows;
  context.imageSmoothingEnabled = width < w; // smaller than life, nearest pixels would flicker
  context.drawImage(
    image, (index % columns) * w, Math.floor(index / columns) * h, w, h, x, y, width, height,
  );
}

// Width / height of a whole sheet; samples are square as long as none is known.
function sheetRatio({ image, rows, columns }) {
  return image ? image.naturalWidth / image.naturalHeight : columns / rows;
}

// The largest size ≤ `most` for `pixels`; a whole multiple where that costs little, as then
// all pixels are drawn alike.
function fit(pixels, most) {
  const whole = Math.floor(most / pixels) * pixels;
  return whole > 0.88 * most ? whole : Math.floor(most);
}

export class SpriteSheet {
  // `press` is called with the index of a sample; without it, the sample is enlarged.
  constructor(press) {
    this.press = press;
    this.canvas = make("canvas", { ariaHidden: "true" });
    this.cells = make("div", { className: "wgan-cells", role: "group" });
    this.box = make("div", { className: "wgan-sprites" }, this.canvas, this.cells);
    this.empty = make("p", { className: "wgan-note" });
    this.root = make("div", { className: "wgan-sheet" }, this.box, this.empty);
    this.lightbox = new Lightbox();
    this.root.append(this.lightbox.root);
    this.cells.addEventListener("keydown", (event) => this.move(event));
    this.cells.addEventListener("click", (event) => {
      const cell = event.target.closest("button");
      if (cell) (this.press ?? ((index) => this.enlarge(index)))(this.indexOf(cell));
    });
    // The width of the outer element, which does not depend on what is drawn into it.
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.root);
  }

  // `where` tells the moment ("step 1,250"); without an image the place is kept and `words` shown.
  // `notes` are written into the corners of the samples.
  show({ image, rows, columns, height, alt, where = "", words = "", notes = [] }) {
    this.sheet = { image, rows, columns, where, notes };
    this.height = height;
    this.empty.textContent = words;
    this.cells.setAttribute("aria-label", where ? `${alt}, ${where}` : alt);
    shape(this.root, sheetRatio(this.sheet), height);
    if (this.cells.children.length !== rows * columns || this.columns !== columns) {
      this.columns = columns;
      this.cells.replaceChildren(...Array.from({ length: rows * columns }, (_, i) => {
        const cell = make("button", { type: "button", tabIndex: i ? -1 : 0 });
        cell.setAttribute("aria-label",
          `${this.press ? "Sample" : "Enlarge sample"} ${i + 1} of ${rows * columns}`);
        return cell;
      }));
    }
    for (const [i, cell] of [...this.cells.children].entries()) {
      if (notes[i]) cell.dataset.note = notes[i];
      else delete cell.dataset.note;
    }
    this.draw();
    this.lightbox.refresh(this.sheet);
  }

  draw() {
    const { clientWidth: room, clientHeight: tallest } = this.root;
    if (!this.sheet || !room) return;
    const { image, rows, columns } = this.sheet;
    const ratio = window.devicePixelRatio || 1;
    const gap = Math.round((columns > 12 ? 1 : 2) * ratio);
    const w = image ? image.naturalWidth / columns : 32;
    const h = image ? image.naturalHeight / rows : 32;
    const like = [room, tallest, ratio, rows, columns, w, h].join();
    if (image === this.drawn && like === this.like) return;
    this.drawn = image;
    this.like = like;
    const most = Math.min(
      ((room - 2 * PADDING) * ratio - gap * (columns - 1)) / columns,
      (((tallest - 2 * PADDING) * ratio - gap * (rows - 1)) / rows) * (w / h),
    );
    const cell = fit(w, Math.max(most, 1));
    const tall = Math.round(cell * (h / w));
    const width = columns * cell + (columns - 1) * gap;
    const height = rows * tall + (rows - 1) * gap;
    this.box.style.width = `${width / ratio}px`;
    this.box.style.height = `${height / ratio}px`;
    this.cells.style.gap = `${gap / ratio}px`;
    this.cells.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
    this.root.classList.toggle("wgan-empty", !image);
    if (!image) return;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
    }
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    for (let i = 0; i < rows * columns; i++) {
      const x = (i % columns) * (cell + gap);
      const y = Math.floor(i / columns) * (tall + gap);
      drawSample(context, this.sheet, i, x, y, cell, tall);
    }
  }

  indexOf(cell) {
    return [...this.cells.children].indexOf(cell);
  }

  // One stop of the Tab key for the whole sheet; arrows go from sample to sample.
  move(event) {
    const cells = [...this.cells.children];
    const at = cells.indexOf(event.target);
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      Home: -at, End: cells.length - 1 - at,
    };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    this.focus(at + steps[event.key]);
  }

  focus(index) {
    const cell = this.cells.children[index];
    if (!cell) return;
    for (const other of this.cells.children) other.tabIndex = other === cell ? 0 : -1;
    cell.focus();
  }

  enlarge(index) {
    if (!this.sheet?.image) return;
    // On closing, the focus goes to the sample that was seen last.
    this.lightbox.open(this.sheet, index, () => this.focus(this.lightbox.index));
  }

  destroy() {
    this.observer.disconnect();
    this.lightbox.close();
  }
}

// One sample, large. It follows the sheet: while training goes on, the sample goes on too.
class Lightbox {
  constructor() {
    this.canvas = make("canvas", { role: "img" });
    this.caption = make("p", {});
    this.caption.setAttribute("aria-live", "polite");
    this.previous = iconButton("previous", "Previous sample", () => this.go(-1));
    this.next = iconButton("next", "Next sample", () => this.go(1));
    const close = iconButton("close", "Close", () => this.close());
    // It takes the focus itself: the arrows work at once, and no button seems chosen.
    this.root = make("dialog", { className: "wgan-lightbox", tabIndex: -1, autofocus: true },
      this.canvas, make("div", {}, this.previous, this.caption, this.next, close));
    this.root.setAttribute("aria-label", "Enlarged sample");
    this.root.addEventListener("keydown", (event) => {
      event.stopPropagation(); // keys here are not meant for Streamlit's shortcuts
      if (event.key === "ArrowLeft") this.go(-1);
      else if (event.key === "ArrowRight") this.go(1);
      else return;
      event.preventDefault();
    });
    this.root.addEventListener("click", (event) => {
      if (event.target === this.root) this.close(); // the dialog itself is only its backdrop
    });
    this.root.addEventListener("close", () => this.closed?.());
    this.resized = () => this.draw();
  }

  open(sheet, index, closed) {
    Object.assign(this, { sheet, index, closed });
    this.root.showModal();
    addEventListener("resize", this.resized);
    this.draw();
  }

  refresh(sheet) {
    if (!this.root.open) return;
    if (!sheet.image) return this.close();
    this.sheet = sheet;
    this.index = Math.min(this.index, sheet.rows * sheet.columns - 1);
    this.draw();
  }

  go(by) {
    const count = this.sheet.rows * this.sheet.columns;
    this.index = (this.index + by + count) % count;
    this.draw();
  }

  draw() {
    const { image, rows, columns, where, notes } = this.sheet;
    const w = image.naturalWidth / columns;
    const h = image.naturalHeight / rows;
    const ratio = window.devicePixelRatio || 1;
    const most = Math.min(innerWidth - 64, (innerHeight - 160) * (w / h), 640) * ratio;
    const width = Math.max(Math.floor(most / w), 1) * w;
    const height = Math.round(width * (h / w));
    Object.assign(this.canvas, { width, height });
    this.canvas.style.width = `${width / ratio}px`;
    this.canvas.style.height = `${height / ratio}px`;
    drawSample(this.canvas.getContext("2d"), this.sheet, this.index, 0, 0, width, height);
    const note = notes[this.index] ? `: ${notes[this.index]}` : "";
    const words = `sample ${this.index + 1} of ${rows * columns}${note}${where ? `, ${where}` : ""}`;
    this.caption.textContent = words;
    this.canvas.setAttribute("aria-label", words);
  }

  close() {
    removeEventListener("resize", this.resized);
    if (this.root.open) this.root.close();
  }
}

// A sheet of samples that stays as it is, with a caption.
export class Strip {
  constructor(press) {
    this.sheet = new SpriteSheet(press);
    this.caption = make("figcaption", { className: "wgan-caption" });
    this.root = make("figure", { className: "wgan-strip" }, this.sheet.root, this.caption);
  }

  label(text) {
    this.caption.hidden = !text;
    write(this.caption, text);
  }

  async update({ image, rows, columns, height, caption, alt, notes }) {
    this.label(caption);
    const words = { rows, columns, height, alt, where: caption, notes };
    if (image === this.image) return this.sheet.show({ ...this.sheet.sheet, ...words });
    this.image = image;
    if (!this.sheet.sheet) this.sheet.show(words); // keeps the place
    try {
      const decoded = await decode(image);
      if (this.image === image) this.sheet.show({ ...words, image: decoded });
    } catch {
      this.sheet.show({ ...words, words: "This picture cannot be read." });
    }
  }

  destroy() {
    this.sheet.destroy();
  }
}
