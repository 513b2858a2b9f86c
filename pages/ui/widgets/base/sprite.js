// A sheet of samples: rows × columns pictures in one image. Each is a button that enlarges it.

import {
  contextOf, decode, formatCount, iconButton, make, PADDING, shape, write,
} from "./dom.js";

const PAST_HEIGHT = 110; // pixels of the row of earlier pictures

/**
 * Samples in one image. `where` names their step ("step 1,250"), and `notes` are drawn into their
 * corners. `noun` is what each is called. Without an image only the size is known.
 * @typedef {{ image?: Picture, rows: number, columns: number, where: string,
 *   notes: string[], noun: "sample" | "picture" }} Sheet
 */

/** @typedef {Sheet & { image: Picture }} DrawnSheet */

/**
 * A sheet as it is shown: at most `height` pixels high, with the description `alt`. Without an
 * image its space is reserved and `words` are shown.
 * @typedef {{ image?: Picture, rows: number, columns: number, height: number, alt: string,
 *   where?: string, words?: string, notes?: string[], noun?: "sample" | "picture" }} SheetData
 */

/** @typedef {{ naturalWidth: number, naturalHeight: number }} Size of an image */

/** @typedef {CanvasImageSource & Size} Picture an image, or a canvas that has the properties of one */

/**
 * The position of a sample in the image of its sheet.
 * @param {{ image: Size, rows: number, columns: number }} sheet
 * @param {number} index
 */
export function sampleBox({ image, rows, columns }, index) {
  const width = image.naturalWidth / columns;
  const height = image.naturalHeight / rows;
  return { x: (index % columns) * width, y: Math.floor(index / columns) * height, width, height };
}

/**
 * Draw a sample of `sheet` into a rectangle with sharp pixels.
 * @param {CanvasRenderingContext2D} context
 * @param {DrawnSheet} sheet
 * @param {number} index
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
function drawSample(context, sheet, index, x, y, width, height) {
  const part = sampleBox(sheet, index);
  context.imageSmoothingEnabled = width < part.width; // smooth when shrunk: nearest pixels would flicker
  context.drawImage(
    sheet.image, part.x, part.y, part.width, part.height, x, y, width, height,
  );
}

/**
 * Width / height of a whole sheet. Samples count as square until an image is known.
 * @param {{ image?: Size, rows: number, columns: number }} sheet
 */
export function sheetRatio({ image, rows, columns }) {
  return image ? image.naturalWidth / image.naturalHeight : columns / rows;
}

/**
 * The largest size ≤ `most` for `pixels`. It is an integer multiple if that is not much smaller,
 * because then all pixels look equal.
 * @param {number} pixels
 * @param {number} most
 */
export function fit(pixels, most) {
  const whole = Math.floor(most / pixels) * pixels;
  return whole > 0.88 * most ? whole : Math.floor(most);
}

/**
 * The sizes of a sheet in a given space, in device pixels: of a sample (`cell` × `tall`), of the
 * gap between samples, and of the whole. `ratio` is the number of device pixels per CSS pixel.
 * @param {{ image?: Size, rows: number, columns: number }} sheet
 * @param {{ width: number, height: number }} room in pixels of CSS
 * @param {number} ratio
 */
export function sheetLayout({ image, rows, columns }, room, ratio) {
  const gap = Math.round((columns > 12 ? 1 : 2) * ratio);
  const w = image ? image.naturalWidth / columns : 32;
  const h = image ? image.naturalHeight / rows : 32;
  const most = Math.min(
    ((room.width - 2 * PADDING) * ratio - gap * (columns - 1)) / columns,
    (((room.height - 2 * PADDING) * ratio - gap * (rows - 1)) / rows) * (w / h),
  );
  const cell = fit(w, Math.max(most, 1));
  const tall = Math.round(cell * (h / w));
  return {
    gap, cell, tall, width: columns * cell + (columns - 1) * gap, height: rows * tall + (rows - 1) * gap,
  };
}

/**
 * The size of a single enlarged sample, in device pixels: an integer multiple of its own pixels
 * that leaves room for the caption in the window.
 * @param {{ image: Size, rows: number, columns: number }} sheet
 * @param {{ innerWidth: number, innerHeight: number }} view
 * @param {number} ratio
 */
export function enlargedSize(sheet, { innerWidth: wide, innerHeight: tall }, ratio) {
  const { width: w, height: h } = sampleBox(sheet, 0);
  const most = Math.min(wide - 64, (tall - 160) * (w / h), 640) * ratio;
  const width = Math.max(Math.floor(most / w), 1) * w;
  return { width, height: Math.round(width * (h / w)) };
}

