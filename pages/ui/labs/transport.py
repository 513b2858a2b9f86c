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
from wgan.labs import transport
from wgan.labs.transport import PILES, CheapestPlan, HandPlan, Piles
from wgan.verdicts import wasserstein as verdicts

EARTH = Lab(
    "earth",
    "Move the earth",
    "Earth is to fill a mould, as cheaply as can be. Must two loads ever cross each other on their way?",
    ("Yes, if heaps are mixed", "No, never", "Only if they are far"),
    1,
    "Uncrossing two loads never makes their ways longer, so on a line the leftmost earth may always fill "
    "the leftmost place. And across each gap exactly $|F-G|$ must pass, whatever the plan: added up, that is "
    "the cost, without any plan.",
    "Santambrogio 2015, Optimal transport for applied mathematicians, theorem 2.9 and proposition 2.17",
)

BEST_HELP = """The cost of the cheapest plan: earth × distance, all earth together being 1. It is the Wasserstein
distance **W₁** of the two piles, in columns."""

YOURS_HELP = """What your plan costs so far: each load times the columns it was moved. A plan is finished when
all earth lies in the mould."""

FORMULA_HELP = """The same number without any plan: the area between the two distribution functions, F of the earth
and G of the mould. Across each gap between columns exactly |F − G| of earth must pass."""

PROGRAM_HELP = """The same number a third time: the cheapest of *all* plans by linear programming, which knows
nothing of lines and crossings."""

CDF_HELP = """How much earth lies at a column or left of it: F for the earth as it lies, G for the mould. The shaded
area between them is W₁."""


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
        format_func=lambda name: PILES[name][0],
        key=widget_key,
        on_change=apply_preset,
        placeholder="Shaped by you",
        width=width,
        help="Two piles to begin with; shape them further in “Move the earth”.",
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
            title="Without a plan",
            help=CDF_HELP,
            alt="The distribution functions of both piles and the area between them",
        )
    formula.markdown(
        r"$W_1=\min_{\pi}\sum_{ij}\pi_{ij}\,|x_i-y_j|\;=\int|F-G|\,dx\;=$"
        f" **{cheapest_plan.formula:.2f}** columns"
    )
    verdict = verdicts.plan_by_hand(
        hand_plan.cost,
        cheapest_plan.cost,
        finished=hand_plan.done,
        cheapest_was_shown=state.plan.seen,
    )
    show_result(EARTH, prediction, verdict)


def _show_numbers(cheapest_plan: CheapestPlan, hand_plan: HandPlan) -> None:
    moved = "" if hand_plan.done else f"{100 * hand_plan.moved:.0f} % moved"
    stat_cards(
        [
            Stat("Yours", f"{hand_plan.cost:.2f}", moved, help=YOURS_HELP),
            Stat("Cheapest plan", f"{cheapest_plan.cost:.2f}", "columns", help=BEST_HELP),
            Stat("By formula", f"{cheapest_plan.formula:.2f}", "columns", help=FORMULA_HELP),
            Stat("By program", f"{cheapest_plan.program:.2f}", "columns", help=PROGRAM_HELP),
        ],
        key="earth_numbers",
    )
