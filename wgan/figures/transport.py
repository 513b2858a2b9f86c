"""Optimal transport and its dual: distribution functions, plans in the plane, potentials."""

from collections.abc import Sequence

import numpy as np

from wgan.arrays import Number, Real
from wgan.figures.base import SMALL_LEGEND, Figure, dots, line_trace

PLAN_SHADES = ((0.02, 0.1, 0.12), (0.1, 0.3, 0.28), (0.3, 0.7, 0.5), (0.7, 9.0, 0.8))
"""Classes of shares of a point: lower bound, upper bound, and opacity of their lines."""


def cdfs(fake: Real, real: Real) -> Figure:
    """Return the distribution functions of two piles, with the area between them shaded.

    Args:
        fake: Weights at 0, 1, …, (N,).
        real: The same of the other pile.
    """
    x = np.arange(len(fake), dtype=np.float64)
    steps = {"shape": "hv"}
    return {
        "data": [
            line_trace("F<sub>fake</sub>", x, np.cumsum(fake), "@fake", line=steps),
            line_trace(
                "F<sub>real</sub>",
                x,
                np.cumsum(real),
                "@real",
                line=steps,
                fill="tonexty",
                fillcolor="@critic/0.18",
            ),
        ],
        "layout": {
            "margin": {"l": 36, "r": 8, "t": 24, "b": 26},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": SMALL_LEGEND,
            "xaxis": {"range": [0, len(fake) - 1], "zeroline": False, "nticks": 8},
            "yaxis": {"range": [0, 1.04], "nticks": 3, "zeroline": False},
        },
    }


def transport(
    fake: Real, real: Real, mass: Real, *, span: tuple[float, float, float, float]
) -> Figure:
    """Return two clouds and a plan between them as lines, which are darker for larger shares of a point.

    Args:
        fake: Points of equal weight, (N, 2).
        real: Points of equal weight, (M, 2).
        mass: The plan, (N, M). Parts below a 50th of a point are not drawn.
        span: The window: left, right, bottom, top.
    """
    shares = mass * len(fake)
    traces: list[Figure] = []
    for low, high, alpha in PLAN_SHADES:
        rows, columns = np.nonzero((shares >= low) & (shares < high))
        gap = np.full((len(rows), 2), np.nan)  # a line breaks there
        path = np.stack([fake[rows], real[columns], gap], axis=1).reshape(-1, 2)
        line = {"color": f"@critic/{alpha}", "width": 1.3}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": path[:, 0],
                "y": path[:, 1],
                "line": line,
                "hoverinfo": "skip",
                "showlegend": False,
                "name": f"{low:g}",
            }
        )
    traces += [dots("Fake", fake, "@fake", 7), dots("Real", real, "@real", 7)]
    axis = {"zeroline": False, "showgrid": False, "dtick": 1}
    left, right, bottom, top = span
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 26, "r": 4, "t": 22, "b": 22},
            "xaxis": {**axis, "range": [left, right], "constrain": "domain"},
            "yaxis": {**axis, "range": [bottom, top], "scaleanchor": "x", "constrain": "domain"},
            "legend": SMALL_LEGEND,
            "hovermode": "closest",
        },
    }


def potentials(
    curves: Sequence[tuple[str, Real, str]], optimal: Real, fake: Real, real: Real
) -> Figure:
    """Return critics and an optimal potential over two piles.

    Args:
        curves: Name, heights (N,) and colour of each critic.
        optimal: Heights of an optimal potential, (N,).
        fake: Weights of the pile of fakes, (N,).
        real: Weights of the real pile, (N,).
    """
    x = np.arange(len(optimal), dtype=np.float64)
    traces: list[Figure] = [
        {
            "type": "bar",
            "x": x,
            "y": weights,
            "yaxis": "y2",
            "name": name,
            "marker": {"color": f"{colour}/0.45"},
            "hovertemplate": "%{y:.1%}",
        }
        for name, weights, colour in (("Fake", fake, "@fake"), ("Real", real, "@real"))
    ]
    traces.append(
        line_trace("Optimal", x, optimal, "@mark", line={"dash": "dash", "width": 2}),
    )
    traces += [line_trace(name, x, heights, colour) for name, heights, colour in curves]
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 36, "r": 8, "t": 26, "b": 26},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": SMALL_LEGEND,
            "barmode": "group",
            "bargap": 0.15,
            "xaxis": {"range": [-0.6, len(x) - 0.4], "zeroline": False, "nticks": 8},
            "yaxis": {"zeroline": False, "range": [-11.0, 8.5], "nticks": 6},
            "yaxis2": {
                "overlaying": "y",
                "range": [0, 4.2 * max(float(fake.max()), float(real.max()))],
                "visible": False,
                "fixedrange": True,
            },
        },
    }


def proofs(
    updates: Number, lines: Sequence[tuple[str, Real, str]], exact: float, total: int
) -> Figure:
    """Return the lower bounds of W₁ that critics prove over their updates, and the exact distance.

    Args:
        updates: Critic updates, (T,).
        lines: Name, bounds (T,) and colour of each critic.
        exact: W₁.
        total: Updates in the whole training.
    """
    # The window leaves out bounds far below 0, which occur at the start.
    top = max(1.15 * exact, 0.1)  # equal piles have W₁ = 0
    traces = [line_trace(name, updates, values, colour) for name, values, colour in lines]
    return {
        "data": [
            *traces,
            line_trace(
                "W₁",
                np.array([0, total]),
                np.array([exact, exact]),
                "@mark",
                line={"dash": "dash", "width": 1.8},
            ),
        ],
        "layout": {
            "margin": {"l": 40, "r": 8, "t": 26, "b": 34},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": SMALL_LEGEND,
            "xaxis": {
                "title": {"text": "critic updates"},
                "range": [0, total],
                "hoverformat": ",d",
            },
            "yaxis": {"range": [-0.15 * top, top], "nticks": 5},
        },
    }
