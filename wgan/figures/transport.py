"""Transport and its dual: distribution functions, plans in the plane, potentials, distances slid apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wgan.arrays import Number, Real
from wgan.figures.base import MARGIN, Figure

_LEGEND = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}}

COLOURS = {"W₁": "@critic", "JS": "@generator", "KL": "@muted", "TV": "@mark"}
"""A distance's colour, in every chart."""


def _line(name: str, x: Number, y: Real, colour: str, **more: Any) -> Figure:
    line = {"color": colour, "width": 2.2, **more.pop("line", {})}
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": name,
        "line": line,
        "hovertemplate": "%{y:.3g}",
    } | more


def _rule(at: float) -> Figure:
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "line": {"color": "@text/0.5", "width": 1.4, "dash": "dot"},
    }


def cdfs(fake: Real, real: Real) -> Figure:
    """Return both distribution functions of weights at 0, 1, …, (N,) each, what lies between shaded."""
    x = np.arange(len(fake), dtype=np.float64)
    steps = {"shape": "hv"}
    return {
        "data": [
            _line("F, fake", x, np.cumsum(fake), "@fake", line=steps),
            _line(
                "G, real",
                x,
                np.cumsum(real),
                "@real",
                line=steps,
                fill="tonexty",
                fillcolor="@critic/0.18",
            ),
        ],
        "layout": {
            "margin": {"l": 36, "r": 8, "t": 24, "b": 26},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": _LEGEND,
            "xaxis": {"range": [0, len(fake) - 1], "zeroline": False, "nticks": 8},
            "yaxis": {"range": [0, 1.04], "nticks": 3, "zeroline": False},
        },
    }


def transport(
    fake: Real, real: Real, mass: Real, *, span: tuple[float, float, float, float]
) -> Figure:
    """Return two clouds, (N, 2) and (M, 2), and a plan between them as lines, (N, M), even weights.

    The more of a point goes along a line, the darker it is; what is below a 50th is not drawn.
    `span` is the window: left, right, bottom, top.
    """
    parts = mass * len(fake)
    traces: list[Figure] = []
    bounds = [(0.02, 0.1, 0.12), (0.1, 0.3, 0.28), (0.3, 0.7, 0.5), (0.7, 9.0, 0.8)]
    for low, high, alpha in bounds:
        rows, columns = np.nonzero((parts >= low) & (parts < high))
        gap = np.full((len(rows), 2), np.nan)  # a line breaks there
        path = np.stack([fake[rows], real[columns], gap], axis=1).reshape(-1, 2)
        line = {"color": f"@critic/{alpha}", "width": 1.3}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": path[:, 0],
                "y": path[:, 1],
                "line": line,
                "hoverinfo": "skip",
                "showlegend": False,
                "name": f"{low:g}",
            }
        )
    for name, points, colour in (("Fake", fake, "@fake"), ("Real", real, "@real")):
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": points[:, 0],
                "y": points[:, 1],
                "name": name,
                "marker": {"color": colour, "size": 7, "line": {"width": 0}},
                "hoverinfo": "skip",
            }
        )
    axis = {"zeroline": False, "showgrid": False, "nticks": 5}
    left, right, bottom, top = span
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 26, "r": 4, "t": 22, "b": 22},
            "xaxis": {**axis, "range": [left, right], "constrain": "domain"},
            "yaxis": {**axis, "range": [bottom, top], "scaleanchor": "x", "constrain": "domain"},
            "legend": _LEGEND,
            "hovermode": "closest",
        },
    }


def potentials(
    curves: Sequence[tuple[str, Real, str]], optimal: Real, fake: Real, real: Real
) -> Figure:
    """Return critics, (name, heights (N,), colour), over an optimal potential, and the piles below, (N,)."""
    x = np.arange(len(optimal), dtype=np.float64)
    traces: list[Figure] = [
        {
            "type": "bar",
            "x": x,
            "y": weights,
            "yaxis": "y2",
            "name": name,
            "marker": {"color": f"{colour}/0.45"},
            "hovertemplate": "%{y:.1%}",
        }
        for name, weights, colour in (("Fake", fake, "@fake"), ("Real", real, "@real"))
    ]
    traces.append(
        _line("Optimal", x, optimal, "@mark", line={"dash": "dash", "width": 2}),
    )
    traces += [_line(name, x, heights, colour) for name, heights, colour in curves]
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 36, "r": 8, "t": 26, "b": 26},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": _LEGEND,
            "barmode": "group",
            "bargap": 0.15,
            "xaxis": {"range": [-0.6, len(x) - 0.4], "zeroline": False, "nticks": 8},
            "yaxis": {"zeroline": False, "range": [-11.0, 8.5], "nticks": 6},
            "yaxis2": {
                "overlaying": "y",
                "range": [0, 4.2 * max(float(fake.max()), float(real.max()))],
                "visible": False,
                "fixedrange": True,
            },
        },
    }


