"""Sentences of the Critic page: about scores, slopes, gradients, and training a critic to convergence."""

from collections.abc import Sequence
from typing import Literal

from wgan.format import fmt_share, fmt_sig

MEMORISED_SHARE, MEMORISED_SPREADS = 0.25, 0.3
"""Memorised: the held-out gap is smaller by more than this share of the gap, and by more than this many standard
deviations of the scores. The diagnosis has the same thresholds."""

FLAT_SLOPE, STEEP_SLOPE = 0.1, 1.5
"""Mean slopes below and above which a critic is far from 1-Lipschitz."""

VANISHING, EXPLODING, UNEVEN = 0.01, 100.0, 10.0
"""Factors by which the gradient's norm changes from the last layer to the first."""

EVEN = 1.25
"""Such a factor, or its inverse, and those nearer to 1 count as no change."""

NEAR_1 = 0.8
"""Mean slope from which slopes count as near 1."""

TIGHT_SHARE = 0.9
"""Share of the exact distance above which a critic counts as nearly optimal."""

LOW_BOUND = 0.5
"""A lower bound below this share of W₁ is called low."""

NEAR_FLOOR = 1.5
"""Fakes whose W₁ is below this multiple of the floor are nearly as good as other real points."""

UNSTEADY = 0.05
"""Range of the lower bound ÷ W₁ in the last quarter of the updates above which a bound has not settled."""


ALIKE = 0.08
"""Largest difference of the critic's accuracy from one half at which scores are called alike: two standard errors
with 96 real examples and 96 fakes, whose scores have the same distribution (Mann and Whitney 1947)."""


def scores(critic_accuracy: float, gap: float, gap_held_out: float, spread: float) -> str:
    """Return what a critic's scores of real examples and fakes mean.

    Args:
        critic_accuracy: Share of the pairs of a real example and a fake in which the real one scores higher.
        gap: Mean score of real training examples minus that of fakes.
        gap_held_out: The same with held-out real examples.
        spread: Standard deviation of the scores of real examples.
    """
    overfits = has_memorised(gap, gap_held_out, spread)
    if critic_accuracy > 0.97:
        text = "In nearly all pairs of a real example and a fake, the real one scores higher."
        if not overfits:
            text += " The generator has far to go."
    elif critic_accuracy > 0.5 + ALIKE:
        text = (
            "In most pairs of a real example and a fake, the real one scores higher. The critic still sees a "
            "difference, and the generator can learn from it."
        )
    elif critic_accuracy >= 0.5 - ALIKE:
        text = (
            "Real examples and fakes score alike: in about half of the pairs, the real one scores higher. Either the "
            "generator keeps up with its critic, or the critic is weak."
        )
    else:
        text = "Fakes score above real examples: the critic lags behind, and misleads the generator now."
    return text


def has_memorised(gap: float, gap_held_out: float, spread: float) -> bool:
    """Return whether the gap on held-out examples is so much smaller that the critic must have memorised others.

    Args:
        gap: Mean score of real training examples minus that of fakes.
        gap_held_out: The same with held-out real examples.
        spread: Standard deviation of the scores of real examples.
    """
    difference = gap - gap_held_out
    return difference > MEMORISED_SPREADS * (spread or 1.0) and difference > MEMORISED_SHARE * gap


def held_out_gap(gap: float, gap_held_out: float, spread: float, *, fresh: bool = False) -> str:
    """Return what the difference between the gap and the held-out gap means.

    Args:
        gap: Mean score of real training examples minus that of fakes.
        gap_held_out: The same with held-out real examples.
        spread: Standard deviation of the scores of real examples.
        fresh: Whether every batch is freshly drawn, so that nothing can be memorised.
    """
    values = f"The gap is {fmt_sig(gap)}, and {fmt_sig(gap_held_out)} on held-out examples"
    if fresh:
        return (
            f"{values}. All examples of these data are freshly drawn, so the difference is chance."
        )
    if has_memorised(gap, gap_held_out, spread):
        return (
            f"{values}: clearly less. The critic has memorised its training examples, and this part of the "
            "gap says nothing about the samples. More training examples or a lower critic learning rate help."
        )
    if gap - gap_held_out > MEMORISED_SHARE * abs(gap):
        return (
            f"{values}. The difference is small beside the spread of the scores, {fmt_sig(spread)}, so it may be "
            "chance."
        )
    return f"{values}: no sign that the critic has memorised its training examples."


