"""Why not JS: distances between two shapes that are slid apart."""

from dataclasses import replace

import numpy as np
import streamlit as st

from pages.ui.labs.frame import Lab, ask_prediction, show_result
from pages.ui.labs.settings import persistent_key
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.format import fmt_sci
from wgan.labs import divergences
from wgan.labs.divergences import DISTANCES, FARTHEST, SHAPES
from wgan.verdicts import wasserstein as verdicts

SLIDE = Lab(
    "apart",
    "Why not JS",
    "Two shapes hardly overlap any more and are slid further apart. Which distance still notices?",
    ("JS", "TV", "W₁ alone", "W₁ and KL", "All four"),
    2,
    "JS, TV and KL compare the densities place by place: once nothing overlaps, every place says “only one of "
    "them” at any distance. W₁ asks how far the earth must travel, so it has a gradient everywhere.",
    "Arjovsky et al. 2017, example 1 and figure 1, arXiv:1701.07875",
)

OF_GAUSSIANS = replace(
    SLIDE,
    right=3,
    why="JS and TV are at their ends once hardly anything overlaps, and stay there. KL compares logarithms "
    "of densities, and those of Gaussians fall off with the square of the distance, so KL grows with it; for "
    "shapes with an edge, as boxes and lines, it is infinite at once. W₁ asks how far the earth must "
    "travel, so it has a gradient for all of them.",
)
"""The lesson about Gaussians, which overlap at any distance."""

VALUES_HELP = """The four distances over θ, by closed form (JS of Gaussians by quadrature). KL is infinite for boxes and lines
at every θ ≠ 0 and has no curve there. The dotted rule is your θ."""

SLOPES_HELP = """How each distance changes with θ: what a generator that can only slide would learn from. Where it is 0, the
generator learns nothing."""

HELPS = {
    "W₁": "Wasserstein distance: how far the earth must travel, |θ| for all three shapes.",
    "JS": "Jensen–Shannon divergence in nats: what an optimal GAN discriminator measures. At most log 2 ≈ 0.693, "
    "reached where nothing overlaps.",
    "KL": "Kullback–Leibler divergence in nats: infinite as soon as one lies where the other has nothing.",
    "TV": "Total variation: the share that does not overlap, at most 1.",
}

FORMULAS = {
    "boxes": r"$W_1=|\theta|,\;\; \mathrm{JS}=\min(|\theta|,1)\log 2,\;\; \mathrm{TV}=\min(|\theta|,1),\;\; \mathrm{KL}=\infty$",
    "gaussians": r"$W_1=|\theta|,\;\; \mathrm{KL}=\theta^2/2\sigma^2,\;\; \mathrm{TV}=\mathrm{erf}(|\theta|/\sqrt8\,\sigma),\;\; \sigma=\tfrac12$",
    "lines": r"$W_1=|\theta|,\;\; \mathrm{JS}=\log 2,\;\; \mathrm{KL}=\infty,\;\; \mathrm{TV}=1 \;\;(\theta\neq0)$",
}


@st.cache_data(show_spinner=False)
def _curves(shape: str) -> divergences.SlidDistances:
    return divergences.curves(shape)


def show_slide() -> None:
    """Show the lab of two shapes slid apart."""
    prediction = ask_prediction(SLIDE)
    shape, theta = _settings()
    distances = SHAPES[shape][1](np.array([theta]))
    _show_charts(shape, theta)
    _show_numbers(shape, theta, distances)
    st.markdown(FORMULAS[shape])
    lab = OF_GAUSSIANS if shape == "gaussians" else SLIDE
    _, js_slope, _, tv_slope = distances.slopes[:, 0].tolist()
    verdict = verdicts.slid_apart(
        theta, *distances.values[:, 0].tolist(), js_slope=js_slope, tv_slope=tv_slope
    )
    show_result(lab, prediction, verdict if verdicts.hardly_overlap(shape, theta) else "")


