"""A plane of latent space as a map of pictures, to be dragged, zoomed, and pointed at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pages.ui.core.state import page_state
from pages.ui.widgets.base.edits import edited, receive
from pages.ui.widgets.base.images import data_uri
from pages.ui.widgets.base.registry import HEADING, component

_MAP = component(
    "wgan_latent_map",
    "latent_map/latent_map.js",
    "base/controls.css",
    "latent_map/latent_map.css",
)

LEAST, MOST, FAR = 0.02, 8.0, 1e4  # in units of the plane


@dataclass(frozen=True)
class Window:
    """A square part of the plane: its middle, and half its side."""

    x: float = 0.0
    y: float = 0.0
    half: float = 3.0


MAX_SOURCES = 20
"""How many planes' windows are remembered for a visitor."""


@dataclass
class _Windows:
    """What this visitor looks at: by the component's key, then by the plane."""

    by_key: dict[str, dict[str, Window]] = field(default_factory=dict)


def map_window(key: str, source: str, home: Window) -> Window:
    """Return the part of the plane `source` that this visitor looks at; `home` at first."""
    receive(key, lambda value: _remembered(key, value))
    window = _known(key).get(source)
    if window is None:
        return home
    return Window(window.x, window.y, min(max(window.half, LEAST), _most(home)))


def _known(key: str) -> dict[str, Window]:
    return page_state(_Windows).by_key.setdefault(key, {})


def _remembered(key: str, value: Any) -> tuple[str, Window] | None:
    """Return what the browser sent, checked, and remember it for when that plane is shown again."""
    source = value.get("source") if isinstance(value, dict) else None
    if not isinstance(source, str) or len(source) > 200:
        return None
    place, half = _checked(value, source), value.get("half")
    if place is None or not isinstance(half, int | float) or not 0 < half < FAR:
        return None
    windows = _known(key)
    windows.pop(source, None)
    windows[source] = Window(*place, float(half))
    for old in list(windows)[:-MAX_SOURCES]:
        del windows[old]
    return source, windows[source]


def _most(home: Window) -> float:
    """Return how far the visitor can move and zoom out: at least far enough to see the start."""
    return max(MOST, home.half)


def _checked(value: Any, source: str) -> tuple[float, float] | None:
    """Return a place of the plane that the browser sent; None if it is not valid."""
    if not isinstance(value, dict) or value.get("source") != source:
        return None
    place = []
    for number in (value.get("x"), value.get("y")):
        # A whole number may be too long to be a float.
        if not isinstance(number, int | float) or not abs(number) < FAR:
            return None
        place.append(float(number))
    x, y = place
    return x, y


def latent_map(
    image: bytes,
    window: Window,
    *,
    key: str,
    source: str,
    side: int,
    home: Window,
    marks: Sequence[tuple[float, float, str]],
    on_keep: Callable[[float, float], None],
    alt: str,
    title: str,
    help: str,
    height: int = 430,
) -> None:
    """Show a sheet of `side` × `side` pictures as the part `window` of a plane.

    `source` names the plane: another one begins at `home`. `marks` are (x, y, name); `on_keep` is called
    with the place of a click, before the run that it causes.
    """

    def keep(value: Any) -> None:
        place = _checked(value, source)
        if place is not None:
            on_keep(*place)

    def check(value: Any) -> tuple[str, Window] | None:
        return _remembered(key, value)

    edit = edited(key, (source, window), check)
    data = {
        "image": data_uri(image),
        "edit": edit.answer,
        "x": window.x,
        "y": window.y,
        "half": window.half,
        "side": side,
        "homeX": home.x,
        "homeY": home.y,
        "homeHalf": home.half,
        "source": source,
        "marks": [{"x": x, "y": y, "name": name} for x, y, name in marks],
        "reach": _most(home),
        "least": LEAST,
        "most": _most(home),
        "alt": alt,
        "title": title,
        "help": help,
        "height": height,
        "space": f"height:{height}px;margin-top:{HEADING}px",
    }
    _MAP(key=key, data=data, on_edit_change=lambda: receive(key, check, {"keep": keep}))
