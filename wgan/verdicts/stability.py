"""Sentences of the Stability lab about its results: gradients, collapse, clipping, a grid."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from wgan.format import fmt_number, fmt_share, fmt_sig

STEADY = (0.95, 1.05)
"""Growth of a gradient from one layer to the next that counts as none."""

VANISHING, EXPLODING = 0.7, 1.4
"""Growths below and above which a gradient vanishes or explodes over 12 layers."""

VANISHED_SHARE = 0.01
"""A gradient below this share of the largest norm that it had counts as vanished."""

MIN_CLIPPED = 0.01
"""Share of the weights at ±c below which a critic counts as not clipped."""

MIN_GOOD = 0.1
"""Share of high-quality samples below which samples hit modes by chance."""

ALIKE_EFFECTS = 1.25
"""Two hyperparameters whose effects have a ratio below this decide about alike."""


def vanished(shares_of_largest: Sequence[float]) -> tuple[int, ...]:
    """Return the indices of the losses whose gradient has vanished.

    Args:
        shares_of_largest: The norm of each loss' gradient now over the largest that it had, in [0, 1].
    """
    return tuple(i for i, share in enumerate(shares_of_largest) if share < VANISHED_SHARE)


def vanishing_gradients(
    updates: int,
    certainty: float,
    *,
    minimax: float,
    minimax_share: float,
    non_saturating: float,
    wasserstein: float,
) -> str:
    """Return how strong the gradients of a fixed generator are for three losses.

    Args:
        updates: Updates of the discriminator, and of the critic.
        certainty: Mean D at fakes, in [0, 1]; 0 is certain.
        minimax: Norm of the gradient of the minimax loss.
        minimax_share: `minimax` over the largest norm that it had, in [0, 1].
        non_saturating: Norm of the gradient of the non-saturating loss.
        wasserstein: Norm of the gradient of the Wasserstein loss.
    """
    share = (
        "the largest so far"
        if minimax_share == 1
        else f"{fmt_sig(minimax_share)} times the largest norm that it had"
    )
    return (
        f"After {updates:,} updates the mean D at fakes is {fmt_sig(certainty)}. The generator's gradient has norm "
        f"**{fmt_sig(minimax)}** with the minimax loss ({share}), **{fmt_sig(non_saturating)}** with the "
        f"non-saturating loss and **{fmt_sig(wasserstein)}** with the Wasserstein loss."
    )


class TrainedGan(NamedTuple):
    """The final result of a network in the collapse lab."""

    title: str
    modes: float  # modes captured, or digits with samples
    good_share: float | None  # share of high-quality samples, in [0, 1]; None for digits
    collapsed_at: int | None  # first step at which it counted as collapsed
    collapsed: bool  # whether it still does
    diverged_at: int | None  # last step that was measured before it diverged; None if it did not

    @property
    def failed_at(self) -> int | None:
        """The first step at which it had collapsed or diverged; None if it never did."""
        return self.diverged_at if self.collapsed_at is None else self.collapsed_at


def first_to_collapse(gans: Sequence[TrainedGan]) -> tuple[int, ...]:
    """Return the indices of the networks that collapsed or diverged first, several if they tie.

    Empty if no network did either.
    """
    failed_at = [gan.failed_at for gan in gans]
    first = min((step for step in failed_at if step is not None), default=None)
    return tuple(i for i, step in enumerate(failed_at) if step is not None and step == first)


def after_mode_collapse(gans: Sequence[TrainedGan], updates: int, critic_updates: int) -> str:
    """Return what to look at in the result of the collapse lab, and what to change next.

    Args:
        gans: The networks; the first one is the GAN.
        updates: Updates of its discriminator in each step.
        critic_updates: Updates of both critics in each step.
    """
    if any(gan.diverged_at is not None for gan in gans):
        return "**Next:** a model diverged. Try another seed, to see whether this happens again."
    if gans[0].collapsed_at is not None and updates < critic_updates:
        return (
            "**Next:** keep the seed, and give the discriminator as many updates as the critics have "
            f"({critic_updates}). Does the GAN still collapse?"
        )
    if first_to_collapse(gans):
        return "**Next:** try two other seeds. A collapse that occurs with one seed only is chance."
    if updates > 1:
        return (
            "**Next:** no model collapsed, so compare the share of high-quality samples."
            f"{_still_spread(gans)} Then set *Discriminator updates* "
            "to 1, and watch the GAN: do its samples jump between a few modes?"
        )
    return "**Next:** no model collapsed. Try another seed, or a data set with more modes."


def _still_spread(gans: Sequence[TrainedGan]) -> str:
    """Return a sentence about the networks that have reached all modes only by chance; empty if there are none."""
    titles = [gan.title for gan in gans if gan.good_share is not None and gan.good_share < MIN_GOOD]
    if not titles:
        return ""
    return (
        f" The samples of {' and '.join(titles)} are still spread between the modes: that is no collapse, but it "
        "needs more steps."
    )


def mode_collapse(gans: Sequence[TrainedGan], total_modes: int, unit: str) -> str:
    """Return how many modes each network captures, and which ones collapsed.

    Args:
        gans: The networks, in the order in which they are shown.
        total_modes: Modes, or classes, of the data.
        unit: What is counted: "modes" or "digits".
    """
    return "; ".join(_modes_of(gan, total_modes, unit) for gan in gans) + "."


def _modes_of(gan: TrainedGan, total_modes: int, unit: str) -> str:
    if gan.diverged_at is not None:
        return f"**{gan.title}** diverged after step {gan.diverged_at:,}"
    captured = f"{gan.modes:.0f} of {total_modes} {unit}"
    if gan.good_share is not None:
        captured += f", {fmt_share(gan.good_share)} of its samples are of high quality"
        if gan.good_share < MIN_GOOD and gan.modes > 0:
            captured += " (one sample near a mode is enough to capture it)"
    if gan.collapsed_at is None:
        return f"**{gan.title}** has {captured}"
    recovery = "" if gan.collapsed else " and recovered"
    return f"**{gan.title}** collapsed at step {gan.collapsed_at:,}{recovery}: {captured}"


def is_clipped(at_bound_share: float) -> bool:
    """Return whether clipping holds a critic, of whose weights a share in [0, 1] is at ±c."""
    return at_bound_share >= MIN_CLIPPED


def gradient_trend(growth: float) -> str:
    """Return in a word what a gradient does over 12 layers, whose norm changes by `growth` with each."""
    return (
        "vanishes" if growth < VANISHING else "explodes" if growth > EXPLODING else "hardly changes"
    )


class ClippedCritic(NamedTuple):
    """The final result of a critic of 12 layers whose weights were clipped."""

    clip_value: float  # c
    growth: float  # factor by which the gradient's norm changes with each layer towards the input
    at_bound_share: float  # share of the weights at ±c, in [0, 1]


def depends_on_clip(tried: Sequence[ClippedCritic]) -> bool | None:
    """Return whether the gradient depends on c: True if two clipped critics differ.

    None if fewer than two critics are clipped, or all do the same: another c could still differ.
    """
    trends = {gradient_trend(c.growth) for c in tried if is_clipped(c.at_bound_share)}
    return True if len(trends) > 1 else None


def clipped_gradient(
    critic: ClippedCritic,
    *,
    others: Sequence[tuple[str, float]] = (),
    tried: Sequence[ClippedCritic] = (),
) -> str:
    """Return what clipping does to the gradient of a critic of 12 layers.

    Args:
        critic: The critic with the c that was chosen.
        others: Names and growths of the critics that are not clipped.
        tried: All critics with a c, by rising c.
    """
    share = critic.at_bound_share
    at_bound = "no weight is" if share == 0 else f"{fmt_share(share)} of the weights are"
    text = (
        f"With c = {fmt_number(critic.clip_value)} the gradient **{gradient_trend(critic.growth)}**: it "
        f"{growth_per_layer(critic.growth)} with each layer towards the input; {at_bound} at ±c."
    )
    if not is_clipped(share):
        weights = "all" if share == 0 else "nearly all"
        text += f" **So this critic is not clipped:** c is larger than {weights} of its weights."
    names_by_change: dict[str, list[str]] = {}
    for name, other_growth in others:
        names_by_change.setdefault(growth_per_layer(other_growth), []).append(name)
    if names_by_change:
        changes = (f"{change} with {_join(names)}" for change, names in names_by_change.items())
        text += f" In critics without clipping, it {'; it '.join(changes)}."
    if len(tried) > 1:
        trials = (
            f"c = {fmt_number(one.clip_value)}: {growth_per_layer(one.growth)}"
            + ("" if is_clipped(one.at_bound_share) else " (not clipped)")
            for one in tried
        )
        text += f" Tried so far: {', '.join(trials)}."
    return text


def growth_per_layer(growth: float) -> str:
    """Return what a gradient does from one layer to the layer before it.

    Args:
        growth: Norm at the layer nearer to the input over the norm at the other, above 0.
    """
    if STEADY[0] < growth < STEADY[1]:
        return "stays the same"
    if growth < 1:
        return f"shrinks to {100 * growth:.2g} %"
    return f"grows {growth:.2g} times" if growth < 100 else f"grows {growth:,.0f} times"


def _join(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def more_decisive(row_effect: float, column_effect: float) -> int:
    """Return which axis of a grid changes W₁ more: 0 the rows, 1 the columns, 2 both about alike.

    Args:
        row_effect: Mean W₁ at the worst value of the rows over that at the best, at least 1.
        column_effect: The same of the columns.
    """
    # As shown, with two decimals, so that the answer follows from the numbers beside it.
    row_effect, column_effect = round(row_effect, 2), round(column_effect, 2)
    larger, smaller = max(row_effect, column_effect), min(row_effect, column_effect)
    if larger / smaller < ALIKE_EFFECTS:
        return 2
    return 0 if row_effect > column_effect else 1


def sensitivity(
    rows: str,
    columns: str,
    row_effect: float,
    column_effect: float,
    *,
    untrained: int = 0,
    best: tuple[float, float] | None = None,
    diverged: int = 0,
) -> str:
    """Return how much W₁ depends on each of two hyperparameters.

    Args:
        rows: Title of the hyperparameter of the rows.
        columns: Title of the hyperparameter of the columns.
        row_effect: Mean W₁ at the worst value of the rows over that at the best; NaN if cells lack.
        column_effect: The same of the columns.
        untrained: Cells that were not trained.
        best: The two values of the best cell; None if there is no such cell.
        diverged: Cells that diverged.
    """
    if not math.isfinite(row_effect):
        cells = "1 cell was" if untrained == 1 else f"{untrained} cells were"
        return f"{cells} not trained, so it is too early to tell which matters more."
    by_rows, by_columns = rows.lower(), columns.lower()
    text = (
        f"From its best value to its worst, {by_rows} changes W₁ by a factor of **{row_effect:.2f}**, and {by_columns} by "
        f"**{column_effect:.2f}** (geometric means over the values of the other)."
    )
    if more_decisive(row_effect, column_effect) == 2:
        text += f" Factors whose ratio is below {ALIKE_EFFECTS:g} count as alike."
    if best is not None:
        text += f" Best: {by_rows} {fmt_number(best[0])}, {by_columns} {fmt_number(best[1])}."
    if diverged:
        text += f" {diverged} {'cell' if diverged == 1 else 'cells'} diverged."
    return text


def duration(seconds: float) -> str:
    """Return a rough duration as text, for a training that has not begun."""
    if seconds < 40:
        return "about half a minute"
    if seconds < 90:
        return "about a minute"
    return f"about {max(1, round(seconds / 60))} minutes"
