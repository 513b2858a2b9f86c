"""Sentences of the Wasserstein lab about its results: plans, bent functions, gradients."""

import math
from collections.abc import Mapping

from wgan.format import fmt_fixed, fmt_sci, fmt_share, fmt_sig

SAME_PILES = 1e-9
"""A W₁ below this means that nothing is to be moved."""

ALIKE_PERCENT = 3
"""Two critics whose shares of W₁, as shown, differ by less than this many percentage points are about the same."""

DEAD_FACTOR = 5.0
"""A gradient that is more than this factor below another one gives no usable direction."""

FEW_CLIPPED = 0.05
"""Share of the weights at ±c below which clipping hardly limits a critic."""

MAX_RATIO = 10_000
"""Ratios of two gradients from which on only "more than" is written."""

FLAT_SLOPE = 0.01
"""A distance whose slope by θ is below this share of the slope of W₁, which is 1, does not notice θ."""


def plan_by_hand(
    cost: float,
    cheapest: float,
    formula: float,
    program: float,
    *,
    finished: bool,
    cheapest_was_shown: bool,
    crosses: bool = False,
) -> str:
    """Return a sentence that compares a plan made by hand with the cheapest one; empty without a result.

    Args:
        cost: Cost of the visitor's plan: load × columns, with total load 1.
        cheapest: Cost of the cheapest plan, which is W₁.
        formula: The same cost by the formula ∫ |F_fake − F_real| dx.
        program: The same cost by linear programming.
        finished: Whether the plan moves all of the earth.
        cheapest_was_shown: Whether the visitor has seen the cheapest plan.
        crosses: Whether two loads of the visitor's plan cross.
    """
    best = f"{cheapest:.2f}"
    agreement = (
        f"The plan without crossings, the formula and the linear program all give **{best}**."
        if best == f"{formula:.2f}" == f"{program:.2f}"
        else f"The plan without crossings gives **{best}**, the formula **{formula:.2f}**, the linear "
        f"program **{program:.2f}**: these should be equal."
    )
    if finished:
        yours = f"{cost:.2f}"
        if yours == best:
            ties = (
                " Loads of it cross, but a plan without crossings costs the same: a crossing is never needed."
                if crosses
                else ""
            )
            return f"Your plan costs **{yours}**: no plan is cheaper.{ties} {agreement}"
        return f"Your plan costs **{yours}**, the cheapest one **{best}**. {agreement}"
    if cheapest_was_shown:
        return f"The cheapest plan costs **{best}**, and no two of its loads cross. {agreement}"
    return ""


def blur_raises_cost(blurred: float, exact: float) -> bool:
    """Return whether the cost of Sinkhorn's plan is above that of the exact plan, as both are shown."""
    return round(blurred, 3) > round(exact, 3)


def blurred_plan(
    epsilon: float, blurred: float, exact: float, targets: float, *, converged: bool
) -> str:
    """Return what entropic regularisation does to the cost of a plan.

    Args:
        epsilon: Weight of the entropy, in the unit of the cost.
        blurred: Cost of Sinkhorn's plan, without the entropy.
        exact: Cost of the exact plan.
        targets: Number of real points over which a fake is spread, on average.
        converged: Whether Sinkhorn's iterations converged.
    """
    costs = f"With ε = {epsilon:g} Sinkhorn's plan costs **{fmt_fixed(blurred, 3)}**, the exact plan **{fmt_fixed(exact, 3)}**"
    if not blur_raises_cost(blurred, exact):
        difference = ": the same to three decimals"
    elif exact > 1e-12:
        percent = 100 * (blurred / exact - 1)
        difference = f": {percent:.1f} % more" if percent >= 0.05 else ": less than 0.1 % more"
    else:
        difference = ""
    text = f"{costs}{difference}. On average it spreads each fake over {targets:.1f} real points."
    if not converged:
        text += " The iterations have not converged, so part of the difference comes from stopping them."
    return text


def proves_all(lower_bound: float, w1: float) -> bool:
    """Return whether a bound equals W₁ in the two decimals that are shown."""
    return round(lower_bound, 2) >= round(w1, 2)


