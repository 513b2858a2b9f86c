"""A grid of trainings over two hyperparameters, as a heat map with the samples of each cell."""

from collections.abc import Sequence

import numpy as np

from wgan.arrays import Real
from wgan.figures.base import COLOUR_BAR, Figure
from wgan.format import fmt_sig


def distance_grid(
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

    Args:
        row_names: Labels of the rows, R of them.
        column_names: Labels of the columns, C of them.
        titles: Titles of the rows and of the columns.
        table: Distances, (R, C); NaN in cells without one.
        clouds: Row, column and samples, (N, 2), of the cells that have any.
        extent: The samples are shown in [−extent, extent]².
        floor: Distance of the first shade; the scale is logarithmic.
        high: Distance of the last shade.
        diverged: Cells that diverged.
        best: The best cell.
    """
    samples = _samples_in_cells(clouds, extent)
    return {
        "data": [
            _heat_map(table, floor, high),
            {
                "type": "scatter",
                "mode": "markers",
                "x": samples[:, 0],
                "y": samples[:, 1],
                "marker": {"color": "@fake", "size": 2.6, "line": {"width": 0}},
                "hoverinfo": "skip",
                "name": "samples",
            },
        ],
        "layout": {
            "margin": {"l": 70, "r": 8, "t": 34, "b": 44},
            "xaxis": {**_axis(column_names), "title": {"text": titles[1]}},
            "yaxis": {**_axis(row_names), "title": {"text": titles[0]}},
            "showlegend": False,
            "annotations": _cell_labels(table, diverged, best),
            "shapes": _outlines(len(row_names), len(column_names)),
        },
    }


def _samples_in_cells(clouds: Sequence[tuple[int, int, Real]], extent: float) -> Real:
    """Return all samples, (N, 2), moved into their cells; those outside of the window are left out."""
    clusters = []
    for row, column, points in clouds:
        inside = points[(np.abs(points) <= extent).all(axis=1)]
        # Cells are about twice as wide as high; the number is at their left.
        clusters.append(inside * np.array([0.23, 0.42]) / extent + np.array([column + 0.16, row]))
    return np.concatenate(clusters) if clusters else np.empty((0, 2))


def _heat_map(table: Real, floor: float, high: float) -> Figure:
    low_end, high_end = (
        float(np.log10(max(floor, 1e-9))),
        float(np.log10(max(high, 1.01 * floor))),
    )
    ticks = np.linspace(low_end, high_end, 4)
    return {
        "type": "heatmap",
        "z": np.log10(np.maximum(table, 1e-9)),
        "customdata": np.where(np.isnan(table), -1.0, table),
        # Use one colour of rising opacity: shades between two colours would be hard to tell apart.
        "colorscale": [[0.0, "@critic/0.03"], [1.0, "@critic/0.6"]],
        "zmin": low_end,
        "zmax": high_end,
        "xgap": 3,
        "ygap": 3,
        "hoverongaps": False,
        "hovertemplate": "W₁ %{customdata:.3g}<extra></extra>",
        "colorbar": COLOUR_BAR
        | {
            "y": 1.0,
            "yanchor": "bottom",
            "ypad": 4,
            "tickvals": [float(t) for t in ticks],
            "ticktext": [fmt_sig(float(10**t)) for t in ticks],
        },
    }


def _cell_labels(
    table: Real, diverged: Sequence[tuple[int, int]], best: tuple[int, int] | None
) -> list[Figure]:
    """Return each cell's distance as an annotation, the best with a star; none for empty cells."""
    labels: list[Figure] = []
    for (i, j), distance in np.ndenumerate(table):
        number = "" if np.isnan(distance) else fmt_sig(float(distance))
        text = "diverged" if (i, j) in diverged else number
        if (i, j) == best:
            text = f"<b>★ {text}</b>"
        if text:
            labels.append(
                {
                    "x": j - 0.47,
                    "y": i - 0.47,
                    "text": text,
                    "showarrow": False,
                    "xanchor": "left",
                    "yanchor": "bottom",
                    "font": {"size": 13},
                }
            )
    return labels


def _outlines(rows: int, columns: int) -> list[Figure]:
    """Return an outline of each cell, so that empty cells are visible."""
    return [
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
    ]


def _axis(names: Sequence[str]) -> Figure:
    return {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [-0.5, len(names) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
