"""Gradients that vanish: their norms over updates, and arrows on the surface of a critic."""

from collections.abc import Sequence

import numpy as np

from wgan.arrays import Number, Real
from wgan.figures.base import (
    LEGEND,
    MARGIN,
    Figure,
    contour,
    dots,
    square,
    vertical_line,
)
from wgan.format import fmt_sci


def gradient_norms(
    updates: Number, lines: Sequence[tuple[str, Real, str]], total: int, at: float | None = None
) -> Figure:
    """Return the norms of gradients over updates, both on logarithmic axes.

    The axis covers at least five powers of ten, so that a norm that hardly changes looks flat.

    Args:
        updates: Updates of the discriminator or critic, (K,), rising.
        lines: Name, norms (K,) and colour of each line.
        total: Updates in the whole training.
        at: The update that a dotted line marks.
    """
    positive = np.concatenate([values[values > 0] for _, values, _ in lines])
    low, high = np.log10([positive.min(), positive.max()]).tolist() if len(positive) else (0.0, 0.0)
    low, high = min(low - 0.4, high - 4.5), high + 0.5
    layout: Figure = {
        "margin": MARGIN | {"l": 58},
        "hovermode": "x unified",
        "showlegend": True,
        "xaxis": {
            "type": "log",
            "title": {"text": "discriminator or critic updates"},
            "range": [-0.05, float(np.log10(max(total, 2))) + 0.05],
            "dtick": 1,
            "hoverformat": ",d",
        },
        "yaxis": {
            "type": "log",
            "title": {"text": "generator's gradient norm"},
            "exponentformat": "power",
            "range": [low, high],
            "dtick": max(1, round((high - low) / 5)),
            "zeroline": False,
        },
        "legend": LEGEND,
    }
    if at is not None:
        layout["shapes"] = [vertical_line(at)]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": updates,
                # A logarithmic axis has no place for 0.
                "y": np.where(values > 0, values, np.nan),
                "name": name,
                "line": {"color": colour, "width": 2.4},
                "marker": {"color": colour, "size": 5},
                "customdata": [fmt_sci(value) for value in values.tolist()],
                "hovertemplate": "%{customdata}",
            }
            for name, values, colour in lines
        ],
        "layout": layout,
    }


def surface_with_arrows(
    table: Real,
    extent: float,
    *,
    real: Real,
    fake: Real,
    arrows: Real,
    low: float,
    high: float,
    unit: str,
    longest: float,
    colour: str = "@generator",
) -> Figure:
    """Return a surface over [−extent, extent]² with real points, fakes, and arrows at a few fakes.

    An arrow of length `longest` is a quarter of the window, shorter ones are in proportion: a gradient
    that has vanished has no arrow.

    Args:
        table: Heights, (S, S), row = y upwards.
        extent: Half the side of the square.
        real: Real points, (N, 2).
        fake: Fakes, (N, 2).
        arrows: x, y and the direction of each arrow, (A, 4).
        low: Height of the first shade.
        high: Height of the last shade.
        unit: Name of the height.
        longest: Length of the longest arrow of all moments.
        colour: Colour of the arrows.
    """
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False, "nticks": 5}
    return {
        "data": [
            contour(table, extent, low, high, 10)
            | {
                "line": {"width": 0.7, "color": "@text/0.25"},
                "showscale": False,
                "hovertemplate": f"{unit} %{{z:.2f}}<extra></extra>",
                "name": unit,
            },
            dots("Real", real, "@real/0.7", 3.5),
            dots("Fake", fake, "@fake/0.7", 3.5),
            _arrow_trace(arrows, extent, longest, colour),
        ],
        "layout": {
            "margin": {"l": 26, "r": 4, "t": 22, "b": 22},
            **square(axis),
            "showlegend": True,
            "legend": LEGEND | {"font": {"size": 11}, "itemsizing": "constant"},
            "hovermode": "closest",
        },
    }


def _arrow_trace(arrows: Real, extent: float, longest: float, colour: str) -> Figure:
    scale = 0.5 * extent / max(longest, 1e-30)
    tail = arrows[:, :2]
    head = tail + scale * arrows[:, 2:]
    path = np.stack([tail, head, np.full_like(tail, np.nan)], axis=1).reshape(-1, 2)
    head_sizes = np.where(np.hypot(*(head - tail).T) > 0.02 * extent, 8.0, 0.0)
    sizes = np.stack([np.zeros(len(tail)), head_sizes, np.zeros(len(tail))], axis=1).ravel()
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": path[:, 0],
        "y": path[:, 1],
        "name": "Direction",
        "line": {"color": colour, "width": 1.6},
        "marker": {"color": colour, "symbol": "arrow", "angleref": "previous", "size": sizes},
        "hoverinfo": "skip",
    }