/**
 * The index of the sample to which a key leads from the one at `at`; undefined for other keys. It
 * may be outside of the sheet.
 * @param {string} key
 * @param {number} at
 * @param {number} count
 * @param {number} columns
 * @returns {number | undefined}
 */
export function sampleByKey(key, at, count, columns) {
  switch (key) {
    case "ArrowLeft": return at - 1;
    case "ArrowRight": return at + 1;
    case "ArrowUp": return at - columns;
    case "ArrowDown": return at + columns;
    case "Home": return 0;
    case "End": return count - 1;
    default: return undefined;
  }
}

/**
 * The caption of a single sample.
 * @param {{ rows: number, columns: number, where: string, notes: string[], noun: string }} sheet
 * @param {number} index
 */
export function sampleCaption({ rows, columns, where, notes, noun }, index) {
  const note = notes[index] ? `: ${notes[index]}` : "";
  return `${noun} ${index + 1} of ${rows * columns}${note}${where ? `, ${where}` : ""}`;
}

/** The samples on a canvas, each with a button. */
export class SpriteSheet {
  /** @type {Sheet | undefined} */
  sheet;
  /** @type {Picture | undefined} */
  drawn; // the image on the canvas
  like = ""; // the sizes with which it was drawn
  columns = 0;

  /** @param {(index: number) => void} [press] called for a chosen sample, in place of enlarging it */
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
      const cell = /** @type {Element} */ (event.target).closest("button");
      if (cell) (this.press ?? ((index) => this.enlarge(index)))(this.indexOf(cell));
    });
    // Observe the outer element, whose width does not depend on its content.
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.root);
  }

  /** @param {SheetData} data */
  show({ image, rows, columns, height, alt, where = "", words = "", notes = [], noun = "sample" }) {
    this.sheet = { image, rows, columns, where, notes, noun };
    this.empty.textContent = words;
    this.cells.setAttribute("aria-label", where ? `${alt}, ${where}` : alt);
    shape(this.root, sheetRatio(this.sheet), height);
    if (this.cells.children.length !== rows * columns || this.columns !== columns) {
      this.columns = columns;
      this.cells.replaceChildren(...Array.from({ length: rows * columns }, (_, i) => {
        const cell = make("button", { type: "button", tabIndex: i ? -1 : 0 });
        cell.setAttribute("aria-label",
          `${this.press ? "Choose" : "Enlarge"} ${noun} ${i + 1} of ${rows * columns}`);
        return cell;
      }));
    }
    for (const [i, cell] of this.buttons().entries()) {
      if (notes[i]) cell.dataset.note = notes[i];
      else delete cell.dataset.note;
      cell.style.setProperty("--note-length", String(notes[i]?.length || 1));
    }
    this.draw();
    this.lightbox.refresh(this.sheet);
  }

  // Create the samples' buttons over the canvas.
  buttons() {
    return /** @type {HTMLButtonElement[]} */ ([...this.cells.children]);
  }

  draw() {
    const room = { width: this.root.clientWidth, height: this.root.clientHeight };
    if (!this.sheet || !room.width) return;
    const { image, rows, columns } = this.sheet;
    const ratio = window.devicePixelRatio || 1;
    const like = [room.width, room.height, ratio, rows, columns, image?.naturalWidth, image?.naturalHeight]
      .join();
    if (image === this.drawn && like === this.like) return;
    this.drawn = image;
    this.like = like;
    const { gap, cell, tall, width, height } = sheetLayout(this.sheet, room, ratio);
    this.box.style.width = `${width / ratio}px`;
    this.box.style.height = `${height / ratio}px`;
    this.cells.style.gap = `${gap / ratio}px`;
    this.cells.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
    this.root.classList.toggle("wgan-empty", !image);
    if (!image) return;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      Object.assign(this.canvas, { width, height });
    }
    const context = contextOf(this.canvas);
    context.clearRect(0, 0, width, height);
    for (let i = 0; i < rows * columns; i++) {
      const x = (i % columns) * (cell + gap);
      const y = Math.floor(i / columns) * (tall + gap);
      drawSample(context, { ...this.sheet, image }, i, x, y, cell, tall);
    }
  }

  /** @param {HTMLButtonElement} cell */
  indexOf(cell) {
    return this.buttons().indexOf(cell);
  }

  /**
   * The Tab key stops once at the whole sheet; arrow keys move between samples.
   * @param {KeyboardEvent} event
   */
  move(event) {
    const at = this.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    const next = sampleByKey(event.key, at, this.cells.children.length, this.columns);
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    this.focus(next);
  }

  /** @param {number} index */
  focus(index) {
    const cell = this.buttons()[index];
    if (!cell) return;
    for (const other of this.buttons()) other.tabIndex = other === cell ? 0 : -1;
    cell.focus();
  }

  /** @param {number} index */
  enlarge(index) {
    const { image } = this.sheet ?? {};
    if (!this.sheet || !image) return;
    // After closing, focus the sample that was shown last.
    this.lightbox.open({ ...this.sheet, image }, index, () => this.focus(this.lightbox.index));
  }

  destroy() {
    this.observer.disconnect();
    this.lightbox.close();
  }
}

