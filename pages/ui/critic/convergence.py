"""Training the critic alone against the fixed generator: the button, and the bound that it proves."""

from dataclasses import dataclass

import streamlit as st

from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.core.status import newest_task
from pages.ui.critic import surfaces
from pages.ui.critic.state import CriticState
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.format import fmt_number, fmt_sci
from wgan.jobs import CONVERGENCE, UPDATES, CriticConvergence, RunSnapshot, TaskStatus
from wgan.runs import RunError
from wgan.verdicts import critic as verdicts

NUMBERS = (100, 200, 400, 1_000, 2_000, 5_000, 10_000)
RATES = (0.1, 0.3, 1.0, 3.0, 10.0)

WHAT_HELP = """How “Train the critic to convergence” does it: a copy of the critic is trained alone, while the
generator stands still. The run itself is not changed."""

BOUND_HELP = """Blue: gap ÷ steepest slope between any real example and any fake. Kantorovich's duality says that
no true distance is smaller, so the curve can never cross the dashed line, whatever the critic does. It
reaches the line only if the critic becomes optimal *and* keeps its slope.

Dotted: real examples against held-out ones, at the same number: the distance that luck alone leaves."""

RAW_HELP = """The gap as training reports it, E f(real) − E f(fake), and the steepest slope. Doubling all scores
doubles both: so the gap alone says nothing about distance, and only their ratio is a bound. A gap that
grows together with the slope is no progress."""

EXACT_HELP = """W₁ of the same {n} real examples and {n} fakes by exact optimal transport, Euclidean distance {where}."""


@dataclass(frozen=True)
class Order:
    """Settings for training the critic alone. With `pauses_training`, the run is paused until it has ended."""

    updates: int
    faster: float  # factor on the run's learning rate
    pauses_training: bool


def settings(snapshot: RunSnapshot) -> Order:
    """Show the settings for training the critic alone, and return them."""
    kind = snapshot.config.dataset.kind
    updates = st.select_slider(
        "Critic updates",
        NUMBERS,
        UPDATES[kind],
        key=f"alone_updates_{kind}",
        persist_state="session",
        format_func=lambda n: f"{n:,}",
        help="How long the critic is trained on alone.",
    )
    faster = st.select_slider(
        "Learning rate",
        RATES,
        1.0,
        key="alone_rate",
        persist_state="session",
        format_func=lambda f: "the run's" if f == 1 else f"{fmt_number(f)} ×",
        help=f"As a multiple of the run's, {fmt_number(snapshot.config.critic_learning_rate)}.",
    )
    pauses_training = False
    if snapshot.status.active and not snapshot.is_trained_by_other_process:
        pauses_training = st.toggle(
            "Pause the run while this trains",
            key="alone_holds",
            persist_state="session",
            help="On: the run's training stands still until the critic is done. Off: both "
            "share the time. The run's own networks are not touched either way.",
        )
    return Order(int(updates), float(faster), pauses_training)


def _task(run: str) -> TaskStatus | None:
    return newest_task(run, CONVERGENCE)


def is_running(run: str) -> bool:
    """Return whether a run's critic is being trained alone."""
    task = _task(run)
    return task is not None and not task.done


def button(snapshot: RunSnapshot, step: int | None, order: Order) -> bool:
    """Show the button that starts or stops training the critic alone; return whether it is training."""
    task = _task(snapshot.run)
    if task is not None and not task.done:
        st.button(
            "Stop training the critic",
            icon=":material/close:",
            key="stop_critic",
            on_click=session().cancel_task,
            args=(task.key,),
        )
        return True
    # Never disable it: it is outside the fragment, which would enable it too late. A refusal is
    # explained.
    st.button(
        "Train the critic to convergence",
        icon=":material/vertical_align_top:",
        type="primary",
        key="train_critic",
        on_click=_begin,
        args=(snapshot.run, step, order),
        help="Freeze the generator and train a copy of the critic on, to see how much of the exact "
        "distance it can prove. The run itself goes on or waits, as the sidebar says; nothing of it "
        "changes.",
    )
    return False


def _begin(run: str, step: int | None, order: Order) -> None:
    state = page_state(CriticState)
    state.problem = ""
    st.session_state["critic_section"] = "alone"
    try:
        session().converge(
            run,
            step,
            updates=order.updates,
            faster=order.faster,
            pauses_training=order.pauses_training,
        )
    except (RunError, ValueError) as error:
        state.problem = str(error)


def show(snapshot: RunSnapshot) -> None:
    """Show the results of training the critic alone."""
    task = _task(snapshot.run)
    if task is None:
        _introduction()
        return
    if task.error:
        st.error(task.error, icon=":material/error:")
    result = task.result
    if not isinstance(result, CriticConvergence):
        if not task.done:
            st.progress(task.share, f"{task.message} …")
        elif not task.error:
            st.caption("It was stopped before the first look.")
        return
    _result(snapshot, task, result)


