"""Sentences of the Stability lab about its results: gradients, collapse, clipping, a grid."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from wgan.format import fmt_number, fmt_sci

STEADY = (0.95, 1.05)
"""Growth of a gradient from one layer to the next that counts as none."""

VANISHING, EXPLODING = 0.7, 1.4
"""Growths below and above which a gradient vanishes or explodes over 12 layers."""

ALIKE_EFFECTS = 1.25
"""Two hyperparameters whose effects have a ratio below this decide about alike."""


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
    return (
        f"After {updates:,} updates D is {fmt_sci(certainty)} at fakes. "
        f"The gradient is **{fmt_sci(minimax)}** by minimax, {fmt_sci(minimax_share)} of its "
        f"largest; **{fmt_sci(non_saturating)}** by the non-saturating loss; **{fmt_sci(wasserstein)}** by "
        "Wasserstein."
    )


class TrainedGan(NamedTuple):
    """The final result of a network in the collapse lab."""

    title: str
    modes: float  # modes captured, or digits with samples
    good_share: float | None  # share of good samples, in [0, 1]; None for digits
    collapsed_at: int | None  # first step at which it counted as collapsed
    collapsed: bool  # whether it still does
    diverged: bool


def first_to_collapse(gans: Sequence[TrainedGan]) -> int | None:
    """Return the index of the network that collapsed first; None if none did.

    A network that diverged without having collapsed before counts as the first.
    """
    failed = [i for i, gan in enumerate(gans) if gan.collapsed_at is not None or gan.diverged]
    return min(failed, key=lambda i: gans[i].collapsed_at or 0) if failed else None


def mode_collapse(gans: Sequence[TrainedGan], total_modes: int, unit: str) -> str:
    """Return how many modes each network captures, and which ones collapsed.

    Args:
        gans: The networks, in the order in which they are shown.
        total_modes: Modes, or classes, of the data.
        unit: What is counted: "modes" or "digits".
    """
    return "; ".join(_modes_of(gan, total_modes, unit) for gan in gans) + "."


def _modes_of(gan: TrainedGan, total_modes: int, unit: str) -> str:
    if gan.diverged:
        return f"**{gan.title}** diverged"
    captured = f"{gan.modes:.0f} of {total_modes} {unit}"
    if gan.good_share is not None:
        captured += f", {100 * gan.good_share:.0f} % of its samples good"
    if gan.collapsed_at is None:
        return f"**{gan.title}** has {captured}"
    recovery = "" if gan.collapsed else " and recovered"
    return f"**{gan.title}** collapsed at step {gan.collapsed_at:,}{recovery}: {captured}"


def clipped_gradient(
    clip_value: float,
    growth: float,
    at_bound_share: float,
    *,
    others: Sequence[tuple[str, float]] = (),
    tried: Sequence[tuple[float, float]] = (),
) -> str:
    """Return what clipping does to the gradient of a critic of 12 layers.

    Args:
        clip_value: The c that was chosen.
        growth: Factor by which the gradient's norm changes with each layer towards the input.
        at_bound_share: Share of the weights at ±c, in [0, 1].
        others: Names and growths of the critics that are not clipped.
        tried: Clip values and growths of all clipped critics, rising.
    """
    verb = (
        "vanishes" if growth < VANISHING else "explodes" if growth > EXPLODING else "hardly changes"
    )
    text = (
        f"With c = {fmt_number(clip_value)} the gradient **{verb}**: it {growth_per_layer(growth)} with each layer towards the "
        f"input, {100 * at_bound_share:.0f} % of the weights at ±c."
    )
    names_by_change: dict[str, list[str]] = {}
    for name, other_growth in others:
        names_by_change.setdefault(growth_per_layer(other_growth), []).append(name)
    if names_by_change:
        changes = (f"{change} with {_join(names)}" for change, names in names_by_change.items())
        text += f" It {'; it '.join(changes)}."
    if len(tried) > 1:
        trials = (f"c = {fmt_number(value)}: {growth_per_layer(its)}" for value, its in tried)
        text += f" Tried so far: {', '.join(trials)}."
    return text


def growth_per_layer(growth: float) -> str:
    """Return what a gradient does from one layer to the layer before it.

    Args:
        growth: Norm at the layer nearer to the input over the norm at the other, above 0.
    """
    if STEADY[0] < growth < STEADY[1]:
        return "stays"
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
        return f"{untrained} cells were not trained, so it cannot be said yet which decides more."
    by_rows, by_columns = rows.lower(), columns.lower()
    text = (
        f"From its best value to its worst W₁ grows **{row_effect:.2g} times** by {by_rows}, **{column_effect:.2g} times** by "
        f"{by_columns}: each value's W₁ is its geometric mean over all of the other's."
    )
    if best is not None:
        text += f" Best: {by_rows} {fmt_number(best[0])}, {by_columns} {fmt_number(best[1])}."
    if diverged:
        text += f" {diverged} diverged."
    return text


def duration(seconds: float) -> str:
    """Return a rough duration as text, for a training that has not begun."""
    if seconds < 40:
        return "about half a minute"
    if seconds < 90:
        return "about a minute"
    return f"about {max(1, round(seconds / 60))} minutes"
