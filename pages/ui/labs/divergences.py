"""Why not JS: distances of two piles slid apart, and a discriminator against a critic, trained live."""

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.labs.frame import Lab, ask_prediction, show_result
from pages.ui.labs.state import LabsState
from pages.ui.labs.tasks import kept, order, standing, state
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.format import fmt_sci
from wgan.labs import apart
from wgan.labs.apart import DISTANCES, FARTHEST, SHAPES, Opposed

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
"""Gaussians never quite lose touch."""

OPPOSED = Lab(
    "opposed",
    "Trained live",
    "A discriminator and a critic are trained on two Gaussians far apart. Whose gradient tells the fakes where to go?",
    ("The discriminator's", "The critic's", "Both"),
    1,
    "The better the discriminator, the surer it is: D is flat where the fakes are, and log(1 − D) has hardly "
    "any gradient left. The critic's slope is held near 1 between the two, so at any distance the fakes are told to move.",
    "Arjovsky et al. 2017, figure 2, arXiv:1701.07875; optimal D: Goodfellow et al. 2014, proposition 1",
)

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

PLAIN = {
    "boxes": r"$W_1=|\theta|,\;\; \mathrm{JS}=\min(|\theta|,1)\log 2,\;\; \mathrm{TV}=\min(|\theta|,1),\;\; \mathrm{KL}=\infty$",
    "gaussians": r"$W_1=|\theta|,\;\; \mathrm{KL}=\theta^2/2\sigma^2,\;\; \mathrm{TV}=\mathrm{erf}(|\theta|/\sqrt8\,\sigma),\;\; \sigma=\tfrac12$",
    "lines": r"$W_1=|\theta|,\;\; \mathrm{JS}=\log 2,\;\; \mathrm{KL}=\infty,\;\; \mathrm{TV}=1 \;\;(\theta\neq0)$",
}


@st.cache_data(show_spinner=False)
def _curves(shape: str) -> Any:
    return apart.curves(shape)


