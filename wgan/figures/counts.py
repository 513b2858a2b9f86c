"""Bars and histograms of counts."""

from collections.abc import Sequence

import numpy as np

from wgan.arrays import Real
from wgan.figures.base import Figure, literal
from wgan.theme import CHANNELS

LONG_NAME = 3
"""Letters of a name from which the names below bars overlap."""


def has_long_names(names: Sequence[str]) -> bool:
    """Return whether names are too long to be written beside each other below bars."""
    return max(map(len, names), default=0) > LONG_NAME


def bars(names: Sequence[str], counts: Real) -> Figure:
    """Return a bar chart of counts, (N,), by name. Long names are written at an angle."""
    angle = -40 if has_long_names(names) else 0
    return {
        "data": [
            {
                "type": "bar",
                "x": [literal(name) for name in names],
                "y": np.asarray(counts, dtype=np.float64),
                "marker": {"color": "@real/0.8"},
                "hovertemplate": "%{x}: %{y:,d}<extra></extra>",
            }
        ],
        "layout": {
            "margin": {"l": 48, "r": 8, "t": 6, "b": 30},
            "xaxis": {"type": "category", "automargin": True, "tickangle": angle},
            "yaxis": {"rangemode": "tozero", "nticks": 4},
            "bargap": 0.25,
            "showlegend": False,
        },
    }


def histogram(shares: Real) -> Figure:
    """Return a histogram of pixel values in 0…255: shares, (C, bins), with 1 or 3 channels C."""
    bins = shares.shape[1]
    x = (np.arange(bins) + 0.5) * (256 / bins)
    colours = ["@real"] if len(shares) == 1 else list(CHANNELS)
    names = ["grey"] if len(shares) == 1 else ["red", "green", "blue"]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": 100 * row,
                "name": name,
                "line": {"color": colour, "width": 2, "shape": "hvh"},
                "hovertemplate": "%{y:.1f} % near %{x:.0f}",
            }
            for row, name, colour in zip(shares, names, colours, strict=True)
        ],
        "layout": {
            "margin": {"l": 48, "r": 8, "t": 6, "b": 30},
            "xaxis": {"range": [0, 256], "title": {"text": "value"}},
            "yaxis": {"rangemode": "tozero", "nticks": 4, "ticksuffix": " %"},
            "showlegend": False,
        },
    }
