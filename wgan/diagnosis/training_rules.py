"""Rules about how both networks are trained: losses, gradients, momentum, learning rates."""

import math

import numpy as np

from wgan.config import recommended
from wgan.diagnosis.evidence import Evidence, Proposal, Reading, Rule
from wgan.diagnosis.proposals import (
    PENALISED,
    change_clip_value,
    change_rates,
    propose,
    propose_penalty,
    slope_penalty_weight,
    suitable_penalty,
)
from wgan.format import fmt_rounded, fmt_value

LEVEL_REPORTS = 10
"""Number of reports whose median is the level of the losses."""


FADES_WITH_DEPTH = "The critic's gradients vanish with depth"
"""Name of the problem if the gradient vanishes in the critic's layers, and not in the generator's loss."""

FADES_WITH_DEPTH_MEANING = (
    "Each layer of the critic makes the gradient smaller on its way back to the input. The first layers hardly "
    "learn, so the critic can represent only simple functions. This happens if the clip value c is small."
)


def explosion(evidence: Evidence, rule: Rule) -> Reading | None:
    """Losses that grow without bounds."""
    columns = ("critic_loss", "generator_loss", "penalty")
    if len(evidence.curves.get("step", ())) < 6:
        return None  # A run that is being prepared has no curves.
    sizes = np.maximum.reduce([np.abs(evidence.curves[name]) for name in columns])
    now = float(sizes[-max(3, len(sizes) // 10) :].max())
    # A median of a share of the run would grow with the run, and hide an explosion that lasts.
    parts = np.array_split(sizes, max(1, len(sizes) // LEVEL_REPORTS))
    lowest = min(float(np.median(part)) for part in parts)
    growth = now / max(lowest, 1e-12)
    raised = now > rule.limits["certain"] or (
        now > rule.limits["large"] and growth > rule.limits["growth"]
    )
    text = (
        f"The largest loss or penalty is now {fmt_rounded(now)}. Its lowest level in this run was "
        f"{fmt_rounded(lowest)}. A run stops when a value exceeds 10 million."
    )
    if slope_penalty_weight(evidence) == 0.0:
        return Reading(
            f"{text} λ is 0, so nothing limits the critic's slope.",
            raised,
            propose_penalty(evidence, suitable_penalty(evidence.config)),
        )
    return Reading(
        text,
        raised,
        propose(
            evidence,
            change_rates(evidence, 0.1, 0.1),
            change_clip_value(evidence, 0.1) or PENALISED,
        ),
    )


def vanishing_gradient(evidence: Evidence, rule: Rule) -> Reading | None:
    """A gradient that vanishes on its way to the generator: in its loss, or in the critic's layers."""
    depth, signal = (
        evidence.recent_median("gradient_depth"),
        evidence.recent_median("generator_signal"),
    )
    if depth is None or signal is None:
        return None
    signal_fades = signal < rule.limits["signal"]
    text = f"{fmt_rounded(100 * signal)} % of the critic's slope reaches the generator. {_layer_text(depth)}"
    proposals: tuple[Proposal, ...]
    if signal_fades:
        proposals = propose(
            evidence,
            {"objective.generator": "non-saturating"} if _is_minimax(evidence) else {"n_critic": 1},
            PENALISED,
        )
    else:
        proposals = propose(evidence, change_clip_value(evidence, 3.0), PENALISED)
    if signal_fades or depth >= rule.limits["depth"]:
        return Reading(text, signal_fades, proposals)
    return Reading(
        text, True, proposals, heading=FADES_WITH_DEPTH, meaning=FADES_WITH_DEPTH_MEANING
    )


def _layer_text(depth: float) -> str:
    """Return a sentence about log₁₀ of the first layer's gradient divided by the last layer's."""
    factor = 10 ** abs(depth)
    if factor < 1.05:
        return "The gradients at the critic's first and last hidden layers are equally large."
    comparison = "larger" if depth > 0 else "smaller"
    return (
        f"The gradient at the critic's first layer is {fmt_rounded(factor)} times {comparison} than at "
        "its last hidden layer."
    )


def _is_minimax(evidence: Evidence) -> bool:
    return getattr(evidence.config.objective, "generator", "") == "minimax"


def exploding_gradient(evidence: Evidence, rule: Rule) -> Reading | None:
    """A gradient that grows with each layer."""
    depth = evidence.recent_median("gradient_depth")
    if depth is None:
        return None
    return Reading(
        _layer_text(depth),
        depth > rule.limits["depth"],
        propose(
            evidence,
            change_clip_value(evidence, 1 / 3),
            change_rates(evidence, 0.3, 1.0),
            PENALISED,
        ),
    )


def without_momentum(evidence: Evidence) -> str:
    """Return why a check of momentum does not apply; empty if it does."""
    if getattr(evidence.config.optimizer, "beta1", 0.0) == 0.0:
        return "the optimiser has no momentum"
    return "real and fake are separate updates" if evidence.config.split_updates else ""


def momentum(evidence: Evidence, rule: Rule) -> Reading | None:
    """Steps that do not follow the gradient."""
    cosines = evidence.recent("step_cosine")
    beta1 = getattr(evidence.config.optimizer, "beta1", 0.0)
    # A step of length 0 has no direction.
    step_length = evidence.recent_median("critic_move")
    if cosines is None or beta1 == 0.0 or step_length is None or step_length < 1e-12:
        return None
    mean, negative = float(np.mean(cosines)), int((cosines < 0).sum())
    negative_text = (
        f" It was negative in {negative} of the last {len(cosines)} measurements."
        if negative
        else ""
    )
    return Reading(
        "The cosine between the critic's step and the downhill direction is "
        f"{fmt_rounded(mean)} on average: 1 is straight downhill, and 0 is no progress.{negative_text} β₁ is "
        f"{fmt_value(beta1)}.",
        mean < rule.limits["cosine"],
        propose(
            evidence,
            {"optimizer.beta1": 0.0 if beta1 <= 0.5 else 0.5},
            {"optimizer": {"name": "rmsprop"}},
        ),
    )


def learning_rates(evidence: Evidence, rule: Rule) -> Reading | None:
    """One network that learns far faster than the other."""
    generator_steps, critic_steps = (
        evidence.recent("generator_move"),
        evidence.recent("critic_move"),
    )
    if generator_steps is None or critic_steps is None:
        return None
    n = min(len(generator_steps), len(critic_steps))
    config = evidence.config
    # The updates of a critic in one step add up.
    ratio = float(
        np.median(generator_steps[-n:] / np.maximum(config.n_critic * critic_steps[-n:], 1e-30))
    )
    faster, slower = ("generator", "critic") if ratio >= 1 else ("critic", "generator")
    times = fmt_rounded(max(ratio, 1 / max(ratio, 1e-30)))
    text = (
        "Per step, the weights of both networks change equally much, relative to their size."
        if times == "1"
        else f"Per step, the {faster}'s weights change {times} times as much as the {slower}'s, relative to "
        "their size."
    )
    raised = ratio > rule.limits["high"] or ratio < rule.limits["low"]
    return Reading(text, raised, _equal_rates(evidence, faster, slower) if raised else ())


def _equal_rates(evidence: Evidence, faster: str, slower: str) -> tuple[Proposal, ...]:
    """Propose to give both networks the learning rate of one, if this leads towards the recommended rate."""
    config, suitable = evidence.config, recommended(evidence.config.dataset)
    proposed = []
    for changed, other in ((slower, faster), (faster, slower)):
        path = f"{changed}_learning_rate"
        before, after = getattr(config, path), getattr(config, f"{other}_learning_rate")
        wanted = getattr(suitable, path)
        if abs(math.log(after / wanted)) < abs(math.log(before / wanted)):
            proposed.append({path: float(after)})
    return propose(evidence, *proposed)
