// Code that all components share.

/**
 * The default export of a component. Streamlit calls it at every change of data or theme. If a call
 * overtakes an earlier one, Streamlit runs the earlier call's clean-up while the component still
 * exists, sometimes before the newer call. So a view ends only when its element has left the page.
 * @template Data
 * @param {(component: StreamlitComponent, data: Data) => ComponentView<Data>} create
 * @returns {(component: StreamlitComponent, data?: Data) => () => void}
 */
export function define(create) {
  /** @type {WeakMap<HTMLElement, ComponentView<Data>>} */
  const views = new WeakMap();
  return (component, data = JSON.parse(new TextDecoder().decode(component.data))) => {
    const { parentElement } = component;
    const given = /** @type {Data} */ (data); // never undefined, because of the default above
    const view = views.get(parentElement) ?? create(component, given);
    if (!views.has(parentElement)) {
      parentElement.replaceChildren(view.root); // also removes a message of the loader
      views.set(parentElement, view);
    }
    view.update(given, component);
    return () => void setTimeout(() => {
      if (parentElement.isConnected || !views.delete(parentElement)) return;
      view.destroy();
      view.root.remove();
    });
  };
}

/**
 * A request that is handled once, such as keeping a sample.
 * @typedef {{ number: number, name: string, arguments: unknown }} Command
 */

/**
 * The visitor's edits in a component: the browser owns the value, and Python follows (see
 * edits.py).
 * @template Value
 */
export class Edits {
  /** @param {Pick<StreamlitComponent, "setStateValue">} component */
  constructor({ setStateValue }) {
    this.tell = setStateValue;
    this.client = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
    this.number = 0; // number of the newest message
    /** @type {Value | null} */
    this.value = null; // the newest edit
    /** @type {Command[]} */
    this.commands = []; // not answered by Python yet
    /** @type {number | undefined} */
    this.revision = undefined; // revision of the last value taken from Python
  }

  /**
   * Send the whole value to Python.
   * @param {Value} value
   */
  send(value) {
    this.value = value;
    this.post();
  }

  /**
   * Send a request that is handled once, such as keeping a sample. It is part of every message
   * until Python has answered, because Streamlit delivers only the newest of several messages.
   * @param {string} name
   * @param {unknown} args
   */
  command(name, args) {
    this.commands.push({ number: this.number + 1, name, arguments: args });
    this.post();
  }

  post() {
    this.number += 1;
    const { client, number, value, commands } = this;
    this.tell("edit", { client, number, value, commands: [...commands] });
  }

  /**
   * Whether Python has handled all messages from here.
   * @param {EditAnswer} answer
   */
  heard({ client, number }) {
    return !this.number || (client === this.client && number >= this.number);
  }

  /**
   * Whether to accept the value that came with this answer: not if it is older than the edits here,
   * and not if it is here already.
   * @param {EditAnswer} answer
   */
  takes(answer) {
    if (answer.client === this.client) {
      this.commands = this.commands.filter((command) => command.number > answer.number);
    }
    if (!this.heard(answer) || answer.revision === this.revision) return false;
    this.revision = answer.revision;
    return true;
  }
}

/**
 * Create an element. Names with a dash, and lower-case names that are not properties, are
 * attributes.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {ElementProperties<HTMLElementTagNameMap[Tag]>} [properties]
 * @param {...(Node | string)} children
 */
export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) Object.assign(node, { [name]: value });
    else node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/**
 * Create an SVG element with attributes.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string)} children
 */
export function makeSvg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/**
 * The position of a pointer in the units of a drawing.
 * @param {SVGSVGElement} svg
 * @param {{ clientX: number, clientY: number }} event
 */
export function svgPoint(svg, { clientX, clientY }) {
  return new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM()?.inverse());
}

/**
 * The 2D context of a canvas.
 * @param {HTMLCanvasElement} canvas
 */
export function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("The browser gives no context to draw with.");
  return context;
}

// Draw icons here: a page that shows no icon may not have loaded Streamlit's icon font.
const ICONS = {
  play: "M8 5v14l11-7z",
  pause: "M6 5h4v14H6zM14 5h4v14h-4z",
  previous: "M15.4 7.4 14 6l-6 6 6 6 1.4-1.4L10.8 12z",
  next: "M8.6 16.6 10 18l6-6-6-6-1.4 1.4 4.6 4.6z",
  close: "M19 6.4 17.6 5 12 10.6 6.4 5 5 6.4 10.6 12 5 17.6 6.4 19 12 13.4 17.6 19 19 17.6 13.4 12",
  loop: "M7 7h10v3l4-4-4-4v3H5v6h2zM17 17H7v-3l-4 4 4 4v-3h12v-6h-2z",
  swap: "M7 8 3 12l4 4v-3h10v3l4-4-4-4v3H7z",
  help: "M11 18h2v-2h-2v2zm1-16a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 18a8 8 0 1 1 0-16 8 8 0 0 1 0 16z" +
    "m0-14a4 4 0 0 0-4 4h2a2 2 0 1 1 4 0c0 2-3 1.75-3 5h2c0-2.25 3-2.5 3-5a4 4 0 0 0-4-4z",
};

/**
 * @param {HTMLButtonElement} button
 * @param {keyof typeof ICONS} name
 * @param {string} label
 */
export function setIcon(button, name, label) {
  if (button.dataset.icon !== name) {
    button.dataset.icon = name;
    button.replaceChildren(makeSvg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" },
      makeSvg("path", { d: ICONS[name] })));
  }
  if (button.title !== label) button.title = label;
  button.setAttribute("aria-label", label);
}

/**
 * @param {keyof typeof ICONS} name
 * @param {string} label
 * @param {() => void} onclick
 */
