"""A critic in detail: distributions of its scores, slopes and weights, surfaces, norms by layer."""

import math
from collections.abc import Sequence

import numpy as np

from wgan.arrays import Real
from wgan.figures.base import (
    COLOUR_BAR,
    LEGEND,
    MARGIN,
    Figure,
    contour,
    dots,
    square,
    tick_format,
    vertical_line,
)
from wgan.format import fmt_sci, fmt_sig

BINS = 36
DIVERGING = [[0.0, "@generator"], [0.5, "@background"], [1.0, "@critic"]]
"""Orange below 0, blue above 0, and the page's background at 0."""


def spread(
    groups: Sequence[tuple[str, Real, str]],
    *,
    x_title: str,
    line: tuple[float, str] | None = None,
    span: tuple[float, float] | None = None,
) -> Figure:
    """Return histograms of several groups, as outlines over common bins.

    Args:
        groups: Name, values (N,) and colour of each group.
        x_title: Title of the x axis.
        line: A value to mark, and its label.
        span: Interval that the bins cover at least.
    """
    finite = [values[np.isfinite(values)] for _, values, _ in groups]
    all_values = np.concatenate([*finite, np.array([] if span is None else span)])
    low, high = (
        (float(all_values.min()), float(all_values.max())) if len(all_values) else (0.0, 1.0)
    )
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-30):
        # All values are equal: they get one bin in the middle.
        margin = max(abs(low) * 0.5, 1e-6)
        low, high = low - margin, high + margin
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
        "legend": LEGEND,
    }
    if line is not None:
        layout |= _marked_value(line, is_right=line[0] > (low + high) / 2)
        highest = max((float(np.max(trace["y"])) for trace in traces), default=1.0)
        layout["yaxis"]["range"] = [0, 1.12 * max(highest, 1e-9)]  # the label is above the outlines
    return {"data": traces, "layout": layout}


def _outline(name: str, values: Real, colour: str, edges: Real) -> Figure:
    shares = 100 * np.histogram(values, bins=edges)[0] / max(len(values), 1)
    # One more point at each end, so that the outline comes down to 0.
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


