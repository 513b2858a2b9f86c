"""Training the critic alone against the fixed generator: the button, and the lower bound of W₁ that it gives."""

from dataclasses import dataclass

import streamlit as st

from pages.ui.core.permissions import permitted, refusal_to_add, refusal_to_change
from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import attempt, session
from pages.ui.core.state import page_state
from pages.ui.core.status import newest_task
from pages.ui.critic import surfaces
from pages.ui.critic.state import CriticState
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.config import TrainConfig
from wgan.format import fmt_number, fmt_share, fmt_sig
from wgan.jobs import CONVERGENCE, UPDATES, CriticConvergence, RunSnapshot, TaskStatus
from wgan.objectives import WganGp, WganLp
from wgan.runs import RunError
from wgan.session import Session
from wgan.verdicts import critic as verdicts

NUMBERS = (100, 200, 400, 1_000, 2_000, 5_000, 10_000)
RATES = (0.1, 0.3, 1.0, 3.0, 10.0)

WHAT_HELP = """Settings of **Train the critic to convergence**: a copy of the critic is trained alone, with a fixed
generator. The run itself does not change."""

BOUND_HELP = """Blue: gap ÷ steepest slope between any real example and any fake. By Kantorovich's duality this is a lower
bound of W₁, so the curve never crosses the dashed line. It reaches the line only if the critic becomes optimal.

Dotted, the floor: W₁ between real and held-out examples, as many as here: the distance that chance alone leaves."""

RAW_HELP = """The gap E f(real) − E f(fake), and the steepest slope. Doubling all scores doubles both, so the gap alone is not
a distance; only their ratio is a bound. A gap that grows as fast as the slope is no progress."""

