"""Sentences of the Wasserstein lab about its results: plans, bent functions, gradients."""

import math

from wgan.format import fmt_sci

COST_TOLERANCE = 5e-3
"""Costs are shown with two digits: those that differ by less look the same."""

SAME_PILES = 1e-9
"""A W₁ below this means that nothing is to be moved."""

ALIKE_PERCENT = 3.0
"""Two critics whose shares of W₁ differ by less than this many percentage points prove about the same."""

DEAD_FACTOR = 5.0
"""A discriminator whose gradient is more than this factor below the critic's gives no usable direction."""

MAX_RATIO = 10_000
"""Ratios of two gradients from which on only "more than" is written."""

SEPARATION = {"boxes": 1.0, "gaussians": 2.0, "lines": 0.0}
"""Smallest |θ| at which two shapes hardly overlap: width 1, σ = ½, and lines, which never do."""


def plan_by_hand(cost: float, cheapest: float, *, finished: bool, cheapest_was_shown: bool) -> str:
    """Return a sentence that compares a plan made by hand with the cheapest one; empty without a result.

    Args:
        cost: Cost of the visitor's plan: load × columns, with total load 1.
        cheapest: Cost of the cheapest plan, which is W₁.
        finished: Whether the plan moves all of the earth.
        cheapest_was_shown: Whether the visitor has seen the cheapest plan.
    """
    agreement = f"Plan, formula and linear program agree: **{cheapest:.2f}**."
    if finished:
        if cost < cheapest + COST_TOLERANCE:
            return f"Yours costs **{cost:.2f}**: as cheap as can be. {agreement}"
        return f"Yours costs **{cost:.2f}**, the best **{cheapest:.2f}**. {agreement}"
    if cheapest_was_shown:
        return f"The cheapest plan costs **{cheapest:.2f}** and crosses nowhere. {agreement}"
    return ""


def blurred_plan(epsilon: float, blurred: float, exact: float, targets: float) -> str:
    """Return what entropic regularisation does to the cost of a plan.

    Args:
        epsilon: Weight of the entropy, in the unit of the cost.
        blurred: Cost of Sinkhorn's plan, without the entropy.
        exact: Cost of the exact plan.
        targets: Number of real points over which a fake is spread, on average.
    """
    excess_percent = 100 * (blurred / exact - 1) if exact > 1e-12 else 0.0
    return (
        f"With ε = {epsilon:g} the blurred plan costs **{blurred:.3f}**, the exact one "
        f"**{exact:.3f}**: {excess_percent:.2g} % more, each fake spread over {targets:.1f} real points."
    )


def bent_function(lower_bound: float, w1: float, *, optimum_was_shown: bool) -> str:
    """Return how much of W₁ a function that was bent by hand proves.

    Args:
        lower_bound: E f(real) − E f(fake) of a function of slope at most 1, in columns; may be negative.
        w1: Exact distance of the piles, in columns.
        optimum_was_shown: Whether the visitor has seen the optimal function.
    """
    if w1 < SAME_PILES:
        return "The piles are the same: nothing is to be moved, and no function tells them apart."
    proved_text = f"{lower_bound:.2f}".replace("-", "−")
    if lower_bound > w1 - COST_TOLERANCE:
        return f"Your function proves **{proved_text}**: all of W₁. No function of slope at most 1 proves more."
    ending = (
        "The dashed one proves all of it."
        if optimum_was_shown
        else "However you bend it, it stays below."
    )
    return f"Your function proves **{proved_text}** of **{w1:.2f}**. {ending}"


def tighter_critic(clipped_share: float, penalised_share: float) -> int:
    """Return which critic proves more of W₁: 0 the clipped, 1 the penalised, 2 both about the same.

    Args:
        clipped_share: Share of W₁ that the clipped critic proves, in [0, 1].
        penalised_share: Share of W₁ that the penalised critic proves, in [0, 1].
    """
    clipped, penalised = 100 * clipped_share, 100 * penalised_share
    if abs(clipped - penalised) < ALIKE_PERCENT:
        return 2
    return 0 if clipped > penalised else 1


