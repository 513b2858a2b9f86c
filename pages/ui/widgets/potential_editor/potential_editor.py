"""A function over two piles that the visitor bends by hand, with slope at most 1."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pages.ui.widgets.base.edits import edited, receive
from pages.ui.widgets.base.registry import component
from wgan.arrays import F64
from wgan.labs.dual import MAX_HEIGHT, optimal
from wgan.labs.transport import PLACES, Piles

_BEND = component(
    "wgan_potential_editor",
    "potential_editor/potential_editor.js",
    "base/controls.css",
    "potential_editor/potential_editor.css",
)

RATIO = 760 / 336  # of the drawing, width to height (potential_editor.js)

HELP = """**Drag any point** of the blue function up or down. The other points move as little as possible, so that
the slope stays at most 1 (the shaded cone around your point).

▲ marks columns with more real than fake earth: raise the function there for a higher lower bound. ▼ marks columns with more
fake earth: lower it there.

With the keyboard: ← → choose a point, ↑ ↓ move it."""


@dataclass(frozen=True)
class Bent:
    """The visitor's edits: a function, and whether the optimal one is shown beside it."""

    f: F64  # (PLACES,), as sent by the browser, with unchecked slope
    shown: bool = False


def potential_editor(
    piles: Piles, bent: Bent, *, key: str, on_change: Callable[[Bent], None]
) -> None:
    """Show a function over two piles. `on_change` stores the visitor's edits."""
    edit = edited(key, bent, parse_edit, on_change, _same)
    fake, real = piles.shares
    data = {
        "fake": fake.tolist(),
        "real": real.tolist(),
        "f": edit.value.f.tolist(),
        "shown": edit.value.shown,
        "optimal": optimal(piles).tolist(),
        "edit": edit.answer,
        "help": HELP,
        "space": f"aspect-ratio:{RATIO:.4f};width:100%;padding-top:4rem",
    }
    _BEND(key=key, data=data, on_edit_change=lambda: receive(key, parse_edit))


def _same(one: Bent, other: Bent) -> bool:
    return one.shown == other.shown and bool(np.abs(one.f - other.f).max() <= 1e-6)


def parse_edit(value: Any) -> Bent | None:
    """Validate a message from the browser; return None if it is no function."""
    f = value.get("f") if isinstance(value, dict) else None
    if not isinstance(f, list) or len(f) != PLACES:
        return None
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in f):
        return None
    if not all(math.isfinite(v) and abs(v) <= MAX_HEIGHT for v in f):
        return None
    return Bent(np.array(f, np.float64), value.get("shown") is True)
