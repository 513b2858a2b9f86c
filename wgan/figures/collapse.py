"""Mode collapse: samples, captured modes over steps, and classes among the samples."""

from collections.abc import Sequence

import numpy as np

from wgan.arrays import Number, Real
from wgan.figures.base import LEGEND, MARGIN, Figure, dots, square, vertical_line


def point_cloud(real: Real, fake: Real, extent: float) -> Figure:
    """Return real points and fakes over them, (N, 2) each, in a small chart without axes."""
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False, "visible": False}
    return {
        "data": [dots("Real", real, "@real/0.7", 4.5), dots("Fake", fake, "@fake/0.7", 3.2)],
        "layout": {
            "margin": {"l": 2, "r": 2, "t": 2, "b": 2},
            **square(axis),
            "showlegend": False,
            "hovermode": False,
        },
    }


def modes_over_steps(
    lines: Sequence[tuple[str, Number, Real, str, float | None]],
    total_modes: int,
    total: int,
    y_title: str,
) -> Figure:
    """Return how many modes several networks capture over steps, and the step at which each collapses.

    Args:
        lines: Name, steps (K,), modes (K,), colour and step of the collapse (or None) of each network.
        total_modes: Modes of the data.
        total: Steps in the whole training.
        y_title: Title of the y axis.
    """
    collapses = [(name, step, colour) for name, _, _, colour, step in lines if step is not None]
    figure = _lines_over_steps(
        [(name, steps, modes, colour) for name, steps, modes, colour, _ in lines],
        total,
        y_title=y_title,
        y_range=(-0.02 * total_modes, 1.08 * total_modes),
        level=total_modes,
        hover="%{y:,d}",
    )
    figure["layout"]["shapes"] += [
        vertical_line(step, colour=colour, width=1.6) for _, step, colour in collapses
    ]
    figure["layout"]["annotations"] = [
        _collapse_label(name, step, colour, i) for i, (name, step, colour) in enumerate(collapses)
    ]
    return figure


def good_share_over_steps(
    lines: Sequence[tuple[str, Number, Real, str]], floor: float, total: int
) -> Figure:
    """Return the share of high-quality samples of several networks over steps.

    Args:
        lines: Name, steps (K,), shares (K,) in [0, 1] and colour of each network.
        floor: The share of real points, in [0, 1].
        total: Steps in the whole training.
    """
    return _lines_over_steps(
        [(name, steps, 100 * np.asarray(shares), colour) for name, steps, shares, colour in lines],
        total,
        y_title="high quality, %",
        y_range=(-2, 108),
        level=100 * floor,
        hover="%{y:.0f} %",
    )


def _lines_over_steps(
    lines: Sequence[tuple[str, Number, Real, str]],
    total: int,
    *,
    y_title: str,
    y_range: tuple[float, float],
    level: float,
    hover: str,
) -> Figure:
    """Return a line for each network over the steps of a training, and a dashed level to reach."""
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "x": steps,
                "y": values,
                "name": name,
                "line": {"color": colour, "width": 2.4},
                "hovertemplate": hover,
            }
            for name, steps, values, colour in lines
        ],
        "layout": {
            "margin": MARGIN,
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": {
                "title": {"text": "step"},
                "range": [0, total],
                "hoverformat": ",d",
                "unifiedhovertitle": {"text": "step %{x:,d}"},
            },
            "yaxis": {"title": {"text": y_title}, "range": list(y_range), "nticks": 6},
            "legend": LEGEND,
            "shapes": [_level(level)],
        },
    }


def _level(height: float) -> Figure:
    """Return a dashed horizontal line through the whole chart."""
    return {
        "type": "line",
        "xref": "paper",
        "yref": "y",
        "x0": 0,
        "x1": 1,
        "y0": height,
        "y1": height,
        "line": {"color": "@real", "width": 1.4, "dash": "dash"},
    }


def _collapse_label(name: str, step: float, colour: str, place: int) -> Figure:
    """Return the label of a collapse; each next `place` is further down."""
    return {
        "x": step,
        "y": 0.66 - 0.12 * place,
        "yref": "paper",
        "text": f"⚠ {name} collapses",
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "top",
        "xshift": 4,
        "font": {"color": colour, "size": 12},
    }


def class_shares(
    names: Sequence[str], groups: Sequence[tuple[str, Real, str]], real: Real | None
) -> Figure:
    """Return the shares of the classes among the samples of several networks, and among the data.

    Args:
        names: Names of the classes, C of them.
        groups: Name, shares (C,) and colour of each network.
        real: Shares among the data, (C,), drawn as a dashed step line.
    """
    traces: list[Figure] = [
        {
            "type": "bar",
            "x": list(names),
            "y": 100 * np.asarray(shares, dtype=np.float64),
            "name": name,
            "marker": {"color": colour, "line": {"width": 0}},
            "hovertemplate": "%{y:.1f} %",
        }
        for name, shares, colour in groups
    ]
    if real is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": list(names),
                "y": 100 * np.asarray(real, dtype=np.float64),
                "name": "Data",
                "line": {"color": "@real", "width": 2, "shape": "hvh", "dash": "dash"},
                "hovertemplate": "%{y:.1f} %",
            }
        )
    return {
        "data": traces,
        "layout": {
            "margin": MARGIN,
            "barmode": "group",
            "bargap": 0.2,
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": {"type": "category", "title": {"text": "class"}},
            "yaxis": {"rangemode": "tozero", "ticksuffix": " %", "nticks": 5},
            "legend": LEGEND,
        },
    }