def proofs(
    updates: Number, lines: Sequence[tuple[str, Real, str]], exact: float, total: int
) -> Figure:
    """Return what critics prove over their updates, (name, (T,), colour), below the exact distance."""
    top = max(1.15 * exact, 1e-6)
    # What is wrong at the start may be far below 0: the curve then comes in from below.
    traces = [_line(name, updates, values, colour) for name, values, colour in lines]
    return {
        "data": [
            *traces,
            _line(
                "W₁",
                np.array([0, total]),
                np.array([exact, exact]),
                "@mark",
                line={"dash": "dash", "width": 1.8},
            ),
        ],
        "layout": {
            "margin": {"l": 40, "r": 8, "t": 26, "b": 34},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": _LEGEND,
            "xaxis": {
                "title": {"text": "critic updates"},
                "range": [0, total],
                "hoverformat": ",d",
            },
            "yaxis": {"range": [-0.15 * top, top], "nticks": 5},
        },
    }


def slid(
    theta: Real,
    lines: Sequence[tuple[str, Real]],
    *,
    at: float,
    top: float,
    low: float = 0.0,
    dots: bool = False,
) -> Figure:
    """Return distances, or their gradients, over θ: (name, values (T,)); a rule stands `at` θ.

    The axis goes from `low` to `top`. With `dots` a value at θ = 0 that stands alone is a dot.
    """
    traces: list[Figure] = []
    for name, values in lines:
        shown = np.where(np.isfinite(values), values, np.nan)
        where = np.flatnonzero(theta == 0)
        alone = dots and len(where) and np.isfinite(shown[where[0]])
        if alone:
            middle = where[0]
            jump = abs(shown[middle - 1] - shown[middle]) > 0.1 * (top - low)
            if jump or not np.isfinite(shown[middle - 1]):
                traces.append(
                    {
                        "type": "scatter",
                        "mode": "markers",
                        "x": theta[middle : middle + 1],
                        "y": shown[middle : middle + 1],
                        "name": name,
                        "showlegend": False,
                        "marker": {"color": COLOURS[name], "size": 8},
                        "hoverinfo": "skip",
                    }
                )
                shown = np.where(theta == 0, np.nan, shown)
        # TV lies on other lines for long: dotted, so that both are seen.
        traces.append(
            _line(
                name, theta, shown, COLOURS[name], line={"dash": "dot" if name == "TV" else "solid"}
            )
        )
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 40, "r": 8, "t": 26, "b": 34},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": _LEGEND,
            "shapes": [_rule(at)],
            "xaxis": {
                "title": {"text": "θ, how far apart"},
                "range": [float(theta[0]), float(theta[-1])],
                "hoverformat": ".2f",
            },
            "yaxis": {"range": [low, top], "nticks": 6},
        },
    }


def two(fake: tuple[Real, Real], real: tuple[Real, Real], *, span: tuple[float, float]) -> Figure:
    """Return two densities on the line, (x, height) each, filled."""
    most = max(float(fake[1].max()), float(real[1].max()))
    return {
        "data": [
            _line(name, x, y, colour, fill="tozeroy", fillcolor=f"{colour}/0.25")
            | {"hoverinfo": "skip"}
            for name, (x, y), colour in (("Real", real, "@real"), ("Fake", fake, "@fake"))
        ],
        "layout": {
            "margin": {"l": 12, "r": 8, "t": 26, "b": 26},
            "showlegend": True,
            "legend": _LEGEND,
            "xaxis": {"range": list(span), "zeroline": False, "nticks": 9},
            "yaxis": {"range": [0, 1.12 * most], "visible": False, "fixedrange": True},
        },
    }


