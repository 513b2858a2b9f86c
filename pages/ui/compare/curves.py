"""Curves and samples of several runs on common axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.compare.state import CompareState
from pages.ui.core import datasets
from pages.ui.core.chart_look import chart_look
from pages.ui.core.plain_text import plain_text
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.core.url import asked_moment, keep_moment
from pages.ui.panels import run_panel
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.run_grid.run_grid import RunSamples, run_grid
from pages.ui.widgets.sample_timeline.sample_timeline import Frame
from wgan import figures
from wgan.arrays import F64
from wgan.config import PREVIEW_COLUMNS, short
from wgan.jobs import RunSnapshot
from wgan.metrics import METRICS, metric_of, title_of
from wgan.runs import RunError, Status, began

AXES = {"Step": ("step", "steps"), "Images": ("images", "images"), "Time": ("seconds", "s")}
AXIS_HELP = """**Step**: generator updates. **Images**: real examples that the critic was trained on. Use
this if runs differ in batch size or in critic updates per step. **Time**: seconds of training."""

QUALITY = "Sample quality"
"""The choice that shows the metrics by which runs of different objectives can be compared."""

CURVES = {
    "Critic gap": "critic_gap",
    "Critic gap, held-out": "critic_gap_held_out",
    "Score of real": "real_score",
    "Score of fakes": "fake_score",
    "Critic loss": "critic_loss",
    "Generator loss": "generator_loss",
    "Penalty": "penalty",
}
CURVE_HELP = f"""**{QUALITY}** shows FID for pictures, and W₁ and the modes for points. Gaps and losses of different objectives have different units: compare their shapes, not
their values. Metrics of the samples, such as W₁, can be compared between all objectives."""


@dataclass(frozen=True)
class Choice:
    """The choices in the sidebar."""

    runs: tuple[str, ...]
    axis: str
    curve: str


def snapshots_of(runs: Sequence[str]) -> list[RunSnapshot]:
    """Return the snapshots of the readable runs; show an error for the others."""
    snapshots = []
    for run in runs:
        try:
            snapshots.append(session().snapshot(run))
        except RunError as error:
            st.warning(plain_text(str(error)), icon=":material/search_off:")
    return snapshots


def curve_title(curve: str) -> str:
    """Return the title of a curve or a metric."""
    return curve if curve in CURVES or curve == QUALITY else title_of(curve)


def measured_metrics(runs: Sequence[str]) -> list[str]:
    """Return the names of the metrics that any of the runs has, in the order of their registry.

    The order of measurement differs between a run that trains and the same run when it has ended.
    """
    names: dict[str, None] = {}
    for run in runs:
        try:
            metric_names = (m.name for m in session().snapshot(run).metrics)
            names |= dict.fromkeys(name for name in metric_names if metric_of(name) is not None)
        except RunError:
            continue
    order = [metric.title for metric in METRICS.values()]
    return sorted(
        names,
        key=lambda name: (order.index(metric.title) if (metric := metric_of(name)) else -1, name),
    )


def comparable(snapshot: RunSnapshot, other: RunSnapshot, name: str) -> bool:
    """Return whether the values of a metric of two runs can be compared."""
    metric = metric_of(name)
    if metric is None:
        return True
    if metric.features:
        return dict(snapshot.protocol) == dict(other.protocol)
    return snapshot.config.dataset == other.config.dataset


# ---- curves and pictures ----------------------------------------------------------------------


def panel(choice: Choice, statuses: tuple[Status, ...]) -> None:
    """Show the runs' pictures and curves. The body of the page's fragment.

    `statuses` are those of the runs when the buttons above were drawn.
    """
    refresh_interval()  # count this visitor as present
    snapshots = snapshots_of(choice.runs)
    if tuple(snapshot.status for snapshot in snapshots) != statuses:
        st.rerun()
    column, unit = AXES[choice.axis]
    titles = titles_of(snapshots)
    items = [
        _item(snapshot, titles[i], figures.SERIES[i], column)
        for i, snapshot in enumerate(snapshots)
    ]

    def fetch(run: str, steps: Sequence[int]) -> Mapping[int, Frame]:
        config = session().snapshot(run).config
        real = datasets.real_examples(config.dataset, 256)
        previews = {step: session().library.preview(run, step) for step in steps}
        return {s: run_panel.to_frame(p, real) for s, p in previews.items() if p is not None}

    def go_to(moment: int | None) -> None:
        page_state(CompareState).moments[(*choice.runs, choice.axis)] = moment
        keep_moment(moment)

    run_grid(
        items,
        key="wall",
        unit=unit,
        fetch=fetch,
        max_height=330 if len(items) < 4 else 240,
        moments=_moments(choice),
        at=asked_moment(),
        on_move=go_to,
    )
    names = quality_metrics(snapshots) if choice.curve == QUALITY else [choice.curve]
    if not names:
        _no_metrics(snapshots)
        return
    if choice.curve == QUALITY and len({s.config.dataset.model_dump_json() for s in snapshots}) > 1:
        st.caption(
            ":material/block: These runs have different data, so the quality of their samples cannot be compared. "
            "Choose a curve in the sidebar to compare their training."
        )
        return
    for place, name in zip(st.columns(len(names), gap="medium"), names, strict=True):
        with place:
            _curve(choice, name, snapshots, titles)


def quality_metrics(snapshots: Sequence[RunSnapshot]) -> list[str]:
    """Return the measured metrics that best tell the quality of the samples of these runs."""
    measured = measured_metrics([snapshot.run for snapshot in snapshots])
    live = {m.name for snapshot in snapshots for m in snapshot.metrics if m.step < snapshot.step}
    names: dict[str, str] = {}
    for name in measured:
        metric = metric_of(name)
        # Of several numbers of samples, take the one that is measured during training.
        if metric is not None and metric.headline and (metric.title not in names or name in live):
            names[metric.title] = name
    return list(names.values())


def _no_metrics(snapshots: Sequence[RunSnapshot]) -> None:
    if any(snapshot.status.active for snapshot in snapshots):
        st.caption("The first measurements of the samples appear after a few seconds of training.")
    else:
        st.caption(
            "The samples of these runs were not measured. Choose another curve in the sidebar, or evaluate the "
            "runs on the Train page."
        )


def _curve(
    choice: Choice, name: str, snapshots: Sequence[RunSnapshot], titles: Sequence[str]
) -> None:
    """Show one curve of all runs, without those whose values cannot be compared with the first run's."""
    not_comparable = [
        i for i, snapshot in enumerate(snapshots) if not comparable(snapshot, snapshots[0], name)
    ]
    if not_comparable:
        left_out = ", ".join(titles[i] for i in not_comparable)
        st.caption(
            f":material/block: Not drawn: {plain_text(left_out)}. Their {plain_text(curve_title(name))} was measured on other data "
            f"or with another feature network, and cannot be compared with that of {plain_text(titles[0])}."
        )
    metric = metric_of(name)
    # A moving average over the few measurements of a metric would lag far behind the last one.
    look = chart_look() if metric is None else replace(chart_look(), smoothing=0.0)
    lines = _lines(
        snapshots, titles, name, AXES[choice.axis][0], look.smoothing, leave_out=not_comparable
    )
    if not any(len(x) for _, x, _, _, _ in lines):
        st.caption("This curve has no values yet.")
        return
    chart(
        figures.compare(
            lines,
            x_title=_axis_title(choice.axis),
            percent=metric is not None and metric.percent,
            look=look,
        ),
        key="compare" if choice.curve != QUALITY else f"compare-{name}",
        run=f"{name}-{choice.axis}-{choice.runs}-{look.log}",
        steps_of=_moments(choice),
        height=300,
        alt=f"{curve_title(name)} of {len(snapshots) - len(not_comparable)} runs",
        title=curve_title(name),
        help=metric.meaning if metric is not None else CURVE_HELP,
    )


