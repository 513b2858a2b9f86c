"""Curves over steps: losses, the gap, metrics, several runs."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from wgan.arrays import Real
from wgan.figures.base import (
    DEFAULT_LOOK,
    LEGEND,
    MARGIN,
    SMALL_LEGEND,
    ChartLook,
    Figure,
    next_round_number,
    smooth,
    vertical_line,
    wrapped,
)

MARK_WIDTH = 36
"""Characters in a line of a mark's text on hover."""

NAME_WIDTH = 30
"""Characters in a line of a run's name in the legend."""


def curves(
    x: Real,
    lines: Sequence[tuple[str, Real, str]],
    *,
    marks: Sequence[tuple[float, str]] = (),
    problems: Sequence[tuple[float, str]] = (),
    x_title: str = "step",
    y_title: str = "",
    zero: bool = True,
    marks_in_legend: bool = True,
    look: ChartLook = DEFAULT_LOOK,
) -> Figure:
    """Return smoothed lines over raw ones, on one axis.

    Args:
        x: What the lines are drawn over, (N,), rising.
        lines: Name, values (N,) and colour of each line.
        marks: x and text of each change that was made by hand.
        problems: x and text of each problem that the diagnosis found.
        x_title: Title of the x axis.
        y_title: Title of the y axis.
        zero: Whether y = 0 is drawn as a line.
        marks_in_legend: Whether the legend names the marks.
        look: Smoothing, and the kind of the y axis.
    """
    traces: list[Figure] = []
    for name, values, colour in lines:
        traces += _raw_and_smoothed(name, x, values, colour, raw_alpha=0.28, look=look)
    layout: Figure = {
        "margin": MARGIN,
        "hovermode": "x unified",
        "xaxis": _step_axis(x_title, float(x[-1]) if len(x) else 1.0),
        "yaxis": {"title": {"text": y_title}, "zeroline": zero} | _y_axis_type(look),
        "legend": LEGEND,
        "shapes": [vertical_line(at, width=1, dash="dot") for at, _ in [*marks, *problems]],
    }
    traces += [
        _marks(name, symbol, those) | {"showlegend": marks_in_legend}
        for name, symbol, those in (("change", "triangle-down", marks), ("problem", "x", problems))
        if those
    ]
    if marks or problems:
        layout["yaxis2"] = {
            "overlaying": "y",
            "range": [0, 1],
            "visible": False,
            "fixedrange": True,
        }
    return {"data": traces, "layout": layout}


def _raw_and_smoothed(
    name: str,
    x: Real,
    values: Real,
    colour: str,
    *,
    raw_alpha: float,
    look: ChartLook,
) -> list[Figure]:
    """Return a curve as measured, pale, and smoothed; the legend shows one entry."""
    if look.log:
        values = np.where(values > 0, values, np.nan)
    raw: list[Figure] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": x,
            "y": values,
            "legendgroup": name,
            "showlegend": False,
            "hoverinfo": "skip",
            "line": {"color": f"{colour}/{raw_alpha}", "width": 1},
        },
    ]
    return [
        *(raw if look.smoothing else []),
        {
            "type": "scatter",
            "mode": "lines",
            "x": x,
            "y": smooth(values, look.smoothing) if look.smoothing else values,
            "name": name,
            "legendgroup": name,
            "line": {"color": colour, "width": 2.2},
            "hovertemplate": "%{y:.3g}",
        },
    ]


def _y_axis_type(look: ChartLook) -> Figure:
    return {"type": "log"} if look.log else {}


def _step_axis(title: str, last: float, hover_title: str = "") -> Figure:
    return {
        "title": {"text": title},
        "rangemode": "tozero",
        "hoverformat": ",d",
        "unifiedhovertitle": {"text": hover_title or f"{title} %{{x:,d}}"},
        # Room to grow: while a run trains, the axis keeps its range for many updates.
        "autorangeoptions": {"include": next_round_number(last)},
    }