def _marked_value(line: tuple[float, str], *, is_right: bool) -> Figure:
    """Return the parts of a layout that mark a value, with its label; on the left of a value that `is_right`."""
    at, label = line
    return {
        "shapes": [vertical_line(at, width=1.6, dash="dash")],
        "annotations": [
            {
                "x": at,
                "y": 1,
                "yref": "paper",
                "text": label,
                "showarrow": False,
                "xanchor": "right" if is_right else "left",
                "yanchor": "top",
                "xshift": -4 if is_right else 4,
                "font": {"color": "@mark", "size": 12},
            }
        ],
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

    Args:
        table: Heights, (S, S), row = y upwards.
        extent: Half the side of the square.
        span: Height of the last shade.
        diverging: Whether 0 has the colour of the page.
        real: Real points, (N, 2).
        fake: Fakes, (N, 2).
        unit: Name of the height.
        low: Height of the first shade. Default: −span.
    """
    low = -span if low is None else low
    traces: list[Figure] = [
        contour(table, extent, low, span, 12)
        | {
            "colorscale": DIVERGING if diverging else "@surface",
            "line": {"width": 0.7, "color": "@text/0.25"},
            "colorbar": COLOUR_BAR | {"ypad": 22, "tickformat": tick_format(low, span)},
            "hovertemplate": f"{unit} %{{z:.3g}}<extra></extra>",
            "name": unit,
        }
    ]
    for name, points, colour in (("Real", real, "@real"), ("Fake", fake, "@fake")):
        if points is not None:
            traces.append(dots(name, points, f"{colour}/0.8", 4))
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False, "nticks": 5}
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 26, "r": 4, "t": 22 if real is not None else 6, "b": 52},
            **square(axis),
            "showlegend": real is not None,
            "legend": LEGEND | {"font": {"size": 11}, "itemsizing": "constant"},
            "hovermode": "closest",
        },
    }


SEE_THROUGH = [[0.0, "@generator/0"], [1.0, "@generator/0.95"]]
SEE_THROUGH_DIVERGING = [
    [0.0, "@generator/0.95"],
    [0.5, "@generator/0"],
    [0.5, "@critic/0"],
    [1.0, "@critic/0.95"],
]
"""Colours that are transparent at 0: orange, and orange below and blue above 0."""


def climb(scores: Sequence[float]) -> Figure:
    """Return the score of a picture after each step uphill, (K,); the first is that of the start."""
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": np.arange(len(scores)),
                "y": np.asarray(scores, dtype=np.float64),
                "line": {"color": "@critic", "width": 2.2},
                "marker": {"color": "@critic", "size": 6},
                "hovertemplate": "step %{x}: %{y:.3g}<extra></extra>",
            }
        ],
        "layout": {
            "margin": {"l": 48, "r": 12, "t": 8, "b": 36},
            "showlegend": False,
            "xaxis": {
                "title": {"text": "steps uphill"},
                "range": [-0.3, max(5, len(scores) - 1) + 0.3],
                "dtick": max(1, len(scores) // 6),
                "zeroline": False,
            },
            "yaxis": {"nticks": 4, "zeroline": False},
        },
    }


def pixels_over(table: Real, picture: str, *, diverging: bool) -> Figure:
    """Return an array of pixels as colours over a picture, transparent where it is 0.

    Args:
        table: The values, (H, W), row 0 at the top.
        picture: The picture as a data URI, with H × W pixels.
        diverging: Whether the colours diverge around 0; otherwise they begin at 0.
    """
    largest = float(np.abs(table).max()) or 1.0
    ticks = [-largest, 0.0, largest] if diverging else [0.0, largest]
    height, width = table.shape
    axis = {"visible": False, "showgrid": False, "zeroline": False}
    return {
        "data": [
            {"type": "image", "source": picture, "hoverinfo": "skip"},
            {
                "type": "heatmap",
                "z": table,
                "colorscale": SEE_THROUGH_DIVERGING if diverging else SEE_THROUGH,
                "zmin": -largest if diverging else 0.0,
                "zmax": largest,
                # The ends of the scale have numbers: round numbers between them may be 0 alone. Plotly hides
                # numbers that reach beyond the chart, so the bar is short.
                "colorbar": COLOUR_BAR
                | {
                    "ypad": 4,
                    "len": 0.7,
                    "tickvals": ticks,
                    "ticktext": [fmt_sig(tick) for tick in ticks],
                },
                "hovertemplate": "%{z:.3g}<extra></extra>",
            },
        ],
        "layout": {
            "margin": {"l": 0, "r": 0, "t": 4, "b": 30},
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
    """Return norms by layer on a logarithmic axis.

    Args:
        names: Names of the layers, from the first to the last; the part before a dot labels the axis.
        lines: Name, norms (L,) and colour of each line.
    """
    labels = [name.partition(".")[0] for name in names]
    all_values = np.log10(np.concatenate([values[values > 0] for _, values, _ in lines]))
    low, high = (
        (float(all_values.min()), float(all_values.max())) if len(all_values) else (0.0, 0.0)
    )
    # At least three powers of ten, so that a flat line looks flat.
    half_range = max(3.0, 1.15 * (high - low)) / 2
    middle = (low + high) / 2
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": labels,
                # A logarithmic axis has no place for 0.
                "y": np.where(values > 0, values, np.nan),
                "customdata": [
                    f"{layer}: {fmt_sci(value)}"
                    for layer, value in zip(names, values.tolist(), strict=True)
                ],
                "name": name,
                "line": {"color": colour, "width": 2.2},
                "marker": {"color": colour, "size": 7},
                "hovertemplate": "%{customdata}<extra></extra>",
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
                "range": [middle - half_range, middle + half_range],
                "dtick": max(1, round(half_range / 3)),
            },
            "legend": LEGEND,
        },
    }


def weights(layers: Sequence[tuple[str, Real, Real, float | None]], columns: int = 3) -> Figure:
    """Return a small histogram of each layer's weights.

    Args:
        layers: Title, edges (B + 1,) rising, shares (B,) and clip bound or None of each layer. A layer
            with B = 0 gets a title over an empty place.
        columns: Most histograms in a row.
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
        left, top = column / columns, 1 - row / rows
        number = f"{i + 1}" if i else ""
        x, y = f"x{number}", f"y{number}"
        largest = float(np.abs(edges).max(initial=0.0))
        traces.append(_weight_bars(edges, shares) | {"xaxis": x, "yaxis": y})
        layout[f"xaxis{number}"] = _weight_axis(largest, bound) | {
            "domain": [left + 0.03, left + 1 / columns - 0.05],
            "anchor": y,
        }
        layout[f"yaxis{number}"] = {
            "domain": [top - 0.68 / rows, top - 0.12 / rows],
            "anchor": x,
            "rangemode": "tozero",
            "nticks": 3,
            "ticksuffix": " %",
            "tickfont": {"size": 10},
            "visible": largest > 0,
        }
        layout["annotations"].append(_panel_title(title, left + 0.03, top - 0.1 / rows))
        if bound is not None and largest > 0:
            layout["shapes"] += [
                vertical_line(at, width=1.6, dash="dash", xref=x, yref=f"{y} domain")
                for at in (-bound, bound)
            ]
    return {"data": traces, "layout": layout}


def _weight_bars(edges: Real, shares: Real) -> Figure:
    return {
        "type": "bar",
        "x": (edges[1:] + edges[:-1]) / 2,
        "y": 100 * shares,
        "width": edges[1:] - edges[:-1],
        "marker": {"color": "@critic/0.75", "line": {"width": 0}},
        "hovertemplate": "w = %{x:.3g}: %{y:.1f} %<extra></extra>",
    }


def _weight_axis(largest: float, bound: float | None) -> Figure:
    """Return an axis around 0 with ticks at ± the clip bound, or at ± a round number."""
    reach = 1.08 * largest or 1.0
    tick = bound if bound is not None and bound < reach else _round_below(largest)
    return {
        "range": [-reach, reach],
        "tickvals": [-tick, 0.0, tick],
        "tickangle": 0,
        "zeroline": False,
        "tickfont": {"size": 10},
        "visible": largest > 0,
    }


def _panel_title(title: str, x: float, y: float) -> Figure:
    return {
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "text": title,
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "bottom",
        "align": "left",
        "font": {"size": 11.5},
    }


def _round_below(value: float) -> float:
    """Return the largest number with one significant digit that is at most `value`; 0 for 0."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return math.floor(value / power) * power
