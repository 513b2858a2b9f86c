"""A sheet of samples from which some are picked, in an order."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.components.assets import component, space
from pages.components.stage import CAPTION, data_uri

_PICKER = component("wgan_picker", "controls.css", "sprite.css", "picker.css", "shared.js",
                    "sprite.js", "picker.js")  # fmt: skip


def _slot(key: str) -> str:
    return f"{key}__picked"


def just_picked(key: str) -> list[int] | None:
    """What was picked in the browser since `picker` was last drawn; for its `on_change`."""
    picked: list[int] | None = st.session_state.get(_slot(key))
    return picked


def _checked(value: object, count: int, most: int) -> list[int] | None:
    """`value` if it is a list of samples that can be picked: it comes from the browser."""
    if not isinstance(value, list) or len(value) > most:
        return None
    if not all(type(index) is int and 0 <= index < count for index in value):
        return None
    return value if len(set(value)) == len(value) else None


def _state(key: str) -> dict[str, Any]:
    value = st.session_state.get(key, {}).get("picked")
    return value if isinstance(value, dict) else {}


def picker(
    image: bytes,
    *,
    key: str,
    rows: int,
    columns: int,
    picked: Sequence[int],
    most: int = 8,
    caption: str,
    alt: str,
    on_change: Callable[[], None] | None = None,
    max_height: int = 300,
) -> list[int]:
    """Show a sheet of `rows` × `columns` samples and return those that are picked, in order.

    `picked` is what is shown; keep what is returned and give it back with the next run. `on_change`
    is called before the run that a pick causes; `just_picked(key)` tells it what is picked.
    """
    slot = _slot(key)

    def changed() -> None:
        now = _checked(_state(key).get("samples"), rows * columns, most)
        if now is None:
            return
        st.session_state[slot] = now
        if on_change is not None:
            on_change()

    shown = list(st.session_state.get(slot, picked))
    data = {
        "image": data_uri(image),
        "rows": rows,
        "columns": columns,
        "picked": shown,
        "most": most,
        "heard": _state(key).get("at"),
        "height": max_height,
        "caption": caption,
        "alt": alt,
        "space": space(max_height, ratio=columns / rows, below=CAPTION),
    }
    _PICKER(key=key, data=data, on_picked_change=changed)
    # Only now: a run that is cut off before here is not the last to know.
    st.session_state.pop(slot, None)
    return shown