def bent_function(lower_bound: float, w1: float, *, optimum_was_shown: bool) -> str:
    """Return the lower bound of W₁ of a function that was bent by hand.

    Args:
        lower_bound: E f(real) − E f(fake) of a function of slope at most 1, in columns; may be negative.
        w1: Exact distance of the piles, in columns.
        optimum_was_shown: Whether the visitor has seen the optimal function.
    """
    if w1 < SAME_PILES:
        return "The piles are the same: W₁ is 0, and no function tells them apart."
    bound_text = fmt_fixed(lower_bound, 2)
    if proves_all(lower_bound, w1):
        return f"Your lower bound is **{bound_text}**: it equals W₁. No function of slope at most 1 gives more."
    ending = (
        "The dashed function reaches it."
        if optimum_was_shown
        else "No function of slope at most 1 gives more than W₁."
    )
    return f"Your lower bound is **{bound_text}**, and W₁ is **{w1:.2f}**. {ending}"


def tighter_critic(clipped_share: float, penalised_share: float) -> int:
    """Return which critic has the higher lower bound of W₁: 0 the clipped, 1 the penalised, 2 both about the same.

    Args:
        clipped_share: Lower bound of the clipped critic ÷ W₁, in [0, 1].
        penalised_share: Lower bound of the penalised critic ÷ W₁, in [0, 1].
    """
    clipped, penalised = round(100 * clipped_share), round(100 * penalised_share)
    if abs(clipped - penalised) < ALIKE_PERCENT:
        return 2
    return 0 if clipped > penalised else 1


def learned_dual(
    updates: int,
    w1: float,
    clipped_share: float,
    penalised_share: float,
    at_bound_share: float,
    clip_value: float,
) -> str:
    """Return the lower bounds of W₁ of a clipped and a penalised critic after training.

    Args:
        updates: Updates of each critic.
        w1: Exact distance of the piles, in columns.
        clipped_share: Lower bound of the clipped critic ÷ W₁, in [0, 1].
        penalised_share: Lower bound of the penalised critic ÷ W₁, in [0, 1].
        at_bound_share: Share of the clipped critic's weights at ±c, in [0, 1].
        clip_value: c of the clipped critic.
    """
    if w1 < SAME_PILES:
        return "The piles are the same: W₁ is 0, and so is every lower bound."
    text = (
        f"After {updates:,} updates the lower bound of the clipped critic is **{fmt_share(clipped_share)}** of W₁, with "
        f"{fmt_share(at_bound_share)} of its weights at ±c; that of the penalised critic is **{fmt_share(penalised_share)}**."
    )
    if at_bound_share == 0:
        text += f" With c = {clip_value:g} no weight is at ±c: this critic is not clipped at all."
    if tighter_critic(clipped_share, penalised_share) == 2:
        text += f" A difference below {ALIKE_PERCENT} percentage points counts as the same."
    return text


def learned_dual_reason(answer: int, at_bound_share: float, *, one_sided: bool) -> str:
    """Return why a critic has the higher bound, if the usual reason does not hold; empty if it does.

    The usual reason is that clipping leaves only simple functions, so that the penalised critic is closer.

    Args:
        answer: What `tighter_critic` returned.
        at_bound_share: Share of the clipped critic's weights at ±c, in [0, 1].
        one_sided: Whether only slopes above 1 were penalised.
    """
    if at_bound_share < FEW_CLIPPED:
        few = "No weight" if at_bound_share == 0 else "Hardly any weight"
        text = f"{few} reached ±c, so clipping does not limit the shape of this critic. "
        if answer == 1:
            text += (
                "But it does not limit the slope, either: the bound divides by the steepest slope, and one steep place "
                "makes the whole bound smaller. The penalty keeps slopes alike. "
            )
        elif answer == 0:
            text += f"{_why_the_penalised_critic_lost(one_sided=one_sided)} "
        return f"{text}Choose a smaller c to see what clipping does."
    if answer == 1:
        return ""
    if answer == 2:
        return (
            "Here both bounds are about the same. Clipping costs most if c is small and the function must "
            "turn, as for “One hill into two”."
        )
    return _why_the_penalised_critic_lost(one_sided=one_sided)


def _why_the_penalised_critic_lost(*, one_sided: bool) -> str:
    if not one_sided:
        return (
            "Usually the bound of the penalised critic is higher. But a two-sided penalty also punishes slopes below 1, "
            "and wherever a critic turns, its slope is 0. So it may turn in the wrong place, or not at all, especially "
            "with a large λ. Try a one-sided penalty."
        )
    return (
        "Usually the bound of the penalised critic is higher, because its weights are free. Here it is not: its "
        "weight λ may be badly chosen, or its training too short."
    )


