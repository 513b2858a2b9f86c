"""Critics that learn the dual live: a clipped one and a penalised one of the same size."""

from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from pages.ui.labs.frame import Lab, ask_prediction, show_result
from pages.ui.labs.settings import persistent_key
from pages.ui.labs.tasks import latest_task, result_of, show_progress, start_or_stop_button
from pages.ui.labs.transport import choose_piles, piles_state
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.jobs import TaskStatus
from wgan.labs import dual
from wgan.labs.dual import LearnedDual
from wgan.labs.transport import Piles
from wgan.verdicts import wasserstein as verdicts

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

WHY_NOT_PENALISED = (
    "Usually the penalty wins, as it holds the slope and leaves the weights free. Here it does not: a "
    "penalty pulls slopes *towards* 1 and may keep a critic from turning, or its weight λ is ill chosen."
)
"""The lesson if the penalised critic does not prove more."""

WORK = "Critics that learn the dual"

CLIPS = (0.01, 0.03, 0.1, 0.3, 1.0)
WEIGHTS = (0.1, 1.0, 10.0, 100.0)

CRITICS = (("Clipped", "@two"), ("Penalised", "@one"))
"""Name and colour of each critic, in the order of a result's rows."""

PROOFS_HELP = """What each critic proves: its mean score of real minus fake earth, divided by its steepest slope.
No critic can prove more than W₁, the dashed line. Below 0 a critic has learned nothing yet, or the wrong way
round."""

CURVES_HELP = """Both critics over the columns, divided by their steepest slope, and an optimal function (dashed),
all of mean 0. The piles stand below. Between columns where nothing is to be moved, any slope is optimal."""


class Settings(NamedTuple):
    """Settings that both critics are trained with."""

    clip_value: float  # c
    penalty_weight: float  # λ
    one_sided: bool


def show_learned() -> None:
    """Show the lab of the critics that learn the dual."""
    prediction = ask_prediction(LEARNED)
    piles = piles_state().piles
    settings = _settings(piles)
    task = latest_task(WORK, per_visitor=True)
    result = result_of(task, LearnedDual)
    if result is None:
        _show_optimum(task)
        return
    left, middle, right = st.columns([0.4, 0.34, 0.26], gap="small")
    with left:
        _show_functions(result)
    with middle:
        _show_proofs(result)
    with right:
        _show_numbers(result)
        _show_state(result, task)
        _show_changed_settings(result, piles, settings)
    is_running = task is not None and not task.done
    updates = int(result.updates[-1])
    verdict = verdicts.learned_dual(updates, result.w1, *result.shares, result.clip_saturation)
    show_result(
        learned_lab(result), prediction, "" if is_running else verdict, early=updates < result.total
    )


def _settings(piles: Piles) -> Settings:
    """Show the settings and the button, and return the settings."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        choose_piles("learned", width=230)
        clip_value = st.select_slider(
            "Clip c",
            CLIPS,
            key=persistent_key("learned-clip", 0.1),
            persist_state="session",
            width=210,
            help="After each update every weight of the clipped critic is cut to [−c, c].",
        )
        penalty_weight = st.select_slider(
            "Penalty λ",
            WEIGHTS,
            key=persistent_key("learned-weight", 10.0),
            persist_state="session",
            width=210,
            format_func=lambda w: f"{w:g}",
            help="How much a wrong slope costs the penalised critic.",
        )
        one_sided = st.toggle(
            "One-sided",
            key=persistent_key("learned-sided", True),
            persist_state="session",
            help="On: only slopes above 1 cost. Off: slopes below 1 cost too, as first "
            "published; a critic that must turn, up and then down, can then stay on a "
            "straight line for long. Try it with “One hill into two”.",
        )
        start_or_stop_button(
            WORK,
            "Train both",
            lambda: dual.learn(
                piles, clip_value=clip_value, penalty_weight=penalty_weight, one_sided=one_sided
            ),
            settings=(piles, clip_value, penalty_weight, one_sided),
            help=f"Train a clipped and a penalised critic, ReLU {dual.DEPTH}×{dual.WIDTH}, on these piles: "
            f"{dual.UPDATES} updates of {dual.BATCH} samples each. A few seconds.",
            key="learned",
            per_visitor=True,
        )
    return Settings(clip_value, penalty_weight, one_sided)


def learned_lab(result: LearnedDual) -> Lab:
    """Return the lab with the answer that this training gave."""
    right = verdicts.tighter_critic(*result.shares)
    if result.w1 < verdicts.SAME_PILES or right == LEARNED.right:
        return LEARNED
    return replace(LEARNED, right=right, why=WHY_NOT_PENALISED)


def _show_optimum(task: TaskStatus | None) -> None:
    """Show the function that is to be learned, before there is a result."""
    piles = piles_state().piles
    fake, real = piles.shares
    chart(
        figures.potentials([], dual.optimal(piles), fake, real),
        key="learned_optimal",
        run="before",
        height=300,
        title="What is to be learned",
        help=CURVES_HELP,
        alt="The optimal function over both piles",
    )
    show_progress(
        task,
        before="Press **Train both**: two critics try to become the dashed function, from samples only.",
    )


def _show_functions(result: LearnedDual) -> None:
    fake, real = result.piles.shares
    critics = [
        (name, heights, colour)
        for (name, colour), heights in zip(CRITICS, result.curves, strict=True)
    ]
    chart(
        figures.potentials(critics, dual.optimal(result.piles), fake, real),
        key="learned_curves",
        run="learned",
        height=264,
        title="Critics and optimum",
        help=CURVES_HELP,
        alt="Both critics over the piles, beside an optimal function",
    )


def _show_proofs(result: LearnedDual) -> None:
    critics = [
        (name, bounds, colour)
        for (name, colour), bounds in zip(CRITICS, result.lower_bound, strict=True)
    ]
    chart(
        figures.proofs(result.updates, critics, result.w1, result.total),
        key="learned_proofs",
        run="learned",
        height=264,
        title="What they prove",
        help=PROOFS_HELP,
        alt="What both critics prove, over their updates, below W₁",
    )


def _show_numbers(result: LearnedDual) -> None:
    clipped, penalised = result.shares
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
            Stat("W₁", f"{result.w1:.2f}", help="The exact distance of the piles, in columns."),
            Stat(
                "At ±c",
                f"{100 * result.clip_saturation:.0f} %",
                help="How many of the clipped "
                "critic's weights are at their bound, where clipping holds them.",
            ),
        ],
        key="learned_numbers",
    )


def _show_state(result: LearnedDual, task: TaskStatus | None) -> None:
    side = "one-sided" if result.one_sided else "two-sided"
    show_progress(
        task,
        after=f"{int(result.updates[-1]):,} of {result.total:,} updates, c = {result.clip_value:g}, "
        f"λ = {result.penalty_weight:g}, {side}.",
    )


def _show_changed_settings(result: LearnedDual, piles: Piles, settings: Settings) -> None:
    """Name the settings that were changed since the training, if there are any."""
    pairs = {
        "piles": (result.piles, piles),
        "c": (result.clip_value, settings.clip_value),
        "λ": (result.penalty_weight, settings.penalty_weight),
        "side": (result.one_sided, settings.one_sided),
    }
    changed = [name for name, (trained_with, now) in pairs.items() if trained_with != now]
    if changed:
        st.caption(
            f":material/info: Trained with other settings than those chosen now ({', '.join(changed)}). "
            "Train both again."
        )
