"""A function over two piles that the visitor bends by hand, never steeper than 1."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.components.assets import component
from wgan.labs.duality import HIGHEST, optimal
from wgan.labs.earth import PLACES, Piles

_BEND = component(
    "wgan_bend", "controls.css", "bend.css", "shared.js", "plotly_theme.js", "bend.js"
)

RATIO = 760 / 320  # of the drawing, width to height (bend.js)

HELP = """**Drag any point** of the blue function up or down. The others follow as little as they must, so that
no part is ever steeper than 1: the function is projected into the cone around your hand (shaded).

▲ below: there is more real than fake earth, lifting the function there gains. ▼: lowering it gains.

With the keyboard: ← → choose a point, ↑ ↓ bend it."""

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bent:
    """What the visitor did with the function since the last run of the page."""

    f: Doubles | None = None  # (PLACES,), as the browser sent it: not yet checked for its slope
    seen: bool = False  # the optimal function was asked for


def bend(shown: Piles, f: Doubles, *, key: str, edition: int) -> Bent | None:
    """Show a function over two piles, and return what became of it; None where nothing was done.

    `f` is (PLACES,). The browser goes on with what the hand has made until `edition` is another.
    """
    slot = f"{key}__bent"

    def note(name: str) -> None:
        value = st.session_state[key].get(name)
        if value is not None:
            before: Bent | None = st.session_state.get(slot)
            now = _checked(name, value)
            if before is not None and now is not None:  # both in one run of the page
                now = Bent(before.f if now.f is None else now.f, before.seen or now.seen)
            st.session_state[slot] = now or before

    bent: Bent | None = st.session_state.pop(slot, None)
    if bent is not None and bent.f is not None:
        f = bent.f
    fake, real = shown.shares
    data = {
        "fake": fake.tolist(),
        "real": real.tolist(),
        "f": f.tolist(),
        "optimal": optimal(shown).tolist(),
        "edition": edition,
        "help": HELP,
        "space": f"aspect-ratio:{RATIO:.4f};width:100%;padding-top:4rem",
    }
    _BEND(
        key=key, data=data,
        on_bent_change=lambda: note("bent"),
        on_seen_change=lambda: note("seen"),
    )  # fmt: skip
    return bent


def _checked(name: str, value: Any) -> Bent | None:
    """Return what came from the browser, which may have sent anything; None where it is no such thing."""
    if name == "seen":
        return Bent(seen=value is True)
    if not isinstance(value, list) or len(value) != PLACES:
        return None
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in value):
        return None
    if not all(math.isfinite(v) and abs(v) <= HIGHEST for v in value):
        return None
    return Bent(f=np.array(value, np.float64))