def hardly_overlap(js_slope: float, tv_slope: float) -> bool:
    """Return whether two shapes overlap so little that JS and TV hardly change with θ any more.

    Args:
        js_slope: ∂JS/∂θ; NaN where it does not exist.
        tv_slope: ∂TV/∂θ; NaN where it does not exist.
    """
    return abs(js_slope) < FLAT_SLOPE and abs(tv_slope) < FLAT_SLOPE


def distances_that_change(slopes: Mapping[str, float]) -> tuple[str, ...]:
    """Return the names of the distances that still change with θ.

    Args:
        slopes: The derivative of each distance by θ; NaN where it does not exist, as for KL = ∞.
    """
    return tuple(name for name, slope in slopes.items() if abs(slope) >= FLAT_SLOPE)


def slid_apart(
    theta: float, w1: float, js: float, kl: float, tv: float, *, slopes: Mapping[str, float]
) -> str:
    """Return which distances still change with θ between two shapes that hardly overlap.

    Args:
        theta: Offset of the second shape, not 0.
        w1: Wasserstein distance, in the unit of θ.
        js: Jensen–Shannon divergence in nats.
        kl: Kullback–Leibler divergence in nats; may be infinite.
        tv: Total variation, in [0, 1].
        slopes: The derivative of each distance by θ, by name; NaN where it does not exist.
    """
    kl_text = (
        "KL is **∞**, with no slope"
        if math.isinf(kl)
        else f"KL is **{kl:.1f}** with slope **{fmt_slope(slopes['KL'])}**: Gaussians never quite stop overlapping"
    )
    return (
        f"At θ = {fmt_fixed(theta, 2)}, W₁ is **{w1:.2f}** with slope **{fmt_slope(slopes['W₁'])}**; JS is **{js:.3f}** "
        f"(its maximum, log 2, is 0.693) with slope **{fmt_slope(slopes['JS'])}**; TV is **{tv:.3f}** with slope "
        f"**{fmt_slope(slopes['TV'])}**; {kl_text}."
    )


def fmt_slope(value: float) -> str:
    """Format a slope with three decimals; a tiny one as a power of ten, and "none" for NaN."""
    if math.isnan(value):
        return "none"
    # Numerical integration leaves up to about 1e-16 where the slope is 0.
    return fmt_sci(value) if 1e-12 < abs(value) < 1e-3 else fmt_fixed(value, 3)


def stronger_gradient(discriminator_gradient: float, critic_gradient: float) -> int:
    """Return whose gradient is usable at the fakes: 0 the discriminator's, 1 the critic's, 2 both.

    Args:
        discriminator_gradient: Mean |∂ log(1 − D)/∂x| at fakes.
        critic_gradient: Mean |∂f/∂x| at fakes.
    """
    if discriminator_gradient < critic_gradient / DEAD_FACTOR:
        return 1
    return 0 if critic_gradient < discriminator_gradient / DEAD_FACTOR else 2


def opposed_gradients(
    mu: float, discriminator_gradient: float, non_saturating: float, critic_gradient: float
) -> str:
    """Return how strong the gradients of two GAN losses and of a critic are at the fakes.

    Args:
        mu: Distance between the means of real examples and fakes, in σ.
        discriminator_gradient: Mean |∂ log(1 − D)/∂x| at fakes: the minimax loss.
        non_saturating: Mean |∂ log D/∂x| at fakes.
        critic_gradient: Mean |∂f/∂x| at fakes.
    """
    text = (
        f"At μ = {mu:g} σ the gradient at the fakes is **{fmt_sig(discriminator_gradient)}** for the minimax loss "
        f"and **{fmt_sig(critic_gradient)}** for the critic."
    )
    if stronger_gradient(discriminator_gradient, critic_gradient) == 1:
        ratio = critic_gradient / max(discriminator_gradient, 1e-300)
        times = f"{ratio:,.0f} times" if ratio < MAX_RATIO else f"more than {MAX_RATIO:,} times"
        text += f" The critic's is {times} as strong."
    return f"{text} The non-saturating loss of the same discriminator has **{fmt_sig(non_saturating)}**."
