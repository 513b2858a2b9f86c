"""Shared parts of figures: named colours, margins, smoothing."""

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import Any

import numpy as np

from wgan.arrays import Number, Real

Figure = dict[str, Any]

MARGIN = {"l": 52, "r": 12, "t": 28, "b": 34}

LEGEND = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}
"""A legend in one row, above the chart."""

SMALL_LEGEND = LEGEND | {"font": {"size": 12}}

SERIES = ("@one", "@two", "@three", "@four", "@five", "@six")
"""Colours of runs that are compared."""


@dataclass(frozen=True)
class ChartLook:
    """How curves are drawn."""

    smoothing: float = 0.05
    """Share of a curve over which it is averaged, at least 5 points; 0 draws it as it was measured."""
    log: bool = False
    """Whether the y axis is logarithmic. Values that are not positive are then not drawn."""


DEFAULT_LOOK = ChartLook()


def smooth(values: Real, share: float = DEFAULT_LOOK.smoothing) -> Real:
    """Return the exponential moving average of a curve, with bias correction at its start.

    Args:
        values: The curve, (N,). Values that are not finite are left out.
        share: Share of the curve that it averages over, at least 5 points.

    Returns:
        The smoothed curve, (N,); NaN before the first finite value.
    """
    decay = 1 - 1 / max(5.0, len(values) * share)
    is_finite = np.isfinite(values)

    def decayed_sums(terms: Real) -> Real:
        return np.fromiter(
            accumulate(terms.tolist(), lambda total, term: decay * total + term), float
        )

    weights = decayed_sums(is_finite.astype(float))
    totals = decayed_sums(np.where(is_finite, values, 0.0))
    mean: Real = np.divide(totals, weights, out=np.full(len(values), np.nan), where=weights > 0)
    return mean


def next_round_number(value: float) -> float:
    """Return the next round number above `value`: at most a third larger, and at least 10."""
    if value < 10:
        return 10.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(n for i in (1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if (n := i * power) > value)


def wrapped(text: str, width: int) -> str:
    """Return a text in lines of at most `width` characters, so that a label fits into a narrow chart.

    The result is for Plotly, which reads some HTML; the text itself is shown as it is.
    """
    return "<br>".join(literal(line) for line in textwrap.wrap(text, width)) or literal(text)


def literal(text: str) -> str:
    """Return what Plotly shows as `text`: Plotly reads tags and entities of HTML in all its texts."""
    return escape(text, quote=False)


def square(axis: Mapping[str, Any]) -> dict[str, Any]:
    """Return both axes of a layout with the settings `axis`, and units of equal length."""
    return {
        "xaxis": {**axis, "constrain": "domain"},
        "yaxis": {**axis, "scaleanchor": "x", "constrain": "domain"},
    }


def contour(table: Real, extent: float, low: float, high: float, lines: int) -> Figure:
    """Return a surface over [−extent, extent]² as shades with level lines.

    Args:
        table: Heights, (S, S), row = y upwards.
        extent: Half the side of the square.
        low: Height of the first shade and line.
        high: Height of the last shade and line.
        lines: Number of steps between the level lines.
    """
    step = 2 * extent / (len(table) - 1)
    return {
        "type": "contour",
        "z": table,
        "x0": -extent,
        "dx": step,
        "y0": -extent,
        "dy": step,
        "colorscale": "@surface",
        "zmin": low,
        "zmax": high,
        "autocontour": False,
        "contours": {
            "coloring": "heatmap",
            "start": low,
            "end": high,
            "size": (high - low) / lines or 1.0,
        },
    }


COLOUR_BAR = {
    "orientation": "h",
    "thickness": 7,
    "outlinewidth": 0,
    "nticks": 5,
    "tickformat": ".2~g",
    "tickangle": 0,
    "y": 0,
    "yanchor": "top",
    "len": 0.9,
}
"""A colour bar below the chart: at its side, the chart's tools would cover the numbers on a phone."""


def tick_format(low: float, high: float) -> str:
    """Return Plotly's format for the numbers of an axis: equal decimals, enough for 2 digits of its range.

    Large numbers are shortened: 10M in place of 10,000,000.
    """
    if max(abs(low), abs(high)) >= 1e5:
        return "~s"
    span = abs(high - low)
    decimals = 1 - math.floor(math.log10(span)) if span > 0 and math.isfinite(span) else 1
    return f",.{min(6, max(0, decimals))}f"


def vertical_line(
    at: float,
    *,
    colour: str = "@mark",
    width: float = 1.4,
    dash: str = "dot",
    xref: str = "x",
    yref: str = "paper",
) -> Figure:
    """Return a vertical line through a whole chart, as a shape of its layout."""
    return {
        "type": "line",
        "xref": xref,
        "yref": yref,
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "line": {"color": colour, "width": width, "dash": dash},
    }


def dots(name: str, points: Real, colour: str, size: float) -> Figure:
    """Return points of the plane, (N, 2), as dots without outlines; nothing appears on hover."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": points[:, 0],
        "y": points[:, 1],
        "name": name,
        "marker": {"color": colour, "size": size, "line": {"width": 0}},
        "hoverinfo": "skip",
    }


def line_trace(name: str, x: Number, y: Real, colour: str, **changes: Any) -> Figure:
    """Return a line over x, (N,) each; `changes` replaces parts of the trace, and of its `line`."""
    line = {"color": colour, "width": 2.2, **changes.pop("line", {})}
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": name,
        "line": line,
        "hovertemplate": "%{y:.3g}",
    } | changes
