"""The dual: a function bent by hand against the optimal one, and critics that learn it live."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.labs.frame import Lab, ask_prediction, show_result
from pages.ui.labs.tasks import kept, order, standing, state
from pages.ui.labs.transport import choose_piles, stand
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.potential_editor.potential_editor import Bent, potential_editor
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.arrays import F64
from wgan.jobs import TaskStatus
from wgan.labs import duality
from wgan.labs.duality import Learned
from wgan.labs.earth import PLACES

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

LEARNED = Lab(
    "learned",
    "A critic learns it",
    "A clipped critic and a penalised one of the same size learn this dual. Which proves more of W₁?",
    ("The clipped one", "The penalised one", "About the same"),
    1,
    "Clipping bounds every weight, which leaves simple functions: not steep where they must be and turning "
    "where they should. A penalty holds the slope itself, and all weights are free to shape the function.",
    "Gulrajani et al. 2017, sections 3–4, arXiv:1704.00028; one-sided: Petzka et al. 2018, arXiv:1709.08894",
)

YOURS_HELP = """E f(real) − E f(fake) for your function: Python's own sum, after its slope was checked. A function of
slope at most 1 can never prove more than W₁."""

SHARE_HELP = "How much of the distance your function proves."

SLOPE_HELP = """The steepest slope between two columns. What comes from your browser is projected once more: the highest
function of slope at most 1 below it, min over y of f(y) + |x − y| (McShane 1934)."""


@dataclass
class Curve:
    """What a visitor has bent, and over which piles."""

    f: F64 = field(default_factory=lambda: np.zeros(PLACES))
    shown: bool = False  # whether the optimal function is shown beside it
    touched: bool = False
    seen: bool = False
    piles: object = None

    def take(self, bent: Bent) -> None:
        """Take what the visitor has made; where its slope is too steep, the browser is corrected."""
        self.seen = self.seen or bent.shown
        self.touched = self.touched or bool(np.abs(self.f - bent.f).max() > 1e-6)
        self.f, self.shown = duality.projected(bent.f), bent.shown


def show_dual() -> None:
    """Show the lab of the function bent by hand."""
    curve = page_state(Curve)
    prediction = ask_prediction(DUAL)
    left, right = st.columns([0.68, 0.32], gap="medium")
    with right:
        choose_piles("dual")
    shown = stand().piles
    if curve.piles != shown:
        curve.piles, curve.seen, curve.touched = shown, curve.shown, bool(curve.f.any())
    with left:
        potential_editor(shown, Bent(curve.f, curve.shown), key="bend", on_change=curve.take)
    best, proved = duality.bound(duality.optimal(shown), shown), duality.bound(curve.f, shown)
    share = 100.0 * proved / best if best > 1e-9 else 100.0
    with right:
        stat_cards(
            [
                Stat("Yours proves", f"{proved:.2f}".replace("-", "−"), "columns", help=YOURS_HELP),
                Stat(
                    "Cheapest plan",
                    f"{best:.2f}",
                    "columns",
                    help="W₁: what the cheapest plan costs. The optimal function proves exactly this.",
                ),
                Stat("Share", f"{max(share, 0.0):.0f} %", "of W₁", help=SHARE_HELP),
                Stat("Steepest", f"{duality.steepest(curve.f):.2f}", "a column", help=SLOPE_HELP),
            ],
            key="dual_numbers",
        )
        st.markdown(
            r"$\displaystyle W_1=\max_{|f'|\leq 1}\;\mathbb{E}f(\text{real})-\mathbb{E}f(\text{fake})$"
        )
        if not curve.touched:
            st.caption(
                "Drag a point of the blue function. ▲ marks where lifting it gains, ▼ where "
                "lowering it does."
            )
    show_result(
        DUAL,
        prediction,
        happened_by_hand(proved, best, seen=curve.seen) if curve.touched or curve.seen else "",
    )


def happened_by_hand(proved: float, best: float, *, seen: bool) -> str:
    """Return what a function proves, in words."""
    proved_, best_ = f"{proved:.2f}".replace("-", "−"), f"{best:.2f}"
    if best < 1e-9:
        return "The piles are the same: nothing is to be moved, and no function tells them apart."
    if proved > best - 5e-3:
        return f"Your function proves **{proved_}**: all of W₁. No function of slope at most 1 proves more."
    ending = "The dashed one proves all of it." if seen else "However you bend it, it stays below."
    return f"Your function proves **{proved_}** of **{best_}**. {ending}"


# ---- critics ------------------------------------------------------------------------------------

WORK = "Critics that learn the dual"

CLIPS = (0.01, 0.03, 0.1, 0.3, 1.0)
WEIGHTS = (0.1, 1.0, 10.0, 100.0)

PROOFS_HELP = """What each critic proves: its mean score of real minus fake earth, divided by its steepest slope.
No critic can prove more than W₁, the dashed line. Below 0 a critic has learned nothing yet, or the wrong way
round."""

CURVES_HELP = """Both critics over the columns, divided by their steepest slope, and an optimal function (dashed),
all of mean 0. The piles stand below. Between columns where nothing is to be moved, any slope is optimal."""


def show_learned() -> None:
    """Show the lab of the critics that learn the dual."""
    prediction = ask_prediction(LEARNED)
    now = stand()
    chosen = now.piles
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        choose_piles("learned", width=230)
        clip_value = st.select_slider(
            "Clip c",
            CLIPS,
            key=kept("learned-clip", 0.1),
            persist_state="session",
            width=210,
            help="After each update every weight of the clipped critic is cut to [−c, c].",
        )
        penalty_weight = st.select_slider(
            "Penalty λ",
            WEIGHTS,
            key=kept("learned-weight", 10.0),
            persist_state="session",
            width=210,
            format_func=lambda w: f"{w:g}",
            help="How much a wrong slope costs the penalised critic.",
        )
        one_sided = st.toggle(
            "One-sided",
            key=kept("learned-sided", True),
            persist_state="session",
            help="On: only slopes above 1 cost. Off: slopes below 1 cost too, as first "
            "published; a critic that must turn, up and then down, can then stay on a "
            "straight line for long. Try it with “One hill into two”.",
        )
        order(
            WORK,
            "Train both",
            lambda: duality.learn(
                chosen, clip_value=clip_value, penalty_weight=penalty_weight, one_sided=one_sided
            ),
            given=(chosen, clip_value, penalty_weight, one_sided),
            help=f"Train a clipped and a penalised critic, ReLU {duality.DEPTH}×{duality.WIDTH}, on these piles: "
            f"{duality.UPDATES} updates of {duality.BATCH} samples each. A few seconds.",
            key="learned",
            mine=True,
        )
    task = standing(WORK, mine=True)
    result = None if task is None else task.result
    if not isinstance(result, Learned):
        _before(task)
        return
    others = [
        word
        for word, used, chosen_now in (
            ("piles", result.piles, now.piles),
            ("c", result.clip_value, clip_value),
            ("λ", result.penalty_weight, penalty_weight),
            ("side", result.one_sided, one_sided),
        )
        if used != chosen_now
    ]
    _learned(result, task, others=others)
    ended = task is None or task.done
    lab, words = happened_learned(result)
    show_result(
        lab, prediction, words if ended else "", early=int(result.updates[-1]) < result.total
    )


def _before(task: TaskStatus | None) -> None:
    shown = stand().piles
    fake, real = shown.shares
    chart(
        figures.potentials([], duality.optimal(shown), fake, real),
        key="learned_optimal",
        run="before",
        height=300,
        title="What is to be learned",
        help=CURVES_HELP,
        alt="The optimal function over both piles",
    )
    state(
        task,
        before="Press **Train both**: two critics try to become the dashed function, from samples only.",
    )


def _learned(found: Learned, task: TaskStatus | None, *, others: Sequence[str]) -> None:
    fake, real = found.piles.shares
    clipped, penalised = found.shares
    names = (("Clipped", "@two"), ("Penalised", "@one"))
    left, middle, right = st.columns([0.4, 0.34, 0.26], gap="small")
    with left:
        chart(
            figures.potentials(
                [
                    (name, row, colour)
                    for (name, colour), row in zip(names, found.curves, strict=True)
                ],
                duality.optimal(found.piles),
                fake,
                real,
            ),
            key="learned_curves",
            run="learned",
            height=264,
            title="Critics and optimum",
            help=CURVES_HELP,
            alt="Both critics over the piles, beside an optimal function",
        )
    with middle:
        chart(
            figures.proofs(
                found.updates,
                [
                    (name, row, colour)
                    for (name, colour), row in zip(names, found.proved, strict=True)
                ],
                found.w1,
                found.total,
            ),
            key="learned_proofs",
            run="learned",
            height=264,
            title="What they prove",
            help=PROOFS_HELP,
            alt="What both critics prove, over their updates, below W₁",
        )
    with right:
        stat_cards(
            [
                Stat(
                    "Clipped",
                    f"{100 * clipped:.0f} %",
                    "of W₁",
                    help="The share of W₁ that the clipped critic proves now.",
                ),
                Stat(
                    "Penalised",
                    f"{100 * penalised:.0f} %",
                    "of W₁",
                    help="The share of W₁ that the penalised critic proves now.",
                ),
                Stat("W₁", f"{found.w1:.2f}", help="The exact distance of the piles, in columns."),
                Stat(
                    "At ±c",
                    f"{100 * found.stuck:.0f} %",
                    help="How many of the clipped "
                    "critic's weights stand at their bound: they would go further if they could.",
                ),
            ],
            key="learned_numbers",
        )
        side = "one-sided" if found.one_sided else "two-sided"
        state(
            task,
            after=f"{int(found.updates[-1]):,} of {found.total:,} updates, c = {found.clip_value:g}, "
            f"λ = {found.penalty_weight:g}, {side}.",
        )
        if others:
            st.caption(
                f":material/info: Trained with other settings than those chosen now ({', '.join(others)}). "
                "Train both again."
            )


def happened_learned(found: Learned) -> tuple[Lab, str]:
    """Return the lab with the answer that was measured, and what came out in words."""
    clipped, penalised = (100 * share for share in found.shares)
    right = 2 if abs(clipped - penalised) < 3 else 0 if clipped > penalised else 1
    if found.w1 < 1e-9:
        return LEARNED, "The piles are the same: W₁ is 0, and there is nothing to prove."
    words = (
        f"After {int(found.updates[-1]):,} updates the clipped critic proves **{clipped:.0f} %** of W₁, with "
        f"{100 * found.stuck:.0f} % of its weights at ±c; the penalised one **{penalised:.0f} %**."
    )
    lab = (
        LEARNED
        if right == LEARNED.right
        else replace(
            LEARNED,
            right=right,
            why="Usually the penalty wins, as it holds the slope and leaves the weights free. Here it does not: a "
            "penalty pulls slopes *towards* 1 and may keep a critic from turning, or its weight λ is ill chosen.",
        )
    )
    return lab, words
