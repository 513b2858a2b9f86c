"""Two distributions apart: their distances and gradients, and the networks that tell them apart."""

from collections.abc import Sequence

import numpy as np

from wgan.arrays import Real
from wgan.figures.base import MARGIN, SMALL_LEGEND, Figure, line_trace, vertical_line
from wgan.format import fmt_sci

COLOURS = {"W₁": "@critic", "JS": "@generator", "KL": "@muted", "TV": "@mark"}
"""A distance's colour, in every chart."""


def distances_over_theta(
    theta: Real,
    lines: Sequence[tuple[str, Real]],
    *,
    at: float,
    top: float,
    low: float = 0.0,
    dots: bool = False,
) -> Figure:
    """Return distances between two shapes, or their gradients, over the offset θ.

    Args:
        theta: Offsets, (T,), rising.
        lines: Names and values, (T,), of the distances. Names are keys of `COLOURS`.
        at: The offset that a dotted line marks.
        top: Upper end of the axis.
        low: Lower end of the axis.
        dots: Whether a value at θ = 0 from which the curve jumps is a dot.
    """
    traces: list[Figure] = []
    for name, values in lines:
        heights = np.where(np.isfinite(values), values, np.nan)
        if dots and _jumps_at_zero(theta, heights, 0.1 * (top - low)):
            is_zero = theta == 0
            traces.append(_lone_dot(name, theta[is_zero], heights[is_zero]))
            heights = np.where(is_zero, np.nan, heights)
        # Exact curves: Plotly's simplification would make a constant slope by up to a pixel.
        # TV coincides with other lines over long stretches: dotted, so that both are visible.
        dash = "dot" if name == "TV" else "solid"
        label = name + _why_no_line(values, heights)
        traces.append(
            line_trace(label, theta, heights, COLOURS[name], line={"dash": dash, "simplify": False})
        )
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 40, "r": 8, "t": 26, "b": 34},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": SMALL_LEGEND,
            "shapes": [vertical_line(at, colour="@text/0.5")],
            "xaxis": {
                "title": {"text": "offset θ"},
                "range": [float(theta[0]), float(theta[-1])],
                "hoverformat": ".2f",
            },
            "yaxis": {"range": [low, top], "nticks": 6},
        },
    }


def _why_no_line(values: Real, heights: Real) -> str:
    """Return what the legend says of a curve without a line; nothing if there is one.

    Args:
        values: The values, (T,), some of which may be infinite or NaN.
        heights: What is drawn of them, (T,).
    """
    if np.isfinite(heights).any():
        return ""
    return " = ∞" if np.isinf(values).any() else ": no slope"


def _jumps_at_zero(theta: Real, heights: Real, least: float) -> bool:
    """Return whether a curve has a value at θ = 0 that differs from its neighbour by more than `least`."""
    zeros = np.flatnonzero(theta == 0)
    if not len(zeros) or not np.isfinite(heights[zeros[0]]):
        return False
    neighbour, value = heights[zeros[0] - 1], heights[zeros[0]]
    return bool(not np.isfinite(neighbour) or abs(neighbour - value) > least)


def _lone_dot(name: str, x: Real, y: Real) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "name": name,
        "showlegend": False,
        "marker": {"color": COLOURS[name], "size": 8},
        "hoverinfo": "skip",
    }


def two_densities(
    fake: tuple[Real, Real], real: tuple[Real, Real], *, span: tuple[float, float]
) -> Figure:
    """Return two densities on the line, filled; each is x and height, (N,)."""
    highest = max(float(fake[1].max()), float(real[1].max()))
    return {
        "data": [
            line_trace(name, x, y, colour, fill="tozeroy", fillcolor=f"{colour}/0.25")
            | {"hoverinfo": "skip"}
            for name, (x, y), colour in (("Real", real, "@real"), ("Fake", fake, "@fake"))
        ],
        "layout": {
            "margin": {"l": 12, "r": 8, "t": 26, "b": 26},
            "showlegend": True,
            "legend": SMALL_LEGEND,
            "xaxis": {"range": list(span), "zeroline": False, "nticks": 9},
            "yaxis": {"range": [0, 1.12 * highest], "visible": False, "fixedrange": True},
        },
    }


def two_segments(theta: float, *, span: tuple[float, float]) -> Figure:
    """Return two parallel lines of length 1, at 0 and at θ, and the plan between them."""
    heights = np.linspace(0.05, 0.95, 7)
    gap = np.full_like(heights, np.nan)
    paths = np.stack([0 * heights, 0 * heights + theta, gap], axis=1).ravel()
    levels = np.stack([heights, heights, gap], axis=1).ravel()
    ends = np.array([0.0, 1.0])
    return {
        "data": [
            line_trace("Plan", paths, levels, "@critic/0.6", line={"width": 1.4})
            | {"hoverinfo": "skip"},
            line_trace("Real", np.zeros(2), ends, "@real", line={"width": 5})
            | {"hoverinfo": "skip"},
            line_trace("Fake", np.full(2, theta), ends, "@fake", line={"width": 5})
            | {"hoverinfo": "skip"},
        ],
        "layout": {
            "margin": {"l": 30, "r": 8, "t": 26, "b": 26},
            "showlegend": True,
            "legend": SMALL_LEGEND,
            "xaxis": {"range": list(span), "zeroline": False, "nticks": 9},
            "yaxis": {"range": [-0.05, 1.1], "nticks": 3},
        },
    }


