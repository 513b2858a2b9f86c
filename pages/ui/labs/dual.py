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
from wgan.format import fmt_fixed, fmt_share
from wgan.labs import dual
from wgan.labs.transport import PLACES, Piles
from wgan.verdicts import wasserstein as verdicts

DUAL = Lab(
    "dual",
    "The dual, by hand",
    "Bend a function f with a slope of at most 1. Can E f(real) − E f(fake) exceed the cost of the cheapest "
    "plan?",
    ("Yes, with many bends", "No, never", "Only if the piles overlap"),
    1,
    "Moving a load from x to y costs |x − y|, and f rises by at most |x − y| on the way. So for every such f, "
    "E f(real) − E f(fake) is at most the cost of every plan. The highest value equals the lowest cost, and a "
    "WGAN trains its critic to become the f that reaches it.",
    "Kantorovich and Rubinstein 1958; Villani 2009, particular case 5.16",
)

YOURS_HELP = """E f(real) − E f(fake) for your function f. For a function with a slope of at most 1, this is a lower
bound of W₁."""

SHARE_HELP = "Your lower bound as a share of W₁."

SLOPE_HELP = """The steepest slope between two columns. The editor keeps it at 1 or below: it replaces f by the highest
function below it with a slope of at most 1, min over y of f(y) + |x − y| (McShane 1934)."""


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
                "Drag a point of the blue function. Raise it at ▲ and lower it at ▼ to raise the lower bound."
            )
    verdict = verdicts.bent_function(lower_bound, w1, optimum_was_shown=function.optimum_was_shown)
    show_result(
        DUAL,
        prediction,
        verdict if function.was_bent else "",
        todo="Bend the function to see the result.",
    )


def _show_numbers(lower_bound: float, w1: float, steepest: float) -> None:
    share = (
        1.0 if verdicts.proves_all(lower_bound, w1) else dual.percent_proved(lower_bound, w1) / 100
    )
    stat_cards(
        [
            Stat("Your lower bound", fmt_fixed(lower_bound, 2), "columns", help=YOURS_HELP),
            Stat(
                "Cheapest plan",
                f"{w1:.2f}",
                "columns",
                help="W₁, the cost of the cheapest plan. The lower bound of an optimal function equals it.",
            ),
            Stat(
                "Share of W₁",
                "below 0" if lower_bound < 0 < w1 else fmt_share(share),
                "reached" if lower_bound >= 0 else "",
                help=SHARE_HELP,
            ),
            Stat("Steepest slope", f"{steepest:.2f}", "per column", help=SLOPE_HELP),
        ],
        key="dual_numbers",
    )
