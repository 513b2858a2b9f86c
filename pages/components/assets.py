"""What the browser loads beside the page: written to the git-ignored `static/` folder at launch."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
# Not resolved: where the components are linked into another app, that app's folder is meant.
STATIC = HERE.parents[1] / "static"

# Long ago, so that the browser's heuristic lets it keep the file; a change brings a new address.
_OLD = 1_000_000_000.0

# Streamlit sends a component's program anew with every update. So what it sends is only this:
# the program itself comes from static/, once, and an update weighs what its data weigh.
_LOADER = """
let program;
export default async function (component) {
  const { parentElement: place } = component;
  const data = JSON.parse(new TextDecoder().decode(component.data));
  if (!place.firstElementChild && data.space) {
    const space = document.createElement("div");
    space.style.cssText = data.space;
    place.append(space);
  }
  program ??= import(new URL(%s, document.baseURI));
  try {
    return (await program).default(component, data);
  } catch (error) {
    program = undefined;
    console.warn(error);
    place.textContent =
      "This part of the page could not be loaded. Please reload the page.";
  }
}
"""


# How the components' files name what they use of each other.
_IMPORT = re.compile(r'^import\s*\{[^}]*\}\s*from\s*"\./\w+\.js";\n', re.MULTILINE)


HEADING = 36  # pixels of a component's own heading, with its margin (controls.css)

PADDING = 12  # pixels around pictures on all sides (sprite.css, player.css, PADDING in shared.js)


def space(
    height: int,
    *,
    ratio: float | None = None,
    width: str = "100%",
    above: int = 0,
    below: str = "0px",
) -> str:
    """The place a component takes, as CSS: kept until its program is there, so that nothing jumps.

    It is `height` pixels high; with a `ratio` of width to height, less where `width` is too narrow,
    and padded. `above` (pixels) is for its heading, `below` for its controls. The component itself takes exactly that (`shape`, shared.js).
    """
    size = f"height:{height}px"
    if ratio is not None:
        size = (
            f"width:calc({width} - {2 * PADDING}px);padding:{PADDING}px;"
            f"aspect-ratio:{ratio:g};max-height:{height}px"
        )
    return f"box-sizing:content-box;{size};margin:{above}px 0 {below}"


def publish(name: str, content: bytes, version: str) -> str | None:
    """Put `content` into `static/`; its address relative to the app, or None if not writable."""
    target = STATIC / name
    try:
        if not target.is_file() or target.read_bytes() != content:
            STATIC.mkdir(exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=STATIC, prefix=".", suffix=name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                os.chmod(temporary, 0o644)
                os.utime(temporary, (_OLD, _OLD))
                os.replace(temporary, target)
            except OSError:
                os.unlink(temporary)
                raise
    except OSError:
        return None
    return f"app/static/{name}?v={version}"


def packed(data: Mapping[str, Any]) -> bytes:
    """Return what a component gets of Python, as it is sent: JSON.

    Streamlit would write a mapping three times at each update, to tell components apart that have no key.
    """
    return json.dumps(data, separators=(",", ":")).encode()


@st.cache_resource(show_spinner=False, max_entries=200)
def shared(version: Hashable, _make: Callable[[], Mapping[str, Any]]) -> bytes:
    """Return what is made, packed once for all visitors who are shown the same `version`."""
    return packed(_make())


def join_modules(texts: Iterable[str]) -> str:
    """Join JavaScript modules into one, without the imports by which they use each other."""
    return "\n".join(_IMPORT.sub("", text) for text in texts)


def component(name: str, *files: str) -> Callable[..., None]:
    """Register the component `name`, made of the `.js` and `.css` files beside this module.

    What is returned shows it: `key`, `data` (a mapping, or packed), `height` and callbacks as Streamlit has them.
    """
    texts = {file: (HERE / file).read_text(encoding="utf-8") for file in files}
    css = "\n".join(text for file, text in texts.items() if file.endswith(".css"))
    js = join_modules(text for file, text in texts.items() if file.endswith(".js"))
    program = (
        f"const COMPONENT_NAME = {json.dumps(name)};\n"
        f"const COMPONENT_CSS = {json.dumps(css)};\n{js}"
    )
    version = hashlib.sha256(program.encode()).hexdigest()[:12]
    address = None
    if st.get_option("server.enableStaticServing"):
        address = publish(f"{name}.js", program.encode(), version)
    if address is not None:
        program = _LOADER % json.dumps(address)
    # Not isolated: in a shadow root Plotly's look-ups in the document miss the chart.
    mount = st.components.v2.component(name, js=program, isolate_styles=False)

    def show(*, data: Mapping[str, Any] | bytes, **given: Any) -> None:
        mount(data=data if isinstance(data, bytes) else packed(data), **given)

    return show