def discriminator_and_critic(
    x: Real,
    discriminator: Real,
    optimal_discriminator: Real,
    critic: Real,
    optimal_critic: Real,
    mu: float,
    spread: float,
) -> Figure:
    """Return a discriminator and a critic over two Gaussians, with the optimal ones dashed.

    D has the left axis, scores the right one.

    Args:
        x: Places on the line, (X,), rising.
        discriminator: D, (X,), in [0, 1].
        optimal_discriminator: The optimal D, (X,).
        critic: Scores, (X,).
        optimal_critic: Scores of an optimal critic, (X,).
        mu: Mean of the fakes; that of real examples is 0.
        spread: Standard deviation of both Gaussians.
    """
    dashed = {"dash": "dash", "width": 1.8}
    largest = 1.1 * max(float(np.abs(critic).max()), float(np.abs(optimal_critic).max()), 0.1)
    return {
        "data": [
            _bell("Real", x, 0.0, spread, "@real"),
            _bell("Fake", x, mu, spread, "@fake"),
            line_trace("optimal D", x, optimal_discriminator, "@generator/0.75", line=dashed),
            line_trace("D", x, discriminator, "@generator"),
            line_trace("optimal f", x, optimal_critic, "@critic/0.75", yaxis="y2", line=dashed),
            line_trace("f", x, critic, "@critic", yaxis="y2"),
        ],
        "layout": {
            "margin": MARGIN | {"l": 48, "r": 48, "t": 26, "b": 26},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": SMALL_LEGEND,
            "xaxis": {"range": [float(x[0]), float(x[-1])], "zeroline": False},
            # Each axis has the colour of its line.
            "yaxis": {
                "title": {"text": "D", "font": {"color": "@generator"}},
                "range": [-0.02, 1.05],
                "nticks": 5,
                "zeroline": False,
                "tickfont": {"color": "@generator"},
            },
            "yaxis2": {
                "title": {"text": "f", "font": {"color": "@critic"}},
                "overlaying": "y",
                "side": "right",
                "tickfont": {"color": "@critic"},
                "showgrid": False,
                "zeroline": False,
                "range": [-largest, largest],
                "tickmode": "auto",
                "nticks": 5,
            },
        },
    }


def _bell(name: str, x: Real, mean: float, spread: float, colour: str) -> Figure:
    """Return a Gaussian's density, 0.3 high, filled."""
    return line_trace(
        name,
        x,
        0.3 * np.exp(-(((x - mean) / spread) ** 2) / 2),
        f"{colour}/0.7",
        line={"width": 1},
        fill="tozeroy",
        fillcolor=f"{colour}/0.25",
        hoverinfo="skip",
    )


def gradients_over_mu(
    mu: Real,
    lines: Sequence[tuple[str, Real, str]],
    dots: Sequence[tuple[str, Real, Real, str]],
    *,
    at: float,
) -> Figure:
    """Return gradients at fakes over the distance μ of two Gaussians, on a logarithmic axis.

    Args:
        mu: Distances of the closed forms, (T,), rising.
        lines: Name, values (T,) and colour of each closed form.
        dots: Name, distances (K,), values (K,) and colour of what was measured.
        at: The distance that a dotted line marks.
    """
    traces = [
        line_trace(
            name,
            mu,
            np.where(values > 0, values, np.nan),
            colour,
            line={"dash": "dash", "width": 1.8},
        )
        for name, values, colour in lines
    ]
    traces += [
        {
            "type": "scatter",
            "mode": "markers",
            "x": distances,
            "y": np.maximum(values, 1e-9),
            "name": name,
            "showlegend": False,  # it has the colour of its line
            "marker": {"color": colour, "size": 10, "line": {"color": "@background", "width": 1}},
            "customdata": [fmt_sci(value) for value in values.tolist()],
            "hovertemplate": "μ = %{x:g}: %{customdata}<extra>%{fullData.name}</extra>",
        }
        for name, distances, values, colour in dots
    ]
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 52, "r": 8, "t": 26, "b": 34},
            "showlegend": True,
            "legend": SMALL_LEGEND,
            "shapes": [vertical_line(at, colour="@text/0.5")],
            "hovermode": "closest",
            "xaxis": {
                "title": {"text": "distance μ, in σ"},
                "range": [0, 1.03 * float(mu[-1])],
            },
            "yaxis": {
                "type": "log",
                "exponentformat": "power",
                "range": [-8, 1.3],
                "dtick": 2,
                "zeroline": False,
            },
        },
    }