def _marks(name: str, symbol: str, marks: Sequence[tuple[float, str]]) -> Figure:
    """Return a symbol at the top of the chart for each mark, with its text on hover."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": np.array([at for at, _ in marks], dtype=np.float64),
        "y": np.full(len(marks), 0.94),  # inside the plot: the legend is directly above it
        "yaxis": "y2",
        "text": [wrapped(text, MARK_WIDTH) for _, text in marks],
        "name": name,
        "marker": {"color": "@mark", "symbol": symbol, "size": 9},
        "hovertemplate": "%{text}<extra></extra>",
    }


SCORE_NAMES = ("E f(real)", "E f(fake)", "Generator loss")


def losses(
    columns: Mapping[str, Real],
    marks: Sequence[tuple[float, str]] = (),
    problems: Sequence[tuple[float, str]] = (),
    *,
    separate_updates: bool = False,
    look: ChartLook = DEFAULT_LOOK,
) -> Figure:
    """Return the critic's mean scores of real and fake examples and the generator's loss over steps.

    Runs that older versions made have no scores: their chart shows the critic's loss instead.

    Args:
        columns: The curves of the run, (N,) each, by name.
        marks: Step and text of each change.
        problems: Step and text of each problem that the diagnosis found.
        separate_updates: Whether the critic learns from real and fake examples in separate updates.
            The chart then shows the loss of each update, −E f(real) and E f(fake), under the names
            that the tutorial with this training uses: crit_real, crit_fake, gen.
        look: Smoothing, and the kind of the y axis.
    """
    if np.isfinite(columns["real_score"]).any():
        real, fake = columns["real_score"], columns["fake_score"]
        names = ("crit_real", "crit_fake", "gen") if separate_updates else SCORE_NAMES
        lines = [
            (names[0], -real if separate_updates else real, "@real"),
            (names[1], fake, "@fake"),
            (names[2], columns["generator_loss"], "@generator"),
        ]
    else:
        lines = [
            ("Critic loss", columns["critic_loss"], "@critic"),
            ("Generator loss", columns["generator_loss"], "@generator"),
        ]
    figure = curves(
        columns["step"],
        lines,
        marks=marks,
        problems=problems,
        marks_in_legend=False,  # the chart of the critic gap, which is always shown above, names them
        look=look,
    )
    figure["layout"]["legend"] = SMALL_LEGEND  # one line in a narrow chart
    return figure


def critic_gap(
    columns: Mapping[str, Real],
    marks: Sequence[tuple[float, str]] = (),
    problems: Sequence[tuple[float, str]] = (),
    *,
    look: ChartLook = DEFAULT_LOOK,
) -> Figure:
    """Return the critic gap on training and held-out data over steps.

    Args:
        columns: The curves of the run, (N,) each, by name.
        marks: Step and text of each change.
        problems: Step and text of each problem that the diagnosis found.
        look: Smoothing, and the kind of the y axis.
    """
    lines = [
        ("Training", columns["critic_gap"], "@critic"),
        ("Held-out", columns["critic_gap_held_out"], "@real"),
    ]
    return curves(columns["step"], lines, marks=marks, problems=problems, look=look)


def quality(
    title: str,
    steps: Real,
    values: Real,
    floor: float | None,
    columns: Mapping[str, Real],
    *,
    log: bool = False,
) -> Figure:
    """Return a metric over steps with its floor, and the critic gap on a second axis.

    Args:
        title: Name of the metric.
        steps: Steps at which it was measured, (N,).
        values: Its values, (N,).
        floor: What real examples score; None if it is unknown.
        columns: The curves of the run, by name.
        log: Whether the metric's axis is logarithmic.
    """
    last = max([1.0, *map(float, steps[-1:]), *map(float, columns.get("step", steps)[-1:])])
    traces: list[Figure] = []
    if len(columns.get("step", ())):
        traces.append(_gap_on_second_axis(columns))
    traces.append(
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": steps,
            "y": values,
            "name": title,
            "line": {"color": "@fake", "width": 2.2},
            "marker": {"color": "@fake", "size": 5},
            "hovertemplate": "%{y:.3g}",
        }
    )
    if floor is not None and math.isfinite(floor):
        traces.append(_floor_line(floor, next_round_number(last)))
    layout: Figure = {
        "margin": MARGIN | {"l": 62, "r": 62},
        "hovermode": "x unified",
        "showlegend": True,
        "xaxis": _step_axis("step", last),
        "yaxis": {"title": {"text": title}, "zeroline": False}
        | ({"type": "log"} if log else {"rangemode": "tozero"}),
        "yaxis2": {
            "title": {"text": "Critic gap"},
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "zeroline": False,
            "rangemode": "tozero",
            "tickmode": "auto",
            "nticks": 5,
        },
        "legend": LEGEND,
    }
    return {"data": traces, "layout": layout}


def _gap_on_second_axis(columns: Mapping[str, Real]) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": columns["step"],
        "y": smooth(columns["critic_gap"]),
        "yaxis": "y2",
        "name": "Critic gap",
        "line": {"color": "@critic/0.6", "width": 1.6},
        "hovertemplate": "%{y:.3g}",
    }


def _floor_line(floor: float, end: float) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": np.array([0.0, end]),
        "y": np.array([floor, floor]),
        "name": "Floor",
        "line": {"color": "@real", "width": 1.4, "dash": "dash"},
        "hoverinfo": "skip",
    }


def compare(
    lines: Sequence[tuple[str, Real, Real, str, tuple[float, float] | None]],
    *,
    x_title: str,
    zero: bool = True,
    percent: bool = False,
    look: ChartLook = DEFAULT_LOOK,
) -> Figure:
    """Return the same curve of several runs on one axis: smoothed over raw.

    Args:
        lines: Name, x (N,), y (N,), colour and origin of each line. The origin of a fork is the point
            (x, y) where it leaves its parent's line, shown as a dot; other runs have None.
        x_title: Title of the x axis.
        zero: Whether y = 0 is drawn as a line.
        percent: Whether the values are shares, which the axis shows in %.
        look: Smoothing, and the kind of the y axis.
    """
    traces: list[Figure] = []
    for title, x, y, colour, origin in lines:
        name = wrapped(title, NAME_WIDTH)
        traces += _raw_and_smoothed(name, x, y, colour, raw_alpha=0.22, look=look)
        if percent:
            traces[-1]["hovertemplate"] = "%{y:.1%}"
        if origin is not None:
            traces.append(_fork_dot(name, origin, colour))
    longest = max((float(x[-1]) for _, x, _, _, _ in lines if len(x)), default=1.0)
    return {
        "data": traces,
        "layout": {
            "margin": MARGIN,
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": _step_axis(x_title, longest, "%{x:,d} s" if x_title.endswith(", s") else ""),
            "yaxis": {"zeroline": zero}
            | _y_axis_type(look)
            | ({"tickformat": ".0%"} if percent else {}),
            "legend": LEGEND,
        },
    }


def _fork_dot(name: str, origin: tuple[float, float], colour: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": np.array([origin[0]]),
        "y": np.array([origin[1]]),
        "legendgroup": name,
        "showlegend": False,
        "marker": {"color": colour, "size": 9},
        "name": name,
        "hovertemplate": "fork begins here<extra></extra>",
    }
