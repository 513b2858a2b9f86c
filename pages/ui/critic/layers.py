"""How steep a critic is, and what its layers hold."""

import numpy as np
import streamlit as st

from pages.ui.core.format import fmt_sci
from pages.ui.critic.inputs import Opened, absent
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import critic, figures

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


def slopes(opened: Opened) -> None:
    """Show how steep the critic is, beside the Lipschitz bound."""
    sides, models = opened.sides, opened.models
    assert sides is not None
    few = critic.few(sides, SLOPES[models.config.dataset.kind])
    found: critic.Slopes = opened.found("slopes", lambda: critic.steepness(models, few))
    sorts = (
        ("real", found.real, "@real"),
        ("fake", found.fake, "@fake"),
        ("between", found.between, "@critic"),
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
            run=opened.run,
            height=330,
            title="Slopes",
            help=SLOPES_HELP,
            alt="Histograms of the critic's slopes, with the Lipschitz bound at 1",
        )
    words = said_of_slopes(float(found.between.mean()), float(np.mean(found.between > 1)))
    with right:
        if points:
            table = opened.found("surfaces", lambda: critic.surfaces(models, sides, opened.extent))
            chart(
                figures.surface(
                    table.slope,
                    opened.extent,
                    span=float(table.slope.max()),
                    low=0.0,
                    real=sides.real,
                    fake=sides.fake,
                    unit="slope",
                ),
                key="critic_slope_map",
                run=opened.run,
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


def said_of_slopes(mean: float, above: float) -> str:
    """Return what the slopes between real and fake mean."""
    if mean < 0.1:
        return (
            "**Nearly flat.** Such a critic satisfies the bound with ease, and its gap is a small fraction "
            "of the distance; the generator gets a weak push. A small c does this, and so does a young critic."
        )
    if mean > 1.5:
        return (
            "**Steeper than 1.** The gap overstates the distance by about that factor: it estimates K·W₁ "
            "with K the steepest slope. With a penalty, a larger λ pulls the slopes to 1; without one nothing "
            "does, and the gap of a GAN is no distance at all."
        )
    if above > 0.5:
        return (
            "**Near 1, on both sides of it.** That is what the two-sided penalty asks for: the gap is close "
            "to a distance, and a little above the bound in places."
        )
    return (
        "**Near 1 or below.** The critic keeps the Lipschitz bound nearly everywhere: its gap is close to "
        "a lower bound of the Wasserstein distance."
    )


def layers(opened: Opened) -> None:
    """Show each layer's weights and the gradient that reaches it."""
    models, sides = opened.models, opened.sides
    every: list[critic.Weights] = opened.found("weights", lambda: critic.weights(models))
    left, right = st.columns([0.5, 0.5], gap="medium")
    with left:
        if sides is None:
            absent(models.config.dataset)
        else:
            few = critic.few(sides, GRADIENTS[models.config.dataset.kind])
            found: critic.Gradients = opened.found(
                "gradients", lambda: critic.gradients(models, few)
            )
            chart(
                figures.depth(
                    found.names,
                    [
                        ("at the output", found.outputs, "@critic"),
                        ("of the weights", found.weights, "@generator"),
                    ],
                ),
                key="critic_depth",
                run=opened.run,
                height=330,
                title="Gradient norm by layer",
                help=DEPTH_HELP.format(n=len(few.real)),
                alt="Norm of the gradient in each layer of the critic",
            )
            st.caption(said_of_depth(found.outputs))
    with right:
        share = opened.found("at_clip", lambda: critic.at_bounds(models))
        columns = 2 if len(every) <= 8 else 3
        rows = -(-len(every) // columns)
        chart(
            figures.weights(
                [(f"{i + 1}. {w.name}", w.edges, w.shares, w.bound) for i, w in enumerate(every)],
                columns,
            ),
            key="critic_weights",
            run=opened.run,
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
            stuck = [w.stuck or 0.0 for w in every]
            worst = int(np.argmax(stuck))
            stat_cards(
                [
                    Stat("At ±c, all layers", f"{100 * share:.0f}", "%", help=CLIP_HELP),
                    Stat(
                        "At ±c, the most",
                        f"{100 * stuck[worst]:.0f}",
                        f"% of layer {worst + 1}",
                        help="The layer with the largest such share.",
                    ),
                ],
                key="critic_clip",
            )


def said_of_depth(outputs: critic.Doubles) -> str:
    """Return what the gradient does on its way from the score back to the input."""
    if len(outputs) < 2 or min(outputs[0], outputs[-1]) <= 0:
        return "In some layer no gradient arrives at all: it does not learn."
    factor = float(outputs[0] / outputs[-1])
    way = "From the score back to the input the gradient"
    size = f"shrinks to 1⁄{1 / factor:,.0f}" if factor < 1 else f"grows {factor:,.0f}-fold"
    if factor < 0.01:
        return f"{way} {size}: it vanishes."
    if factor > 100:
        return f"{way} {size}: it explodes."
    if not 0.1 <= factor <= 10:
        return f"{way} {size}: much, but every layer still learns."
    return f"{way} changes by a factor of {fmt_sci(factor)}: every layer gets its share."