/**
 * The real picture that is nearest to a sample, as an address, and their difference in words. The address is
 * empty if there is no such picture.
 * @typedef {{ step: number, index: number, image: string, words: string }} Near
 */

/**
 * A single enlarged sample. It is updated with the sheet during training. A timeline can add the earlier
 * pictures of the same z, and the real picture nearest to the sample.
 */
export class Lightbox {
  /** @type {DrawnSheet | undefined} */
  sheet;
  /** @type {(index: number) => void} */
  onOpen = () => {}; // a sample is enlarged
  onClose = () => {};
  /** @type {(step: number) => void} */
  onStep = () => {}; // an earlier picture was chosen
  /** @type {Near | undefined} */
  near;
  /** @type {(() => void) | undefined} */
  closed; // called after it was closed
  index = 0;

  constructor() {
    this.canvas = make("canvas", { role: "img" });
    this.caption = make("p", {});
    this.caption.setAttribute("aria-live", "polite");
    this.previous = iconButton("previous", "Previous sample", () => this.go(-1));
    this.next = iconButton("next", "Next sample", () => this.go(1));
    const close = iconButton("close", "Close", () => this.close());
    // The dialog takes the focus itself: the arrow keys work at once, and no button seems chosen.
    this.nearImage = make("img", { className: "wgan-near-image" });
    this.nearWords = make("figcaption", {});
    this.nearBox = make("figure", { className: "wgan-near", hidden: true }, this.nearImage, this.nearWords);
    this.past = make("div", { className: "wgan-past", role: "group", hidden: true });
    this.past.setAttribute("aria-label", "This sample during training");
    // Only beside another picture: alone, the line below the picture says what it is.
    this.ownWords = make("figcaption", { hidden: true }, "The enlarged sample");
    this.root = make("dialog", { className: "wgan-lightbox", tabIndex: -1, autofocus: true },
      make("div", { className: "wgan-pair" },
        make("figure", { className: "wgan-near" }, this.canvas, this.ownWords), this.nearBox), this.past,
      make("div", {}, this.previous, this.caption, this.next, close));
    this.root.setAttribute("aria-label", "Enlarged sample");
    this.root.addEventListener("keydown", (event) => {
      event.stopPropagation(); // these keys are not for Streamlit's shortcuts
      if (event.key === "ArrowLeft") this.go(-1);
      else if (event.key === "ArrowRight") this.go(1);
      else return;
      event.preventDefault();
    });
    this.root.addEventListener("click", (event) => {
      if (event.target === this.root) this.close(); // a click on the dialog itself is one on its backdrop
    });
    this.root.addEventListener("close", () => {
      this.onClose();
      this.closed?.();
    });
    this.resized = () => this.draw();
  }

  /**
   * @param {DrawnSheet} sheet
   * @param {number} index
   * @param {() => void} closed
   */
  open(sheet, index, closed) {
    Object.assign(this, { sheet, index, closed });
    this.root.showModal();
    addEventListener("resize", this.resized);
    this.draw();
    this.clear();
    this.onOpen(index);
  }

  // Hide what belongs to another sample.
  clear() {
    this.near = undefined;
    this.nearBox.hidden = this.ownWords.hidden = this.past.hidden = true;
  }

  /**
   * Show the same sample at earlier steps; a picture without an address has not arrived yet.
   * @param {{ step: number, image?: string }[]} pictures
   */
  async showHistory(pictures) {
    if (!this.root.open || !this.sheet || pictures.length < 2) return;
    const { sheet, index } = this;
    const images = await Promise.all(
      pictures.map(({ image }) => (image ? decode(image).catch(() => undefined) : undefined)),
    );
    if (!this.root.open || this.index !== index) return;
    this.past.hidden = false;
    this.past.replaceChildren(...pictures.map(({ step }, i) => {
      const canvas = make("canvas", { ariaHidden: "true" });
      const image = images[i];
      if (image) {
        const { width, height } = sampleBox({ ...sheet, image }, index);
        Object.assign(canvas, { width, height });
        drawSample(contextOf(canvas), { ...sheet, image }, index, 0, 0, width, height);
      }
      const words = `step ${formatCount(step)}`;
      const button = make("button", {
        type: "button", className: "wgan-past-step", title: `Show ${words}`,
        onclick: () => this.onStep(step),
      }, canvas, make("span", {}, formatCount(step)));
      button.setAttribute("aria-label", `Show this sample at ${words}`);
      return button;
    }));
  }

