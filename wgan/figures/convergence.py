"""A critic that is trained to convergence: the bound that it proves, its gap and its slope."""

from typing import Any

import numpy as np

from wgan.arrays import Number, Real
from wgan.figures.base import LEGEND, MARGIN, Figure


def proved_bound(
    updates: Number, bounds: Real, exact: float, floor: float | None, total: int
) -> Figure:
    """Return the lower bound of W₁ that a critic proves over its updates, and the exact distance.

    Args:
        updates: Critic updates, (K,), rising.
        bounds: Lower bounds, (K,).
        exact: The exact distance.
        floor: The distance between real examples and others; None if it is unknown.
        total: Updates in the whole training.
    """
    ends = np.array([0.0, max(total, 1)])
    levels = [("exact W₁", exact, "@real", "dash")]
    if floor is not None:
        levels.append(("floor", floor, "@muted", "dot"))
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "x": updates,
                "y": bounds,
                "name": "lower bound",
                "line": {"color": "@critic", "width": 2.4},
                "fill": "tozeroy",
                "fillcolor": "@critic/0.1",
                "hovertemplate": "%{y:.3g}",
            },
            *(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": ends,
                    "y": np.full(2, at),
                    "name": name,
                    "line": {"color": colour, "width": 1.8, "dash": dash},
                    "hovertemplate": "%{y:.3g}",
                }
                for name, at, colour, dash in levels
            ),
        ],
        "layout": {
            "margin": MARGIN,
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": {
                "title": {"text": "critic updates"},
                "range": [0, max(total, 1)],
                "hoverformat": ",d",
                "unifiedhovertitle": {"text": "update %{x:,d}"},
            },
            "yaxis": {
                "title": {"text": "distance"},
                "rangemode": "tozero",
                "autorangeoptions": {"include": [0.0, 1.12 * exact]},
            },
            "legend": LEGEND,
        },
    }


def raw_gap(updates: Number, gaps: Real, slopes: Real, total: int) -> Figure:
    """Return the raw gap of a critic over its updates, and its steepest slope on a second axis.

    Args:
        updates: Critic updates, (K,), rising.
        gaps: E f(real) − E f(fake), (K,).
        slopes: Steepest slopes, (K,).
        total: Updates in the whole training.
    """

    def line(name: str, values: Real, colour: str, **changes: Any) -> Figure:
        return {
            "type": "scatter",
            "mode": "lines",
            "x": updates,
            "y": values,
            "name": name,
            "line": {"color": colour, "width": 2},
            "hovertemplate": "%{y:.3g}",
            **changes,
        }

    return {
        "data": [
            line("critic gap", gaps, "@critic"),
            # Dashed: the gap grows with the slope, so the two lines often coincide.
            line("slope", slopes, "@mark", yaxis="y2")
            | {"line": {"color": "@mark", "width": 2, "dash": "dash"}},
        ],
        "layout": {
            "margin": MARGIN | {"l": 58, "r": 62},
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": {
                "title": {"text": "critic updates"},
                "range": [0, max(total, 1)],
                "hoverformat": ",d",
                "unifiedhovertitle": {"text": "update %{x:,d}"},
            },
            "yaxis": {
                "title": {"text": "critic gap"},
                "exponentformat": "power",
                "rangemode": "tozero",
                "nticks": 4,
            },
            "yaxis2": {
                "title": {"text": "slope"},
                "overlaying": "y",
                "side": "right",
                "showgrid": False,
                "rangemode": "tozero",
                "exponentformat": "power",
                "tickmode": "auto",
                "nticks": 4,
            },
            "legend": LEGEND,
        },
    }
