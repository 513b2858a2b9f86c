"""The critic, opened up: how scores, slopes and weights are spread, surfaces, the bound that tightens."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wgan.arrays import Number, Real
from wgan.figures.base import MARGIN, Figure, contour, square

BINS = 36
DIVERGING = [[0.0, "@generator"], [0.5, "@background"], [1.0, "@critic"]]
"""Below 0 orange, above 0 blue; 0 is the page itself."""

_LEGEND = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}


def spread(
    groups: Sequence[tuple[str, Real, str]],
    *,
    x_title: str,
    line: tuple[float, str] | None = None,
    span: tuple[float, float] | None = None,
) -> Figure:
    """Return how the values of several groups are spread, as outlines over one set of bins.

    `groups` are (name, values (N,), colour); `line` is a value to mark, and its words; `span` is what
    the bins cover at least.
    """
    finite = [values[np.isfinite(values)] for _, values, _ in groups]
    every = np.concatenate([*finite, np.array([] if span is None else span)])
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-30):
        # All alike: one bin in the middle of some room.
        room = max(abs(low) * 0.5, 1e-6)
        low, high = low - room, high + room
    edges = np.linspace(low, high, BINS + 1)
    traces = [
        _outline(name, values, colour, edges)
        for (name, _, colour), values in zip(groups, finite, strict=True)
    ]
    layout: Figure = {
        "margin": MARGIN,
        "hovermode": "x unified",
        "showlegend": True,
        "xaxis": {"title": {"text": x_title}, "zeroline": False, "hoverformat": ".3g"},
        "yaxis": {"rangemode": "tozero", "ticksuffix": " %", "nticks": 5},
        "legend": _LEGEND,
    }
    if line is not None:
        layout |= _marked(line)
    return {"data": traces, "layout": layout}


def _outline(name: str, values: Real, colour: str, edges: Real) -> Figure:
    shares = 100 * np.histogram(values, bins=edges)[0] / max(len(values), 1)
    # A point at either end, so that the outline comes down to 0.
    width = edges[1] - edges[0]
    middles = np.concatenate(
        [[edges[0] - width / 2], (edges[1:] + edges[:-1]) / 2, [edges[-1] + width / 2]]
    )
    return {
        "type": "scatter",
        "mode": "lines",
        "x": middles,
        "y": np.concatenate([[0.0], shares, [0.0]]),
        "name": name,
        "line": {"color": colour, "width": 2, "shape": "hvh"},
        "fill": "tozeroy",
        "fillcolor": f"{colour}/0.13",
        "hovertemplate": "%{y:.1f} %",
    }


def _marked(line: tuple[float, str]) -> Figure:
    at, words = line
    return {
        "shapes": [_rule(at)],
        "annotations": [
            {
                "x": at,
                "y": 1,
                "yref": "paper",
                "text": words,
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "top",
                "xshift": 4,
                "font": {"color": "@mark", "size": 12},
            }
        ],
    }


def _rule(at: float, x: str = "x", y: str = "paper") -> Figure:
    """Return an upright line through a whole chart."""
    return {
        "type": "line",
        "xref": x,
        "yref": y,
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "line": {"color": "@mark", "width": 1.6, "dash": "dash"},
    }


def surface(
    table: Real,
    extent: float,
    *,
    span: float,
    diverging: bool = False,
    real: Real | None = None,
    fake: Real | None = None,
    unit: str = "height",
    low: float | None = None,
) -> Figure:
    """Return a surface over [−extent, extent]² as shades and level lines, with points over it.

    `table` is (S, S), row = y upwards; the shades cover `low` (default: −span) to `span`. A
    `diverging` one has the page's colour at 0. `real` and `fake` are (N, 2).
    """
    low = -span if low is None else low
    traces: list[Figure] = [
        contour(table, extent, low, span, 12)
        | {
            "colorscale": DIVERGING if diverging else "@surface",
            "line": {"width": 0.7, "color": "@text/0.25"},
            "colorbar": {"thickness": 8, "outlinewidth": 0, "nticks": 5, "xpad": 4, "len": 0.92},
            "hovertemplate": f"{unit} %{{z:.3g}}<extra></extra>",
            "name": unit,
        }
    ]
    for name, points, colour in (("Real", real, "@real"), ("Fake", fake, "@fake")):
        if points is not None:
            traces.append(_points(name, points, colour))
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False, "nticks": 5}
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 26, "r": 4, "t": 22 if real is not None else 6, "b": 22},
            **square(axis),
            "showlegend": real is not None,
            "legend": _LEGEND | {"font": {"size": 11}, "itemsizing": "constant"},
            "hovermode": "closest",
        },
    }


def _points(name: str, points: Real, colour: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": points[:, 0],
        "y": points[:, 1],
        "name": name,
        "marker": {"color": f"{colour}/0.8", "size": 4, "line": {"width": 0}},
        "hoverinfo": "skip",
    }


def pixels(table: Real, *, diverging: bool) -> Figure:
    """Return a picture of numbers, (H, W), row 0 on top: diverging around 0, or from 0 up."""
    most = float(np.abs(table).max()) or 1.0
    height, width = table.shape
    axis = {"visible": False, "showgrid": False, "zeroline": False}
    return {
        "data": [
            {
                "type": "heatmap",
                "z": table,
                "colorscale": DIVERGING
                if diverging
                else [[0.0, "@background"], [0.5, "@generator/0.55"], [1.0, "@generator"]],
                "zmin": -most if diverging else 0.0,
                "zmax": most,
                "colorbar": {"thickness": 7, "outlinewidth": 0, "nticks": 4, "xpad": 4, "len": 0.9},
                "hovertemplate": "∂f = %{z:.3g}<extra></extra>",
            }
        ],
        "layout": {
            "margin": {"l": 0, "r": 0, "t": 4, "b": 4},
            "xaxis": {**axis, "range": [-0.5, width - 0.5], "constrain": "domain"},
            "yaxis": {
                **axis,
                "range": [height - 0.5, -0.5],
                "scaleanchor": "x",
                "constrain": "domain",
            },
        },
    }


def depth(names: Sequence[str], lines: Sequence[tuple[str, Real, str]]) -> Figure:
    """Return norms by layer, first to last, on a logarithmic axis; `lines` are (name, (L,), colour)."""
    short = [name.partition(".")[0] for name in names]
    every = np.log10(np.concatenate([values[values > 0] for _, values, _ in lines]))
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 0.0)
    # Three powers of ten at least, so that what is flat looks flat.
    wide = max(3.0, 1.15 * (high - low)) / 2
    middle = (low + high) / 2
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": short,
                # What has vanished entirely has no place on a logarithmic axis.
                "y": np.where(values > 0, values, np.nan),
                "customdata": list(names),
                "name": name,
                "line": {"color": colour, "width": 2.2},
                "marker": {"color": colour, "size": 7},
                "hovertemplate": "%{customdata}: %{y:.3g}<extra></extra>",
            }
            for name, values, colour in lines
        ],
        "layout": {
            "margin": MARGIN | {"l": 62},
            "showlegend": True,
            "xaxis": {"type": "category", "title": {"text": "layer, from the input to the score"}},
            "yaxis": {
                "type": "log",
                "exponentformat": "power",
                "zeroline": False,
                "range": [middle - wide, middle + wide],
                "dtick": max(1, round(wide / 3)),
            },
            "legend": _LEGEND,
        },
    }


def weights(layers: Sequence[tuple[str, Real, Real, float | None]], columns: int = 3) -> Figure:
    """Return how each layer's weights are spread, a small histogram each.

    `layers` are (title, edges (B + 1,), shares (B,), clip bound or None); where B is 0 there is a
    title over an empty place.
    """
    columns = min(columns, max(1, len(layers)))
    rows = -(-len(layers) // columns)
    traces: list[Figure] = []
    layout: Figure = {
        "margin": {"l": 40, "r": 8, "t": 20, "b": 24},
        "showlegend": False,
        "annotations": [],
        "shapes": [],
        "bargap": 0.04,
    }
    for i, (title, edges, shares, bound) in enumerate(layers):
        row, column = divmod(i, columns)
        x, y = (f"x{i + 1}", f"y{i + 1}") if i else ("x", "y")
        left, top = column / columns, 1 - row / rows
        traces.append(
            {
                "type": "bar",
                "x": (edges[1:] + edges[:-1]) / 2,
                "y": 100 * shares,
                "width": edges[1:] - edges[:-1],
                "xaxis": x,
                "yaxis": y,
                "marker": {"color": "@critic/0.75", "line": {"width": 0}},
                "hovertemplate": "w = %{x:.3g}: %{y:.1f} %<extra></extra>",
            }
        )
        most = float(np.abs(edges).max(initial=0.0))
        reach = 1.08 * most or 1.0
        tick = bound if bound is not None and bound < reach else _round_below(most)
        layout[f"xaxis{i + 1 if i else ''}"] = {
            "domain": [left + 0.03, left + 1 / columns - 0.05],
            "anchor": y,
            "range": [-reach, reach],
            "tickvals": [-tick, 0.0, tick],
            "tickangle": 0,
            "zeroline": False,
            "tickfont": {"size": 10},
            "visible": most > 0,
        }
        layout[f"yaxis{i + 1 if i else ''}"] = {
            "domain": [top - 0.68 / rows, top - 0.12 / rows],
            "anchor": x,
            "rangemode": "tozero",
            "nticks": 3,
            "ticksuffix": " %",
            "tickfont": {"size": 10},
            "visible": most > 0,
        }
        layout["annotations"].append(
            {
                "x": left + 0.03,
                "y": top - 0.1 / rows,
                "xref": "paper",
                "yref": "paper",
                "text": title,
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "bottom",
                "font": {"size": 11.5},
            }
        )
        if bound is not None and most > 0:
            layout["shapes"] += [_rule(at, x, f"{y} domain") for at in (-bound, bound)]
    return {"data": traces, "layout": layout}


def _round_below(value: float) -> float:
    """Return the largest number of one digit that is not above a positive one; 0 for 0."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return math.floor(value / power) * power


