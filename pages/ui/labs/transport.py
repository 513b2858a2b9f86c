"""Move the earth: a transport plan between two piles, made by hand, compared with the cheapest plan."""

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.core.widget_state import user_changed, widget_key_for
from pages.ui.labs.frame import Lab, ask_prediction, show_result
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.plan_editor.plan_editor import Plan, plan_editor
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.format import fmt_share
from wgan.labs import transport
from wgan.labs.transport import PILES, CheapestPlan, HandPlan, Piles
from wgan.verdicts import wasserstein as verdicts

EARTH = Lab(
    "earth",
    "Move the earth",
    "Earth is moved into a mould at the lowest cost. Does a cheapest plan ever need two loads to cross?",
    ("Yes, if heaps are mixed", "No, never", "Only over long distances"),
    1,
    "Two loads that cross can be exchanged, and together they travel no farther. So on a line the leftmost earth "
    r"can always fill the leftmost place. Across each gap between columns at least "
    r"$|F_\text{fake}-F_\text{real}|$ must pass in every plan. A plan without crossings moves no more than that, "
    "so its cost is the sum over all gaps.",
    "Santambrogio 2015, Optimal transport for applied mathematicians, theorem 2.9 and proposition 2.17",
)

BEST_HELP = """The cost of the cheapest plan: the sum of load × distance, if all earth together is 1. It is the
Wasserstein distance **W₁** of the two piles, in columns."""

YOURS_HELP = """The cost of your plan so far: each load times the number of columns that it was moved. A plan is
finished when all earth is in the mould."""

FORMULA_HELP = """The same number without a plan: the area between the two distribution functions, F_fake of the earth
and F_real of the mould. Across each gap between columns at least |F_fake − F_real| of the earth must pass, and a
cheapest plan moves no more."""

PROGRAM_HELP = """The same number computed in a third way: linear programming finds the cheapest of *all* plans. It does
not use that the piles lie on a line."""

CDF_HELP = """The share of the earth at a column or to the left of it: F_fake for the earth, F_real for the mould. The
shaded area between both is W₁."""


@dataclass
class PilesState:
    """The piles that a visitor has shaped, and the plan between them; shared by the labs about piles."""

    plan: Plan = field(default_factory=lambda: Plan(PILES["heaps"][1]))
    preset: str | None = "heaps"  # None once the visitor has changed the piles

    @property
    def piles(self) -> Piles:
        """The two piles."""
        return self.plan.piles

    def update(self, plan: Plan) -> None:
        """Store the visitor's edit."""
        if plan.piles != self.piles:
            self.preset = None
        self.plan = plan


def piles_state() -> PilesState:
    """Return this visitor's piles and plan."""
    return page_state(PilesState)


def choose_piles(key: str, width: Any = "stretch") -> None:
    """Show the choice of a predefined pair of piles."""
    state = piles_state()
    widget_key = widget_key_for(f"earth-preset-{key}", state.preset)

    def apply_preset() -> None:
        if user_changed(widget_key) and (preset := st.session_state[widget_key]) is not None:
            state.plan, state.preset = Plan(PILES[preset][1], mode=state.plan.mode), preset

    st.selectbox(
        "Two piles",
        list(PILES),
        index=None if state.preset is None else list(PILES).index(state.preset),
        format_func=lambda name: PILES[name][0],
        key=widget_key,
        on_change=apply_preset,
        placeholder="Shaped by you",
        width=width,
        help="Choose two piles to begin with. You can change their shape with the mouse in the lab “Move the earth”.",
    )


def show_earth() -> None:
    """Show the lab of two piles on a line."""
    state = piles_state()
    prediction = ask_prediction(EARTH)
    left, right = st.columns([0.66, 0.34], gap="medium")
    with left:
        plan_editor(state.plan, key="piles", on_change=state.update)
        formula = st.empty()
    cheapest_plan, hand_plan = (
        transport.cheapest_plan(state.piles),
        transport.by_hand(state.piles, state.plan.moves),
    )
    with right:
        choose_piles("earth")
        _show_numbers(cheapest_plan, hand_plan)
        fake, real = state.piles.shares
        chart(
            figures.cdfs(fake, real),
            key="earth_cdfs",
            run="cdfs",
            height=132,
            title="The distribution functions",
            help=CDF_HELP,
            alt="The distribution functions of both piles and the area between them",
        )
    formula.markdown(
        r"$W_1=\min_{\pi}\sum_{ij}\pi_{ij}\,|x_i-y_j|$ $=\int|F_\text{fake}-F_\text{real}|\,dx$"
        f" = **{cheapest_plan.formula:.2f}** columns"
    )
    verdict = verdicts.plan_by_hand(
        hand_plan.cost,
        cheapest_plan.cost,
        cheapest_plan.formula,
        cheapest_plan.program,
        finished=hand_plan.done,
        cheapest_was_shown=state.plan.seen,
        crosses=hand_plan.crosses,
    )
    show_result(
        EARTH,
        prediction,
        verdict,
        todo="Move all of the earth, or choose “Cheapest plan”, to see the result.",
    )


def _show_numbers(cheapest_plan: CheapestPlan, hand_plan: HandPlan) -> None:
    moved = "columns" if hand_plan.done else f"columns · {fmt_share(hand_plan.moved)} moved"
    stat_cards(
        [
            Stat("Your plan", f"{hand_plan.cost:.2f}", moved, help=YOURS_HELP),
            Stat("Cheapest plan", f"{cheapest_plan.cost:.2f}", "columns", help=BEST_HELP),
            Stat("Formula", f"{cheapest_plan.formula:.2f}", "columns", help=FORMULA_HELP),
            Stat("Linear program", f"{cheapest_plan.program:.2f}", "columns", help=PROGRAM_HELP),
        ],
        key="earth_numbers",
    )
