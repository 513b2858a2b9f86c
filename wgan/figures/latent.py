"""Figures of latent space: a grid mapped by the generator, and the errors of an inversion."""

from collections.abc import Sequence

import numpy as np

from wgan.arrays import Real
from wgan.figures.base import MARGIN, Figure, square

SHADES = 5


def bent_grid(lines: Sequence[Real], density: Sequence[Real], real: Real | None) -> Figure:
    """Return a grid that the generator has mapped, over real points: dense parts have stronger lines.

    The segments are sorted into five shades of equal number, one trace for each shade.

    Args:
        lines: Points of each line, (K, 2).
        density: Density of the samples at each of these points, (K,).
        real: Real points, (N, 2).
    """
    middle = np.concatenate([np.sqrt(d[1:] * d[:-1]) for d in density])
    starts = np.concatenate([line[:-1] for line in lines])
    ends = np.concatenate([line[1:] for line in lines])
    order = np.argsort(middle, kind="stable")
    traces: list[Figure] = []
    if real is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": real[:, 0],
                "y": real[:, 1],
                "name": "Real",
                "marker": {"color": "@real/0.75", "size": 4.5, "line": {"width": 0}},
                "hoverinfo": "skip",
            }
        )
    for i, part in enumerate(np.array_split(order, SHADES)):
        gap = np.full((len(part), 2), np.nan)
        path = np.stack([starts[part], ends[part], gap], axis=1).reshape(-1, 2)
        share = (i + 1) / SHADES
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": path[:, 0],
                "y": path[:, 1],
                "name": {0: "Few points", SHADES - 1: "Many points"}.get(i, f"Shade {i + 1}"),
                "showlegend": i in (0, SHADES - 1),
                "line": {
                    "color": f"@generator/{0.15 + 0.85 * share**2:.2f}",
                    "width": 0.6 + 1.6 * share,
                },
                "hoverinfo": "skip",
            }
        )
    # At the start the grid may reach far out, so the window is that of the data, if there are any.
    window_points = real if real is not None and len(real) else starts
    extent = 1.25 * float(np.abs(window_points[np.isfinite(window_points).all(axis=1)]).max())
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False}
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 34, "r": 8, "t": 26, "b": 26},
            **square(axis),
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
            "hovermode": "closest",
        },
    }


def inversion_errors(updates: Real, errors: Real, usual: float | None) -> Figure:
    """Return the error of each start of an inversion over its updates, and the baseline.

    Args:
        updates: Updates, (K,), rising.
        errors: Errors of the R starts, (K, R), in 0…255.
        usual: The usual error of held-out pictures; None if it is unknown.
    """
    best = int(errors[-1].argmin())
    # The best line comes last, so that it is drawn over the others.
    traces: list[Figure] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": updates,
            "y": errors[:, i],
            "name": "Best" if i == best else "Others",
            "showlegend": bool(i == best),
            "line": {
                "color": "@generator" if i == best else "@muted/0.45",
                "width": 2.4 if i == best else 1.2,
            },
            "hovertemplate": "%{y:.1f}<extra></extra>",
        }
        for i in [*(k for k in range(errors.shape[1]) if k != best), best]
    ]
    if usual is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": np.array([0.0, max(1.0, float(updates[-1]))]),
                "y": np.array([usual, usual]),
                "name": "Held-out",
                "line": {"color": "@real", "width": 1.4, "dash": "dash"},
                "hoverinfo": "skip",
            }
        )
    return {
        "data": traces,
        "layout": {
            "margin": MARGIN,
            "xaxis": {"title": {"text": "update"}, "rangemode": "tozero"},
            "yaxis": {"rangemode": "tozero", "zeroline": False},
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        },
    }
