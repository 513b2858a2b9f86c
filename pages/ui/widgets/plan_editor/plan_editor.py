"""Two piles on a line: the visitor shapes them and moves the earth, and sees the cheapest plan."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pages.ui.widgets.base.edits import edited, receive
from pages.ui.widgets.base.registry import component
from wgan.labs.transport import MAX_HEIGHT, MAX_MOVES, PLACES, Piles

_PILES = component(
    "wgan_plan_editor",
    "plan_editor/plan_editor.js",
    "base/controls.css",
    "plan_editor/plan_editor.css",
)

RATIO = 760 / 338  # of the drawing, width to height (plan_editor.js)

HELP = {
    "shape": """**The earth** (above) is the distribution of the fakes. **The mould** (below) is the real
distribution, which the earth must fill.

**Shape both piles**: drag over their columns. Heights are shares: both piles always hold the same amount of earth.

With the keyboard: Tab chooses a pile, ← → a column, ↑ ↓ its height.""",
    "move": """**Drag earth** from a column above to a column below. A move takes as much earth as is left in the one and
needed in the other. Or click the one column, then the other.

With the keyboard: ← → choose a column, Enter picks its earth up, ← → choose the target, Enter drops it.

The cost is load × distance: moving the whole pile by one column costs 1.""",
    "best": """**The cheapest plan** on a line needs no crossing loads: the leftmost earth fills the leftmost
place, and so on. Bands show the moves; a wide band is a large load.""",
}


MODES = ("shape", "move", "best")


@dataclass(frozen=True)
class Plan:
    """The visitor's edits: two piles, the plan by hand so far, and what is on show."""

    piles: Piles
    moves: tuple[tuple[int, int], ...] = ()
    mode: str = "shape"
    seen: bool = False  # whether the cheapest plan was requested


def plan_editor(plan_before: Plan, *, key: str, on_change: Callable[[Plan], None]) -> None:
    """Show two piles and a plan. `on_change` stores the visitor's edits."""
    edit = edited(key, plan_before, parse_edit, on_change)
    plan = edit.value
    data = {
        "fake": list(plan.piles.fake),
        "real": list(plan.piles.real),
        "moves": [list(move) for move in plan.moves],
        "mode": plan.mode,
        "seen": plan.seen,
        "edit": edit.answer,
        "tallest": MAX_HEIGHT,
        "help": HELP,
        "space": f"aspect-ratio:{RATIO:.4f};width:100%;padding-top:2.5rem",
    }
    _PILES(key=key, data=data, on_edit_change=lambda: receive(key, parse_edit))


def parse_edit(value: Any) -> Plan | None:
    """Validate a message from the browser; return None if it is no plan."""
    if not isinstance(value, dict) or value.get("mode") not in MODES:
        return None
    move_list = value.get("moves")
    if not isinstance(move_list, list) or len(move_list) > MAX_MOVES:
        return None
    try:
        piles = Piles(_whole(value.get("fake")), _whole(value.get("real")))
        moves = tuple((a, b) for a, b in (_whole(move) for move in move_list))
    except ValueError:
        return None
    if not all(0 <= place < PLACES for move in moves for place in move):
        return None
    return Plan(piles, moves, value["mode"], value.get("seen") is True)


def _whole(values: Any) -> tuple[int, ...]:
    """Return a short list of integers. Raises ValueError for anything else."""
    if not isinstance(values, list) or not 0 < len(values) <= PLACES:
        raise ValueError("No list of this length.")
    numbers = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise ValueError("No whole number.")
        numbers.append(int(value))
    return tuple(numbers)