def _moments(choice: Choice) -> str:
    """Return the name under which pictures and curves share the position on the common axis."""
    return f"{choice.axis} {choice.runs}"


def _axis_title(axis: str) -> str:
    return {"Step": "step", "Images": "images seen", "Time": "training time, s"}[axis]


def titles_of(snapshots: Sequence[RunSnapshot]) -> list[str]:
    """Return a short, unique title for each run.

    It is the run's name or objective. If these are not unique, the start time is added, and the data
    set if the runs have several.
    """
    titles = [v.name or short(v.config.objective.title) for v in snapshots]
    if len(set(titles)) == len(snapshots):
        return titles
    data = [short(v.config.dataset.title) for v in snapshots]
    same_data = len(set(data)) == 1
    for i, snapshot in enumerate(snapshots):
        if not snapshot.name:
            details = [] if same_data else [data[i]]
            titles[i] = " · ".join([titles[i], *details, began(snapshot.run, snapshot.created)])
    return [
        title if titles.count(title) == 1 else f"{title} #{titles[: i + 1].count(title)}"
        for i, title in enumerate(titles)
    ]


def _along(snapshot: RunSnapshot, column: str, steps: Sequence[float] | F64) -> F64:
    """Return the positions of steps on an axis, interpolated between the reports."""
    if column == "step" or not len(snapshot.curves.get("step", ())):
        return np.asarray(steps, dtype=np.float64)
    known_steps, at = snapshot.curves["step"], snapshot.curves[column]
    return np.asarray(
        np.interp(steps, np.concatenate([[0.0], known_steps]), np.concatenate([[0.0], at])),
        dtype=np.float64,
    )


