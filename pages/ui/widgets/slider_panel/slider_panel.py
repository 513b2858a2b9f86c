"""Sliders beside a sheet of samples that they change together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pages.ui.core.state import page_state
from pages.ui.widgets.base.edits import edited, receive
from pages.ui.widgets.base.images import data_uri
from pages.ui.widgets.base.registry import component
from pages.ui.widgets.generator.generator import remember_maker

_SLIDER_PANEL = component(
    "wgan_slider_panel",
    "slider_panel/slider_panel.js",
    "base/controls.css",
    "base/sprite.css",
    "slider_panel/slider_panel.css",
)

RANGE = 4.0
MAX_SLIDERS = 64


MAX_SOURCES = 20
"""Number of slider sets that are stored for a visitor."""


@dataclass
class _Positions:
    """The positions of this visitor's sliders: by the component's key, then by their source."""

    by_key: dict[str, dict[str, list[float]]] = field(default_factory=dict)


def moved_sliders(key: str, source: str, count: int) -> list[float]:
    """Return the positions of this visitor's sliders of `source`; 0 at first."""
    receive(key, lambda value: _remembered(key, value))
    values = _known(key).get(source)
    return values if values is not None and len(values) == count else [0.0] * count


def _known(key: str) -> dict[str, list[float]]:
    return page_state(_Positions).by_key.setdefault(key, {})


def _remembered(key: str, value: Any) -> tuple[str, list[float]] | None:
    """Validate the browser's message, store the positions, and return them with their source."""
    remember_maker(key, value)
    values = _checked(value)
    if values is not None:
        panels = _known(key)
        panels.pop(values[0], None)
        panels[values[0]] = values[1]
        for old in list(panels)[:-MAX_SOURCES]:
            del panels[old]
    return values


def _checked(value: Any) -> tuple[str, list[float]] | None:
    """Return the source and the positions of its sliders from a message; None if it is invalid."""
    if not isinstance(value, dict) or not isinstance(value.get("source"), str):
        return None
    numbers = value.get("values")
    if (
        not isinstance(numbers, list)
        or not 0 < len(numbers) <= MAX_SLIDERS
        or len(value["source"]) > 200
    ):
        return None
    if not all(isinstance(v, int | float) and abs(v) <= RANGE for v in numbers):
        return None
    return value["source"], [float(v) for v in numbers]


def slider_panel(
    image: bytes | None,
    values: Sequence[float],
    *,
    local: Mapping[str, Any] | None,
    key: str,
    source: str,
    labels: Sequence[str],
    rows: int,
    columns: int,
    caption: str,
    alt: str,
    title: str,
    help: str,
    on_keep: Callable[[list[float]], None],
    height: int = 400,
) -> None:
    """Show sliders and the samples that they change.

    Args:
        image: The sheet of samples without gaps; None if the browser makes it.
        values: The positions, from `moved_sliders`.
        local: What the browser needs to make the samples itself, from `on_browser`, with their `z` and
            the `directions` of the sliders; None if only the server makes them.
        key: The component's key.
        source: Identifies what the sliders change. Another source begins at 0.
        labels: Label of each slider.
        rows: Number of rows of the sheet.
        columns: Number of columns of the sheet.
        caption: A line below the sheet.
        alt: Description for screen readers.
        title: The heading.
        help: Tooltip of the heading.
        on_keep: Called with the positions when the visitor keeps the samples.
        height: Height in pixels.
    """

    def keep(value: Any) -> None:
        values = _checked(value)
        if values is not None and values[0] == source and len(values[1]) == len(labels):
            on_keep(values[1])

    def check(value: Any) -> tuple[str, list[float]] | None:
        return _remembered(key, value)

    edit = edited(key, (source, list(values)), check, commands={"keep": keep})
    data = {
        "image": None if image is None else data_uri(image),
        "values": list(values),
        "local": local,
        "edit": edit.answer,
        "source": source,
        "labels": list(labels),
        "range": RANGE,
        "rows": rows,
        "columns": columns,
        "height": height,
        "caption": caption,
        "alt": alt,
        "title": title,
        "help": help,
        "space": f"height:{height + 24}px",
    }
    _SLIDER_PANEL(key=key, data=data, on_edit_change=lambda: receive(key, check))