def segments(theta: float, *, span: tuple[float, float]) -> Figure:
    """Return two parallel lines of length 1, at 0 and at θ, and the plan between them."""
    heights = np.linspace(0.05, 0.95, 7)
    gap = np.full_like(heights, np.nan)
    ways = np.stack([0 * heights, 0 * heights + theta, gap], axis=1).ravel()
    level = np.stack([heights, heights, gap], axis=1).ravel()
    ends = np.array([0.0, 1.0])
    return {
        "data": [
            _line("Plan", ways, level, "@critic/0.6", line={"width": 1.4}) | {"hoverinfo": "skip"},
            _line("Real", np.zeros(2), ends, "@real", line={"width": 5}) | {"hoverinfo": "skip"},
            _line("Fake", np.full(2, theta), ends, "@fake", line={"width": 5})
            | {"hoverinfo": "skip"},
        ],
        "layout": {
            "margin": {"l": 30, "r": 8, "t": 26, "b": 26},
            "showlegend": True,
            "legend": _LEGEND,
            "xaxis": {"range": list(span), "zeroline": False, "nticks": 9},
            "yaxis": {"range": [-0.05, 1.1], "nticks": 3},
        },
    }


def opposed(
    x: Real,
    discriminator: Real,
    best: Real,
    critic: Real,
    line: Real,
    mu: float,
    spread: float,
) -> Figure:
    """Return D and the optimal D* over x, (X,) each, beside the critic's scores and an optimal critic's.

    D on the left axis, scores on the right; the two Gaussians, around 0 and μ, stand below.
    """
    traces: list[Figure] = []
    for name, middle, colour in (("Real", 0.0, "@real"), ("Fake", mu, "@fake")):
        height = 0.3 * np.exp(-(((x - middle) / spread) ** 2) / 2)
        traces.append(
            _line(
                name,
                x,
                height,
                f"{colour}/0.7",
                line={"width": 1},
                fill="tozeroy",
                fillcolor=f"{colour}/0.25",
            )
            | {"hoverinfo": "skip"}
        )
    traces += [
        _line("optimal D", x, best, "@generator/0.75", line={"dash": "dash", "width": 1.8}),
        _line("D", x, discriminator, "@generator"),
        _line(
            "optimal f", x, line, "@critic/0.75", yaxis="y2", line={"dash": "dash", "width": 1.8}
        ),
        _line("f", x, critic, "@critic", yaxis="y2"),
    ]
    most = 1.1 * max(float(np.abs(critic).max()), float(np.abs(line).max()), 0.1)
    return {
        "data": traces,
        "layout": {
            "margin": MARGIN | {"l": 36, "r": 36, "t": 26, "b": 26},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": _LEGEND,
            "xaxis": {"range": [float(x[0]), float(x[-1])], "zeroline": False},
            # Each axis in its line's colour.
            "yaxis": {
                "range": [-0.02, 1.05],
                "nticks": 5,
                "zeroline": False,
                "tickfont": {"color": "@generator"},
            },
            "yaxis2": {
                "overlaying": "y",
                "side": "right",
                "tickfont": {"color": "@critic"},
                "showgrid": False,
                "zeroline": False,
                "range": [-most, most],
                "tickmode": "auto",
                "nticks": 5,
            },
        },
    }


def pushes(
    mu: Real,
    lines: Sequence[tuple[str, Real, str]],
    dots: Sequence[tuple[str, Real, Real, str]],
    *,
    at: float,
) -> Figure:
    """Return gradients at fakes over the separation μ, on a logarithmic axis.

    `lines` are closed forms: (name, (T,), colour); `dots` are measured: (name, μ (K,), value (K,), colour).
    """
    traces = [
        _line(
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
            "x": where,
            "y": np.maximum(values, 1e-9),
            "name": name,
            "showlegend": False,  # in the colour of its line
            "marker": {"color": colour, "size": 10, "line": {"color": "@background", "width": 1}},
            "hovertemplate": "%{y:.2e}",
        }
        for name, where, values, colour in dots
    ]
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 52, "r": 8, "t": 26, "b": 34},
            "showlegend": True,
            "legend": _LEGEND,
            "shapes": [_rule(at)],
            "hovermode": "closest",
            "xaxis": {
                "title": {"text": "μ, how far apart, in σ"},
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
