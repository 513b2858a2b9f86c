"""Curves over steps: losses, the gap, metrics, several runs."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from wgan.arrays import Real
from wgan.figures.base import MARGIN, Figure, room, smooth


def curves(
    x: Real,
    lines: Sequence[tuple[str, Real, str]],
    *,
    marks: Sequence[tuple[float, str]] = (),
    x_title: str = "step",
    y_title: str = "",
    zero: bool = True,
) -> Figure:
    """Return smoothed lines over raw ones, on one axis.

    `lines` are (name, values (N,), colour); `marks` are (x, words): changes made by hand.
    """
    traces: list[Figure] = []
    for name, values, colour in lines:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": values,
                "legendgroup": name,
                "showlegend": False,
                "hoverinfo": "skip",
                "line": {"color": f"{colour}/0.28", "width": 1},
            }
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": smooth(values),
                "name": name,
                "legendgroup": name,
                "line": {"color": colour, "width": 2.2},
                "hovertemplate": "%{y:.4g}",
            }
        )
    layout: Figure = {
        "margin": MARGIN,
        "hovermode": "x unified",
        "xaxis": {
            "title": {"text": x_title},
            "rangemode": "tozero",
            "hoverformat": ",d",
            # Some room to grow: while a run trains, the axes need not be drawn anew every second.
            "autorangeoptions": {"include": room(float(x[-1]) if len(x) else 1.0)},
        },
        "yaxis": {"title": {"text": y_title}, "zeroline": zero},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "shapes": [
            {
                "type": "line",
                "xref": "x",
                "yref": "paper",
                "x0": at,
                "x1": at,
                "y0": 0,
                "y1": 1,
                "line": {"color": "@mark", "width": 1, "dash": "dot"},
            }
            for at, _ in marks
        ],
    }
    if marks:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": np.array([at for at, _ in marks], dtype=np.float64),
                "y": np.ones(len(marks)),
                "yaxis": "y2",
                "text": [words for _, words in marks],
                "name": "change",
                "showlegend": False,
                "marker": {"color": "@mark", "symbol": "triangle-down", "size": 9},
                "hovertemplate": "%{text}<extra></extra>",
                "cliponaxis": False,
            }
        )
        layout["yaxis2"] = {
            "overlaying": "y",
            "range": [0, 1],
            "visible": False,
            "fixedrange": True,
        }
    return {"data": traces, "layout": layout}


def losses(columns: Mapping[str, Real], marks: Sequence[tuple[float, str]] = ()) -> Figure:
    """Return critic and generator loss over steps."""
    lines = [
        ("Critic loss", columns["critic_loss"], "@critic"),
        ("Generator loss", columns["generator_loss"], "@generator"),
    ]
    return curves(columns["step"], lines, marks=marks)


def critic_gap(columns: Mapping[str, Real], marks: Sequence[tuple[float, str]] = ()) -> Figure:
    """Return the critic gap on training and held-out data over steps."""
    lines = [
        ("Training data", columns["critic_gap"], "@critic"),
        ("Held-out data", columns["critic_gap_held_out"], "@real"),
    ]
    return curves(columns["step"], lines, marks=marks)


def quality(
    title: str, steps: Real, values: Real, floor: float | None, columns: Mapping[str, Real]
) -> Figure:
    """Return a metric over steps with its floor, and the critic gap on an axis of its own.

    `steps` and `values` are (N,); `columns` are a run's curves.
    """
    traces: list[Figure] = []
    if len(columns.get("step", ())):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": columns["step"],
                "y": smooth(columns["critic_gap"]),
                "yaxis": "y2",
                "name": "Critic gap",
                "line": {"color": "@critic/0.6", "width": 1.6},
                "hovertemplate": "%{y:.4g}",
            }
        )
    traces.append(
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": steps,
            "y": values,
            "name": title,
            "line": {"color": "@fake", "width": 2.2},
            "marker": {"color": "@fake", "size": 5},
            "hovertemplate": "%{y:.4g}",
        }
    )
    last = max(1.0, *map(float, steps[-1:]), *map(float, columns.get("step", steps)[-1:]))
    if floor is not None and math.isfinite(floor):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": np.array([0.0, room(last)]),
                "y": np.array([floor, floor]),
                "name": "Floor",
                "line": {"color": "@real", "width": 1.4, "dash": "dash"},
                "hoverinfo": "skip",
            }
        )
    layout: Figure = {
        "margin": MARGIN | {"r": 52},
        "hovermode": "x unified",
        "showlegend": True,
        "xaxis": {
            "title": {"text": "step"},
            "rangemode": "tozero",
            "hoverformat": ",d",
            "autorangeoptions": {"include": room(last)},
        },
        "yaxis": {"zeroline": False, "rangemode": "tozero"},
        "yaxis2": {
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "zeroline": False,
            "rangemode": "tozero",
            "tickmode": "auto",
            "nticks": 5,
        },
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
    }
    return {"data": traces, "layout": layout}


def compare(
    lines: Sequence[tuple[str, Real, Real, str, tuple[float, float] | None]],
    *,
    x_title: str,
    zero: bool = True,
) -> Figure:
    """Return the same curve of several runs on one axis: smoothed over raw.

    `lines` are (name, x (N,), y (N,), colour, where it forks off or None). A fork is drawn from
    there on, with a dot where it leaves its parent's line.
    """
    traces: list[Figure] = []
    for name, x, y, colour, origin in lines:
        smoothed = smooth(y)
        traces += [
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": y,
                "legendgroup": name,
                "showlegend": False,
                "hoverinfo": "skip",
                "line": {"color": f"{colour}/0.22", "width": 1},
            },
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": smoothed,
                "name": name,
                "legendgroup": name,
                "line": {"color": colour, "width": 2.2},
                "hovertemplate": "%{y:.4g}",
            },
        ]
        if origin is not None:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": np.array([origin[0]]),
                    "y": np.array([origin[1]]),
                    "legendgroup": name,
                    "showlegend": False,
                    "marker": {"color": colour, "size": 9},
                    "name": name,
                    "hovertemplate": "forks off here<extra></extra>",
                }
            )
    longest = max((float(x[-1]) for _, x, _, _, _ in lines if len(x)), default=1.0)
    return {
        "data": traces,
        "layout": {
            "margin": MARGIN,
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": {
                "title": {"text": x_title},
                "rangemode": "tozero",
                "hoverformat": ",d",
                "autorangeoptions": {"include": room(longest)},
            },
            "yaxis": {"zeroline": zero},
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        },
    }
