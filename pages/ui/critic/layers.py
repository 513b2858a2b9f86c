"""The slopes of a critic, and the weights and gradients of its layers."""

import numpy as np
import streamlit as st

from pages.ui.critic.inputs import CriticView, absent
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import critic, figures
from wgan.arrays import F32
from wgan.format import fmt_share, fmt_sig
from wgan.verdicts import critic as verdicts

SLOPES = {"pictures": 64, "points": 256}
GRADIENTS = {"pictures": 32, "points": 256}
"""Number of examples for slopes and gradients, which are slower."""

SLOPES_HELP = """The slope of the critic, ‖∇f‖, at each example. If it is at most 1 everywhere (dashed line), the gap is a
lower bound of W₁. An optimal critic has slope 1 on the lines along which it moves fakes to real examples. **Between**: at
x̂ = ε real + (1 − ε) fake, where the penalty of WGAN-GP acts."""

MEAN_HELP = """The mean slope ‖∇f‖ at {n} points, in score per unit of distance, and the share of points where it is above
1, the Lipschitz bound. The distance is Euclidean, of pictures between their pixels in [−1, 1]."""

SLOPE_MAP_HELP = """‖∇f‖ over the plane. The gradient of a fake is as large as the critic's slope at its place; where the critic
is flat, there is no direction."""

STEEPEST_HELP = """The largest slope ‖∇f‖ in the window and at the samples. Section *Surface* shows the same value. The
slope between pairs of a real point and a fake, from which the lower bound of W₁ follows, is often smaller."""

DEPTH_HELP = """The norm of the critic loss' gradient at each layer, for {n} real examples and {n} fakes. A flat line: every layer learns.
If it falls towards the input by powers of ten, the gradient vanishes on its way back; if it rises, it explodes. With
clipped weights either can happen, depending on c; with a gradient penalty it changes little (Gulrajani et al. 2017, figure 1b). The checks on the Train page compare the first
hidden layer with the last hidden one; the sentence beside this chart compares the first layer with the score.

**At the output**: ‖∂ critic loss / ∂ output‖, without the penalty. **Of the weights**: the gradient that the optimiser
gets, with the penalty."""

WEIGHTS_HELP = """The weights of each layer. Dashed: ±c, if they are clipped. Clipping moves many weights to ±c, which leaves simple
functions; with a gradient penalty they stay bell-shaped (Gulrajani et al. 2017, figure 1b)."""

CLIP_HELP = """The share of the clipped weights, including biases, that are at +c or −c."""


def slopes(critic_view: CriticView) -> None:
    """Show the slopes of the critic, with the Lipschitz bound."""
    examples, models = critic_view.examples, critic_view.models
    assert examples is not None
    batch = critic.first_examples(examples, SLOPES[models.config.dataset.kind])
    values: critic.Slopes = critic_view.cached("slopes", lambda: critic.steepness(models, batch))
    points = models.config.dataset.kind == "points"
    _slope_cards(values, _surfaces(critic_view, examples).steepest if points else None)
    verdict = verdicts.slopes(
        float(values.between.mean()),
        float(np.mean(values.between > 1)),
        two_sided=models.config.objective.two_sided,
        limited_by=models.config.objective.slope_limit,
    )
    left, right = st.columns([0.56, 0.44] if points else [0.7, 0.3], gap="medium")
    with left:
        _slope_chart(critic_view, values)
    with right:
        if points:
            _slope_map(critic_view, examples)
        else:
            with st.container(height=360, border=False, vertical_alignment="center"):
                st.markdown(verdict)
    if points:
        st.markdown(verdict)


def _series(values: critic.Slopes) -> tuple[tuple[str, F32, str], ...]:
    """Return the slopes at real examples, at fakes and between them: name, values and colour."""
    return (
        ("real", values.real, "@real"),
        ("fake", values.fake, "@fake"),
        ("between", values.between, "@critic"),
    )


def _surfaces(critic_view: CriticView, examples: critic.RealFakeBatch) -> critic.Surfaces:
    surfaces: critic.Surfaces = critic_view.cached(
        "surfaces", lambda: critic.surfaces(critic_view.models, examples, critic_view.extent)
    )
    return surfaces


