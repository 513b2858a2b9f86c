"""How each fault is told by its evidence."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from wgan.arrays import F64
from wgan.diagnosis.evidence import ENOUGH, Evidence, Proposal, Reading, Rule
from wgan.diagnosis.proposals import PENALISED, clip, propose, rates
from wgan.format import fmt_percent, fmt_sci, fmt_value
from wgan.metrics import LIVE_SAMPLES, title_of
from wgan.objectives import Wgan


def _slope_target(evidence: Evidence) -> float | None:
    """Return the penalty's weight where it asks for a slope of 1; None for other objectives."""
    objective: Any = evidence.config.objective
    deviation = getattr(objective, "deviation", None)
    if deviation is None or float(deviation(torch.ones(1))) != 0.0:
        return None
    return float(objective.penalty_weight)


def _from(steps: F64, so: npt.NDArray[np.bool_]) -> int | None:
    """Return the first step of the unbroken stretch up to the newest in which something is so."""
    if not len(so) or not so[-1]:
        return None
    before = np.flatnonzero(~so)
    return int(steps[before[-1] + 1 if len(before) else 0])


def explosion(evidence: Evidence, rule: Rule) -> Reading | None:
    """Losses that grow without bounds."""
    columns = ("critic_loss", "generator_loss", "penalty")
    if len(evidence.curves.get("step", ())) < 6:
        return None  # A run that is being prepared has no curves at all.
    size = np.maximum.reduce([np.abs(evidence.curves[name]) for name in columns])
    now = float(size[-max(3, len(size) // 10) :].max())
    before = float(np.median(size[: max(3, len(size) // 2)]))
    grown = now / max(before, 1e-12)
    raised = now > rule.limits["certain"] or (
        now > rule.limits["large"] and grown > rule.limits["growth"]
    )
    return Reading(
        f"The largest of the losses and the penalty is {fmt_sci(now)}, {fmt_sci(grown)} times the "
        f"{fmt_sci(before)} that was usual in the first half. Beyond 10^7 a run ends.",
        raised,
        propose(
            evidence,
            rates(evidence, 0.1, 0.1),
            clip(evidence, 0.1) or {"objective": "wgan-gp"},
        ),
    )


def vanishing(evidence: Evidence, rule: Rule) -> Reading | None:
    """A signal or a gradient that fades on its way to the generator."""
    depth, signal = evidence.usual("gradient_depth"), evidence.usual("generator_signal")
    if depth is None or signal is None:
        return None
    faded = signal < rule.limits["signal"]
    words = (
        f"Of the critic's slope {fmt_sci(100 * signal)} % reaches the generator through its loss. "
        f"The critic's first layer gets a gradient 10^{fmt_sci(depth)} times that of its last."
    )
    proposals: tuple[Proposal, ...]
    if faded:
        proposals = propose(
            evidence,
            {"objective.generator": "non-saturating"} if _minimax(evidence) else {"n_critic": 1},
            PENALISED,
        )
    else:
        proposals = propose(evidence, clip(evidence, 3.0), PENALISED)
    return Reading(words, faded or depth < rule.limits["depth"], proposals)


def _minimax(evidence: Evidence) -> bool:
    return getattr(evidence.config.objective, "generator", "") == "minimax"


def exploding(evidence: Evidence, rule: Rule) -> Reading | None:
    """A gradient that grows with each layer."""
    depth = evidence.usual("gradient_depth")
    if depth is None:
        return None
    return Reading(
        f"The critic's first layer gets a gradient 10^{fmt_sci(depth)} times that of its last.",
        depth > rule.limits["depth"],
        propose(evidence, clip(evidence, 1 / 3), rates(evidence, 0.3, 1.0), PENALISED),
    )


def momentum(evidence: Evidence, rule: Rule) -> Reading | None:
    """Steps that do not follow the gradient."""
    cosines = evidence.recent("step_cosine")
    memory = getattr(evidence.config.optimizer, "beta1", 0.0)
    # A step of length 0 points nowhere.
    moved = evidence.usual("critic_move")
    if cosines is None or memory == 0.0 or moved is None or moved < 1e-12:
        return None
    mean, negative = float(np.mean(cosines)), int((cosines < 0).sum())
    again = f", and {negative} of {len(cosines)} times below 0" if negative else ""
    return Reading(
        f"The cosine between the critic's step and downhill is {fmt_sci(mean)} on average{again}. "
        f"β₁ = {fmt_value(memory)}.",
        mean < rule.limits["cosine"],
        propose(
            evidence,
            {"optimizer.beta1": 0.0 if memory <= 0.5 else 0.5},
            {"optimizer": {"name": "rmsprop"}},
        ),
    )


def balance(evidence: Evidence, rule: Rule) -> Reading | None:
    """One network far ahead of the other."""
    maker, judge = evidence.recent("generator_move"), evidence.recent("critic_move")
    if maker is None or judge is None:
        return None
    n = min(len(maker), len(judge))
    config = evidence.config
    # A step of a critic that makes several updates is as long as all of them.
    ratio = float(np.median(maker[-n:] / np.maximum(config.n_critic * judge[-n:], 1e-30)))
    words = (
        f"In a step the generator's weights move {fmt_sci(ratio)} times as far, for their length, as the "
        "critic's."
    )
    high, low = ratio > rule.limits["high"], ratio < rule.limits["low"]
    level = config.critic_learning_rate if high else config.generator_learning_rate
    other = "generator_learning_rate" if high else "critic_learning_rate"
    mended = {"critic_learning_rate" if high else "generator_learning_rate": getattr(config, other)}
    proposals = propose(evidence, mended, {other: float(level)}) if high or low else ()
    return Reading(words, high or low, proposals)


def weak_penalty(evidence: Evidence, rule: Rule) -> Reading | None:
    """A slope far above what the penalty asks for."""
    weight, slope = _slope_target(evidence), evidence.usual("slope_hat")
    if weight is None or slope is None:
        return None
    above = evidence.usual("slope_above_1") or 0.0
    return Reading(
        f"The critic's slope between real and fake is {fmt_sci(slope)} on average, where the penalty asks "
        f"for 1, and above 1 for {fmt_percent(above)} of them. λ = {fmt_value(weight)}.",
        slope > rule.limits["slope"],
        propose(evidence, {"objective.penalty_weight": max(10.0 * weight, 0.1)}),
    )


def strong_penalty(evidence: Evidence, rule: Rule) -> Reading | None:
    """A penalty that leaves no room for the loss."""
    weight, pulls = _slope_target(evidence), evidence.recent("penalty_pull")
    if weight is None or pulls is None:
        return None
    pull = float(np.mean(pulls))  # It comes in bursts, so not the median.
    slope = evidence.usual("slope_hat") or 0.0
    return Reading(
        f"On average the penalty pulls {fmt_sci(pull)} times as hard at the critic's weights as its loss does; the "
        f"slope between real and fake is {fmt_sci(slope)}. λ = {fmt_value(weight)}.",
        pull > rule.limits["pull"],
        propose(evidence, {"objective.penalty_weight": weight / 10}, rates(evidence, 0.3, 1.0)),
    )


def clipping(evidence: Evidence, rule: Rule) -> Reading | None:
    """Weights piled up at the bound."""
    clipped_share = evidence.usual("at_clip")
    if clipped_share is None:
        return None
    objective = evidence.config.objective
    bound = (
        f" ±{fmt_value(objective.clip_value)}" if isinstance(objective, Wgan) else " their bound"
    )
    return Reading(
        f"{fmt_percent(clipped_share)} of the clipped weights stand at{bound}.",
        clipped_share > rule.limits["share"],
        propose(evidence, clip(evidence, 3.0), PENALISED),
    )


def undertrained(evidence: Evidence, rule: Rule) -> Reading | None:
    """A critic behind its generator, whose samples do not improve."""
    lag, name = evidence.usual("critic_lag"), evidence.headline
    if lag is None or name is None:
        return None
    values, floor = evidence.series(name)[1], evidence.floor(name)
    if len(values) < 2 * ENOUGH:
        return None
    half = len(values) // 2
    before, now = float(values[:half].min()), float(values[half:].min())
    no_progress = now > rule.limits["progress"] * before
    far = floor is None or values[-1] > rule.limits["floors"] * floor
    config = evidence.config
    return Reading(
        f"A few more critic updates, with the generator standing still, raise the gap by {fmt_sci(lag)} "
        f"times its own scale. {title_of(name)}: best {fmt_sci(before)} in the first half of what was "
        f"measured, {fmt_sci(now)} since"
        + (f"; floor {fmt_sci(floor)}." if floor is not None else "."),
        lag > rule.limits["lag"] and no_progress and far,
        propose(
            evidence,
            {"n_critic": min(100, max(5, 2 * config.n_critic))},
            {"critic_learning_rate": 3 * config.critic_learning_rate},
            {"generator_learning_rate": config.generator_learning_rate / 3},
        ),
    )


def memorised(evidence: Evidence, rule: Rule) -> Reading | None:
    """Samples that are training pictures."""
    name = evidence.of_metric("memorised")
    share = evidence.usual(name) if name is not None else None
    if name is None or share is None:
        return None
    steps, values = evidence.metrics[name]
    floor = evidence.floor(name) or 0.0
    limit = floor + rule.limits["share"]
    return Reading(
        f"{fmt_percent(share)} of the shown samples are copies of a training picture: twice as near to it, "
        f"in pixels, as to any other. Of held-out pictures {fmt_percent(floor)} are.",
        share > limit,
        propose(
            evidence,
            rates(evidence, 0.3, 0.3),
        ),
        _from(steps, values > limit),
    )


def collapse(evidence: Evidence, rule: Rule) -> Reading | None:
    """Modes, classes or variety lost."""
    signs = [
        sign
        for sign in (
            _few_modes(evidence, rule),
            _few_classes(evidence, rule),
            _repeats(evidence, rule),
            _narrow(evidence, rule),
            _uncovered(evidence, rule),
        )
        if sign is not None
    ]
    if not signs:
        return None
    raised = [sign for sign in signs if sign.raised]
    first_steps = [sign.since for sign in raised if sign.since is not None]
    config = evidence.config
    slower = {"generator_learning_rate": config.generator_learning_rate / 3}
    return Reading(
        " ".join(sign.evidence for sign in raised or signs),
        bool(raised),
        propose(
            evidence,
            # The objective that keeps a direction where a discriminator gives none.
            *([] if _slope_target(evidence) is not None else [PENALISED]),
            slower,
            {"n_critic": min(100, max(5, 2 * config.n_critic))},
        ),
        min(first_steps) if first_steps else None,
    )


def _few_modes(evidence: Evidence, rule: Rule) -> Reading | None:
    name, quality = evidence.of_metric("modes"), evidence.of_metric("high_quality")
    if name is None or quality is None or evidence.recent(name) is None:
        return None
    steps, modes = evidence.metrics[name]
    good = evidence.metrics[quality][1][-len(modes) :]
    there = evidence.floor(name) or float(modes.max())  # real examples show them all
    n = min(len(modes), len(good))
    steps, modes, good = steps[-n:], modes[-n:], good[-n:]
    so = (modes <= rule.limits["modes"] * there) & (good >= rule.limits["good"])
    return Reading(
        f"{modes[-1]:.0f} of {there:.0f} modes have a sample, while {fmt_percent(good[-1])} of the samples are "
        f"good. At its best the run had {modes.max():.0f}.",
        bool(so[-ENOUGH:].all()),
        since=_from(steps, so),
    )


def _few_classes(evidence: Evidence, rule: Rule) -> Reading | None:
    name = evidence.of_metric("class_kl")
    if name is None or evidence.recent(name) is None:
        return None
    steps, kl = evidence.metrics[name]
    so = kl > rule.limits["class_kl"]
    # At the start a classifier sees one class in everything: that passes, and is falling.
    still = kl[-1] >= 0.9 * kl[-ENOUGH]
    return Reading(
        f"The classes of the samples are {fmt_sci(kl[-1])} nats from the data's, as if only one in "
        f"{fmt_sci(math.exp(kl[-1]))} were left.",
        bool(so[-ENOUGH:].all() and still),
        since=_from(steps, so),
    )


def _repeats(evidence: Evidence, rule: Rule) -> Reading | None:
    name = evidence.of_metric("duplicates")
    if name is None or evidence.recent(name) is None:
        return None
    if evidence.size is not None and evidence.size < LIVE_SAMPLES["pictures"]:
        return None  # More samples than pictures: some must be alike.
    steps, share = evidence.metrics[name]
    so = share > rule.limits["duplicates"]
    still = share[-1] >= 0.9 * share[-ENOUGH]
    return Reading(
        f"{fmt_percent(share[-1])} of the samples nearly repeat another.",
        bool(so[-ENOUGH:].all() and still),
        since=_from(steps, so),
    )


def _narrow(evidence: Evidence, rule: Rule) -> Reading | None:
    if evidence.recent("variety") is None:
        return None
    steps, variety = evidence.metrics["variety"]
    so = variety < rule.limits["variety"]
    still = variety[-1] <= 1.25 * variety[-ENOUGH]
    return Reading(
        f"The samples spread {fmt_percent(variety[-1])} as far around their mean as real examples do.",
        bool(so[-ENOUGH:].all() and still),
        since=_from(steps, so),
    )


def _uncovered(evidence: Evidence, rule: Rule) -> Reading | None:
    """An evaluation's, of thousands of samples: once is enough."""
    names = evidence.of_metric("coverage"), evidence.of_metric("precision")
    if names[0] is None or names[1] is None:
        return None
    (steps, covered), (_, good) = (evidence.series(name) for name in names if name is not None)
    reached = evidence.curves.get("step", np.zeros(0))
    if not len(covered) or not len(good) or (len(reached) and steps[-1] < 0.8 * reached[-1]):
        return None  # Of long ago: the run has gone on.
    floor = evidence.floor(names[0])
    return Reading(
        f"Only {fmt_percent(covered[-1])} of the real pictures have a sample nearby"
        + (f", where other real ones reach {fmt_percent(floor)}" if floor is not None else "")
        + f", while {fmt_percent(good[-1])} of the samples lie among real pictures.",
        bool(covered[-1] < rule.limits["coverage"] and good[-1] > rule.limits["precision"]),
        since=int(steps[-1]),
    )


def overfitting(evidence: Evidence, rule: Rule) -> Reading | None:
    """A gap that held-out pictures do not have."""
    seen, unseen = evidence.recent("gap_seen"), evidence.recent("gap_unseen")
    spread = evidence.usual("score_spread")
    if seen is None or unseen is None or spread is None:
        return None
    if evidence.size is None:
        return None  # Fresh points for every batch: there is nothing to learn by heart.
    n = min(len(seen), len(unseen))
    apart = float(np.median(seen[-n:] - unseen[-n:]))
    gap = float(np.median(seen))
    share = apart / max(gap, 1e-12)
    certain = apart > rule.limits["spreads"] * spread
    return Reading(
        f"The critic gap is {fmt_sci(gap)} on training pictures and {fmt_sci(gap - apart)} on held-out ones: "
        + (
            f"{fmt_percent(max(share, 0.0))} of it is learned by heart."
            if certain
            else "no more apart than the scores of 256 pictures vary."
        ),
        gap > 0 and share > rule.limits["share"] and certain,
        propose(
            evidence,
            {"critic_learning_rate": evidence.config.critic_learning_rate / 3},
            {"n_critic": 1},
        ),
    )


def _headline(evidence: Evidence, rule: Rule) -> tuple[str, F64, F64] | None:
    """Return the best measure of the samples, its steps and values; None where there are too few."""
    name = evidence.headline
    if name is None:
        return None
    steps, values = evidence.series(name)
    return (name, steps, values) if len(values) >= rule.limits["measured"] else None


def worsening(evidence: Evidence, rule: Rule) -> Reading | None:
    """Samples that were better before."""
    headline = _headline(evidence, rule)
    if headline is None:
        return None
    name, steps, values = headline
    # Means of three, so that one lucky look is no best.
    smooth = np.convolve(values, np.ones(3) / 3, "valid")
    best = int(smooth.argmin())
    now = float(smooth[-1])
    # From neighbours' differences, by their median: the first steep fall is no noise.
    moves = np.diff(values)
    noise = 1.48 * float(np.median(np.abs(moves - np.median(moves)))) / math.sqrt(2)
    worse = now / max(float(smooth[best]), 1e-12)
    raised = (
        worse > rule.limits["times"]
        and now - smooth[best] > rule.limits["deviations"] * noise
        and best < 0.75 * len(smooth)
    )
    return Reading(
        f"{title_of(name)} is {fmt_sci(now)} now and was {fmt_sci(float(smooth[best]))} at its best, at step "
        f"{int(steps[best + 1]):,}.",
        raised,
        propose(
            evidence,
            *([] if _slope_target(evidence) is not None else [PENALISED]),
            rates(evidence, 1 / 3, 1 / 3),
        ),
        int(steps[best + 1]) if raised else None,
    )


def plateau(evidence: Evidence, rule: Rule) -> Reading | None:
    """A measure that stands still beyond its noise."""
    headline = _headline(evidence, rule)
    if headline is None:
        return None
    name, steps, values = headline
    third = len(values) // 3
    before, now = values[-2 * third : -third], values[-third:]
    # Noise from neighbours' differences, which a slow trend hardly touches.
    noise = float(np.std(np.diff(values[-2 * third :])) / math.sqrt(2))
    error = noise * math.sqrt(2 / third)
    gained = float(before.mean() - now.mean())
    span = int(steps[-1] - steps[-2 * third])
    floor = evidence.floor(name)
    near = floor is not None and now.mean() < rule.limits["floors"] * floor
    end = (
        "It is as good as real examples score: you can stop."
        if near
        else "Waiting longer will not help at these settings: stop, or change something."
    )
    raised = gained < rule.limits["errors"] * error or gained < rule.limits["least"] * now.mean()
    return Reading(
        f"{title_of(name)} went from {fmt_sci(before.mean())} to {fmt_sci(now.mean())} in the last {span:,} "
        f"steps, ± {fmt_sci(error)}"
        + (f"; floor {fmt_sci(floor)}. " if floor is not None else ". ")
        + (end if raised else "It still improves."),
        raised,
        ()
        if near
        else propose(
            evidence,
            rates(evidence, 1 / 3, 1 / 3),
        ),
    )
