"""Arrays → Plotly figures, as plain dicts that `plotly.graph_objects.Figure` accepts.

Plain, because building and checking a Figure costs more than sending it, once a second. Colours are
named by meaning (`@critic`, `@generator`, `@real`, `@fake`, `@mark`, `@muted`): the page's theme decides
what they look like.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Figure = dict[str, Any]

PALETTE = {
    "critic": "#1f6fbf",
    "generator": "#d9730d",
    "real": "#00695a",
    "fake": "#c957a5",
    "mark": "#6d5bd0",
    "muted": "#6b7484",
    "text": "#16202e",
}
"""The light theme's colours, for figures outside the app; in it, pages/components/plotly_theme.js."""

MARGIN = {"l": 52, "r": 12, "t": 28, "b": 34}


def smooth(values: Floats, span: float | None = None) -> Floats:
    """Return the running exponential mean of a curve, unbiased at its start: (N,) → (N,).

    `span` is how many points it remembers (default: a 20th of the curve, at least 5). Points that
    are not finite are passed over.
    """
    keep = 1 - 1 / (span or max(5.0, len(values) / 20))
    total = weight = 0.0
    result = np.empty(len(values))
    for i, value in enumerate(values.tolist()):
        total, weight = keep * total, keep * weight
        if np.isfinite(value):
            total, weight = total + value, weight + 1
        result[i] = total / weight if weight else np.nan
    return result


def room(value: float) -> float:
    """Return the next round number after `value`, at most a third above it, or 10."""
    if value < 10:
        return 10.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(n for i in (1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if (n := i * power) > value)


def curves(
    x: Floats,
    lines: Sequence[tuple[str, Floats, str]],
    *,
    marks: Sequence[tuple[float, str]] = (),
    x_title: str = "step",
    y_title: str = "",
    zero: bool = True,
) -> Figure:
    """Return smoothed lines over raw ones, on one axis.

    `lines` are (name, values (N,), colour); `marks` are (x, words): changes made by hand.
    """
    traces: list[Figure] = []
    for name, values, colour in lines:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": values,
                "legendgroup": name,
                "showlegend": False,
                "hoverinfo": "skip",
                "line": {"color": f"{colour}/0.28", "width": 1},
            }
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": smooth(values),
                "name": name,
                "legendgroup": name,
                "line": {"color": colour, "width": 2.2},
                "hovertemplate": "%{y:.4g}",
            }
        )
    layout: Figure = {
        "margin": MARGIN,
        "hovermode": "x unified",
        "xaxis": {
            "title": {"text": x_title},
            "rangemode": "tozero",
            "hoverformat": ",d",
            # Some room to grow: while a run trains, the axes need not be drawn anew every second.
            "autorangeoptions": {"include": room(float(x[-1]) if len(x) else 1.0)},
        },
        "yaxis": {"title": {"text": y_title}, "zeroline": zero},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "shapes": [
            {
                "type": "line",
                "xref": "x",
                "yref": "paper",
                "x0": at,
                "x1": at,
                "y0": 0,
                "y1": 1,
                "line": {"color": "@mark", "width": 1, "dash": "dot"},
            }
            for at, _ in marks
        ],
    }
    if marks:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": np.array([at for at, _ in marks], dtype=np.float64),
                "y": np.ones(len(marks)),
                "yaxis": "y2",
                "text": [words for _, words in marks],
                "name": "change",
                "showlegend": False,
                "marker": {"color": "@mark", "symbol": "triangle-down", "size": 9},
                "hovertemplate": "%{text}<extra></extra>",
                "cliponaxis": False,
            }
        )
        layout["yaxis2"] = {
            "overlaying": "y",
            "range": [0, 1],
            "visible": False,
            "fixedrange": True,
        }
    return {"data": traces, "layout": layout}


def losses(columns: Mapping[str, Floats], marks: Sequence[tuple[float, str]] = ()) -> Figure:
    """Return critic and generator loss over steps."""
    lines = [
        ("Critic loss", columns["critic_loss"], "@critic"),
        ("Generator loss", columns["generator_loss"], "@generator"),
    ]
    return curves(columns["step"], lines, marks=marks)


def critic_gap(columns: Mapping[str, Floats], marks: Sequence[tuple[float, str]] = ()) -> Figure:
    """Return the critic gap on training and held-out data over steps."""
    lines = [
        ("Training data", columns["critic_gap"], "@critic"),
        ("Held-out data", columns["critic_gap_held_out"], "@real"),
    ]
    return curves(columns["step"], lines, marks=marks)


