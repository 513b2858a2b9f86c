"""Move the earth: two piles and a plan by hand against the cheapest one; two clouds in the plane."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.core.widget_state import user_changed, widget_key_for
from pages.ui.labs.frame import Lab, ask_prediction, show_result
from pages.ui.labs.tasks import kept
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.plan_editor.plan_editor import Plan, plan_editor
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.labs import earth
from wgan.labs.earth import PILES, Best, Hand, Piles

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

PLANE = Lab(
    "plane",
    "In the plane",
    "Sinkhorn's plan is blurred by ε, which makes it quick to compute. What does the blur do to the cost?",
    ("It lowers it", "Nothing", "It raises it"),
    2,
    "The exact plan is the cheapest of all, so every other one costs at least as much. Entropy rewards "
    "spreading each point over many targets: the larger ε, the more earth takes long ways.",
    "Cuturi 2013, arXiv:1306.0895; exact plans: Villani 2009, theorem 5.10",
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
class Stand:
    """What a visitor has made of the piles; shared by the labs about them."""

    plan: Plan = field(default_factory=lambda: Plan(PILES["heaps"][1]))
    preset: str | None = "heaps"

    @property
    def piles(self) -> Piles:
        """The two piles."""
        return self.plan.piles

    def take(self, plan: Plan) -> None:
        """Take what the visitor has made."""
        if plan.piles != self.piles:
            self.preset = None
        self.plan = plan


def stand() -> Stand:
    """Return what this visitor has made of the piles."""
    return page_state(Stand)


def choose_piles(key: str, width: Any = "stretch") -> None:
    """Let the visitor begin with a pair of piles that is there."""
    now = stand()
    widget = widget_key_for(f"earth-preset-{key}", now.preset)

    def take() -> None:
        if user_changed(widget) and (chosen := st.session_state[widget]) is not None:
            now.plan, now.preset = Plan(PILES[chosen][1], mode=now.plan.mode), chosen

    st.selectbox(
        "Two piles",
        list(PILES),
        format_func=lambda name: PILES[name][0],
        key=widget,
        on_change=take,
        placeholder="Shaped by you",
        width=width,
        help="Two piles to begin with; shape them further in “Move the earth”.",
    )


def show_earth() -> None:
    """Show the lab of two piles on a line."""
    now = stand()
    prediction = ask_prediction(EARTH)
    left, right = st.columns([0.66, 0.34], gap="medium")
    with left:
        plan_editor(now.plan, key="piles", on_change=now.take)
        formula = st.empty()
    best, hand = earth.best(now.piles), earth.by_hand(now.piles, now.plan.moves)
    with right:
        choose_piles("earth")
        _earth_numbers(best, hand)
        fake, real = now.piles.shares
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
        f" **{best.formula:.2f}** columns"
    )
    show_result(EARTH, prediction, happened_on_the_line(best, hand, seen=now.plan.seen))


def _earth_numbers(best: Best, hand: Hand) -> None:
    moved = "" if hand.done else f"{100 * hand.moved:.0f} % moved"
    stat_cards(
        [
            Stat("Yours", f"{hand.cost:.2f}", moved, help=YOURS_HELP),
            Stat("Cheapest plan", f"{best.cost:.2f}", "columns", help=BEST_HELP),
            Stat("By formula", f"{best.formula:.2f}", "columns", help=FORMULA_HELP),
            Stat("By program", f"{best.program:.2f}", "columns", help=PROGRAM_HELP),
        ],
        key="earth_numbers",
    )


def happened_on_the_line(best: Best, hand: Hand, *, seen: bool) -> str:
    """Return what has come out, in words; empty before there is anything."""
    same = f"Plan, formula and linear program agree: **{best.cost:.2f}**."
    if hand.done:
        if hand.cost < best.cost + 5e-3:
            return f"Yours costs **{hand.cost:.2f}**: as cheap as can be. {same}"
        return f"Yours costs **{hand.cost:.2f}**, the best **{best.cost:.2f}**. {same}"
    return (
        f"The cheapest plan costs **{best.cost:.2f}** and crosses nowhere. {same}" if seen else ""
    )


# ---- in the plane -------------------------------------------------------------------------------

EPSILONS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

W1_HELP = """The exact Wasserstein distance: the mean way of the cheapest plan, which pays each way once per unit
of length."""

W2_HELP = """The root of the mean *squared* way of the plan that is cheapest for squared ways. Never below W₁:
long ways weigh more."""

SINKHORN_HELP = """What the blurred plan costs, without its reward for blur: in the unit of the exact plan's cost, a
length or its square. A round of Sinkhorn's fits the plan to one cloud, then to the other; what still misses in the end is
made to fit, so the plan can never be cheaper than the exact one."""

TARGETS_HELP = """To how many real points a fake is spread, on average: exp of the entropy of where it goes. The
exact plan sends each to one."""


@st.cache_data(show_spinner=False, max_entries=200)
def _clouds(name: str, distance: float, p: int, epsilon: float) -> Any:
    return earth.clouds(name, distance, p, epsilon)


def show_plane() -> None:
    """Show the lab of two clouds."""
    prediction = ask_prediction(PLANE)
    name, how_far, power, blur = st.columns([0.24, 0.26, 0.24, 0.26], gap="medium")
    with name:
        chosen = st.selectbox(
            "Clouds",
            list(earth.CLOUDS),
            key=kept("plane-clouds", "pair"),
            persist_state="session",
            format_func=lambda n: earth.CLOUDS[n][0],
            help="The shapes of fake and real points.",
        )
    with how_far:
        distance = st.slider(
            "Distance",
            0.0,
            4.0,
            step=0.25,
            key=kept("plane-distance", 2.5),
            persist_state="session",
            help="How far right of the fakes the real points stand.",
        )
    with power:
        p = st.segmented_control(
            "A way costs",
            (1, 2),
            key=kept("plane-p", 1),
            persist_state="session",
            required=True,
            wrap=True,
            format_func={1: "its length: W₁", 2: "its square: W₂"}.__getitem__,
            help="What the drawn plans pay for a way. Squares make two middle ways "
            "cheaper than a long and a short one.",
        )
    with blur:
        epsilon = st.select_slider(
            "Blur ε",
            EPSILONS,
            key=kept("plane-epsilon", 0.03),
            persist_state="session",
            format_func=lambda e: f"{e:g}",
            help="How much Sinkhorn's plan is rewarded for spreading, in the cost's "
            "unit. Towards 0 it becomes the exact plan, and ever slower.",
        )
    p = int(p or 1)
    clouds = _clouds(chosen, distance, p, epsilon)
    left, middle, right = st.columns([0.37, 0.37, 0.26], gap="small")
    with left:
        chart(
            figures.transport(clouds.fake, clouds.real, sharp(clouds), span=SPAN),
            key="plane_exact",
            run="plane",
            height=300,
            title="Exact plan",
            help="Each fake goes to one real point, so that all ways "
            "together cost as little as possible: an assignment problem, solved exactly.",
            alt="Two clouds and the exact plan between them",
        )
    with middle:
        chart(
            figures.transport(clouds.fake, clouds.real, clouds.blurred.mass, span=SPAN),
            key="plane_blurred",
            run="plane",
            height=300,
            title="Sinkhorn's plan",
            help="The plan blurred by ε: the darker a line, "
            "the more of a point goes along it. Parts below 2 % are not drawn.",
            alt="Two clouds and the blurred plan between them",
        )
    with right:
        unit = "= W₁" if p == 1 else "= W₂²"
        stat_cards(
            [
                Stat("W₁", f"{clouds.w1:.3f}", "", help=W1_HELP),
                Stat("W₂", f"{clouds.w2:.3f}", "", help=W2_HELP),
                Stat(
                    "Exact cost",
                    f"{clouds.exact:.3f}",
                    unit,
                    help="W₁ where a way costs its length, W₂² where it costs its square.",
                ),
                Stat("Sinkhorn's", f"{clouds.blurred.cost:.3f}", "", help=SINKHORN_HELP),
                Stat("Targets", f"{clouds.targets:.1f}", "a fake", help=TARGETS_HELP),
            ],
            key="plane_numbers",
        )
        _rounds(clouds)
    touched = (chosen, distance, p, epsilon) != ("pair", 2.5, 1, 0.03)
    show_result(PLANE, prediction, happened_in_the_plane(clouds, epsilon) if touched else "")


SPAN = (-1.9, 5.9, -2.4, 2.4)


def sharp(found: earth.Clouds) -> Any:
    """Return the exact plan of two clouds as a table, (N, N)."""
    mass = np.zeros((len(found.fake), len(found.real)))
    mass[np.arange(len(found.fake)), found.goes] = 1 / len(found.fake)
    return mass


def _rounds(found: earth.Clouds) -> None:
    blurred = found.blurred
    if blurred.converged:
        st.caption(f":material/check: Converged after {blurred.rounds:,} of Sinkhorn's rounds.")
    else:
        st.warning(
            f"Not converged after {blurred.rounds:,} rounds: rows and columns were off by "
            f"{100 * blurred.missed:.2g} % before they were made to fit. A larger ε is quicker.",
            icon=":material/hourglass_bottom:",
        )


def happened_in_the_plane(found: earth.Clouds, epsilon: float) -> str:
    """Return what blur has done to the cost, in words."""
    over = 100 * (found.blurred.cost / found.exact - 1) if found.exact > 1e-12 else 0.0
    return (
        f"With ε = {epsilon:g} the blurred plan costs **{found.blurred.cost:.3f}**, the exact one "
        f"**{found.exact:.3f}**: {over:.2g} % more, each fake spread over {found.targets:.1f} real points."
    )
