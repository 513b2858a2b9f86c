"""Critics that learn the dual live: a clipped one and a penalised one of the same size."""

from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from pages.ui.labs.frame import STOPPED, Lab, ask_prediction, show_result
from pages.ui.labs.settings import control_row, no_label, persistent_key
from pages.ui.labs.tasks import (
    changed_settings_note,
    latest_task,
    result_of,
    show_progress,
    start_or_stop_button,
)
from pages.ui.labs.transport import choose_piles, piles_state
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.format import fmt_share
from wgan.jobs import TaskStatus
from wgan.labs import dual
from wgan.labs.dual import LearnedDual
from wgan.labs.transport import Piles
from wgan.verdicts import wasserstein as verdicts

LEARNED = Lab(
    "learned",
    "A critic learns it",
    "A clipped critic and a penalised critic of the same size are trained on two piles of earth. Whose lower bound gets closer to the W₁ of the piles?",
    ("The clipped critic", "The penalised critic", "About the same"),
    1,
    "Clipping bounds every weight, so the critic can only become a simple function. It often cannot be steep "
    "and turn where the optimal function does. A penalty acts on the slope itself, and all weights are free to "
    "shape the function.",
    "Gulrajani et al. 2017, sections 3–4, arXiv:1704.00028; one-sided: Petzka et al. 2018, arXiv:1709.08894",
)

WORK = "Critics that learn the dual"

CLIPS = (0.01, 0.03, 0.1, 0.3, 1.0)
WEIGHTS = (0.1, 1.0, 10.0, 100.0)

CRITICS = (("Clipped", "@two"), ("Penalised", "@one"))
"""Name and colour of each critic, in the order of a result's rows."""

PROOFS_HELP = """The lower bound of each critic: (E f(real) − E f(fake)) ÷ its steepest slope. It cannot exceed W₁,
the dashed line. Below 0, a critic still scores fakes higher."""

CURVES_HELP = """Both critics over the columns, divided by their steepest slope, and an optimal function (dashed).
All have mean 0. The bars are the piles. Where no earth must pass from one column to the next, every slope up to 1 is optimal."""


WHY_SAME = "No earth must be moved, so there is nothing to learn. Any function that is the same everywhere is optimal."
"""The reason if both piles are the same."""


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
        has_other_settings = changed_settings_note(
            {
                "piles": (result.piles, piles),
                "c": (result.clip_value, settings.clip_value),
                "λ": (result.penalty_weight, settings.penalty_weight),
                "one-sided": (result.one_sided, settings.one_sided),
            },
            "Train both",
        )
    is_running = task is not None and not task.done
    updates = int(result.updates[-1])
    verdict = verdicts.learned_dual(
        updates, result.w1, *result.shares, result.clip_saturation, result.clip_value
    )
    show_result(
        learned_lab(result),
        None if has_other_settings else prediction,
        "" if is_running else verdict,
        undecided=STOPPED if updates < result.total else "",
    )


def _settings(piles: Piles) -> Settings:
    """Show the settings and the button, and return the settings."""
    with control_row():
        choose_piles("learned", width=230)
        clip_value = st.select_slider(
            "Clip value c",
            CLIPS,
            key=persistent_key("learned-clip", 0.1),
            persist_state="session",
            width=210,
            help="After each update, every weight of the clipped critic is clipped to [−c, c].",
        )
        penalty_weight = st.select_slider(
            "Penalty weight λ",
            WEIGHTS,
            key=persistent_key("learned-weight", 10.0),
            persist_state="session",
            width=210,
            format_func=lambda w: f"{w:g}",
            help="The weight of the penalised critic's gradient penalty.",
        )
        with no_label():
            one_sided = st.toggle(
                "One-sided penalty",
                key=persistent_key("learned-sided", True),
                persist_state="session",
                help="On: only slopes above 1 are penalised. Off: slopes below 1 are penalised, too, as in the "
                "WGAN-GP paper. A critic that must rise and then fall can then stay a straight line for "
                "long. Try it with “One hill into two”.",
            )
        with no_label():
            start_or_stop_button(
                WORK,
                "Train both",
                lambda: dual.learn(
                    piles,
                    clip_value=clip_value,
                    penalty_weight=penalty_weight,
                    one_sided=one_sided,
                ),
                settings=(piles, clip_value, penalty_weight, one_sided),
                help=f"Trains a clipped and a penalised critic on these piles for {dual.UPDATES} updates. Both are "
                f"ReLU networks {dual.DEPTH}×{dual.WIDTH} with batches of {dual.BATCH}. This takes a few seconds.",
                key="learned",
                per_visitor=True,
            )
    return Settings(clip_value, penalty_weight, one_sided)


def learned_lab(result: LearnedDual) -> Lab:
    """Return the lab with the answer that this training gave."""
    if result.w1 < verdicts.SAME_PILES:
        return replace(LEARNED, right=2, why=WHY_SAME)
    right = verdicts.tighter_critic(*result.shares)
    reason = verdicts.learned_dual_reason(right, result.clip_saturation, one_sided=result.one_sided)
    return replace(LEARNED, right=right, why=reason or LEARNED.why)


def _show_optimum(task: TaskStatus | None) -> None:
    """Show the function that is to be learned, before there is a result."""
    piles = piles_state().piles
    fake, real = piles.shares
    chart(
        figures.potentials([], dual.optimal(piles), fake, real),
        key="learned_optimal",
        run="before",
        height=300,
        title="The function to learn",
        help=CURVES_HELP,
        alt="The optimal function over both piles",
    )
    show_progress(
        task,
        before="**Train both** trains two critics to approximate the dashed function from samples only: a few seconds.",
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
        title="Critics and optimal function",
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
        title="Lower bounds of W₁",
        help=PROOFS_HELP,
        alt="The lower bounds of W₁ of both critics, over their updates",
    )


def _show_numbers(result: LearnedDual) -> None:
    same_piles = result.w1 < verdicts.SAME_PILES
    clipped, penalised = ("–" if same_piles else fmt_share(share) for share in result.shares)
    stat_cards(
        [
            Stat(
                "Clipped",
                clipped,
                "of W₁",
                help="The lower bound of the clipped critic as a share of W₁.",
            ),
            Stat(
                "Penalised",
                penalised,
                "of W₁",
                help="The lower bound of the penalised critic as a share of W₁.",
            ),
            Stat("W₁", f"{result.w1:.2f}", "columns", help="The exact distance of the piles."),
            Stat(
                "At ±c",
                fmt_share(result.clip_saturation),
                help="The share of the clipped critic's weights that are at +c or −c. With 0 % the critic is not "
                "clipped at all.",
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