def _item(snapshot: RunSnapshot, title: str, colour: str, column: str) -> RunSamples:
    real = datasets.real_examples(snapshot.config.dataset, 256)
    latest = run_panel.to_frame(snapshot.preview, real) if snapshot.preview is not None else None
    steps = list(snapshot.preview_steps)
    if snapshot.preview is not None and snapshot.preview.step not in steps:
        steps.append(snapshot.preview.step)
    at = _along(snapshot, column, steps)
    empty_text = run_panel.empty_text(snapshot, "Pictures")
    labels = snapshot.config.preview_labels()
    rows = 8 if labels is None else len(labels) // PREVIEW_COLUMNS
    return RunSamples(
        snapshot.run,
        title,
        colour,
        steps,
        at.tolist(),
        latest,
        snapshot.status.active,
        empty_text,
        rows=rows,
    )


def _lines(
    snapshots: Sequence[RunSnapshot],
    titles: Sequence[str],
    curve: str,
    column: str,
    smoothing: float,
    leave_out: Sequence[int] = (),
) -> list[tuple[str, Any, Any, str, tuple[float, float] | None]]:
    """Return the runs' curves. If a fork's parent is shown, too, the fork's curve begins where they part."""
    run_ids = {snapshot.run for snapshot in snapshots}
    lines = []
    for i, snapshot in enumerate(snapshots):
        if i in leave_out:
            continue
        x, y, steps = _values(snapshot, curve, column)
        origin = None
        if snapshot.parent is not None and snapshot.parent.run in run_ids and len(steps):
            at = int(np.searchsorted(steps, snapshot.parent.step, side="right"))
            # Include one point before the fork, so that the line begins on the parent's line.
            first = max(at - 1, 0)
            drawn = figures.smooth(y, smoothing) if smoothing else y
            if at > 0:
                origin = (float(x[first]), float(drawn[first]))
            x, y = x[first:], y[first:]
        lines.append((titles[i], x, y, figures.SERIES[i], origin))
    return lines


def _values(snapshot: RunSnapshot, curve: str, column: str) -> tuple[Any, Any, Any]:
    if curve in CURVES:
        if not len(snapshot.curves.get("step", ())):
            return np.empty(0), np.empty(0), np.empty(0)
        return snapshot.curves[column], snapshot.curves[CURVES[curve]], snapshot.curves["step"]
    measurements = [m for m in snapshot.metrics if m.name == curve]
    steps = np.array([m.step for m in measurements], dtype=np.float64)
    return _along(snapshot, column, steps), np.array([m.value for m in measurements]), steps
