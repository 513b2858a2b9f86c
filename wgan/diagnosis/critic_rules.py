"""Rules about the critic: its constraint, how far it lags behind, whether it overfits."""

import numpy as np

from wgan.diagnosis.evidence import MIN_VALUES, Evidence, Reading, Rule
from wgan.diagnosis.proposals import (
    PENALISED,
    change_clip_value,
    change_rates,
    propose,
    propose_penalty,
    slope_penalty_weight,
    suitable_penalty,
)
from wgan.format import fmt_percent, fmt_rounded, fmt_sci, fmt_value
from wgan.metrics import title_of
from wgan.objectives import Wgan


def without_slope_penalty(evidence: Evidence) -> str:
    """Return why a check of the penalty does not apply; empty if it does."""
    if slope_penalty_weight(evidence) is None:
        return "this objective has no penalty that holds the critic's slope at 1"
    return ""


def without_penalty_gradient(evidence: Evidence) -> str:
    """Return why the gradients of penalty and loss are not compared; empty if they are."""
    return without_slope_penalty(evidence) or (
        "real and fake are separate updates" if evidence.config.split_updates else ""
    )


def without_clipping(evidence: Evidence) -> str:
    """Return why a check of clipping does not apply; empty if it does."""
    is_clipped = isinstance(evidence.config.objective, Wgan)
    return "" if is_clipped else "this objective does not clip weights"


def without_limited_data(evidence: Evidence) -> str:
    """Return why nothing can be memorised; empty if something can."""
    if evidence.size is None:
        return "every batch is freshly drawn, so nothing can be memorised"
    return ""


def weak_penalty(evidence: Evidence, rule: Rule) -> Reading | None:
    """A slope far above 1, at which the penalty should hold it."""
    weight, slope = slope_penalty_weight(evidence), evidence.recent_median("slope_hat")
    if weight is None or slope is None:
        return None
    share_above_1 = evidence.recent_median("slope_above_1") or 0.0
    return Reading(
        f"The critic's slope between real and fake samples is {fmt_rounded(slope)} on average; the penalty's "
        f"target is 1. The slope is above 1 at {fmt_percent(share_above_1)} of the points. λ is "
        f"{fmt_value(weight)}.",
        slope > rule.limits["slope"],
        propose_penalty(evidence, 10.0 * weight or suitable_penalty(evidence.config)),
    )


def strong_penalty(evidence: Evidence, rule: Rule) -> Reading | None:
    """A penalty whose gradient is far larger than that of the loss."""
    weight, pulls = slope_penalty_weight(evidence), evidence.recent("penalty_pull")
    if weight is None or pulls is None:
        return None
    pull = float(np.mean(pulls))  # The mean, because the pull comes in bursts.
    slope = evidence.recent_median("slope_hat") or 0.0
    return Reading(
        f"On average, the penalty's gradient is {fmt_rounded(pull)} times as large as the loss's. The "
        f"critic's slope between real and fake samples is {fmt_rounded(slope)}. λ is {fmt_value(weight)}.",
        pull > rule.limits["pull"],
        propose(
            evidence, {"objective.penalty_weight": weight / 10}, change_rates(evidence, 0.3, 1.0)
        ),
    )


def clipping(evidence: Evidence, rule: Rule) -> Reading | None:
    """A large share of the weights at ±c."""
    clipped_share = evidence.recent_median("at_clip")
    if clipped_share is None:
        return None
    objective = evidence.config.objective
    bound = (
        f" ±{fmt_value(objective.clip_value)}" if isinstance(objective, Wgan) else " their bound"
    )
    return Reading(
        f"{fmt_percent(clipped_share)} of the clipped weights are at{bound}.",
        clipped_share > rule.limits["share"],
        propose(evidence, change_clip_value(evidence, 3.0), PENALISED),
    )


def undertrained_critic(evidence: Evidence, rule: Rule) -> Reading | None:
    """A critic that lags behind its generator, while the samples do not improve."""
    lag, name = evidence.recent_median("critic_lag"), evidence.headline
    if lag is None or name is None:
        return None
    values, floor = evidence.series(name)[1], evidence.floor(name)
    if len(values) < 2 * MIN_VALUES:
        return None
    half = len(values) // 2
    before, now = float(values[:half].min()), float(values[half:].min())
    no_progress = now > rule.limits["progress"] * before
    far_from_floor = floor is None or values[-1] > rule.limits["floors"] * floor
    config = evidence.config
    return Reading(
        f"A few more critic updates, without generator updates, raise the critic gap by "
        f"{fmt_rounded(100 * lag)} % of its scale. {title_of(name)}: at best {fmt_sci(before)} in the first "
        f"half of the measurements, {fmt_sci(now)} in the second half"
        + (f"; real examples score {fmt_sci(floor)}." if floor is not None else "."),
        lag > rule.limits["lag"] and no_progress and far_from_floor,
        propose(
            evidence,
            {"n_critic": min(100, max(5, 2 * config.n_critic))},
            {"critic_learning_rate": 3 * config.critic_learning_rate},
            {"generator_learning_rate": config.generator_learning_rate / 3},
        ),
    )


def overfitting_critic(evidence: Evidence, rule: Rule) -> Reading | None:
    """A critic gap that is much larger on training examples than on held-out ones."""
    training_gaps, held_out_gaps = evidence.recent("gap_seen"), evidence.recent("gap_unseen")
    spread = evidence.recent_median("score_spread")
    if training_gaps is None or held_out_gaps is None or spread is None:
        return None
    if evidence.size is None:
        return None  # Every batch is freshly drawn, so nothing can be memorised.
    n = min(len(training_gaps), len(held_out_gaps))
    difference = float(np.median(training_gaps[-n:] - held_out_gaps[-n:]))
    gap = float(np.median(training_gaps))
    share = difference / max(gap, 1e-12)
    is_certain = difference > rule.limits["spreads"] * spread
    probability = evidence.newest("augmentation_probability")
    is_augmented = evidence.config.augmentation != "none"
    return Reading(
        f"The critic gap is {fmt_sci(gap)} on training pictures and {fmt_sci(gap - difference)} on held-out "
        "pictures. "
        + (
            (
                f"So {fmt_percent(max(share, 0.0))} of it is memorised."
                if share < 1
                else "So all of it is memorised: held-out pictures score no higher than fakes."
            )
            if is_certain
            else "The difference is within the usual variation between 256 pictures."
        )
        + (
            f" The augmentation probability is {fmt_percent(probability)}."
            if is_augmented and probability is not None
            else ""
        ),
        gap > 0 and share > rule.limits["share"] and is_certain,
        propose(
            evidence,
            {"critic_learning_rate": evidence.config.critic_learning_rate / 3},
            {"n_critic": 1},
        ),
    )