def _slope_cards(values: critic.Slopes, steepest: float | None) -> None:
    cards = [
        Stat(
            f"Mean slope, {name}",
            fmt_sig(float(slopes.mean())),
            f"{fmt_share(float(np.mean(slopes > 1)))} above 1",
            help=MEAN_HELP.format(n=len(slopes)),
        )
        for name, slopes, _ in _series(values)
    ]
    if steepest is not None:
        cards.append(
            Stat("Steepest slope, window", fmt_sig(steepest), "per unit", help=STEEPEST_HELP)
        )
    stat_cards(cards, key="critic_steepness")


def _slope_chart(critic_view: CriticView, values: critic.Slopes) -> None:
    chart(
        figures.spread(
            [(name.capitalize(), slopes, colour) for name, slopes, colour in _series(values)],
            x_title="slope ‖∇f‖, in score per unit of distance",
            line=(1.0, "Lipschitz bound 1"),
            span=(0.0, 1.05),
        ),
        key="critic_slopes",
        run=critic_view.run,
        height=330,
        title="Slopes",
        help=SLOPES_HELP,
        alt="Histograms of the critic's slopes, with the Lipschitz bound at 1",
    )


def _slope_map(critic_view: CriticView, examples: critic.RealFakeBatch) -> None:
    surfaces = _surfaces(critic_view, examples)
    chart(
        figures.surface(
            surfaces.slope,
            critic_view.extent,
            span=float(surfaces.slope.max()),
            low=0.0,
            real=examples.real,
            fake=examples.fake,
            unit="slope",
        ),
        key="critic_slope_map",
        run=critic_view.run,
        height=330,
        title="Slope over the plane",
        help=SLOPE_MAP_HELP,
        alt="The critic's slope over the plane",
    )


def layers(critic_view: CriticView) -> None:
    """Show the weights of each layer and the gradient that reaches it."""
    left, right = st.columns([0.5, 0.5], gap="medium")
    with left:
        if critic_view.examples is None:
            absent(critic_view.models.config.dataset)
        else:
            _gradients(critic_view, critic_view.examples)
    with right:
        _weights(critic_view)


def _gradients(critic_view: CriticView, examples: critic.RealFakeBatch) -> None:
    models = critic_view.models
    batch = critic.first_examples(examples, GRADIENTS[models.config.dataset.kind])
    gradients: critic.Gradients = critic_view.cached(
        "gradients", lambda: critic.gradients(models, batch)
    )
    chart(
        figures.depth(
            gradients.names,
            [
                ("at the output", gradients.outputs, "@critic"),
                ("of the weights", gradients.weights, "@generator"),
            ],
        ),
        key="critic_depth",
        run=critic_view.run,
        height=330,
        title="Gradient norm by layer",
        help=DEPTH_HELP.format(n=len(batch.real)),
        alt="Norm of the gradient in each layer of the critic",
    )
    st.caption(verdicts.gradient_flow(gradients.outputs.tolist()))


def _weights(critic_view: CriticView) -> None:
    models = critic_view.models
    weights: list[critic.Weights] = critic_view.cached("weights", lambda: critic.weights(models))
    columns = 2 if len(weights) <= 8 else 3
    rows = -(-len(weights) // columns)
    chart(
        figures.weights(
            # In two lines, so that titles beside each other fit on a phone.
            [
                (f"{i + 1}. {w.name}".replace(", ", ",<br>"), w.edges, w.shares, w.bound)
                for i, w in enumerate(weights)
            ],
            columns,
        ),
        key="critic_weights",
        run=critic_view.run,
        height=max(230, 150 * rows),
        title="Weights of each layer",
        help=WEIGHTS_HELP,
        alt="Histograms of the weights of each layer of the critic",
    )
    share = critic_view.cached("at_clip", lambda: critic.at_bounds(models))
    if share is None:
        st.caption(
            f"No weights are clipped. The layers have {sum(w.count for w in weights):,} weights."
        )
        return
    clipped_shares = [w.clip_saturation or 0.0 for w in weights]
    worst = int(np.argmax(clipped_shares))
    stat_cards(
        [
            Stat("At ±c, all layers", fmt_share(share), "of weights", help=CLIP_HELP),
            Stat(
                "At ±c, most",
                fmt_share(clipped_shares[worst]),
                f"of layer {worst + 1}",
                help="The layer with the largest share of weights at ±c.",
            ),
        ],
        key="critic_clip",
    )