def quality(
    title: str, steps: Floats, values: Floats, floor: float | None, columns: Mapping[str, Floats]
) -> Figure:
    """Return a metric over steps with its floor, and the critic gap on an axis of its own.

    `steps` and `values` are (N,); `columns` are a run's curves.
    """
    traces: list[Figure] = []
    if len(columns.get("step", ())):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": columns["step"],
                "y": smooth(columns["critic_gap"]),
                "yaxis": "y2",
                "name": "Critic gap",
                "line": {"color": "@critic/0.6", "width": 1.6},
                "hovertemplate": "%{y:.4g}",
            }
        )
    traces.append(
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": steps,
            "y": values,
            "name": title,
            "line": {"color": "@fake", "width": 2.2},
            "marker": {"color": "@fake", "size": 5},
            "hovertemplate": "%{y:.4g}",
        }
    )
    last = max(1.0, *map(float, steps[-1:]), *map(float, columns.get("step", steps)[-1:]))
    layout: Figure = {
        "margin": MARGIN | {"r": 52},
        "hovermode": "x unified",
        "showlegend": True,
        "xaxis": {
            "title": {"text": "step"},
            "rangemode": "tozero",
            "hoverformat": ",d",
            "autorangeoptions": {"include": room(last)},
        },
        "yaxis": {"zeroline": False, "rangemode": "tozero"},
        "yaxis2": {"overlaying": "y", "side": "right", "showgrid": False, "zeroline": False},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
    }
    if floor is not None and math.isfinite(floor):
        layout["shapes"] = [
            {
                "type": "line",
                "xref": "paper",
                "yref": "y",
                "x0": 0,
                "x1": 1,
                "y0": floor,
                "y1": floor,
                "line": {"color": "@real", "width": 1.4, "dash": "dash"},
            }
        ]
    return {"data": traces, "layout": layout}


SERIES = ("@one", "@two", "@three", "@four", "@five", "@six")
"""Colours of runs beside each other."""


def compare(
    lines: Sequence[tuple[str, Floats, Floats, str, tuple[float, float] | None]],
    *,
    x_title: str,
    zero: bool = True,
) -> Figure:
    """Return the same curve of several runs on one axis: smoothed over raw.

    `lines` are (name, x (N,), y (N,), colour, where it forks off or None). A fork is drawn from
    there on, with a dot where it leaves its parent's line.
    """
    traces: list[Figure] = []
    for name, x, y, colour, origin in lines:
        smoothed = smooth(y)
        traces += [
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": y,
                "legendgroup": name,
                "showlegend": False,
                "hoverinfo": "skip",
                "line": {"color": f"{colour}/0.22", "width": 1},
            },
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": smoothed,
                "name": name,
                "legendgroup": name,
                "line": {"color": colour, "width": 2.2},
                "hovertemplate": "%{y:.4g}",
            },
        ]
        if origin is not None:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": np.array([origin[0]]),
                    "y": np.array([origin[1]]),
                    "legendgroup": name,
                    "showlegend": False,
                    "marker": {"color": colour, "size": 9},
                    "name": name,
                    "hovertemplate": "forks off here<extra></extra>",
                }
            )
    longest = max((float(x[-1]) for _, x, _, _, _ in lines if len(x)), default=1.0)
    return {
        "data": traces,
        "layout": {
            "margin": MARGIN,
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": {
                "title": {"text": x_title},
                "rangemode": "tozero",
                "hoverformat": ",d",
                "autorangeoptions": {"include": room(longest)},
            },
            "yaxis": {"zeroline": zero},
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        },
    }


def plane(
    *,
    real: Floats,
    fake: Floats | None = None,
    surface: Floats | None = None,
    arrows: Floats | None = None,
    extent: float,
) -> Figure:
    """Return points of the plane over the critic's surface.

    `real`, `fake` are (N, 2); `surface` (S, S), row = y, covers [−extent, extent]²; `arrows` (A, 4) are
    x, y and the direction in which the generator's update pushes a sample there.
    """
    traces: list[Figure] = []
    if surface is not None:
        side = len(surface)
        step = 2 * extent / (side - 1)
        traces.append(
            {
                "type": "contour",
                "z": surface,
                "x0": -extent,
                "dx": step,
                "y0": -extent,
                "dy": step,
                "colorscale": "@surface",
                "contours": {"coloring": "heatmap"},
                "line": {"width": 0.7, "color": "@text/0.25"},
                "ncontours": 14,
                "name": "critic",
                "colorbar": {
                    "title": {"text": "critic's score", "side": "right"},
                    "thickness": 10,
                    "outlinewidth": 0,
                    "nticks": 6,
                },
                "hovertemplate": "score %{z:.3g}<extra></extra>",
            }
        )
    traces.append(_dots("Real", real, "@real", 4.5))
    if fake is not None:
        traces.append(_dots("Fake", fake, "@fake", 4.5))
    if arrows is not None and len(arrows):
        traces.append(_arrows(arrows, extent))
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False}
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 34, "r": 8, "t": 26, "b": 26},
            "xaxis": {**axis, "constrain": "domain"},
            "yaxis": {**axis, "scaleanchor": "x", "constrain": "domain"},
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
            "hovermode": "closest",
        },
    }


def _dots(name: str, points: Floats, colour: str, size: float) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": points[:, 0],
        "y": points[:, 1],
        "name": name,
        "marker": {"color": f"{colour}/0.75", "size": size, "line": {"width": 0}},
        "hoverinfo": "skip",
    }