  /** @param {Near} near */
  showNear(near) {
    if (!this.root.open || near.index !== this.index) return;
    this.near = near.image ? near : undefined;
    this.nearBox.hidden = this.ownWords.hidden = !near.image;
    this.nearImage.src = near.image;
    this.nearImage.alt = "The real picture nearest to this sample";
    this.nearWords.textContent = near.words;
    this.draw();
  }

  /** @param {Sheet} sheet */
  refresh(sheet) {
    if (!this.root.open) return;
    const { image } = sheet;
    if (!image) {
      this.close();
      return;
    }
    this.sheet = { ...sheet, image };
    this.index = Math.min(this.index, sheet.rows * sheet.columns - 1);
    this.draw();
  }

  /** @param {number} by */
  go(by) {
    if (!this.sheet) return;
    const count = this.sheet.rows * this.sheet.columns;
    this.index = (this.index + by + count) % count;
    this.clear();
    this.draw();
    this.onOpen(this.index);
  }

  draw() {
    if (!this.sheet) return;
    const ratio = window.devicePixelRatio || 1;
    const extra = this.past.hidden ? 0 : PAST_HEIGHT;
    const view = {
      innerWidth: this.near ? window.innerWidth / 2 : window.innerWidth,
      innerHeight: window.innerHeight - extra,
    };
    const { width, height } = enlargedSize(this.sheet, view, ratio);
    Object.assign(this.canvas, { width, height });
    for (const picture of [this.canvas, this.nearImage]) {
      picture.style.width = `${width / ratio}px`;
      picture.style.height = `${height / ratio}px`;
    }
    drawSample(contextOf(this.canvas), this.sheet, this.index, 0, 0, width, height);
    const words = sampleCaption(this.sheet, this.index);
    this.caption.textContent = words;
    this.canvas.setAttribute("aria-label", words);
  }

  close() {
    removeEventListener("resize", this.resized);
    if (this.root.open) this.root.close();
  }
}

/**
 * A sheet of samples as Python sends it, with the address of its image; null if the browser makes it.
 * @typedef {{ image: string | null, rows: number, columns: number, height: number, caption: string,
 *   alt: string, notes?: string[] }} StripData
 */

/** A sheet of pictures, real or generated, with a caption that does not change during training. */
export class Strip {
  /** @type {string | null | undefined} */
  image; // address of the newest image
  /** @type {Omit<SheetData, "image"> | undefined} */
  frame; // all about the samples but their image

  /** @param {(index: number) => void} [press] */
  constructor(press) {
    this.sheet = new SpriteSheet(press);
    this.caption = make("figcaption", { className: "wgan-caption" });
    this.root = make("figure", { className: "wgan-strip" }, this.sheet.root, this.caption);
  }

  /** @param {string} text */
  label(text) {
    this.caption.hidden = !text;
    write(this.caption, text);
  }

  /** @param {StripData} data */
  async update({ image, rows, columns, height, caption, alt, notes }) {
    this.label(caption);
    const words = { rows, columns, height, alt, where: caption, notes, noun: /** @type {const} */ ("picture") };
    this.frame = words;
    if (image === this.image || !image) {
      this.sheet.show({ image: this.sheet.sheet?.image, ...words });
      return;
    }
    this.image = image;
    if (!this.sheet.sheet) this.sheet.show(words); // reserves the space
    try {
      const decoded = await decode(image);
      if (this.image === image) this.sheet.show({ ...words, image: decoded });
    } catch {
      this.sheet.show({ ...words, words: "This picture cannot be read." });
    }
  }

  /**
   * Show samples that the browser has made.
   * @param {Picture} image
   */
  draw(image) {
    this.image = undefined; // an image from Python that is being decoded is no longer wanted
    if (this.frame) this.sheet.show({ ...this.frame, image });
  }

  /** Show no samples; their space stays. */
  clear() {
    this.image = undefined;
    if (this.frame) this.sheet.show(this.frame);
  }

  destroy() {
    this.sheet.destroy();
  }
}
