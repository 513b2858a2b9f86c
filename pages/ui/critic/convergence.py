"""The generator frozen and the critic trained on: the order, and the bound that tightens or does not."""

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
    """How the critic is to be trained on; where it `holds`, the run waits."""

    updates: int
    faster: float  # times the run's learning rate
    holds: bool


def settings(view: RunSnapshot) -> Order:
    """Ask how the critic is to be trained on."""
    kind = view.config.dataset.kind
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
        help=f"As a multiple of the run's, {fmt_number(view.config.critic_learning_rate)}.",
    )
    holds = False
    if view.status.active and not view.elsewhere:
        holds = st.toggle(
            "Pause the run while this trains",
            key="alone_holds",
            persist_state="session",
            help="On: the run's training stands still until the critic is done. Off: both "
            "share the time. The run's own networks are not touched either way.",
        )
    return Order(int(updates), float(faster), holds)


def _task(run: str) -> TaskStatus | None:
    return newest_task(run, CONVERGENCE)


def going(run: str) -> bool:
    """Tell whether a run's critic is being trained alone."""
    task = _task(run)
    return task is not None and not task.done


def button(view: RunSnapshot, step: int | None, order: Order) -> bool:
    """Show the order to train the critic on, or the one to end that; return whether it is that."""
    task = _task(view.run)
    if task is not None and not task.done:
        st.button(
            "Stop training the critic",
            icon=":material/close:",
            key="stop_critic",
            on_click=session().cancel,
            args=(task.key,),
        )
        return True
    # Always to be pressed: it stands outside what is drawn anew, and a refusal says why.
    st.button(
        "Train the critic to convergence",
        icon=":material/vertical_align_top:",
        type="primary",
        key="train_critic",
        on_click=_begin,
        args=(view.run, step, order),
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
        session().converge(run, step, updates=order.updates, faster=order.faster, holds=order.holds)
    except (RunError, ValueError) as error:
        state.problem = str(error)


def show(view: RunSnapshot) -> None:
    """Show how the critic does, as far as it has come."""
    task = _task(view.run)
    if task is None:
        _before()
        return
    if task.error:
        st.error(task.error, icon=":material/error:")
    result = task.result
    if not isinstance(result, CriticConvergence):
        if not task.done:
            st.progress(task.share, f"{task.words} …")
        elif not task.error:
            st.caption("It was stopped before the first look.")
        return
    _result(view, task, result)


def _before() -> None:
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


def _result(view: RunSnapshot, task: TaskStatus, found: CriticConvergence) -> None:
    pictures = view.config.dataset.kind == "pictures"
    done = int(found.updates[-1])
    words = f"{done:,} of {found.total:,} critic updates" + (", stopped" if task.cancelled else "")
    if found.stuck is not None:
        words += f" · {100 * found.stuck[-1]:.0f} % of the clipped weights stand at ±c"
    stat_cards(_cards(found, pictures), key="alone_numbers", progress=(done / found.total, words))
    left, right = st.columns([0.54, 0.46], gap="medium")
    with left:
        chart(
            figures.proved_bound(
                found.updates, found.bounds, found.exact, found.floor, found.total
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
            figures.raw_gap(found.updates, found.gaps, found.slopes, found.total),
            key="alone_raw",
            run=task.key,
            height=190,
            title="Raw gap and slope",
            help=RAW_HELP,
            alt="The raw gap and the steepest slope",
        )
        st.markdown(_verdict(found, ended=task.done))
    st.caption(_how(view, found, pictures))
    if found.surfaces is not None:
        surfaces.surfaces(found.surfaces, key="alone", run=task.key)


def _cards(found: CriticConvergence, pictures: bool) -> list[Stat]:
    where = "between pictures as vectors of pixels in [−1, 1]" if pictures else "in the plane"
    unit = "of pixels" if pictures else "units"
    return [
        Stat(
            "Exact W₁",
            fmt_sci(found.exact),
            unit,
            help=EXACT_HELP.format(n=found.samples, where=where),
        ),
        Stat(
            "Proved",
            fmt_sci(max(0.0, float(found.bounds[-1]))),
            f"= {100 * _share(found):.0f} %",
            help="The distance that the critic proves now, gap ÷ steepest slope, and its share of the "
            "exact one. A critic that scores fakes higher proves nothing: 0.",
        ),
        Stat(
            "Raw gap",
            fmt_sci(float(found.gaps[-1])),
            "score",
            help="E f(real) − E f(fake) on the same examples. Not a distance: see the chart.",
        ),
        Stat(
            "Steepest between pairs",
            fmt_sci(float(found.slopes[-1])),
            "a unit",
            help="The largest |f(real) − f(fake)| ÷ distance over all pairs of a real example and a "
            "fake: all that the bound needs. Elsewhere the critic may be steeper (Surface, Slopes).",
        ),
    ]


def _share(found: CriticConvergence) -> float:
    """Return which share of the exact distance is proved now."""
    return min(1.0, max(0.0, float(found.bounds[-1]) / found.exact)) if found.exact > 0 else 1.0


def _verdict(found: CriticConvergence, *, ended: bool) -> str:
    return verdicts.convergence(
        found.share,
        int(found.updates[-1]),
        ended=ended,
        is_dual=found.dual,
        clipped_share=None if found.stuck is None else float(found.stuck[-1]),
        rising=found.rising,
        note=found.note,
    )


def _how(view: RunSnapshot, found: CriticConvergence, pictures: bool) -> str:
    words = (
        f"A copy of the critic of step {found.step:,} and its own objective, {view.config.objective.title}; "
        f"{view.config.optimizer.title}, begun without memory, learning rate {fmt_number(found.rate)}, batches of "
        f"{found.batch} out of {found.samples} fixed real examples and as many fakes of the averaged "
        "generator."
    )
    if pictures:
        words += (
            " The exact distance is that of pixels: two digits that look alike may be far apart in it, "
            "so even real pictures are far from other real ones."
        )
    return words
