"""A square for drawing a density or a picture with a mouse, a finger or a pen."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import numpy as np

from pages.ui.widgets.base.edits import edited, receive
from pages.ui.widgets.base.registry import component
from wgan.arrays import U8

_SKETCH = component(
    "wgan_sketch_pad",
    "sketch_pad/sketch_pad.js",
    "base/controls.css",
    "sketch_pad/sketch_pad.css",
)


def sketch_pad(
    drawing: U8,
    *,
    key: str,
    on_change: Callable[[U8], None],
    height: int = 320,
    night: bool = False,
    alt: str = "Drawing of a density",
) -> U8:
    """Show a drawing that the visitor can edit, and return its current state.

    Args:
        drawing: (S, S) uint8, row 0 at the top; 255 where points are densest or, with `night`,
            white.
        key: The component's key.
        on_change: Stores a new drawing. It must not draw on the page.
        height: Height in pixels.
        night: Whether to draw in white on black.
        alt: Description for screen readers.
    """
    side = len(drawing)

    def check(value: Any) -> U8 | None:
        return _checked(value, side)

    edit = edited(key, drawing, check, on_change, np.array_equal)
    data = {
        "side": side,
        "cells": base64.b64encode(edit.value.tobytes()).decode("ascii"),
        "edit": edit.answer,
        "height": height,
        "night": night,
        "alt": alt,
        "space": f"height:{height + 44}px",
    }
    _SKETCH(key=key, data=data, on_edit_change=lambda: receive(key, check))
    return edit.value


def _checked(value: Any, side: int) -> U8 | None:
    """Decode the drawing in the browser's message; return None if it is invalid."""
    if not isinstance(value, str) or len(value) > 2 * side * side:
        return None
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(content) != side * side:
        return None
    return np.frombuffer(content, dtype=np.uint8).reshape(side, side)