def tightening(
    updates: Number, bounds: Real, exact: float, floor: float | None, total: int
) -> Figure:
    """Return the bound that a critic proves over its updates, below the exact distance.

    `updates` and `bounds` are (K,); `floor` is the distance of real examples to real ones.
    """
    ends = np.array([0.0, max(total, 1)])
    levels = [("exact W₁", exact, "@real", "dash")]
    if floor is not None:
        levels.append(("real to real", floor, "@muted", "dot"))
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "x": updates,
                "y": bounds,
                "name": "proved",
                "line": {"color": "@critic", "width": 2.4},
                "fill": "tozeroy",
                "fillcolor": "@critic/0.1",
                "hovertemplate": "%{y:.4g}",
            },
            *(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": ends,
                    "y": np.full(2, at),
                    "name": name,
                    "line": {"color": colour, "width": 1.8, "dash": dash},
                    "hovertemplate": "%{y:.4g}",
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
            },
            "yaxis": {
                "title": {"text": "distance"},
                "rangemode": "tozero",
                "autorangeoptions": {"include": [0.0, 1.12 * exact]},
            },
            "legend": _LEGEND,
        },
    }


def raw_gap(updates: Number, gaps: Real, slopes: Real, total: int) -> Figure:
    """Return the raw gap of a critic over its updates, and its steepest slope on an axis of its own."""

    def line(name: str, values: Real, colour: str, **more: Any) -> Figure:
        return {
            "type": "scatter",
            "mode": "lines",
            "x": updates,
            "y": values,
            "name": name,
            "line": {"color": colour, "width": 2},
            "hovertemplate": "%{y:.4g}",
            **more,
        }

    return {
        "data": [
            line("raw gap, left", gaps, "@critic"),
            line("slope, right", slopes, "@mark", yaxis="y2"),
        ],
        "layout": {
            "margin": MARGIN | {"r": 52},
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": {
                "title": {"text": "critic updates"},
                "range": [0, max(total, 1)],
                "hoverformat": ",d",
            },
            "yaxis": {"exponentformat": "power", "rangemode": "tozero", "nticks": 4},
            "yaxis2": {
                "overlaying": "y",
                "side": "right",
                "showgrid": False,
                "rangemode": "tozero",
                "exponentformat": "power",
                "tickmode": "auto",
                "nticks": 4,
            },
            "legend": _LEGEND,
        },
    }