def _settings() -> tuple[str, float]:
    """Show the choice of a shape and of θ, and return both."""
    shape_column, theta_column = st.columns([0.42, 0.58], gap="medium")
    with shape_column:
        shape = st.segmented_control(
            "Two",
            list(SHAPES),
            key=persistent_key("apart-shape", "boxes"),
            persist_state="session",
            required=True,
            wrap=True,
            format_func=lambda s: SHAPES[s][0],
            help="What is slid. Boxes have an edge, Gaussians overlap everywhere a "
            "little, parallel lines only at θ = 0: figure 1 of the paper.",
        )
    with theta_column:
        theta = st.slider(
            "θ, how far apart",
            -FARTHEST,
            FARTHEST,
            step=0.05,
            key=persistent_key("apart-theta", 0.5),
            persist_state="session",
            help="Slide the fake shape. Units: a box is 1 wide, a Gaussian's σ is ½, a line is 1 "
            "long.",
        )
    return shape or "boxes", round(float(theta), 2)


def _show_charts(shape: str, theta: float) -> None:
    """Show the shapes, their distances over θ, and the gradients of these."""
    curves = _curves(shape)
    left, middle, right = st.columns(3, gap="small")
    with left:
        chart(
            picture(shape, theta),
            key="apart_picture",
            run=shape,
            height=190,
            title="What is slid",
            help="The real shape stands at 0, the fake one at θ.",
            alt="Two shapes, slid apart",
        )
    with middle:
        chart(
            figures.distances_over_theta(
                curves.theta,
                list(zip(DISTANCES, curves.values, strict=True)),
                at=theta,
                top=3.2,
                dots=True,
            ),
            key="apart_values",
            run=shape,
            height=190,
            title="Distances",
            help=VALUES_HELP,
            alt="W₁, JS, KL and TV over θ",
        )
    with right:
        chart(
            figures.distances_over_theta(
                curves.theta,
                list(zip(DISTANCES, curves.slopes, strict=True)),
                at=theta,
                top=2.2,
                low=-2.2,
            ),
            key="apart_slopes",
            run=shape,
            height=190,
            title="Their gradients",
            help=SLOPES_HELP,
            alt="The gradients of W₁, JS, KL and TV over θ",
        )


def _show_numbers(shape: str, theta: float, distances: divergences.SlidDistances) -> None:
    """Show each distance at θ with its gradient; of lines also as computed without a formula."""
    computed = (
        dict(zip(DISTANCES, divergences.computed_lines(theta), strict=True))
        if shape == "lines"
        else {}
    )
    stat_cards(
        [
            Stat(
                name,
                _value(float(distances.values[i, 0])),
                _slope(float(distances.slopes[i, 0])),
                help=HELPS[name]
                + (
                    f"\n\nComputed from 40 points of each line, no formula used: {_value(computed[name])}."
                    if computed
                    else ""
                ),
            )
            for i, name in enumerate(DISTANCES)
        ],
        key="apart_numbers",
    )


def _value(value: float) -> str:
    return "∞" if np.isinf(value) else f"{value:.3f}"


def _slope(value: float) -> str:
    if np.isnan(value):
        return "no slope"
    # With the precision of the verdict: a tiny slope must not look like 0.
    return f"slope {fmt_sci(value) if 0 < abs(value) < 1e-3 else f'{value:.3f}'}".replace("-", "−")


def picture(shape: str, theta: float) -> figures.Figure:
    """Return a figure of the two shapes, θ apart."""
    reach = FARTHEST + (2.3 if shape == "gaussians" else 1)
    span = (-reach, reach)
    if shape == "lines":
        return figures.two_segments(theta, span=span)
    if shape == "boxes":
        x, height = np.array([-0.5, -0.5, 0.5, 0.5]), np.array([0.0, 1.0, 1.0, 0.0])
    else:
        x = np.linspace(-2.2, 2.2, 90)
        height = np.exp(-((x / 0.5) ** 2) / 2)
    return figures.two_densities((x + theta, height), (x, height), span=span)