EXACT_HELP = """W₁ of the same {n} real examples and {n} fakes by exact optimal transport, with the Euclidean distance {where}."""


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
        help="Updates of the critic with a fixed generator.",
    )
    faster = st.select_slider(
        "Learning rate",
        RATES,
        1.0,
        key="alone_rate",
        persist_state="session",
        format_func=lambda factor: f"{fmt_number(factor)} ×",
        help=f"As a multiple of the run's learning rate, {fmt_number(snapshot.config.critic_learning_rate)}.",
    )
    pauses_training = False
    steerable = snapshot.status.active and not snapshot.is_trained_by_other_process
    if steerable and not refusal_to_change(snapshot.run):
        pauses_training = st.toggle(
            "Pause the run while this trains",
            key="alone_holds",
            persist_state="session",
            help="On: the run is paused until the critic is trained. Off: both share the processor. In both cases "
            "the run's own networks do not change.",
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
            **permitted(session().refusal_to_cancel(task.key)),
            on_click=attempt,
            args=(
                Session.cancel_task,
                task.key,
            ),
        )
        return True
    # Never disable it because of what runs now: it is outside the fragment, which would enable it
    # too late. A refusal is explained.
    st.button(
        "Train the critic to convergence",
        icon=":material/vertical_align_top:",
        type="primary",
        key="train_critic",
        on_click=_begin,
        args=(snapshot.run, step, order),
        **permitted(
            refusal_to_add(),
            help="Trains a copy of the critic with a fixed generator, to see how close its lower bound gets to the "
            "exact distance. The run itself does not change.",
        ),
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


def show(snapshot: RunSnapshot, step: int | None) -> None:
    """Show the results of training the critic alone.

    Args:
        snapshot: The run.
        step: The step of the chosen weights; None for the newest.
    """
    task = _task(snapshot.run)
    if task is None:
        _introduction()
        return
    if task.error:
        st.error(plain_text(task.error), icon=":material/error:")
    result = task.result
    if not isinstance(result, CriticConvergence):
        if not task.done:
            st.progress(task.share, f"{plain_text(task.message)} …")
        elif not task.error:
            st.caption("Stopped before the first measurement.")
        return
    if step is None and not snapshot.status.active and snapshot.checkpoint_steps:
        step = snapshot.checkpoint_steps[-1]
    if step is not None and step != result.step:
        st.info(
            f"This result is of the critic of step {result.step:,}. For step {step:,}, press **Train the "
            "critic to convergence** again.",
            icon=":material/history:",
        )
    _result(snapshot, task, result)


def _introduction() -> None:
    st.markdown(
        "How close does this critic's lower bound get to the Wasserstein distance? Here the **generator is fixed** and a copy of "
        "the critic is trained alone, on samples whose exact distance is known from optimal transport.\n\n"
        "- With a **gradient penalty** or **GroupSort**, the lower bound usually rises towards the exact distance.\n"
        "- With **weight clipping** it usually stays far below, because many weights end at ±c.\n"
        "- A **GAN's** discriminator is not trained for a distance.\n\n"
        "The run does not change. Press **Train the critic to convergence** above."
    )


def _result(snapshot: RunSnapshot, task: TaskStatus, result: CriticConvergence) -> None:
    pictures = snapshot.config.dataset.kind == "pictures"
    done = int(result.updates[-1])
    text = f"{done:,} of {result.total:,} critic updates" + (", stopped" if task.cancelled else "")
    if result.clip_saturation is not None:
        text += (
            f" · {fmt_share(float(result.clip_saturation[-1]))} of the clipped weights are at ±c"
        )
    stat_cards(
        cards(result, pictures=pictures), key="alone_numbers", progress=(done / result.total, text)
    )
    left, right = st.columns([0.54, 0.46], gap="medium")
    with left:
        chart(
            figures.proved_bound(
                result.updates, result.bounds, result.exact, result.floor, result.total
            ),
            key="alone_bound",
            run=task.key,
            height=280,
            title="Lower bound of W₁",
            help=BOUND_HELP,
            alt="The critic's lower bound of W₁, below the exact distance",
        )
    with right:
        chart(
            figures.raw_gap(result.updates, result.gaps, result.slopes, result.total),
            key="alone_raw",
            run=task.key,
            height=190,
            title="Critic gap and slope",
            help=RAW_HELP,
            alt="The critic gap and the steepest slope",
        )
        st.markdown(_verdict(result, ended=task.done, stopped=task.cancelled))
    st.caption(_method(snapshot, result, pictures))
    if result.surfaces is not None:
        surfaces.surfaces(result.surfaces, key="alone", run=task.key)


def cards(result: CriticConvergence, *, pictures: bool) -> list[Stat]:
    """Return what the newest critic update gave: W₁, the lower bound and its share of W₁, gap and slope.

    Args:
        result: The updates so far.
        pictures: Whether the examples are pictures, not points.
    """
    place = "between their pixels in [−1, 1]" if pictures else "in the plane"
    unit = "pixel values" if pictures else "units"
    return [
        Stat(
            "Exact W₁",
            fmt_sig(result.exact),
            unit,
            help=EXACT_HELP.format(n=result.samples, where=place),
        ),
        Stat(
            "Lower bound",
            fmt_sig(max(0.0, float(result.bounds[-1]))),
            f"{fmt_share(result.share_now)} of W₁",
            help="Gap ÷ steepest slope (pairs): W₁ is at least this large. For a critic that scores fakes higher, the "
            "bound is 0.",
        ),
        Stat(
            "Critic gap",
            fmt_sig(float(result.gaps[-1])),
            "score",
            help="E f(real) − E f(fake) on the same examples. It is not a distance: see the chart. The Train page shows the gap of "
            "the training's batches, with fakes of the generator before averaging, so its value differs.",
        ),
        Stat(
            "Steepest slope, pairs",
            fmt_sig(float(result.slopes[-1])),
            "per unit",
            help="The largest |f(real) − f(fake)| ÷ distance over all pairs of a real example and a "
            "fake. The bound needs no more. Elsewhere the critic may be steeper (sections Surface and Slopes). A gradient "
            "penalty limits the slope on average. Between a real example and a fake that almost coincide, the slope can be much "
            "larger, especially with a small λ.",
        ),
    ]


def _verdict(result: CriticConvergence, *, ended: bool, stopped: bool) -> str:
    return verdicts.convergence(
        result.share_now,
        result.share,
        int(result.updates[-1]),
        ended=ended,
        stopped=stopped,
        is_dual=result.dual,
        clipped_share=None if result.clip_saturation is None else float(result.clip_saturation[-1]),
        rising=result.rising,
        range_of_late=result.range_of_late,
        note=result.note,
    )


def slope_of_two_points(config: TrainConfig, distance: float) -> str:
    """Return why a slope above 1 is no fault with a gradient penalty; empty for other objectives.

    Args:
        config: The settings of the run.
        distance: W₁.
    """
    if not isinstance(config.objective, WganGp | WganLp):
        return ""
    weight = config.objective.penalty_weight
    if weight <= 0:
        return ""
    return (
        f"The penalty pulls the slope towards 1, but does not hold it there: with λ = {fmt_number(weight)}, the best slope "
        f"between two single points at this distance would be 1 + W₁/2λ = {fmt_sig(1 + distance / (2 * weight))}."
    )


def _method(snapshot: RunSnapshot, result: CriticConvergence, pictures: bool) -> str:
    text = (
        f"A copy of the critic of step {result.step:,} with the run's objective, {snapshot.config.objective.title}; "
        f"{snapshot.config.optimizer.title} without earlier moments, learning rate {fmt_number(result.rate)}, batches of "
        f"{result.batch} from {result.samples} fixed real examples and as many fakes of the averaged "
        "generator."
    )
    if pictures:
        text += (
            " The exact distance compares pixels. Pictures that look alike may be far apart in pixels, "
            "so real pictures are far from other real pictures, too."
        )
        if result.floor > result.exact:
            text += (
                " These fakes are even closer to the real examples than other real pictures are (the floor): with so "
                "few examples, W₁ of pixels cannot tell them apart."
            )
    return f"{text} {slope_of_two_points(snapshot.config, result.exact)}".rstrip()
