"""Sliders beside a sheet of samples that they move all at once."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.components.assets import component
from pages.components.stage import data_uri

_DIALS = component("wgan_dials", "controls.css", "sprite.css", "dials.css", "shared.js", "sprite.js",
                   "dials.js")  # fmt: skip

RANGE = 4.0


def turned(key: str, source: str, count: int) -> tuple[list[float], object]:
    """Return how the dials of `source` stand, and the mark of the movement that says so."""
    value = st.session_state.get(key, {}).get("values")
    found = _checked(value, source, count)
    return (found, value.get("at")) if found is not None else ([0.0] * count, None)


def _checked(value: Any, source: str, count: int) -> list[float] | None:
    """Positions that came from the browser, which may have sent anything."""
    if not isinstance(value, dict) or value.get("source") != source:
        return None
    given = value.get("values")
    if not isinstance(given, list) or len(given) != count:
        return None
    if not all(isinstance(v, int | float) and abs(v) <= RANGE for v in given):
        return None
    return [float(v) for v in given]


def dials(
    image: bytes,
    values: Sequence[float],
    heard: object,
    *,
    key: str,
    source: str,
    labels: Sequence[str],
    rows: int,
    columns: int,
    caption: str,
    alt: str,
    title: str,
    help: str,
    kept: Callable[[list[float]], None],
    height: int = 400,
) -> None:
    """Show dials and what they make. `values` and `heard` are what `turned` returned.

    `source` names what the dials turn: another one begins at 0. `kept` is called with the positions
    when the visitor keeps what is shown.
    """

    def order() -> None:
        found = _checked(st.session_state.get(key, {}).get("kept"), source, len(labels))
        if found is not None:
            kept(found)

    data = {
        "image": data_uri(image),
        "values": list(values),
        "heard": heard,
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
    _DIALS(key=key, data=data, on_values_change=lambda: None, on_kept_change=order)
