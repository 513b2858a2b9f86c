// What all components share. The files of a component are joined into one module (assets.py),
// which begins with its NAME and its CSS.

// Streamlit calls the default export at every change of data or theme. When a call overtakes
// another, the older call's clean-up is run while the component lives on, sometimes before the
// newer call has come this far: so a view ends only when its place has left the page.
function define(create) {
  const views = new WeakMap();
  return (component) => {
    const { parentElement } = component;
    if (!document.getElementById(NAME)) {
      document.head.append(make("style", { id: NAME, textContent: CSS }));
    }
    let view = views.get(parentElement);
    if (!view) {
      view = create(component);
      parentElement.replaceChildren(view.root); // away with a note of the loader, if any
      views.set(parentElement, view);
    }
    view.update(component.data, component);
    return () => setTimeout(() => {
      if (parentElement.isConnected || !views.delete(parentElement)) return;
      view.destroy();
      view.root.remove();
    });
  };
}

// An element. Names with a dash or in lower case that are no property become attributes.
function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
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
};

function setIcon(button, name, label) {
  if (button.dataset.icon !== name) {
    button.dataset.icon = name;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    button.replaceChildren(svg);
  }
  if (button.title !== label) button.title = label;
  button.setAttribute("aria-label", label);
}

function iconButton(name, label, onclick) {
  const button = make("button", { type: "button", className: "wgan-button", onclick });
  setIcon(button, name, label);
  return button;
}

const number = new Intl.NumberFormat("en");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const PADDING = 12; // pixels around pictures on all sides

// A place `width` / `ratio` high, `height` pixels at most; as `space` in assets.py.
function shape(node, ratio, height) {
  node.style.aspectRatio = ratio;
  node.style.maxHeight = `${height}px`;
}

async function decode(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  return image;
}