def show_slide() -> None:
    """Show the lab of two shapes slid apart."""
    prediction = ask_prediction(SLIDE)
    kind, how_far = st.columns([0.42, 0.58], gap="medium")
    with kind:
        shape = st.segmented_control(
            "Two",
            list(SHAPES),
            key=kept("apart-shape", "boxes"),
            persist_state="session",
            required=True,
            wrap=True,
            format_func=lambda s: SHAPES[s][0],
            help="What is slid. Boxes have an edge, Gaussians overlap everywhere a "
            "little, parallel lines only at θ = 0: figure 1 of the paper.",
        )
    with how_far:
        theta = st.slider(
            "θ, how far apart",
            -FARTHEST,
            FARTHEST,
            step=0.05,
            key=kept("apart-theta", 0.5),
            persist_state="session",
            help="Slide the fake shape. Units: a box is 1 wide, a Gaussian's σ is ½, a line is 1 "
            "long.",
        )
    shape = shape or "boxes"
    theta = round(float(theta), 2)
    every, here = _curves(shape), SHAPES[shape][1](np.array([theta]))
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
            figures.slid(
                every.theta,
                list(zip(DISTANCES, every.values, strict=True)),
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
            figures.slid(
                every.theta,
                list(zip(DISTANCES, every.slopes, strict=True)),
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
    computed = (
        dict(zip(DISTANCES, apart.computed_lines(theta), strict=True)) if shape == "lines" else {}
    )
    stat_cards(
        [
            Stat(
                name,
                _value(float(here.values[i, 0])),
                _slope(float(here.slopes[i, 0])),
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
    st.markdown(PLAIN[shape])
    far = theta != 0 if shape == "lines" else abs(theta) >= (1.0 if shape == "boxes" else 2.0)
    lab = OF_GAUSSIANS if shape == "gaussians" else SLIDE
    show_result(lab, prediction, happened_apart(here, theta) if far else "")


def _value(value: float) -> str:
    return "∞" if np.isinf(value) else f"{value:.3f}"


def _slope(value: float) -> str:
    if np.isnan(value):
        return "no slope"
    # As exact as the sentence below says it: what is nearly 0 is not 0.
    return f"slope {fmt_sci(value) if 0 < abs(value) < 1e-3 else f'{value:.3f}'}".replace("-", "−")


def picture(shape: str, theta: float) -> figures.Figure:
    """Return the two shapes, θ apart."""
    reach = FARTHEST + (2.3 if shape == "gaussians" else 1)
    span = (-reach, reach)
    if shape == "lines":
        return figures.segments(theta, span=span)
    if shape == "boxes":
        x, height = np.array([-0.5, -0.5, 0.5, 0.5]), np.array([0.0, 1.0, 1.0, 0.0])
    else:
        x = np.linspace(-2.2, 2.2, 90)
        height = np.exp(-((x / 0.5) ** 2) / 2)
    return figures.two((x + theta, height), (x, height), span=span)


def happened_apart(here: apart.Slid, theta: float) -> str:
    """Return what the distances say of two shapes that are apart, in words."""
    w1, js, kl, tv = (float(v) for v in here.values[:, 0])
    _, js_slope, _, tv_slope = (float(v) for v in here.slopes[:, 0])
    kept = "" if np.isinf(kl) else f" KL does grow ({kl:.1f}), as Gaussians never quite lose touch."
    return (
        f"At θ = {theta:g}: W₁ is **{w1:.2f}** with slope **{'−' if theta < 0 else ''}1**; JS is **{js:.3f}** "
        f"(log 2 is 0.693) with slope **{_plain(js_slope)}**, TV **{tv:.3f}** with slope "
        f"**{_plain(tv_slope)}**.{kept}"
    ).replace("= -", "= −")


def _plain(value: float) -> str:
    return "none" if np.isnan(value) else fmt_sci(value)


# ---- figure 2, live -----------------------------------------------------------------------------

WORK = "Discriminator against critic"

MU = np.linspace(0.1, 10, 100)

FIGURE_HELP = """Orange: the discriminator D (left axis), from 0 = sure fake to 1 = sure real. Blue: the critic's score (right axis,
0 midway). Dashed: the optimal ones; D = p/(p+q), and a line of slope 1. The two Gaussians stand below."""

PUSH_HELP = """How strongly the generator is pushed at a fake, on average, against how far apart the two are. Dashed: closed forms
for an optimal D and an optimal critic. Dots: measured by automatic differentiation in the networks that you
have trained here, one for each μ."""

MINIMAX_HELP = """Mean size of ∂ log(1 − D)/∂x at 1,024 fakes: the gradient of the GAN's game as first written, by automatic
differentiation in the trained discriminator. For an optimal D it is D(x) μ/σ², which is about **{}** here."""

SATURATING_HELP = """Mean size of ∂ log D/∂x at the same fakes: the mend that GANs use. For an optimal D it is (1 − D(x)) μ/σ², about
**{}** here: no longer small, but the surer D, the larger and noisier it is."""

CRITIC_HELP = """Mean size of ∂f/∂x at the same fakes, by automatic differentiation. An optimal critic has slope **1**; a penalty
of weight λ lets it be 1 + W₁/2λ = **{:.2f}**."""


def show_opposed() -> None:
    """Show the lab of the discriminator against the critic."""
    prediction = ask_prediction(OPPOSED)
    how_far, begin, words = st.columns([0.4, 0.2, 0.4], gap="medium", vertical_alignment="bottom")
    with how_far:
        mu = st.slider(
            "μ, how far apart",
            0.5,
            10.0,
            step=0.5,
            key=kept("opposed-mu", 6.0),
            persist_state="session",
            format="%.1f σ",
            help="The real Gaussian is at 0, the fake one at μ; both have σ = 1.",
        )
    far = float(mu)
    with begin:
        order(
            WORK,
            "Train both",
            lambda: apart.oppose(far),
            key="opposed",
            given=far,
            mine=True,
            help=f"Train a discriminator (cross-entropy) and a critic (gradient penalty, λ = "
            f"{apart.PENALTY_WEIGHT:g}), ReLU 3×64, {apart.UPDATES} updates of {apart.BATCH} samples each. "
            "A few seconds.",
        )
    task = standing(WORK, mine=True)
    goes = task is not None and not task.done
    with words:
        state(task)
    result = None if task is None else task.result
    seen = page_state(LabsState).opposed
    if isinstance(result, Opposed) and not goes:
        seen[result.mu] = result
    shown = result if isinstance(result, Opposed) and goes else seen.get(far)
    if shown is None and isinstance(result, Opposed) and task is not None and not task.error:
        shown = result
    left, right = st.columns(2, gap="medium")
    with left:
        _figure(shown, far)
    with right:
        _pushes(shown, seen, far)
    if shown is None:
        st.caption(
            "Press **Train both**: solid curves and dots appear beside the dashed closed forms."
        )
        return
    _gradients(shown)
    if shown.mu != far:
        st.caption(
            f":material/info: Shown is what was trained at μ = {shown.mu:g} σ. Press **Train both** for "
            f"μ = {far:g} σ."
        )
    show_result(
        opposed_as(shown),
        prediction,
        "" if goes else happened_opposed(shown),
        early=shown.updates < shown.total,
    )


def _figure(shown: Opposed | None, far: float) -> None:
    mu = far if shown is None else shown.mu
    x = np.linspace(-4 * apart.SPREAD, mu + 4 * apart.SPREAD, 240) if shown is None else shown.x
    none = np.full_like(x, np.nan)
    trained = (none, none) if shown is None else (shown.discriminator, shown.critic)
    chart(
        figures.opposed(
            x,
            trained[0],
            apart.best_discriminator(x, mu),
            np.nan_to_num(trained[1]) if shown else none,
            mu / 2 - x,
            mu,
            apart.SPREAD,
        ),
        key="opposed_figure",
        run=f"{mu:g}",
        height=206,
        title="Discriminator and critic",
        help=FIGURE_HELP,
        alt="The discriminator and the critic over two Gaussians, beside the optimal ones",
    )


def _pushes(shown: Opposed | None, seen: dict[float, Opposed], far: float) -> None:
    best = apart.expected(MU)
    # The one that is being trained stands among those that are done.
    dots = list((seen | ({} if shown is None else {shown.mu: shown})).values())
    at = np.array([d.mu for d in dots])
    chart(
        figures.pushes(
            MU,
            [
                ("D, minimax", best.minimax, "@generator"),
                ("D, non-saturating", best.non_saturating, "@muted"),
                ("critic", best.critic, "@critic"),
            ],
            [
                ("D, measured", at, np.array([d.minimax for d in dots]), "@generator"),
                ("non-sat., measured", at, np.array([d.non_saturating for d in dots]), "@muted"),
                ("critic, measured", at, np.array([d.slope for d in dots]), "@critic"),
            ]
            if dots
            else [],
            at=far,
        ),
        key="opposed_pushes",
        run="pushes",
        height=206,
        title="Gradient at the fakes",
        help=PUSH_HELP,
        alt="The generator's gradient at fakes over the separation: closed forms and measured",
    )


def _gradients(shown: Opposed) -> None:
    best = apart.expected(np.array([shown.mu]))
    minimax, other = float(best.minimax[0]), float(best.non_saturating[0])
    stat_cards(
        [
            Stat(
                "D, minimax",
                fmt_sci(shown.minimax),
                f"optimal {fmt_sci(minimax)}",
                help=MINIMAX_HELP.format(fmt_sci(minimax)),
            ),
            Stat(
                "D, non-saturating",
                fmt_sci(shown.non_saturating),
                f"optimal {fmt_sci(other)}",
                help=SATURATING_HELP.format(fmt_sci(other)),
            ),
            Stat("Critic", fmt_sci(shown.slope), "optimal 1", help=CRITIC_HELP.format(shown.best)),
        ],
        key="opposed_numbers",
    )


ENOUGH = 5
"""A discriminator's gradient that is more than so many times smaller than the critic's is called dead."""


def opposed_as(shown: Opposed) -> Lab:
    """Return the lab with the answer that was measured: near each other both gradients are of use."""
    if shown.minimax < shown.slope / ENOUGH:
        return OPPOSED
    return replace(
        OPPOSED,
        right=2,
        why="These two still overlap: the discriminator cannot be sure at most fakes, so log(1 − D) has a "
        "slope there. The further apart, the surer it is and the flatter D; the critic's slope stays near 1.",
    )


def happened_opposed(shown: Opposed) -> str:
    """Return whose gradient reaches the fakes, in words."""
    times = shown.slope / max(shown.minimax, 1e-12)
    much = f"{times:,.0f} times" if times < 10_000 else "more than 10,000 times"
    more = f" The critic pushes {much} as hard." if times > 2 else ""
    near = (
        " They still overlap here: move μ further." if shown.minimax >= shown.slope / ENOUGH else ""
    )
    return (
        f"At μ = {shown.mu:g} σ the discriminator's gradient at the fakes is **{fmt_sci(shown.minimax)}**, the "
        f"critic's **{fmt_sci(shown.slope)}**.{more}{near}"
    )
