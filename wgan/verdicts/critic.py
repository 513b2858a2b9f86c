"""Sentences of the Critic page: about scores, slopes, gradients, and training a critic to convergence."""

from wgan.format import fmt_sci

OVERFITTING_SPREADS = 0.5
"""Held-out examples that score lower than training examples by this many standard deviations: overfitting."""

FLAT_SLOPE, STEEP_SLOPE = 0.1, 1.5
"""Mean slopes below and above which a critic is far from 1-Lipschitz."""

VANISHING, EXPLODING, UNEVEN = 0.01, 100.0, 10.0
"""Factors by which the gradient's norm changes from the last layer to the first."""

TIGHT_SHARE = 0.9
"""Share of the exact distance from which on a critic counts as nearly optimal."""


def scores(critic_accuracy: float, gap: float, gap_held_out: float, spread: float) -> str:
    """Return what a critic's scores of real examples and fakes mean.

    Args:
        critic_accuracy: Share of the pairs of a real example and a fake in which the real one scores higher.
        gap: Mean score of real training examples minus that of fakes.
        gap_held_out: The same with held-out real examples.
        spread: Standard deviation of the scores of real examples.
    """
    if critic_accuracy > 0.97:
        text = (
            "This critic tells nearly every fake from a real example: the generator has far to go."
        )
    elif critic_accuracy > 0.65:
        text = "This critic tells many fakes from real examples: the generator can still learn from it."
    elif critic_accuracy > 0.4:
        text = (
            "Real examples and fakes score alike: either the generator keeps up with its critic, or the "
            "critic is weak."
        )
    else:
        text = "Fakes score above real examples: the critic lags behind, and misleads the generator now."
    if gap - gap_held_out > OVERFITTING_SPREADS * (spread or 1.0):
        text += (
            " Held-out examples score clearly lower than training examples: the critic has learned its "
            "training examples by heart."
        )
    return text


def slopes(mean: float, share_above_1: float, *, two_sided: bool = False) -> str:
    """Return what the slopes between real examples and fakes mean.

    Slopes say how the critic's score is scaled. They do not say whether the critic is optimal, so a
    slope near 1 does not make the gap equal W₁.

    Args:
        mean: Mean slope at points between real examples and fakes.
        share_above_1: Share of these points where the slope is above 1.
        two_sided: Whether the objective's penalty pulls slopes to 1 from both sides.
    """
    above = f"{100 * share_above_1:.0f} %"
    if mean < FLAT_SLOPE:
        return (
            f"**Nearly flat.** The mean slope is {fmt_sci(mean)}, far below 1, so the gap is probably small "
            "beside W₁, and the generator gets a weak push. A small clip value does this, and so does a "
            "critic at the beginning of training."
        )
    if mean > STEEP_SLOPE:
        return (
            f"**Steeper than 1.** The mean slope is {fmt_sci(mean)}, so the gap may exceed W₁: its bound is "
            "K·W₁ with K the steepest slope. A larger λ pulls the slopes towards 1; without a penalty "
            "nothing does."
        )
    if share_above_1 > 0.5:
        usual = " The two-sided penalty pulls slopes to 1 from both sides, so this is usual."
        return (
            f"**Near 1, but above 1 at {above} of the points.**{usual if two_sided else ''} The score has "
            "about the scale of a distance. That alone does not make the gap W₁: the critic must also be "
            "optimal. Section *To convergence* measures how much of W₁ it proves."
        )
    return (
        f"**Near 1 or below: {above} of the points are above 1.** If the slope were at most 1 everywhere, the "
        "gap would be a lower bound of W₁, and equal to it only for an optimal critic."
    )


def gradient_flow(first: float, last: float) -> str:
    """Return what the gradient does on its way from the score back to the input.

    Args:
        first: Norm of the loss' gradient at the output of the first layer, next to the input.
        last: The same of the last hidden layer.
    """
    if min(first, last) <= 0:
        return "In some layer no gradient arrives at all: it does not learn."
    factor = first / last
    beginning = "From the score back to the input the gradient"
    size = f"shrinks to 1⁄{1 / factor:,.0f}" if factor < 1 else f"grows {factor:,.0f}-fold"
    if factor < VANISHING:
        return f"{beginning} {size}: it vanishes."
    if factor > EXPLODING:
        return f"{beginning} {size}: it explodes."
    if not 1 / UNEVEN <= factor <= UNEVEN:
        return f"{beginning} {size}. That is much, but every layer still learns."
    return f"{beginning} changes by a factor of {fmt_sci(factor)}: every layer learns at a similar pace."


def convergence(
    best_share: float,
    updates: int,
    *,
    ended: bool,
    is_dual: bool,
    clipped_share: float | None,
    rising: bool,
    note: str = "",
) -> str:
    """Return whether a critic that was trained alone proves the exact distance, and if not, why.

    Args:
        best_share: Largest share of the exact distance that it proved, in [0, 1].
        updates: Critic updates made.
        ended: Whether the training has ended.
        is_dual: Whether the objective asks for the score difference that the bound is made of.
        clipped_share: Share of the clipped weights at ±c; None if nothing is clipped.
        rising: Whether the bound still rose in the last quarter of the updates.
        note: What ended the training early.
    """
    if note:
        return f"**It diverged.** {note} Try a lower learning rate."
    share = f"{100 * best_share:.0f} %"
    if not ended:
        return f"So far the critic proves at most **{share}** of the exact distance."
    if not is_dual:
        return (
            f"**At most {share}** of the exact distance. This objective asks the critic which examples are "
            "real, not how far apart real and fake are. Its score is a degree of certainty, and its gap may "
            "grow without end; if the slope grows with it, nothing more is proved."
        )
    if best_share > TIGHT_SHARE:
        return (
            f"**The bound is tight: {share}** of the exact distance is proved after {updates:,} updates. This "
            "critic is nearly optimal for these samples."
        )
    if clipped_share:
        return (
            f"**The bound stays loose: at most {share}**, with {100 * clipped_share:.0f} % of the clipped "
            "weights at ±c. Such a critic is a simple function: it cannot be steep where it must and flat "
            "elsewhere, so longer training does not help."
        )
    if clipped_share is not None and not rising:
        return (
            f"**Settled at {share}.** No weight is at ±c, so clipping does not hold this critic: it is "
            "trained like one without a constraint. A smaller c or another objective may help."
        )
    if rising:
        return f"**Still rising: {share}** so far. More updates or a higher rate would bring it closer."
    return (
        f"**Settled at {share}.** The objective holds the mean slope, but the bound divides by the steepest "
        "one: a few steep places cost the rest. More updates, a larger critic or another rate may help."
    )