def _arrows(arrows: Floats, extent: float) -> Figure:
    """Return one trace of arrows, the longest a seventh of the window."""
    length = np.linalg.norm(arrows[:, 2:], axis=1)
    longest = float(np.quantile(length, 0.95)) or 1.0
    scaled = arrows[:, 2:] * (0.14 * extent / longest)
    # A line breaks at NaN; its second point carries the arrow head.
    tail, head = arrows[:, :2], arrows[:, :2] + scaled
    gap = np.full_like(tail, np.nan)
    path = np.stack([tail, head, gap], axis=1).reshape(-1, 2)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": path[:, 0],
        "y": path[:, 1],
        "name": "Push on fakes",
        "line": {"color": "@generator", "width": 1.2},
        "marker": {
            "color": "@generator",
            "symbol": "arrow",
            "angleref": "previous",
            "size": np.tile(np.array([0.0, 7.0, 0.0]), len(arrows)),
        },
        "hoverinfo": "skip",
    }


def lengths(path: Floats, other: Floats, names: tuple[str, str]) -> Figure:
    """Return ‖z‖ along two paths of z, each (F, latent_dim), with the shell where z lives."""
    dim = path.shape[1]
    x = np.arange(len(path), dtype=np.float64)
    typical = float(np.sqrt(dim))
    lines = [(names[0], path, "@generator"), (names[1], other, "@muted")]
    traces: list[Figure] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": x,
            "y": np.linalg.norm(z, axis=1),
            "name": name,
            "line": {"color": colour, "width": 2, "dash": "solid" if i == 0 else "dot"},
            "hovertemplate": "%{y:.2f}",
        }
        for i, (name, z, colour) in enumerate(lines)
    ]
    band = {
        "type": "rect",
        "xref": "paper",
        "yref": "y",
        "x0": 0,
        "x1": 1,
        "y0": max(0.0, typical - 1.4),
        "y1": typical + 1.4,
        "fillcolor": "@real/0.12",
        "line": {"width": 0},
        "layer": "below",
    }
    return {
        "data": traces,
        "layout": {
            "margin": MARGIN,
            "hovermode": "x unified",
            "xaxis": {"title": {"text": "frame"}},
            "yaxis": {"title": {"text": "‖z‖"}, "rangemode": "tozero"},
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
            "shapes": [band],
        },
    }


def density(table: Floats, extent: float) -> Figure:
    """Return a density over [−extent, extent]² as shades: `table` is (S, S), row = y upwards."""
    step = 2 * extent / len(table)
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False}
    return {
        "data": [
            {
                "type": "heatmap",
                "z": np.sqrt(table),  # so that thin parts can be seen beside dense ones
                "customdata": table,
                "x0": -extent + step / 2,
                "dx": step,
                "y0": -extent + step / 2,
                "dy": step,
                "colorscale": [[0.0, "@real/0"], [1.0, "@real"]],
                "showscale": False,
                "hovertemplate": "%{customdata:.2f} times the mean<extra></extra>",
            }
        ],
        "layout": {
            "margin": {"l": 34, "r": 8, "t": 8, "b": 26},
            "xaxis": {**axis, "constrain": "domain"},
            "yaxis": {**axis, "scaleanchor": "x", "constrain": "domain"},
        },
    }


def bars(names: Sequence[str], counts: Floats) -> Figure:
    """Return how many there are of each."""
    return {
        "data": [
            {
                "type": "bar",
                "x": list(names),
                "y": np.asarray(counts, dtype=np.float64),
                "marker": {"color": "@real/0.8"},
                "hovertemplate": "%{x}: %{y:,d}<extra></extra>",
            }
        ],
        "layout": {
            "margin": {"l": 48, "r": 8, "t": 6, "b": 30},
            "xaxis": {"type": "category"},
            "yaxis": {"rangemode": "tozero", "nticks": 4},
            "bargap": 0.25,
            "showlegend": False,
        },
    }


def histogram(shares: Floats) -> Figure:
    """Return how often each value of a pixel occurs: (C, bins) shares over 0…255, C of 1 or 3."""
    bins = shares.shape[1]
    x = (np.arange(bins) + 0.5) * (256 / bins)
    colours = ["@real"] if len(shares) == 1 else ["#d1495b", "#3c9d5d", "#3a7bd5"]
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


def dressed(value: Any) -> Any:
    """Return a figure with colours for their names: for files that know no theme."""
    if isinstance(value, str) and value.startswith("@"):
        name, _, alpha = value[1:].partition("/")
        colour = PALETTE.get(name)
        if colour is None:
            return "Blues" if name == "surface" else value
        if not alpha:
            return colour
        parts = ", ".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
        return f"rgba({parts}, {alpha})"
    if isinstance(value, Mapping):
        return {key: dressed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [dressed(item) for item in value]
    if isinstance(value, np.ndarray):
        return [None if not np.isfinite(v) else round(v, 6) for v in value.tolist()]
    return value
