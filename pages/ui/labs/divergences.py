"""Why not JS: distances between two shapes at an offset."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import streamlit as st

from pages.ui.core.navigation import glossary_link
from pages.ui.labs.frame import Lab, ask_prediction, is_revealed, show_result
from pages.ui.labs.settings import persistent_key
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.labs import divergences
from wgan.labs.divergences import DISTANCES, FARTHEST, SHAPES
from wgan.verdicts import wasserstein as verdicts

SLIDE = Lab(
    "apart",
    "Why not JS",
    "Two boxes that no longer overlap move further apart. Which distance still changes?",
    ("JS", "TV", "Only W₁", "W₁ and KL", "All four"),
    2,
    "JS, TV and KL compare the densities at each place. Once nothing overlaps, each place has only one of the two, "
    "however far apart they are. W₁ measures how far the earth must travel, so it has a slope at every θ "
    "except 0.",
    "Arjovsky et al. 2017, example 1 and figure 1, arXiv:1701.07875",
)

OF_GAUSSIANS = replace(
    SLIDE,
    question="Two Gaussians that hardly overlap any more move further apart. Which distance still changes?",
    right=3,
    why="JS and TV approach their maximum once hardly anything overlaps, and their slopes approach 0. KL compares "
    "logarithms of densities. For Gaussians these fall with the square of the distance, so KL keeps growing; "
    "for shapes with an edge, such as boxes and lines, it is infinite. W₁ measures how far the earth must "
    "travel, so it has a slope for all three shapes, at every θ except 0.",
)
"""The lab with Gaussians, which overlap at any distance."""

OF_LINES = replace(
    SLIDE, question="Two parallel lines move further apart. Which distance still changes?"
)
"""The lab with lines, which overlap only at θ = 0."""

LABS = {"boxes": SLIDE, "gaussians": OF_GAUSSIANS, "lines": OF_LINES}
"""The lab by shape. Its question names the shape."""

FIRST_THETA = 1.5
"""The offset at the start: boxes of width 1, which are on show first, do not overlap there."""

NAMES = (
    "**W₁**: Wasserstein distance. **JS**: Jensen–Shannon divergence. **TV**: total variation. "
    "**KL**: Kullback–Leibler divergence."
)

VALUES_HELP = """The four distances over θ, by closed form (JS of Gaussians by numerical integration). For boxes and lines,
KL is infinite at every θ ≠ 0 and has no curve there. The dotted line marks your θ."""

SLOPES_HELP = """The slope of each distance over θ. A generator that can only move its shape would learn from it. Where the
slope is 0, the generator learns nothing."""

HELPS = {
    "W₁": "Wasserstein distance: how far the earth must travel. It is |θ| for all three shapes.",
    "JS": "Jensen–Shannon divergence in nats, the distance that an optimal GAN discriminator measures. Its maximum is "
    "log 2 ≈ 0.693, reached if nothing overlaps.",
    "KL": "Kullback–Leibler divergence in nats. It is infinite if one shape has density where the other has none; "
    "then it has no curve.",
    "TV": "Total variation: the share of the shapes that does not overlap, at most 1.",
}

FORMULAS = {
    "boxes": r"$W_1=|\theta|$, $\;\mathrm{JS}=\min(|\theta|,1)\log 2$, $\;\mathrm{TV}=\min(|\theta|,1)$, $\;\mathrm{KL}=\infty \;\;(\theta\neq0)$",
    "gaussians": r"$W_1=|\theta|$, $\;\mathrm{KL}=\theta^2/2\sigma^2$, $\;\mathrm{TV}=\mathrm{erf}(|\theta|/\sqrt8\,\sigma)$, $\;\sigma=\tfrac12$",
    "lines": r"$W_1=|\theta|$, $\;\mathrm{JS}=\log 2$, $\;\mathrm{KL}=\infty$, $\;\mathrm{TV}=1 \;\;(\theta\neq0)$",
}


@st.cache_data(show_spinner=False)
def _curves(shape: str) -> divergences.SlidDistances:
    return divergences.curves(shape)


def show_slide() -> None:
    """Show the lab of two shapes at an offset."""
    lab = LABS[str(st.session_state.get("apart-shape") or "boxes")]
    prediction = ask_prediction(lab)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(NAMES, width="content")
        glossary_link("jensen-shannon-divergence", "These words in the glossary")
    shape, theta = _settings()
    picture_column, curves_column = st.columns([1, 2], gap="small")
    with picture_column:
        _show_picture(shape, theta)
    with curves_column:
        revealed = is_revealed(lab, prediction)
        if revealed:
            _show_curves(shape, theta)
    if not revealed:
        return
    distances = SHAPES[shape][1](np.array([theta]))
    _show_numbers(shape, theta, distances)
    st.markdown(FORMULAS[shape])
    slopes = dict(zip(DISTANCES, distances.slopes[:, 0].tolist(), strict=True))
    if not verdicts.hardly_overlap(slopes["JS"], slopes["TV"]):
        st.caption(
            ":material/info: Here the shapes overlap, or just touch. Move θ further from 0 until they "
            "hardly overlap."
        )
        return
    verdict = verdicts.slid_apart(theta, *distances.values[:, 0].tolist(), slopes=slopes)
    show_result(slide_lab(shape, slopes), prediction, verdict)


def slide_lab(shape: str, slopes: Mapping[str, float]) -> Lab:
    """Return the lab with the answer that the slopes of the distances give, if the shapes hardly overlap."""
    answered = OF_GAUSSIANS if "KL" in verdicts.distances_that_change(slopes) else SLIDE
    return replace(answered, question=LABS[shape].question)


def _settings() -> tuple[str, float]:
    """Show the choice of a shape and of θ, and return both."""
    shape_column, theta_column = st.columns([0.42, 0.58], gap="medium")
    with shape_column:
        shape = st.segmented_control(
            "Two shapes",
            list(SHAPES),
            key=persistent_key("apart-shape", "boxes"),
            persist_state="session",
            required=True,
            wrap=True,
            format_func=lambda s: SHAPES[s][0],
            help="Boxes have edges. Gaussians overlap a little at every distance, parallel lines only at θ = 0 "
            "(figure 1 of the paper).",
        )
    with theta_column:
        theta = st.slider(
            "Offset θ",
            -FARTHEST,
            FARTHEST,
            step=0.05,
            key=persistent_key("apart-theta", FIRST_THETA),
            persist_state="session",
            help="Moves the fake shape. A box has width 1, a Gaussian σ = ½, a line length 1.",
        )
    return shape or "boxes", round(float(theta), 2)


def _show_picture(shape: str, theta: float) -> None:
    chart(
        picture(shape, theta),
        key="apart_picture",
        run=shape,
        height=190,
        title="The two shapes",
        help="The real shape is at 0, the fake shape at θ.",
        alt="Two shapes at an offset",
    )


def _show_curves(shape: str, theta: float) -> None:
    """Show the distances of the shapes over θ, and their slopes."""
    curves = _curves(shape)
    left, right = st.columns(2, gap="small")
    with left:
        chart(
            figures.distances_over_theta(
                curves.theta,
                list(zip(DISTANCES, curves.values, strict=True)),
                at=theta,
                top=4.2,
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
            title="Their slopes",
            help=SLOPES_HELP,
            alt="The slopes of W₁, JS, KL and TV over θ",
        )


def _show_numbers(shape: str, theta: float, distances: divergences.SlidDistances) -> None:
    """Show each distance at θ with its slope; of lines also as computed without a formula."""
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
                    f"\n\nComputed from 40 points on each line, without the formula: {_value(computed[name])}."
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
    return "no slope" if np.isnan(value) else f"slope {verdicts.fmt_slope(value)}"


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
