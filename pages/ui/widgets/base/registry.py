"""Registration of custom components, and encoding of their data."""

import json
import re
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from posixpath import dirname, join, normpath
from typing import Any

import streamlit as st

from pages.ui.widgets.base import assets

# Streamlit sends a component's program with every update. So the program is only this loader, which
# imports the modules and style sheets once; an update is then only as large as its data.
_LOADER = """
const modules = %s, styles = %s;
let program;
const load = async () => {
  const at = (file) => new URL(%s + file, document.baseURI).href;
  const style = (file) => {
    let link = document.getElementById(at(file));
    if (!link) {
      link = Object.assign(document.createElement("link"), { id: at(file), rel: "stylesheet", href: at(file) });
      link.ready = new Promise((resolve, reject) => {
        link.onload = resolve;
        link.onerror = () => { link.remove(); reject(new Error(file)); };
      });
      document.head.append(link);
    }
    return link.ready;
  };
  const [component] = await Promise.all([...modules.map((file) => import(at(file))), ...styles.map(style)]);
  return component.default;
};
export default async function (component) {
  const { parentElement: place } = component;
  const data = JSON.parse(new TextDecoder().decode(component.data));
  if (!place.firstElementChild && data.space) {
    const space = document.createElement("div");
    space.style.cssText = data.space;
    place.append(space);
  }
  program ??= load();
  try {
    return (await program)(component, data);
  } catch (error) {
    program = undefined;
    console.warn(error);
    place.textContent = "This part of the page could not be loaded. Please reload the page.";
  }
}
"""

_IMPORT = re.compile(r'^(?:import|\}) [^;"]*from "(\.[^"]+\.js)";$', re.MULTILINE)

HEADING = 36  # height in pixels of a component's heading with its margin (controls.css)

PADDING = 12  # pixels around pictures on all sides (sprite.css, walk_player.css, PADDING in dom.js)


def space(
    height: int,
    *,
    ratio: float | None = None,
    width: str = "100%",
    above: int = 0,
    below: str = "0px",
) -> str:
    """Return the CSS of an empty box that reserves the space of a component while its program loads.

    The component fills exactly this space (`shape` in dom.js), so that nothing moves.

    Args:
        height: Height in pixels; the maximum if there is a `ratio`.
        ratio: Width divided by height. The box is lower than `height` if `width` is too small.
        width: CSS width.
        above: Height of the component's heading, in pixels.
        below: CSS length for the controls below it.
    """
    size = f"height:{height}px"
    if ratio is not None:
        size = (
            f"width:calc({width} - {2 * PADDING}px);padding:{PADDING}px;"
            f"aspect-ratio:{ratio:g};max-height:{height}px"
        )
    return f"box-sizing:content-box;{size};margin:{above}px 0 {below}"


def packed(data: Mapping[str, Any]) -> bytes:
    """Encode the data of a component as JSON.

    Given a mapping, Streamlit would encode it three times per update to compare components without
    a key.
    """
    return json.dumps(data, separators=(",", ":")).encode()


@st.cache_resource(show_spinner=False, max_entries=200)
def shared(version: Hashable, _make: Callable[[], Mapping[str, Any]]) -> bytes:
    """Return encoded data, which are shared by all visitors who see the same `version`."""
    return packed(_make())


@cache
def modules_of(module: str) -> tuple[str, ...]:
    """Return a JavaScript module and all of its imports, as paths below `widgets/`.

    The loader requests all of them at once. One after the other, they would take several round
    trips.
    """
    modules = {module: None}
    todo = [module]
    while todo:
        file = todo.pop()
        for imported in _IMPORT.findall((assets.WIDGETS / file).read_text(encoding="utf-8")):
            path = normpath(join(dirname(file), imported))
            if path not in modules:
                modules[path] = None
                todo.append(path)
    return tuple(modules)


def component(name: str, module: str, *styles: str) -> Callable[..., None]:
    """Register a component and return the function that draws it.

    The function takes `key`, `data` (a mapping, or encoded), `height` and callbacks like
    Streamlit's components.

    Args:
        name: Unique name of the component.
        module: Path of its JavaScript module below `widgets/`. Its default export is `define(…)`.
        styles: Paths of its style sheets below `widgets/`.
    """
    program = _LOADER % (
        json.dumps(modules_of(module)),
        json.dumps(styles),
        json.dumps(f"{assets.FOLDER}/{assets.version()}/"),
    )
    # Do not isolate it: in a shadow root, Plotly's look-ups in the document would not find the
    # chart.
    mount = st.components.v2.component(name, js=program, isolate_styles=False)

    def show(*, data: Mapping[str, Any] | bytes, **options: Any) -> None:
        mount(data=data if isinstance(data, bytes) else packed(data), **options)

    return show
