"""The quality of the samples: metrics measured during training, and evaluations on request."""

from collections import Counter

import numpy as np
import streamlit as st

from pages.ui.core.chart_look import chart_look
from pages.ui.core.permissions import permitted, refusal_to_change
from pages.ui.core.plain_text import cell_text, plain_text
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.session import attempt, session
from pages.ui.core.state import Steering, page_state
from pages.ui.core.status import newest_task
from pages.ui.train import diagnosis
from pages.ui.train.state import TrainState
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.format import fmt_number
from wgan.jobs import Evaluation, RunSnapshot, TaskStatus
from wgan.metrics import FLOOR, METRICS, Metric, count_of, metric_of, title_of, value_and_unit
from wgan.runs import Measured, RunError
from wgan.session import Session

COLUMNS = 8

CHART_HELP = """**Left axis**: the metric. Each measurement uses the same z. The dashed line is the *floor*, the
value of real examples; samples can be below it only by chance or by copying. **Right axis**:
the critic gap, in arbitrary units.

Both should fall. If they disagree, trust the metric: the critic gap is not a reliable estimate of
the Wasserstein distance (Stanczuk et al. 2021, arXiv:2103.01678)."""

EVALUATE_HELP = {
    "pictures": """Compute every metric from 10,000 samples, and its value for real pictures: FID, KID, precision,
recall, density, coverage, copies, duplicates. This takes at least half a minute. A running
training continues at half its speed.""",
    "points": """Compute every metric from many more points, and its value for real points: exact and sliced W₁,
and for mixtures of Gaussians modes and share of high quality. A running training continues.""",
}

NEIGHBOURS_HELP = """Top row: samples. Bottom row: for each sample, the training picture with the most similar
pixels. If both show the same picture, the generator has memorised it. If they are only similar,
it has learned to draw. A sample counts as a copy if it is at least twice as close to one
training picture as to any other."""


def evaluating(run: str) -> bool:
    """Return whether an evaluation of a run is in progress."""
    task = _task(run)
    return task is not None and not task.done


def panel(run: str, was_evaluating: bool) -> None:
    """Show the metrics of a run. The body of a fragment of the Train page.

    The page is redrawn when an evaluation begins or ends, because only the page can change the
    interval of this fragment.
    """
    refresh_interval()  # count this visitor as present
    try:
        snapshot = session().snapshot(run)
    except RunError:
        return  # the panel above shows the error
    if evaluating(run) != was_evaluating:
        st.rerun()
    diagnosis.panel(snapshot)
    newest = _newest(snapshot)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("##### How good are the samples?", width="content")
        _evaluate_button(snapshot)
    _evaluations(snapshot)
    if newest:
        _cards(snapshot, newest)
        left, right = st.columns([0.52, 0.48], gap="medium")
        with left:
            _curve(snapshot, newest)
        with right:
            _neighbours(snapshot)
    else:
        st.caption(_why_not(snapshot))


def _why_not(snapshot: RunSnapshot) -> str:
    if not snapshot.config.measure:
        return "“Measure while training” is off for this run (in the sidebar, under Reporting)."
    if snapshot.status.active:
        return "The first measurement appears a few seconds after the start of the training."
    return "This run has no measurements. Press Evaluate to compute them now."


def _newest(snapshot: RunSnapshot) -> dict[str, Measured]:
    """Return the newest value of each metric that is measured live, in the order of METRICS."""
    newest = {m.name: m for m in snapshot.metrics if metric_of(m.name) is not None}
    keys = list(METRICS)

    def rank(name: str) -> tuple[bool, int]:
        metric = metric_of(name)
        assert metric is not None
        # The metrics of an evaluation, which has more samples, are in a separate table.
        return not _live(name), keys.index(next(k for k, m in METRICS.items() if m is metric))

    times = Counter(m.name for m in snapshot.metrics)
    measured: dict[str, Measured] = {}
    titles: set[str] = set()
    for name in sorted(newest, key=lambda name: (rank(name), -times[name])):
        # If a metric was measured with several numbers of samples, use the most frequent one.
        if _live(name) and _metric(name).title not in titles:
            titles.add(_metric(name).title)
            measured[name] = newest[name]
    return measured