def _introduction() -> None:
    st.markdown(
        "A critic is only as good as its training. Here the **generator stands still** and a copy of "
        "the critic is trained on alone, on fixed samples whose exact Wasserstein distance is known "
        "from optimal transport.\n\n"
        "- With a **gradient penalty** or **GroupSort** the distance that the critic proves climbs "
        "towards the exact one.\n"
        "- With **weight clipping** it stays far below, however long it trains: the weights pile up "
        "at ±c.\n"
        "- A **GAN's** discriminator is not asked for a distance at all; what it proves shows it.\n\n"
        "The run is not touched. Press **Train the critic to convergence** above."
    )


def _result(snapshot: RunSnapshot, task: TaskStatus, result: CriticConvergence) -> None:
    pictures = snapshot.config.dataset.kind == "pictures"
    done = int(result.updates[-1])
    text = f"{done:,} of {result.total:,} critic updates" + (", stopped" if task.cancelled else "")
    if result.clip_saturation is not None:
        text += f" · {100 * result.clip_saturation[-1]:.0f} % of the clipped weights are at ±c"
    stat_cards(_cards(result, pictures), key="alone_numbers", progress=(done / result.total, text))
    left, right = st.columns([0.54, 0.46], gap="medium")
    with left:
        chart(
            figures.proved_bound(
                result.updates, result.bounds, result.exact, result.floor, result.total
            ),
            key="alone_bound",
            run=task.key,
            height=280,
            title="What the critic proves",
            help=BOUND_HELP,
            alt="The distance that the critic proves, below the exact one",
        )
    with right:
        chart(
            figures.raw_gap(result.updates, result.gaps, result.slopes, result.total),
            key="alone_raw",
            run=task.key,
            height=190,
            title="Raw gap and slope",
            help=RAW_HELP,
            alt="The raw gap and the steepest slope",
        )
        st.markdown(_verdict(result, ended=task.done))
    st.caption(_method(snapshot, result, pictures))
    if result.surfaces is not None:
        surfaces.surfaces(result.surfaces, key="alone", run=task.key)


def _cards(result: CriticConvergence, pictures: bool) -> list[Stat]:
    place = "between pictures as vectors of pixels in [−1, 1]" if pictures else "in the plane"
    unit = "of pixels" if pictures else "units"
    return [
        Stat(
            "Exact W₁",
            fmt_sci(result.exact),
            unit,
            help=EXACT_HELP.format(n=result.samples, where=place),
        ),
        Stat(
            "Proved",
            fmt_sci(max(0.0, float(result.bounds[-1]))),
            f"= {100 * _share(result):.0f} %",
            help="The distance that the critic proves now, gap ÷ steepest slope, and its share of the "
            "exact one. A critic that scores fakes higher proves nothing: 0.",
        ),
        Stat(
            "Raw gap",
            fmt_sci(float(result.gaps[-1])),
            "score",
            help="E f(real) − E f(fake) on the same examples. Not a distance: see the chart.",
        ),
        Stat(
            "Steepest between pairs",
            fmt_sci(float(result.slopes[-1])),
            "a unit",
            help="The largest |f(real) − f(fake)| ÷ distance over all pairs of a real example and a "
            "fake: all that the bound needs. Elsewhere the critic may be steeper (Surface, Slopes).",
        ),
    ]


def _share(result: CriticConvergence) -> float:
    """Return the share of the exact distance that is proved now."""
    return min(1.0, max(0.0, float(result.bounds[-1]) / result.exact)) if result.exact > 0 else 1.0


def _verdict(result: CriticConvergence, *, ended: bool) -> str:
    return verdicts.convergence(
        result.share,
        int(result.updates[-1]),
        ended=ended,
        is_dual=result.dual,
        clipped_share=None if result.clip_saturation is None else float(result.clip_saturation[-1]),
        rising=result.rising,
        note=result.note,
    )


def _method(snapshot: RunSnapshot, result: CriticConvergence, pictures: bool) -> str:
    text = (
        f"A copy of the critic of step {result.step:,} and its own objective, {snapshot.config.objective.title}; "
        f"{snapshot.config.optimizer.title}, begun without memory, learning rate {fmt_number(result.rate)}, batches of "
        f"{result.batch} out of {result.samples} fixed real examples and as many fakes of the averaged "
        "generator."
    )
    if pictures:
        text += (
            " The exact distance is that of pixels: two digits that look alike may be far apart in it, "
            "so even real pictures are far from other real ones."
        )
    return text
