"""How steep a critic is, and what its layers hold."""

import numpy as np
import streamlit as st

from pages.ui.critic.inputs import CriticView, absent
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import critic, figures
from wgan.format import fmt_sci
from wgan.verdicts import critic as verdicts

SLOPES = {"pictures": 64, "points": 256}
GRADIENTS = {"pictures": 32, "points": 256}
"""Of those, the ones whose slopes and gradients are looked at, which cost more."""

SLOPES_HELP = """The length of the critic's gradient, ‖∇f‖, at each example. Theory asks for at most 1
everywhere (the dashed line: then the gap is a lower bound of W₁), and an optimal critic has exactly 1
between real and fake. **Between**: at x̂ = ε real + (1 − ε) fake, where WGAN-GP holds it."""

ABOVE_HELP = """Share of {n} examples where the slope is above 1, the Lipschitz bound; and their mean slope, in
score a unit of distance. A unit is one of the plane, or of pictures as vectors of pixels in [−1, 1]."""

SLOPE_MAP_HELP = """‖∇f‖ over the plane. A generator's sample is pushed as strongly as the critic is steep where it
lies: flat land gives it no direction."""

DEPTH_HELP = """On {n} real and {n} made examples: how strong the critic loss' gradient is at each layer. Flat: every layer learns. Falling
towards the input by powers of ten: it vanishes on its way back; rising: it explodes. With clipped weights
it does either, depending on c; with a gradient penalty it stays flat (Gulrajani et al. 2017, figure 1b).

**At the output**: ‖∂ critic loss / ∂ output‖, without the penalty. **Of the weights**: what the optimiser
gets, with the penalty."""

WEIGHTS_HELP = """How each layer's weights are spread. Dashed: ±c, where they are clipped. Clipping drives
weights to both bounds, and a critic of ±c alone is a very simple function; under a gradient penalty
they stay bell-shaped (Gulrajani et al. 2017, figure 1b)."""

CLIP_HELP = """Share of the clipped weights, biases included, that stand at +c or −c."""


def slopes(critic_view: CriticView) -> None:
    """Show how steep the critic is, beside the Lipschitz bound."""
    sides, models = critic_view.sides, critic_view.models
    assert sides is not None
    few = critic.first_examples(sides, SLOPES[models.config.dataset.kind])
    slope_values: critic.Slopes = critic_view.cached(
        "slopes", lambda: critic.steepness(models, few)
    )
    sorts = (
        ("real", slope_values.real, "@real"),
        ("fake", slope_values.fake, "@fake"),
        ("between", slope_values.between, "@critic"),
    )
    cards = [
        Stat(
            f"Above 1, {name}",
            f"{100 * np.mean(values > 1):.0f}",
            f"% · mean slope {fmt_sci(float(values.mean()))}",
            help=ABOVE_HELP.format(n=len(values)),
        )
        for name, values, _ in sorts
    ]
    stat_cards(cards, key="critic_steepness")
    points = models.config.dataset.kind == "points"
    left, right = st.columns([0.56, 0.44] if points else [0.7, 0.3], gap="medium")
    with left:
        chart(
            figures.spread(
                [(name.capitalize(), values, colour) for name, values, colour in sorts],
                x_title="slope ‖∇f‖, in score a unit of distance",
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
    words = verdicts.slopes(
        float(slope_values.between.mean()),
        float(np.mean(slope_values.between > 1)),
        two_sided=critic_view.models.config.objective.two_sided,
    )
    with right:
        if points:
            table = critic_view.cached(
                "surfaces", lambda: critic.surfaces(models, sides, critic_view.extent)
            )
            chart(
                figures.surface(
                    table.slope,
                    critic_view.extent,
                    span=float(table.slope.max()),
                    low=0.0,
                    real=sides.real,
                    fake=sides.fake,
                    unit="slope",
                ),
                key="critic_slope_map",
                run=critic_view.run,
                height=330,
                title="Slope over the plane",
                help=SLOPE_MAP_HELP,
                alt="The critic's slope over the plane",
            )
        else:
            with st.container(height=360, border=False, vertical_alignment="center"):
                st.markdown(words)
    if points:
        st.markdown(words)


def layers(critic_view: CriticView) -> None:
    """Show each layer's weights and the gradient that reaches it."""
    models, sides = critic_view.models, critic_view.sides
    every: list[critic.Weights] = critic_view.cached("weights", lambda: critic.weights(models))
    left, right = st.columns([0.5, 0.5], gap="medium")
    with left:
        if sides is None:
            absent(models.config.dataset)
        else:
            few = critic.first_examples(sides, GRADIENTS[models.config.dataset.kind])
            gradients: critic.Gradients = critic_view.cached(
                "gradients", lambda: critic.gradients(models, few)
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
                help=DEPTH_HELP.format(n=len(few.real)),
                alt="Norm of the gradient in each layer of the critic",
            )
            st.caption(
                verdicts.gradient_flow(float(gradients.outputs[0]), float(gradients.outputs[-1]))
            )
    with right:
        share = critic_view.cached("at_clip", lambda: critic.at_bounds(models))
        columns = 2 if len(every) <= 8 else 3
        rows = -(-len(every) // columns)
        chart(
            figures.weights(
                [(f"{i + 1}. {w.name}", w.edges, w.shares, w.bound) for i, w in enumerate(every)],
                columns,
            ),
            key="critic_weights",
            run=critic_view.run,
            height=max(230, 150 * rows),
            title="Weights of each layer",
            help=WEIGHTS_HELP,
            alt="Histograms of the weights of each layer of the critic",
        )
        if share is None:
            st.caption(
                f"Nothing is clipped here: {sum(w.count for w in every):,} weights are free."
            )
        else:
            clipped_shares = [w.clip_saturation or 0.0 for w in every]
            worst = int(np.argmax(clipped_shares))
            stat_cards(
                [
                    Stat("At ±c, all layers", f"{100 * share:.0f}", "%", help=CLIP_HELP),
                    Stat(
                        "At ±c, the most",
                        f"{100 * clipped_shares[worst]:.0f}",
                        f"% of layer {worst + 1}",
                        help="The layer with the largest such share.",
                    ),
                ],
                key="critic_clip",
            )