def learned_dual(
    updates: int, w1: float, clipped_share: float, penalised_share: float, at_bound_share: float
) -> str:
    """Return how much of W₁ a clipped and a penalised critic prove after training.

    Args:
        updates: Updates of each critic.
        w1: Exact distance of the piles, in columns.
        clipped_share: Share of W₁ that the clipped critic proves, in [0, 1].
        penalised_share: Share of W₁ that the penalised critic proves, in [0, 1].
        at_bound_share: Share of the clipped critic's weights at ±c, in [0, 1].
    """
    if w1 < SAME_PILES:
        return "The piles are the same: W₁ is 0, and there is nothing to prove."
    return (
        f"After {updates:,} updates the clipped critic proves **{100 * clipped_share:.0f} %** of W₁, with "
        f"{100 * at_bound_share:.0f} % of its weights at ±c; the penalised one **{100 * penalised_share:.0f} %**."
    )


def hardly_overlap(shape: str, theta: float) -> bool:
    """Return whether two shapes that are slid apart by θ hardly overlap any more.

    Args:
        shape: A key of `SEPARATION`.
        theta: Offset of the second shape; the unit is that of `wgan.labs.divergences`.
    """
    return theta != 0 and abs(theta) >= SEPARATION[shape]


def slid_apart(
    theta: float, w1: float, js: float, kl: float, tv: float, *, js_slope: float, tv_slope: float
) -> str:
    """Return which distances still change with θ between two shapes that hardly overlap.

    Args:
        theta: Offset of the second shape, not 0.
        w1: Wasserstein distance, in the unit of θ.
        js: Jensen–Shannon divergence in nats.
        kl: Kullback–Leibler divergence in nats; may be infinite.
        tv: Total variation, in [0, 1].
        js_slope: ∂JS/∂θ; NaN where it does not exist.
        tv_slope: ∂TV/∂θ; NaN where it does not exist.
    """
    kl_text = (
        "" if math.isinf(kl) else f" KL does grow ({kl:.1f}), as Gaussians never quite lose touch."
    )
    return (
        f"At θ = {theta:g}: W₁ is **{w1:.2f}** with slope **{'−' if theta < 0 else ''}1**; JS is **{js:.3f}** "
        f"(log 2 is 0.693) with slope **{_slope(js_slope)}**, TV **{tv:.3f}** with slope "
        f"**{_slope(tv_slope)}**.{kl_text}"
    ).replace("= -", "= −")


def _slope(value: float) -> str:
    return "none" if math.isnan(value) else fmt_sci(value)


def discriminator_is_dead(discriminator_gradient: float, critic_gradient: float) -> bool:
    """Return whether the discriminator's gradient at fakes is too weak beside the critic's.

    Args:
        discriminator_gradient: Mean |∂ log(1 − D)/∂x| at fakes.
        critic_gradient: Mean |∂f/∂x| at fakes.
    """
    return discriminator_gradient < critic_gradient / DEAD_FACTOR


def opposed_gradients(mu: float, discriminator_gradient: float, critic_gradient: float) -> str:
    """Return whose gradient reaches the fakes: that of a discriminator or that of a critic.

    Args:
        mu: Distance between the means of real examples and fakes, in σ.
        discriminator_gradient: Mean |∂ log(1 − D)/∂x| at fakes.
        critic_gradient: Mean |∂f/∂x| at fakes.
    """
    ratio = critic_gradient / max(discriminator_gradient, 1e-12)
    ratio_text = f"{ratio:,.0f} times" if ratio < MAX_RATIO else f"more than {MAX_RATIO:,} times"
    stronger = f" The critic pushes {ratio_text} as hard." if ratio > 2 else ""
    overlapping = (
        ""
        if discriminator_is_dead(discriminator_gradient, critic_gradient)
        else " They still overlap here: move μ further."
    )
    return (
        f"At μ = {mu:g} σ the discriminator's gradient at the fakes is **{fmt_sci(discriminator_gradient)}**, the "
        f"critic's **{fmt_sci(critic_gradient)}**.{stronger}{overlapping}"
    )
