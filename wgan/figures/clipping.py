"""Critics with different constraints: their surfaces, and gradients by depth."""

import math
from collections.abc import Sequence

import numpy as np

from wgan.arrays import Real
from wgan.figures.base import LEGEND, MARGIN, Figure, contour, dots, square
from wgan.format import fmt_sci


def small_surface(table: Real, extent: float) -> Figure:
    """Return a surface over [−extent, extent]² in a small chart without axes: (S, S), row = y upwards."""
    low, high = float(table.min()), float(table.max())
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False, "visible": False}
    return {
        "data": [
            contour(table, extent, low, high, 12)
            | {
                "showscale": False,
                "line": {"width": 0.9, "color": "@text/0.4"},
                "hovertemplate": "score %{z:.3g}<extra></extra>",
            }
        ],
        "layout": {
            "margin": {"l": 2, "r": 2, "t": 2, "b": 2},
            **square(axis),
            "showlegend": False,
        },
    }


def with_real_points(figure: Figure, real: Real) -> Figure:
    """Return a figure with real points, (N, 2), over it."""
    return {**figure, "data": [*figure["data"], dots("Real", real, "@real/0.7", 2.6)]}


def gradient_by_depth(lines: Sequence[tuple[str, Real, str, bool]]) -> Figure:
    """Return gradient norms by hidden layer, on a logarithmic axis.

    Args:
        lines: Name, norms (L,), colour and whether it is bold, of each critic.
    """
    exponents = np.log10(np.concatenate([np.ones(1), *(v[v > 0] for _, v, _, _ in lines)]))
    low, high = float(exponents.min()), float(exponents.max())
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers" if bold else "lines",
                "x": np.arange(1, len(values) + 1),
                "y": np.where(values > 0, values, np.nan),
                "name": name,
                "line": {"color": colour, "width": 2.8 if bold else 1.8},
                "marker": {"color": colour, "size": 6},
                "customdata": [fmt_sci(value) for value in values.tolist()],
                "hovertemplate": "layer %{x}: %{customdata}<extra>%{fullData.name}</extra>",
            }
            for name, values, colour, bold in lines
        ],
        "layout": {
            "margin": MARGIN | {"l": 58},
            # Not unified: with a row for each critic, the label would be higher than the chart.
            "hovermode": "closest",
            "showlegend": True,
            "xaxis": {"title": {"text": "hidden layer, from the input"}, "dtick": 1},
            "yaxis": {
                "type": "log",
                "exponentformat": "power",
                "range": [low - 0.6, high + 0.6],
                # Few ticks, because a legend of several rows leaves little height.
                "dtick": max(1, math.ceil((high - low) / 3)),
                "zeroline": False,
            },
            "legend": LEGEND | {"font": {"size": 11}},
        },
    }
