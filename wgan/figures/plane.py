"""Points of the plane, surfaces over it, and paths of z."""

from collections.abc import Sequence

import numpy as np

from wgan.arrays import Real
from wgan.figures.base import LEGEND, MARGIN, SMALL_LEGEND, Figure, square, tick_format


def plane(
    *,
    real: Real,
    fake: Real | None = None,
    surface: Real | None = None,
    arrows: Real | None = None,
    extent: float,
) -> Figure:
    """Return points of the plane over the critic's surface.

    Args:
        real: Real points, (N, 2).
        fake: Fakes, (N, 2).
        surface: The critic's scores over [−extent, extent]², (S, S), row = y upwards.
        arrows: x, y and the direction in which the generator's loss pushes a fake there, (A, 4).
        extent: Half the side of the window.
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
                    "tickformat": tick_format(float(surface.min()), float(surface.max())),
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
            **square(axis),
            "legend": SMALL_LEGEND,
            "hovermode": "closest",
        },
    }


def _dots(name: str, points: Real, colour: str, size: float) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": points[:, 0],
        "y": points[:, 1],
        "name": name,
        "marker": {"color": f"{colour}/0.75", "size": size, "line": {"width": 0}},
        "hoverinfo": "skip",
    }


def _arrows(arrows: Real, extent: float) -> Figure:
    """Return arrows as one trace; the longest is a seventh of the window."""
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


def density(table: Real, extent: float) -> Figure:
    """Return a density over [−extent, extent]² as shades: (S, S), row = y upwards."""
    step = 2 * extent / len(table)
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False}
    return {
        "data": [
            {
                "type": "heatmap",
                "z": np.sqrt(table),  # the root makes thin parts visible
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
            **square(axis),
        },
    }


def numbered_points(points: Real, large: Sequence[int]) -> Figure:
    """Return points, (N, 2), each with its number from 0; those of the numbers `large` are larger."""
    is_large = np.isin(np.arange(len(points)), list(large))
    extent = 1.15 * float(np.abs(points).max(initial=1e-3))
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False}
    marked = _dots("z", points, "@fake", 5.0) | {
        "mode": "markers+text",
        "text": [str(i) for i in range(len(points))],
        "textposition": "top center",
        "textfont": {"size": 10},
    }
    marked["marker"] = {
        "color": "@fake",
        "size": np.where(is_large, 12.0, 5.0),
        "line": {"width": np.where(is_large, 2.0, 0.0), "color": "@generator"},
    }
    return {
        "data": [marked],
        "layout": {
            "margin": {"l": 34, "r": 8, "t": 8, "b": 26},
            **square(axis),
            "showlegend": False,
            "hovermode": "closest",
        },
    }


def labelled_points(groups: Sequence[tuple[str, Real, str, Sequence[str]]]) -> Figure:
    """Return groups of points, with a text that appears when a point is pointed at.

    Args:
        groups: Name, points (N, 2), colour, and the text of each point (N,); without texts an empty sequence.
    """
    extent = 1.2 * max(float(np.abs(points).max(initial=1e-3)) for _, points, _, _ in groups)
    axis = {"range": [-extent, extent], "zeroline": False, "showgrid": False}
    hover = {"hoverinfo": "text+name"}
    return {
        "data": [
            _dots(name, points, colour, 6.5) | ({"text": list(texts), **hover} if texts else {})
            for name, points, colour, texts in groups
        ],
        "layout": {
            "margin": {"l": 34, "r": 8, "t": 26, "b": 26},
            **square(axis),
            "legend": SMALL_LEGEND,
            "showlegend": True,
            "hovermode": "closest",
        },
    }


def lengths(path: Real, other: Real, names: tuple[str, str]) -> Figure:
    """Return ‖z‖ along two paths, (F, latent_dim) each, with the band that contains most lengths.

    The player of walks has the same colours (`captionColour` in walk_player.js).
    """
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
    # A line for the legend, because it cannot show shapes.
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "x": [None],
            "y": [None],
            "name": "most z",
            "line": {"color": "@real/0.3", "width": 10},
            "hoverinfo": "skip",
        }
    )
    return {
        "data": traces,
        "layout": {
            "margin": MARGIN,
            "hovermode": "x unified",
            "xaxis": {"title": {"text": "frame"}, "unifiedhovertitle": {"text": "frame %{x}"}},
            "yaxis": {"title": {"text": "‖z‖"}, "rangemode": "tozero"},
            "legend": LEGEND,
            "shapes": [band],
        },
    }
