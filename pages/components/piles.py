"""Two piles on a line that the visitor shapes, moves by hand, and sees moved as cheaply as can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.components.assets import component
from wgan.labs.earth import MOST_MOVES, PLACES, TALLEST, Piles

_PILES = component("wgan_piles", "controls.css", "piles.css", "shared.js", "plotly_theme.js",
                   "piles.js")  # fmt: skip

RATIO = 760 / 338  # of the drawing, width to height (piles.js)

HELP = {
    "shape": """Above lies **the earth**: the fakes, as a generator makes them. Below is **the mould**: the real
distribution, which the earth is to fill.

**Shape both piles**: drag over their columns. However high you pull, both hold the same amount
of earth, one load in all: heights are shares of it.

With the keyboard: Tab chooses a pile, ← → a column, ↑ ↓ its height.""",
    "move": """**Drag earth** from a column above to a column below: as much goes as is left there and still
needed here. Or click first the one, then the other.

With the keyboard: ← → choose a column, Enter picks its earth up, ← → choose where it goes, Enter drops it.

The cost is loads × distance: moving the whole pile by one column costs 1.""",
    "best": """**The cheapest plan** on a line never lets two loads cross: the leftmost earth fills the leftmost
place, and so on. Bands show where each load goes, their width how much it is.""",
}


@dataclass(frozen=True)
class Acted:
    """What the visitor did with the piles since the last run of the page."""

    piles: Piles | None = None  # shaped anew
    moves: tuple[tuple[int, int], ...] | None = None  # the plan, as far as it goes now
    seen: bool = False  # the cheapest plan was asked for


def piles(
    shown: Piles, moves: Sequence[tuple[int, int]], *, key: str, edition: int
) -> Acted | None:
    """Show two piles and a plan by hand, and return what became of them; None where nothing was done.

    The browser goes on with what the hand has made until `edition` is another: then it takes `shown`
    and `moves`.
    """
    slot = f"{key}__acted"

    def note(name: str) -> None:
        value = st.session_state[key].get(name)
        if value is not None:
            st.session_state[slot] = _both(st.session_state.get(slot), _checked(name, value))

    acted: Acted | None = st.session_state.pop(slot, None)
    if acted is not None and acted.piles is not None:
        shown, moves = acted.piles, ()
    elif acted is not None and acted.moves is not None:
        moves = acted.moves
    data = {
        "fake": list(shown.fake),
        "real": list(shown.real),
        "moves": [list(move) for move in moves],
        "edition": edition,
        "tallest": TALLEST,
        "help": HELP,
        "space": f"aspect-ratio:{RATIO:.4f};width:100%;padding-top:2.5rem",
    }
    _PILES(
        key=key, data=data,
        on_shaped_change=lambda: note("shaped"),
        on_moved_change=lambda: note("moved"),
        on_seen_change=lambda: note("seen"),
    )  # fmt: skip
    return acted


def _both(first: Acted | None, then: Acted | None) -> Acted | None:
    """Return two acts of one run of the page as one."""
    if first is None or then is None:
        return then or first
    moves = first.moves if then.moves is None else then.moves
    return Acted(then.piles or first.piles, moves, first.seen or then.seen)


def _checked(name: str, value: Any) -> Acted | None:
    """Return what came from the browser, which may have sent anything; None where it is no such thing."""
    if name == "seen":
        return Acted(seen=value is True)
    if name == "shaped" and isinstance(value, dict):
        try:
            return Acted(piles=Piles(_whole(value.get("fake")), _whole(value.get("real"))))
        except ValueError:
            return None
    if name == "moved" and isinstance(value, list) and len(value) <= MOST_MOVES:
        try:
            moves = tuple(_whole(move) for move in value)
        except ValueError:
            return None
        if all(len(move) == 2 and max(move) < PLACES and min(move) >= 0 for move in moves):
            return Acted(moves=moves)  # type: ignore[arg-type]
    return None


def _whole(values: Any) -> tuple[int, ...]:
    """Return a short list of whole numbers. Raises ValueError for anything else."""
    if not isinstance(values, list) or not 0 < len(values) <= PLACES:
        raise ValueError("No list of this length.")
    found = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise ValueError("No whole number.")
        found.append(int(value))
    return tuple(found)