def _live(name: str) -> bool:
    return not name.endswith(("_10k", "_26k")) and any(
        name.startswith(key) for key, metric in METRICS.items() if metric.live or key == "memorised"
    )


def _metric(name: str) -> Metric:
    metric = metric_of(name)
    assert metric is not None
    return metric


def _floor(snapshot: RunSnapshot, name: str) -> float | None:
    return next((m.value for m in reversed(snapshot.metrics) if m.name == name + FLOOR), None)


def _cards(snapshot: RunSnapshot, newest: dict[str, Measured]) -> None:
    cards = []
    for name, measured in list(newest.items())[:6]:
        metric, floor = _metric(name), _floor(snapshot, name)
        value, unit = value_and_unit(name, measured.value)
        paragraphs = [metric.meaning]
        if floor is not None:
            floor_text = " ".join(value_and_unit(name, floor)).strip()
            paragraphs.append(f"Real examples score {floor_text}.")
        paragraphs.append(_settings(snapshot, name, measured))
        cards.append(
            Stat(
                f"{metric.title} ({count_of(name)})",
                value,
                # "units" of points does not fit beside the step; the help says it.
                f"{'% · ' if unit == '%' else ''}step {measured.step:,}",
                help="\n\n".join(paragraphs),
            )
        )
    # More cards with their steps do not fit into a row.
    rows = -(-len(cards) // 4)
    each = -(-len(cards) // rows)
    for row in range(rows):
        stat_cards(cards[row * each : (row + 1) * each], key=f"quality_numbers_{row}")


def _settings(snapshot: RunSnapshot, name: str, measured: Measured) -> str:
    text = f"*{plain_text(title_of(name))}*, measured at step {measured.step:,}."
    if _metric(name).features and snapshot.protocol:
        p = snapshot.protocol
        network, digest, reference = (
            plain_text(str(p.get(name))) for name in ("network", "hash", "reference")
        )
        text += f" Features: {network} ({digest}). Reference: {reference}."
    return text


def _curve(snapshot: RunSnapshot, newest: dict[str, Measured]) -> None:
    names = list(newest)
    key = f"quality_metric_{snapshot.config.dataset.kind}"
    name = st.selectbox(
        "Metric",
        names,
        format_func=title_of,
        key=key,
        persist_state="session",
        label_visibility="collapsed",
    )
    name = name if name in newest else names[0]
    measurements = [m for m in snapshot.metrics if m.name == name]
    scale = 100.0 if _metric(name).percent else 1.0
    floor = _floor(snapshot, name)
    chart(
        figures.quality(
            _metric(name).title
            + (" (%)" if scale > 1 else f" ({_metric(name).unit})" if _metric(name).unit else ""),
            np.array([m.step for m in measurements], dtype=np.float64),
            np.array([scale * m.value for m in measurements]),
            None if floor is None else scale * floor,
            snapshot.curves,
            log=chart_look().log,
        ),
        key="quality_curve",
        run=f"{snapshot.run}-{name}-{chart_look().log}",
        steps_of=snapshot.run,
        height=220,
        title=f"{_metric(name).title} and the critic gap",
        help=CHART_HELP,
        alt=f"{title_of(name)} and the critic gap over steps",
    )


def _points_advice(has_modes: bool) -> str:
    """Return which metrics show the quality of points; only mixtures of Gaussians have modes."""
    if has_modes:
        return "W₁ and the number of modes show how good the samples are."
    return "W₁ shows how good the samples are."


def _neighbours(snapshot: RunSnapshot) -> None:
    neighbours = snapshot.neighbours
    if neighbours is None:
        if snapshot.config.dataset.kind == "pictures":
            st.caption(
                "After some steps, this shows samples and the nearest training picture of each."
                if snapshot.status.active
                else "This run ended before its samples were compared with training pictures."
            )
        else:
            st.caption(
                "Each batch draws new points, so there is nothing to copy. "
                + _points_advice(any(m.name.startswith("modes") for m in snapshot.metrics))
            )
        return
    n, copies = len(neighbours.distances), sum(neighbours.copies)
    st.markdown("**Nearest training pictures**", help=NEIGHBOURS_HELP)
    copies_text = "None is a copy" if not copies else f"{copies} of {n} are copies"
    image_grid(
        neighbours.content,
        key="neighbours",
        rows=2,
        columns=COLUMNS,
        caption=f"Above: samples of step {neighbours.step:,}. Below: the training picture nearest to each. "
        f"{copies_text}; the mean distance is {fmt_number(round(float(np.mean(neighbours.distances)), 1))} of 255 "
        "per pixel.",
        alt="Eight samples, below each the nearest training picture",
        max_height=190,
    )


# ---- the evaluation -----------------------------------------------------------------------------


def _task(run: str) -> TaskStatus | None:
    return newest_task(run, "Evaluation")


def _evaluate_button(snapshot: RunSnapshot) -> None:
    task = _task(snapshot.run)
    busy = task is not None and not task.done
    possible = snapshot.step > 0 and (bool(snapshot.checkpoint_steps) or snapshot.status.active)
    st.button(
        "Evaluate",
        icon=":material/straighten:",
        key="evaluate",
        **permitted(
            refusal_to_change(snapshot.run),
            disabled=busy or not possible,
            help=EVALUATE_HELP[snapshot.config.dataset.kind],
        ),
        on_click=_evaluate,
        args=(snapshot.run,),
    )
    if busy and task is not None:
        st.button(
            "Cancel",
            icon=":material/close:",
            key="cancel_evaluation",
            **permitted(session().refusal_to_cancel(task.key)),
            on_click=attempt,
            args=(
                Session.cancel_task,
                task.key,
            ),
        )


def _evaluate(run: str) -> None:
    try:
        session().evaluate(run)
        page_state(Steering).problem = ""
    except RunError as error:
        page_state(Steering).problem = str(error)
        page_state(TrainState).needs_redraw = True  # the button is outside this fragment


def _evaluations(snapshot: RunSnapshot) -> None:
    task = _task(snapshot.run)
    if task is None:
        return
    if task.error:
        st.error(plain_text(task.error), icon=":material/error:")
    elif task.cancelled:
        st.caption("The evaluation was cancelled.")
    elif not task.done:
        st.progress(task.share, f"{plain_text(task.message)} …")
    if isinstance(task.result, Evaluation):
        table(task.result)


def table(evaluation: Evaluation) -> None:
    """Show an evaluation, one row per metric."""

    def formatted(name: str, value: float | None) -> str:
        return "–" if value is None else " ".join(value_and_unit(name, value)).strip()

    directions = {"lower": "lower", "higher": "higher", "neither": "close to real"}
    st.markdown(
        f"**Evaluation** at step {evaluation.step:,} with {evaluation.samples:,} samples. "
        f"{plain_text(evaluation.note)}"
        + (f" It took {evaluation.seconds:.0f} s." if evaluation.seconds else "")
    )
    st.dataframe(
        {
            "Metric": [cell_text(title_of(value.name)) for value in evaluation.values],
            "Samples": [formatted(value.name, value.value) for value in evaluation.values],
            "±": [formatted(value.name, value.deviation) for value in evaluation.values],
            "Real examples": [formatted(value.name, value.floor) for value in evaluation.values],
            "Better": [directions[value.better] for value in evaluation.values],
        },
        hide_index=True,
        height="content",
    )
    with st.expander("What these metrics mean", icon=":material/menu_book:"):
        st.markdown(
            "\n".join(
                f"- **{plain_text(title_of(value.name))}**: {value.meaning}"
                for value in evaluation.values
            )
        )
    if evaluation.protocol:
        p = evaluation.protocol
        accuracy = (
            f", {100 * p['accuracy']:.1f} % correct on test pictures" if p["accuracy"] else ""
        )
        features, reference = (plain_text(str(p[name])) for name in ("network", "reference"))
        st.caption(
            f"Features: {features} ({plain_text(str(p['hash']))}{accuracy}). Reference: {reference}. "
            "Compare only with values that have the same features, reference and number of "
            "samples."
        )
