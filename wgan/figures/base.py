"""What all figures share: colours by meaning, margins, smoothing."""

import math
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import numpy as np

from wgan.arrays import Real
from wgan.theme import LIGHT, rgb

Figure = dict[str, Any]

MARGIN = {"l": 52, "r": 12, "t": 28, "b": 34}

SERIES = ("@one", "@two", "@three", "@four", "@five", "@six")
"""Colours of runs beside each other."""


def smooth(values: Real, span: float | None = None) -> Real:
    """Return the running exponential mean of a curve, unbiased at its start: (N,) → (N,).

    `span` is how many points it remembers (default: a 20th of the curve, at least 5). Points that
    are not finite are passed over.
    """
    keep = 1 - 1 / (span or max(5.0, len(values) / 20))
    there = np.isfinite(values)

    def summed(terms: Real) -> Real:
        return np.fromiter(
            accumulate(terms.tolist(), lambda total, term: keep * total + term), float
        )

    weights = summed(there.astype(float))
    totals = summed(np.where(there, values, 0.0))
    mean: Real = np.divide(totals, weights, out=np.full(len(values), np.nan), where=weights > 0)
    return mean


def room(value: float) -> float:
    """Return the next round number after `value`, at most a third above it, or 10."""
    if value < 10:
        return 10.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(n for i in (1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if (n := i * power) > value)


def dressed(value: Any) -> Any:
    """Return a figure with colours for their names: for files that know no theme."""
    if isinstance(value, str) and value.startswith("@"):
        name, _, alpha = value[1:].partition("/")
        colour = LIGHT.get(name)
        if colour is None:
            return "Blues" if name == "surface" else value
        if not alpha:
            return colour
        return f"rgba({', '.join(map(str, rgb(colour)))}, {alpha})"
    if isinstance(value, Mapping):
        return {key: dressed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [dressed(item) for item in value]
    if isinstance(value, np.ndarray):
        return [None if not np.isfinite(v) else round(v, 6) for v in value.tolist()]
    return value


def square(axis: Mapping[str, Any]) -> dict[str, Any]:
    """Return both axes of a layout as `axis`, one unit as long on either."""
    return {
        "xaxis": {**axis, "constrain": "domain"},
        "yaxis": {**axis, "scaleanchor": "x", "constrain": "domain"},
    }


def contour(table: Real, extent: float, low: float, high: float, lines: int) -> Figure:
    """Return a surface over [−extent, extent]² with that many level lines between low and high: (S, S), row = y."""
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