export function iconButton(name, label, onclick) {
  const button = make("button", { type: "button", className: "wgan-button", onclick });
  setIcon(button, name, label);
  return button;
}

/**
 * Set a text, but only if it differs: a changed text costs a layout.
 * @param {Node} node
 * @param {string} text
 */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** What `plain_text` of Python makes of characters that Markdown could read as a format. */
const ESCAPED = /:color\[\\(.)\]|\\([!-/:-@[-`{-~])|&#(\d+);/g;

/**
 * Return a text without the marks of `plain_text`.
 * @param {string} text
 */
const unescaped = (text) => text.replace(ESCAPED, (_, split, character, code) => (
  code ? String.fromCodePoint(Number(code)) : split ?? character));

/**
 * Split text with **bold**, *italics* and blank lines into paragraphs, each a list of parts. Texts
 * from `plain_text` are shown as they are.
 * @param {string} words
 * @returns {{ tag: "strong" | "em" | "", text: string }[][]}
 */
export function emphasisParts(words) {
  const emphasis = /((?<!\\)\*\*.+?(?<!\\)\*\*|(?<!\\)\*.+?(?<!\\)\*)/s;
  return words.split(/\n\s*\n/).map((text) => text.split(emphasis).map((part) => {
    if (part.startsWith("**")) return { tag: "strong", text: unescaped(part.slice(2, -2)) };
    if (part.startsWith("*") && part.length > 1) return { tag: "em", text: unescaped(part.slice(1, -1)) };
    return { tag: "", text: unescaped(part.replaceAll("\n", " ")) };
  }));
}

/**
 * Return the paragraphs of such a text as elements.
 * @param {string} words
 */
function paragraphs(words) {
  return emphasisParts(words).map((parts) => make("p", {},
    ...parts.map(({ tag, text }) => (tag ? make(tag, {}, text) : text))));
}

/**
 * The position of a box beside an element: centred below it, or above it if there is only room
 * above; never beyond the sides of the window.
 * @param {{ left: number, top: number, bottom: number, width: number }} at
 * @param {{ width: number, height: number }} box
 * @param {{ innerWidth: number, innerHeight: number }} view
 */
export function placeBeside(at, { width, height }, { innerWidth: wide, innerHeight: tall }) {
  const below = at.bottom + 6 + height <= tall || at.top < height + 6;
  return {
    left: clamp(at.left + at.width / 2 - width / 2, 8, Math.max(wide - width - 8, 8)),
    top: below ? at.bottom + 6 : at.top - 6 - height,
  };
}

/** The explanation of a term: an ⓘ that shows it on hover or focus. */
export class Help {
  /** @type {HTMLDivElement | undefined} */
  box;

  /**
   * @param {string} about
   * @param {string} words may be changed at any time
   */
  constructor(about, words) {
    this.words = words;
    this.root = iconButton("help", `About: ${about}`, () => this.show());
    this.root.className = "wgan-help";
    this.root.title = "";
    this.root.onmouseenter = this.root.onfocus = () => this.show();
    this.root.onmouseleave = () => document.activeElement !== this.root && this.hide();
    this.root.onblur = () => this.hide();
    this.root.onkeydown = (event) => {
      if (event.key === "Escape") this.hide();
    };
  }

  show() {
    if (!this.words) return;
    // Use the top layer, so that no column of the page cuts it off.
    this.box ??= make("div", { className: "wgan-words", popover: "manual", role: "tooltip" });
    this.box.replaceChildren(...paragraphs(this.words));
    this.root.after(this.box);
    this.box.showPopover?.();
    const { left, top } = placeBeside(
      this.root.getBoundingClientRect(), this.box.getBoundingClientRect(), window,
    );
    this.box.style.left = `${left}px`;
    this.box.style.top = `${top}px`;
  }

  hide() {
    this.box?.remove();
  }

  destroy() {
    this.hide();
  }
}

/** A heading with an explanation; empty without a title. */
export class Heading {
  /** @type {string | undefined} */
  title;
  /** @type {string | undefined} */
  words;
  /** @type {Help | undefined} */
  help;

  constructor() {
    this.root = make("div", { className: "wgan-heading", hidden: true });
  }

  update(title = "", help = "") {
    this.root.hidden = !title;
    if (title === this.title && help === this.words) return;
    Object.assign(this, { title, words: help });
    this.help?.destroy();
    this.help = help ? new Help(title, help) : undefined;
    this.root.replaceChildren(make("strong", {}, title), ...(this.help ? [this.help.root] : []));
  }

  destroy() {
    this.help?.destroy();
  }
}

const wholeNumbers = new Intl.NumberFormat("en");

/**
 * Format an integer with thousands separators: 1,250.
 * @param {number} value
 */
export const formatCount = (value) => wholeNumbers.format(value);

/**
 * Format a number with two decimals and a real minus sign: −0.25.
 * @param {number} value
 */
export const formatSigned = (value) => value.toFixed(2).replace("-", "−");

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// Whether the visitor prefers reduced motion. Node, which runs the unit tests, has no matchMedia.
export const calm = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)") ?? { matches: false };

export const PADDING = 12; // in pixels, around pictures on all sides

/**
 * Set the size of an element: height = width / `ratio`, at most `height` pixels, as in `space` in
 * registry.py.
 * @param {HTMLElement} node
 * @param {number} ratio
 * @param {number} height
 */
export function shape(node, ratio, height) {
  node.style.aspectRatio = String(ratio);
  node.style.maxHeight = `${height}px`;
}

/**
 * Decode base64 text to bytes.
 * @param {string} base64
 */
export const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/**
 * Load a picture so that it can be drawn.
 * @param {string} uri
 */
export async function decode(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  return image;
}
