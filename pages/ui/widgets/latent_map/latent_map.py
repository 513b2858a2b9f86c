"""A plane in latent space as a map of pictures, which can be dragged and zoomed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pages.ui.core.state import page_state
from pages.ui.widgets.base.edits import edited, receive
from pages.ui.widgets.base.images import data_uri
from pages.ui.widgets.base.registry import HEADING, component
from pages.ui.widgets.generator.generator import remember_maker

_MAP = component(
    "wgan_latent_map",
    "latent_map/latent_map.js",
    "base/controls.css",
    "latent_map/latent_map.css",
)

MIN_HALF, MAX_HALF, MAX_COORDINATE = 0.02, 8.0, 1e4  # in units of the plane


@dataclass(frozen=True)
class Window:
    """A square part of the plane: its centre, and half its side."""

    x: float = 0.0
    y: float = 0.0
    half: float = 3.0


MAX_SOURCES = 20
"""Number of planes whose windows are stored for a visitor."""


@dataclass
class _Windows:
    """The windows of this visitor: by the component's key, then by the plane."""

    by_key: dict[str, dict[str, Window]] = field(default_factory=dict)


def map_window(key: str, source: str, home: Window) -> Window:
    """Return this visitor's window of the plane `source`; `home` at first."""
    receive(key, lambda value: _remembered(key, value))
    window = _known(key).get(source)
    if window is None:
        return home
    return Window(window.x, window.y, min(max(window.half, MIN_HALF), _most(home)))


def _known(key: str) -> dict[str, Window]:
    return page_state(_Windows).by_key.setdefault(key, {})


def _remembered(key: str, value: Any) -> tuple[str, Window] | None:
    """Validate the browser's message, store the window, and return it with its plane."""
    remember_maker(key, value)
    source = value.get("source") if isinstance(value, dict) else None
    if not isinstance(source, str) or len(source) > 200:
        return None
    place, half = _checked(value, source), value.get("half")
    if place is None or not isinstance(half, int | float) or not 0 < half < MAX_COORDINATE:
        return None
    windows = _known(key)
    windows.pop(source, None)
    windows[source] = Window(*place, float(half))
    for old in list(windows)[:-MAX_SOURCES]:
        del windows[old]
    return source, windows[source]


def _most(home: Window) -> float:
    """Return the limit for moving and zooming out, large enough to show the initial window."""
    return max(MAX_HALF, home.half)


def _checked(value: Any, source: str) -> tuple[float, float] | None:
    """Return a valid place of the plane from the browser's message; None if it is invalid."""
    if not isinstance(value, dict) or value.get("source") != source:
        return None
    place = []
    for number in (value.get("x"), value.get("y")):
        # An integer may be too large for a float.
        if not isinstance(number, int | float) or not abs(number) < MAX_COORDINATE:
            return None
        place.append(float(number))
    x, y = place
    return x, y


def latent_map(
    image: bytes | None,
    window: Window,
    *,
    local: Mapping[str, Any] | None,
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

    Args:
        image: The sheet without gaps; None if the browser makes it.
        window: The part of the plane.
        local: What the browser needs to make the pictures itself, from `on_browser`, with the `plane`
            (centre, u and v), its `shell`, and the truncation `share`; None if only the server makes them.
        key: The component's key.
        source: Name of the plane. Another plane begins at `home`.
        side: Number of pictures along each side.
        home: The initial window.
        marks: (x, y, name) of each mark.
        on_keep: Called with the place of a click, before the rerun that it causes.
        alt: Description for screen readers.
        title: The heading.
        help: Tooltip of the heading.
        height: Height in pixels.
    """

    def keep(value: Any) -> None:
        place = _checked(value, source)
        if place is not None:
            on_keep(*place)

    def check(value: Any) -> tuple[str, Window] | None:
        return _remembered(key, value)

    edit = edited(key, (source, window), check, commands={"keep": keep})
    data = {
        "image": None if image is None else data_uri(image),
        "local": local,
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
        "least": MIN_HALF,
        "most": _most(home),
        "alt": alt,
        "title": title,
        "help": help,
        "height": height,
        "space": f"height:{height}px;margin-top:{HEADING}px",
    }
    _MAP(key=key, data=data, on_edit_change=lambda: receive(key, check))