SLOPE_REMEDIES = {
    "penalty": "A larger λ lowers the slopes.",
    "clipping": "A smaller c lowers the slopes.",
    "layers": "This objective limits the slope of each layer; for convolutions, only roughly.",
    "": "This objective does not limit the slopes.",
}
"""What lowers the slopes, by what limits them."""


def slopes(
    mean: float,
    share_above_1: float,
    *,
    two_sided: bool = False,
    limited_by: Literal["penalty", "clipping", "layers", ""] = "penalty",
) -> str:
    """Return what the slopes between real examples and fakes mean.

    Slopes say how the critic's score is scaled. They do not say whether the critic is optimal, so a
    slope near 1 does not make the gap equal W₁.

    Args:
        mean: Mean slope at points between real examples and fakes.
        share_above_1: Share of these points where the slope is above 1.
        two_sided: Whether the objective's penalty pulls slopes to 1 from both sides.
        limited_by: What limits the slopes; empty if nothing does.
    """
    above = fmt_share(share_above_1)
    if mean < FLAT_SLOPE:
        return (
            f"**Nearly flat.** The mean slope is {fmt_sig(mean)}, far below 1, so the gap is probably small "
            "beside W₁, and the generator's gradient is weak. Reasons are a small clip value, or a "
            "critic at the beginning of its training."
        )
    if mean > STEEP_SLOPE:
        return (
            f"**Steeper than 1.** The mean slope is {fmt_sig(mean)}, so the gap may exceed W₁. With a "
            f"steepest slope of K, the gap is at most K·W₁. {SLOPE_REMEDIES[limited_by]}"
        )
    if share_above_1 > 0.5:
        usual = " The two-sided penalty pulls slopes to 1 from both sides, so this is usual."
        return (
            f"**{fmt_sig(mean)} on average, and above 1 at {above} of the points.**{usual if two_sided else ''} The score has "
            "about the scale of a distance. That alone does not make the gap W₁: the critic must also be "
            "optimal. Section *To convergence* measures how close its lower bound gets to W₁."
        )
    below = "" if mean >= NEAR_1 else "Below 1: "
    return (
        f"**{below}{fmt_sig(mean)} on average, and above 1 at {above} of the points.** If the slope were at most 1 everywhere, the "
        "gap would be a lower bound of W₁, and equal to it only for an optimal critic."
    )


def gradient_flow(norms: Sequence[float]) -> str:
    """Return what the gradient does on its way from the score back to the input.

    Args:
        norms: Norm of the loss' gradient at the output of each layer, from the first layer, next to the
            input, to the last.
    """
    if min(norms) <= 0:
        return "In some layer no gradient arrives at all: it does not learn."
    factor = norms[0] / norms[-1]
    beginning = "From the score back to the input the gradient"
    if factor < VANISHING:
        return f"{beginning} shrinks to {_fraction(factor)}: it vanishes."
    if factor > EXPLODING:
        return f"{beginning} grows {factor:,.0f}-fold: it explodes."
    if factor < 1 / UNEVEN:
        return (
            f"{beginning} shrinks to {_fraction(factor)}. That is much, but it reaches every layer."
        )
    if factor > UNEVEN:
        return f"{beginning} grows {factor:,.0f}-fold. That is much, but it reaches every layer."
    if 1 / EVEN < factor < EVEN:
        return f"{beginning} hardly changes: its factor is {fmt_sig(factor)}."
    change = (
        f"grows {fmt_sig(factor)}-fold"
        if factor > 1
        else f"shrinks to {fmt_sig(factor)} times its size"
    )
    each = factor ** (1 / max(1, len(norms) - 1))
    return f"{beginning} {change}. That is a factor of {fmt_sig(each)} per layer, so all layers can learn."


def _fraction(factor: float) -> str:
    return f"1/{1 / factor:,.0f}"


