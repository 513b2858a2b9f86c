"""The dual, by hand: a function of slope at most 1, compared with the optimal one."""

from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.labs.frame import Lab, ask_prediction, show_result
from pages.ui.labs.transport import choose_piles, piles_state
from pages.ui.widgets.potential_editor.potential_editor import Bent, potential_editor
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan.arrays import F64
from wgan.labs import dual
from wgan.labs.transport import PLACES, Piles
from wgan.verdicts import wasserstein as verdicts

DUAL = Lab(
    "dual",
    "The dual, by hand",
    "Bend a function, nowhere steeper than 1. Can its mean over real minus fake earth exceed the cheapest "
    "plan's cost?",
    ("Yes, with many bends", "No, never", "If the piles overlap"),
    1,
    "A load that goes from x to y costs |x − y|, and f rises by no more than that on the way: so whatever f, "
    "its gain is at most the cost of any plan. The highest gain meets the lowest cost, and the f that "
    "reaches it is what a WGAN's critic is trained to become.",
    "Kantorovich and Rubinstein 1958; Villani 2009, particular case 5.16",
)

YOURS_HELP = """E f(real) − E f(fake) for your function: Python's own sum, after its slope was checked. A function of
slope at most 1 can never prove more than W₁."""

SHARE_HELP = "How much of the distance your function proves."

SLOPE_HELP = """The steepest slope between two columns. What comes from your browser is projected once more: the highest
function of slope at most 1 below it, min over y of f(y) + |x − y| (McShane 1934)."""


@dataclass
class BentFunction:
    """The function that a visitor has bent, and the piles that it belongs to."""

    heights: F64 = field(default_factory=lambda: np.zeros(PLACES))  # at the columns
    optimum_shown: bool = False  # whether the optimal function is shown now
    optimum_was_shown: bool = False
    was_bent: bool = False
    piles: Piles | None = None

    def update(self, edit: Bent) -> None:
        """Store the visitor's edit. A slope above 1 is corrected, in the browser, too."""
        self.optimum_was_shown = self.optimum_was_shown or edit.shown
        self.was_bent = self.was_bent or bool(np.abs(self.heights - edit.f).max() > 1e-6)
        self.heights, self.optimum_shown = dual.projected(edit.f), edit.shown

    def begin(self, piles: Piles) -> None:
        """Reset the function for other piles."""
        self.piles, self.optimum_was_shown = piles, self.optimum_shown
        self.was_bent = bool(self.heights.any())


def show_dual() -> None:
    """Show the lab of the function bent by hand."""
    function = page_state(BentFunction)
    prediction = ask_prediction(DUAL)
    left, right = st.columns([0.68, 0.32], gap="medium")
    with right:
        choose_piles("dual")
    piles = piles_state().piles
    if function.piles != piles:
        function.begin(piles)
    with left:
        potential_editor(
            piles,
            Bent(function.heights, function.optimum_shown),
            key="bend",
            on_change=function.update,
        )
    w1 = dual.bound(dual.optimal(piles), piles)
    lower_bound = dual.bound(function.heights, piles)
    with right:
        _show_numbers(lower_bound, w1, dual.steepest(function.heights))
        st.markdown(
            r"$\displaystyle W_1=\max_{|f'|\leq 1}\;\mathbb{E}f(\text{real})-\mathbb{E}f(\text{fake})$"
        )
        if not function.was_bent:
            st.caption(
                "Drag a point of the blue function. ▲ marks where lifting it gains, ▼ where "
                "lowering it does."
            )
    verdict = verdicts.bent_function(lower_bound, w1, optimum_was_shown=function.optimum_was_shown)
    has_result = function.was_bent or function.optimum_was_shown
    show_result(DUAL, prediction, verdict if has_result else "")


def _show_numbers(lower_bound: float, w1: float, steepest: float) -> None:
    percent = dual.percent_proved(lower_bound, w1)
    stat_cards(
        [
            Stat(
                "Yours proves", f"{lower_bound:.2f}".replace("-", "−"), "columns", help=YOURS_HELP
            ),
            Stat(
                "Cheapest plan",
                f"{w1:.2f}",
                "columns",
                help="W₁: what the cheapest plan costs. The optimal function proves exactly this.",
            ),
            Stat("Share", f"{percent:.0f} %", "of W₁", help=SHARE_HELP),
            Stat("Steepest", f"{steepest:.2f}", "a column", help=SLOPE_HELP),
        ],
        key="dual_numbers",
    )
