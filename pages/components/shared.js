// What all components share. `component` in assets.py joins the files of a component into one module,
// without their imports of each other, and puts COMPONENT_NAME and COMPONENT_CSS before them.

// Streamlit calls the default export at every change of data or theme. When a call overtakes
// another, the older call's clean-up is run while the component lives on, sometimes before the
// newer call has come this far: so a view ends only when its place has left the page.
export function define(create) {
  const views = new WeakMap();
  return (component, data = JSON.parse(new TextDecoder().decode(component.data))) => {
    const { parentElement } = component;
    if (!document.getElementById(COMPONENT_NAME)) {
      document.head.append(make("style", { id: COMPONENT_NAME, textContent: COMPONENT_CSS }));
    }
    let view = views.get(parentElement);
    if (!view) {
      view = create(component, data);
      parentElement.replaceChildren(view.root); // away with a note of the loader, if any
      views.set(parentElement, view);
    }
    view.update(data, component);
    return () => setTimeout(() => {
      if (parentElement.isConnected || !views.delete(parentElement)) return;
      view.destroy();
      view.root.remove();
    });
  };
}

// What the visitor edits in a component: the browser owns it, Python follows (edits.py tells how).
export class Edits {
  constructor({ setStateValue }) {
    this.tell = setStateValue;
    this.client = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
    this.number = 0; // of the newest message
    this.value = null; // the newest edit
    this.commands = []; // those that Python has not answered yet
    this.revision = undefined; // of the value that was taken from Python last
  }

  // Tell Python the whole value.
  send(value) {
    this.value = value;
    this.post();
  }

  // Ask for something that is done once, as to keep what is shown. It goes with every message until
  // Python has answered: of two messages that come together Streamlit gives Python only the newer one.
  command(name, args) {
    this.commands.push({ number: this.number + 1, name, arguments: args });
    this.post();
  }

  post() {
    this.number += 1;
    const { client, number, value, commands } = this;
    this.tell("edit", { client, number, value, commands: [...commands] });
  }

  // Has Python handled all that was sent from here?
  heard({ client, number }) {
    return !this.number || (client === this.client && number >= this.number);
  }

  // Is the value beside this answer to be taken? Not where it is older than what was done here, and
  // not where it is what is here already.
  takes(answer) {
    if (answer.client === this.client) {
      this.commands = this.commands.filter((command) => command.number > answer.number);
    }
    if (!this.heard(answer) || answer.revision === this.revision) return false;
    this.revision = answer.revision;
    return true;
  }
}

// An element. Names with a dash or in lower case that are no property become attributes.
export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// An element of a drawing, with its attributes.
export function makeSvg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

// Icons are drawn here: Streamlit's icon font may not be loaded on a page that shows none.
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

export function setIcon(button, name, label) {
  if (button.dataset.icon !== name) {
    button.dataset.icon = name;
    button.replaceChildren(makeSvg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" },
      makeSvg("path", { d: ICONS[name] })));
  }
  if (button.title !== label) button.title = label;
  button.setAttribute("aria-label", label);
}

export function iconButton(name, label, onclick) {
  const button = make("button", { type: "button", className: "wgan-button", onclick });
  setIcon(button, name, label);
  return button;
}

// Text that changes costs a layout; the same text again, nothing.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Words with **bold**, *italics* and blank lines between paragraphs, as elements.
function paragraphs(words) {
  return words.split(/\n\s*\n/).map((text) => make("p", {}, ...text.split(/(\*\*.+?\*\*|\*.+?\*)/s)
    .map((part) => (
      part.startsWith("**") ? make("strong", {}, part.slice(2, -2))
        : part.startsWith("*") && part.length > 1 ? make("em", {}, part.slice(1, -1))
          : part.replaceAll("\n", " ")
    ))));
}

// What a word means: an ⓘ that shows it while it is pointed at or has the focus. `words` may be
// set anew at any time.
export class Help {
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
    // In the top layer: no column of the page cuts it off.
    this.box ??= make("div", { className: "wgan-words", popover: "manual", role: "tooltip" });
    this.box.replaceChildren(...paragraphs(this.words));
    this.root.after(this.box);
    this.box.showPopover?.();
    const at = this.root.getBoundingClientRect();
    const { width, height } = this.box.getBoundingClientRect();
    const left = clamp(at.left + at.width / 2 - width / 2, 8, Math.max(innerWidth - width - 8, 8));
    const below = at.bottom + 6 + height <= innerHeight || at.top < height + 6;
    this.box.style.left = `${left}px`;
    this.box.style.top = `${below ? at.bottom + 6 : at.top - 6 - height}px`;
  }

  hide() {
    this.box?.remove();
  }

  destroy() {
    this.hide();
  }
}

// A heading with what it means; empty where there is none.
export class Heading {
  constructor() {
    this.root = make("div", { className: "wgan-heading", hidden: true });
  }

  update(title = "", help = "") {
    this.root.hidden = !title;
    if (title === this.title && help === this.words) return;
    Object.assign(this, { title, words: help });
    this.help?.destroy();
    this.help = help ? new Help(title, help) : undefined;
    this.root.replaceChildren(make("strong", {}, title), ...(help ? [this.help.root] : []));
  }

  destroy() {
    this.help?.destroy();
  }
}

export const number = new Intl.NumberFormat("en");
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
// Whether the visitor wants little motion. Node, which runs the unit tests, has no matchMedia.
export const calm = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)") ?? { matches: false };

export const PADDING = 12; // pixels around pictures on all sides

// A place `width` / `ratio` high, `height` pixels at most; as `space` in assets.py.
export function shape(node, ratio, height) {
  node.style.aspectRatio = ratio;
  node.style.maxHeight = `${height}px`;
}

export async function decode(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  return image;
}