def convergence(
    share: float,
    best_share: float,
    updates: int,
    *,
    ended: bool,
    stopped: bool = False,
    is_dual: bool,
    clipped_share: float | None,
    rising: bool,
    range_of_late: tuple[float, float] | None = None,
    note: str = "",
) -> str:
    """Return whether the lower bound of a critic that was trained alone is tight, and if not, why.

    Args:
        share: Lower bound ÷ exact distance now, in [0, 1].
        best_share: Largest such share so far, in [0, 1].
        updates: Critic updates made.
        ended: Whether the training has ended.
        stopped: Whether it was stopped before its last update.
        is_dual: Whether the objective asks for the score difference that the bound is made of.
        clipped_share: Share of the clipped weights at ±c; None if nothing is clipped.
        rising: Whether the bound still rose in the last quarter of the updates.
        range_of_late: Smallest and largest share in the last quarter of the updates. Default: `share`.
        note: What ended the training early.
    """
    if note:
        return f"**It diverged.** {note} Try a lower learning rate."
    now, best = fmt_share(share), fmt_share(best_share)
    before = "" if best == now else f" Its best so far was {best}."
    if not ended:
        return f"So far the lower bound is **{now}** of the exact distance.{before}"
    if stopped:
        return f"**Stopped after {updates:,} updates:** the lower bound is {now} of the exact distance.{before}"
    if not is_dual:
        return (
            f"**The lower bound is {now}** of the exact distance.{before} This objective asks the critic which examples are "
            "real, not how far apart real and fake are. Its score is a degree of certainty, and its gap may "
            "grow without end; if the slope grows with it, the bound stays the same."
        )
    if share > TIGHT_SHARE:
        return (
            f"**The bound is tight: {now}** of the exact distance after {updates:,} updates. This "
            f"critic is nearly optimal for these samples.{before}"
        )
    if rising:
        return f"**Still rising: {now}** so far.{before} More updates or a higher rate may bring it closer."
    low, high = range_of_late or (share, share)
    if high - low > UNSTEADY:
        return (
            f"**The bound varies between {fmt_share(low)} and {fmt_share(high)}** of the exact distance in the last quarter "
            f"of the updates, and is at {now} now. A lower learning rate may steady it. {_why_it_is_loose(clipped_share)}"
        )
    return f"**Settled at {now}.**{before} {_why_it_is_loose(clipped_share)}"


def _why_it_is_loose(clipped_share: float | None) -> str:
    """Return why a bound may be loose that rises no more, and what to try."""
    if clipped_share is None:
        return (
            "The bound divides by the steepest slope, so a few steep places cost the rest. More updates, a "
            "larger critic or another rate may help."
        )
    if clipped_share == 0:
        return (
            "No weight is at ±c, so clipping does not hold this critic: it is trained like one without a "
            "constraint. A smaller c or another objective may help."
        )
    return (
        f"{fmt_share(clipped_share)} of the clipped weights are at ±c. Clipping allows only simple functions, "
        "which cannot be steep where they must and flat elsewhere."
    )


def surface_bound(lower_bound: float, exact: float, floor: float) -> str:
    """Say why the lower bound of a critic of points is far below W₁; empty if it is not.

    Args:
        lower_bound: (E f(real) − E f(fake)) ÷ steepest slope.
        exact: W₁ between real points and fakes.
        floor: W₁ between real points and other real points.
    """
    if lower_bound <= 0:
        return (
            "The lower bound is 0, because this critic scores the fakes at least as high as the real points, on "
            "average. The section *To convergence* shows how high its bound can get."
        )
    if lower_bound >= LOW_BOUND * exact:
        return ""
    if exact <= NEAR_FLOOR * floor:
        return (
            "The bound is low, but the fakes are nearly as close to these real points as other real points are "
            f"(W₁ = {fmt_sig(floor)}). So hardly any difference is left that a critic could measure."
        )
    return (
        f"The bound is low, {fmt_share(lower_bound / exact)} of W₁: this critic is far from optimal. The generator can still learn, "
        "because it needs only the direction in which the score rises. The section *To convergence* shows how high the bound "
        "can get."
    )


def score_after_update(before: float, after: float) -> str:
    """Say why an update of the generator has lowered the mean score of its fakes; empty if it has raised it."""
    if after > before:
        return ""
    return (
        " It did not rise, although the update aims at that: the optimiser also follows the gradients of earlier "
        "batches, and a step that is too long overshoots."
    )


def gap_after_update(gap: float, gap_after: float, *, penalised: bool) -> str:
    """Say why a penalised critic's update with a batch has made its gap smaller; empty if it has not."""
    if not penalised or gap_after >= gap:
        return ""
    return " It can shrink, because the update lowers the sum of loss and penalty."
