"""The stability labs: gradients that vanish, modes that are lost, clipping by c, grids of trainings."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wgan.arrays import Number, Real
from wgan.figures.base import MARGIN, Figure, contour, square

_LEGEND = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}


def gradient_norms(
    updates: Number, lines: Sequence[tuple[str, Real, str]], total: int, at: float | None = None
) -> Figure:
    """Return norms over updates, both logarithmic; `lines` are (name, (K,), colour).

    `at` is the update that is looked at. At least five powers of ten are shown, so that what hardly
    changes looks so.
    """
    every = np.concatenate([values[values > 0] for _, values, _ in lines])
    low, high = (
        (float(np.log10(every.min())), float(np.log10(every.max()))) if len(every) else (0.0, 0.0)
    )
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
        "legend": _LEGEND,
    }
    if at is not None:
        layout["shapes"] = [_upright(at)]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": updates,
                # What is 0 has no place on a logarithmic axis.
                "y": np.where(values > 0, values, np.nan),
                "name": name,
                "line": {"color": colour, "width": 2.4},
                "marker": {"color": colour, "size": 5},
                "hovertemplate": "%{y:.2e}",
            }
            for name, values, colour in lines
        ],
        "layout": layout,
    }


def _upright(at: float) -> Figure:
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "line": {"color": "@mark", "width": 1.4, "dash": "dot"},
    }


def pushed(
    table: Real,
    extent: float,
    *,
    real: Real,
    fake: Real,
    pushes: Real,
    low: float,
    high: float,
    unit: str,
    longest: float,
    colour: str = "@generator",
) -> Figure:
    """Return a surface over [−extent, extent]² with real, fake and what pushes a few fakes.

    `table` is (S, S), row = y; `pushes` (A, 4): x, y and the push there. A push of length `longest` is
    drawn as a quarter of the window, shorter ones in proportion: what has vanished is not to be seen.
    """
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False, "nticks": 5}
    scale = 0.5 * extent / max(longest, 1e-30)
    tail = pushes[:, :2]
    head = tail + scale * pushes[:, 2:]
    path = np.stack([tail, head, np.full_like(tail, np.nan)], axis=1).reshape(-1, 2)
    heads = np.where(np.hypot(*(head - tail).T) > 0.02 * extent, 8.0, 0.0)
    sizes = np.stack([np.zeros(len(tail)), heads, np.zeros(len(tail))], axis=1).ravel()
    return {
        "data": [
            contour(table, extent, low, high, 10)
            | {
                "line": {"width": 0.7, "color": "@text/0.25"},
                "colorbar": {"thickness": 8, "outlinewidth": 0, "nticks": 4, "xpad": 2},
                "hovertemplate": f"{unit} %{{z:.3g}}<extra></extra>",
                "name": unit,
            },
            _dots("Real", real, "@real"),
            _dots("Fake", fake, "@fake"),
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": path[:, 0],
                "y": path[:, 1],
                "name": "Push",
                "line": {"color": colour, "width": 1.6},
                "marker": {
                    "color": colour,
                    "symbol": "arrow",
                    "angleref": "previous",
                    "size": sizes,
                },
                "hoverinfo": "skip",
            },
        ],
        "layout": {
            "margin": {"l": 26, "r": 4, "t": 22, "b": 22},
            **square(axis),
            "showlegend": True,
            "legend": _LEGEND | {"font": {"size": 11}, "itemsizing": "constant"},
            "hovermode": "closest",
        },
    }


def _dots(name: str, points: Real, colour: str, size: float = 3.5) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": points[:, 0],
        "y": points[:, 1],
        "name": name,
        "marker": {"color": f"{colour}/0.7", "size": size, "line": {"width": 0}},
        "hoverinfo": "skip",
    }


def cloud(real: Real, fake: Real, extent: float) -> Figure:
    """Return real points under made ones, (N, 2) each, without axes: one of several side by side."""
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False, "visible": False}
    return {
        "data": [_dots("Real", real, "@real", 4.5), _dots("Fake", fake, "@fake", 3.2)],
        "layout": {
            "margin": {"l": 2, "r": 2, "t": 2, "b": 2},
            **square(axis),
            "showlegend": False,
            "hovermode": False,
        },
    }


def modes(
    lines: Sequence[tuple[str, Number, Real, str, float | None]],
    there: int,
    total: int,
    what: str,
) -> Figure:
    """Return how many modes several networks capture over steps, with the moment each collapses.

    `lines` are (name, steps (K,), modes (K,), colour, step of the collapse or None); `there` is how many
    modes there are; `what` names the axis.
    """
    traces: list[Figure] = []
    shapes: list[Figure] = []
    notes: list[Figure] = []
    for name, steps, values, colour, since in lines:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": steps,
                "y": values,
                "name": name,
                "line": {"color": colour, "width": 2.4},
                "hovertemplate": "%{y:,d}",
            }
        )
        if since is not None:
            shapes.append(
                _upright(since) | {"line": {"color": colour, "width": 1.6, "dash": "dot"}}
            )
            notes.append(
                {
                    "x": since,
                    "y": 0.66 - 0.12 * len(notes),
                    "yref": "paper",
                    "text": f"⚠ {name} collapses",
                    "showarrow": False,
                    "xanchor": "left",
                    "yanchor": "top",
                    "xshift": 4,
                    "font": {"color": colour, "size": 12},
                }
            )
    shapes.append(
        {
            "type": "line",
            "xref": "paper",
            "yref": "y",
            "x0": 0,
            "x1": 1,
            "y0": there,
            "y1": there,
            "line": {"color": "@real", "width": 1.4, "dash": "dash"},
        }
    )
    return {
        "data": traces,
        "layout": {
            "margin": MARGIN,
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": {"title": {"text": "step"}, "range": [0, total], "hoverformat": ",d"},
            "yaxis": {"title": {"text": what}, "range": [-0.02 * there, 1.08 * there], "nticks": 6},
            "legend": _LEGEND,
            "shapes": shapes,
            "annotations": notes,
        },
    }


def classes(
    names: Sequence[str], groups: Sequence[tuple[str, Real, str]], real: Real | None
) -> Figure:
    """Return the shares of classes among the samples of several networks, beside the data's.

    `groups` are (name, shares (C,), colour); `real` (C,) is drawn as a step line.
    """
    traces: list[Figure] = [
        {
            "type": "bar",
            "x": list(names),
            "y": 100 * np.asarray(shares, dtype=np.float64),
            "name": name,
            "marker": {"color": colour, "line": {"width": 0}},
            "hovertemplate": "%{y:.1f} %",
        }
        for name, shares, colour in groups
    ]
    if real is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": list(names),
                "y": 100 * np.asarray(real, dtype=np.float64),
                "name": "Data",
                "line": {"color": "@real", "width": 2, "shape": "hvh", "dash": "dash"},
                "hovertemplate": "%{y:.1f} %",
            }
        )
    return {
        "data": traces,
        "layout": {
            "margin": MARGIN,
            "barmode": "group",
            "bargap": 0.2,
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": {"type": "category", "title": {"text": "class"}},
            "yaxis": {"rangemode": "tozero", "ticksuffix": " %", "nticks": 5},
            "legend": _LEGEND,
        },
    }


def shade(table: Real, extent: float) -> Figure:
    """Return a surface over [−extent, extent]² in its own range, without axes: (S, S), row = y."""
    low, high = float(table.min()), float(table.max())
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False, "visible": False}
    return {
        "data": [
            contour(table, extent, low, high, 12)
            | {
                "showscale": False,
                "line": {"width": 0.9, "color": "@text/0.4"},
                "hovertemplate": "score %{z:.3g}<extra></extra>",
            }
        ],
        "layout": {
            "margin": {"l": 2, "r": 2, "t": 2, "b": 2},
            **square(axis),
            "showlegend": False,
        },
    }


def over(figure: Figure, real: Real) -> Figure:
    """Return a surface with real points, (N, 2), over it."""
    return {**figure, "data": [*figure["data"], _dots("Real", real, "@real", 2.6)]}


def by_depth(lines: Sequence[tuple[str, Real, str, bool]]) -> Figure:
    """Return gradient norms by hidden layer, logarithmic; `lines` are (name, (L,), colour, bold)."""
    every = np.log10(np.concatenate([np.ones(1), *(v[v > 0] for _, v, _, _ in lines)]))
    low, high = float(every.min()), float(every.max())
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers" if bold else "lines",
                "x": np.arange(1, len(values) + 1),
                "y": np.where(values > 0, values, np.nan),
                "name": name,
                "line": {"color": colour, "width": 2.8 if bold else 1.8},
                "marker": {"color": colour, "size": 6},
                "hovertemplate": "%{y:.1e}",
            }
            for name, values, colour, bold in lines
        ],
        "layout": {
            "margin": MARGIN | {"l": 58},
            "hovermode": "x unified",
            "showlegend": True,
            "xaxis": {"title": {"text": "hidden layer, from the input"}, "dtick": 1},
            "yaxis": {
                "type": "log",
                "exponentformat": "power",
                "range": [low - 0.6, high + 0.6],
                # Few: under a legend of several rows little height is left.
                "dtick": max(1, math.ceil((high - low) / 3)),
                "zeroline": False,
            },
            "legend": _LEGEND | {"font": {"size": 11}},
        },
    }


def grid(
    row_names: Sequence[str],
    column_names: Sequence[str],
    titles: tuple[str, str],
    table: Real,
    *,
    clouds: Sequence[tuple[int, int, Real]],
    extent: float,
    floor: float,
    high: float,
    diverged: Sequence[tuple[int, int]] = (),
    best: tuple[int, int] | None = None,
) -> Figure:
    """Return a heat map of distances with each cell's samples drawn into it.

    `table` is (R, C), NaN where there is nothing yet; `titles` name rows and columns; `clouds` are
    (row, column, points (N, 2) in [−extent, extent]²); shades go from `floor` to `high`, on a logarithmic
    scale.
    """
    rows, columns = len(row_names), len(column_names)
    shades = np.log10(np.maximum(table, 1e-9))
    ends = float(np.log10(max(floor, 1e-9))), float(np.log10(max(high, 1.01 * floor)))
    inside = []
    for row, column, points in clouds:
        kept = points[(np.abs(points) <= extent).all(axis=1)]
        # Cells are about twice as wide as high; the number stands to the left.
        inside.append(kept * np.array([0.23, 0.42]) / extent + np.array([column + 0.16, row]))
    at = np.concatenate(inside) if inside else np.empty((0, 2))
    notes: list[Figure] = []
    for i in range(rows):
        for j in range(columns):
            words = (
                "diverged"
                if (i, j) in diverged
                else ""
                if np.isnan(table[i, j])
                else f"{table[i, j]:.3g}"
            )
            if (i, j) == best:
                words = f"<b>★ {words}</b>"
            if words:
                notes.append(
                    {
                        "x": j - 0.47,
                        "y": i - 0.47,
                        "text": words,
                        "showarrow": False,
                        "xanchor": "left",
                        "yanchor": "bottom",
                        "font": {"size": 13},
                    }
                )
    ticks = np.linspace(ends[0], ends[1], 4)
    return {
        "data": [
            {
                "type": "heatmap",
                "z": shades,
                "customdata": np.where(np.isnan(table), -1.0, table),
                # One colour, ever less transparent: between two colours the shade would go flat.
                "colorscale": [[0.0, "@critic/0.03"], [1.0, "@critic/0.6"]],
                "zmin": ends[0],
                "zmax": ends[1],
                "xgap": 3,
                "ygap": 3,
                "hoverongaps": False,
                "hovertemplate": "W₁ %{customdata:.4g}<extra></extra>",
                "colorbar": {
                    "title": {"text": "W₁", "side": "top"},
                    "thickness": 10,
                    "outlinewidth": 0,
                    "tickvals": [float(t) for t in ticks],
                    "ticktext": [f"{10**t:.2g}" for t in ticks],
                },
            },
            {
                "type": "scatter",
                "mode": "markers",
                "x": at[:, 0],
                "y": at[:, 1],
                "marker": {"color": "@fake", "size": 2.6, "line": {"width": 0}},
                "hoverinfo": "skip",
                "name": "samples",
            },
        ],
        "layout": {
            "margin": {"l": 70, "r": 8, "t": 8, "b": 44},
            "xaxis": {**_axis(column_names), "title": {"text": titles[1]}},
            "yaxis": {**_axis(row_names), "title": {"text": titles[0]}},
            "showlegend": False,
            "annotations": notes,
            # Cells that are still empty are seen by their outlines.
            "shapes": [
                {
                    "type": "rect",
                    "x0": j - 0.48,
                    "x1": j + 0.48,
                    "y0": i - 0.48,
                    "y1": i + 0.48,
                    "line": {"color": "@text/0.18", "width": 1},
                    "layer": "below",
                }
                for i in range(rows)
                for j in range(columns)
            ],
        },
    }


def _axis(names: Sequence[str]) -> dict[str, Any]:
    return {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [-0.5, len(names) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
