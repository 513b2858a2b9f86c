"""Rules about the samples: copies of the data, lost modes, and whether they still improve."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wgan.arrays import F64
from wgan.diagnosis.evidence import MIN_VALUES, NUM_RECENT_VALUES, Evidence, Reading, Rule
from wgan.diagnosis.proposals import PENALISED, change_rates, propose, slope_penalty_weight
from wgan.format import fmt_digits, fmt_percent, fmt_rounded, fmt_sci
from wgan.metrics import LIVE_SAMPLES, title_of

FEW_KINDS = "Few kinds of samples"
"""Name of the problem if the samples of the run never had more kinds, so that nothing collapsed."""


def without_pictures(evidence: Evidence) -> str:
    """Return why samples are not compared with training pictures; empty if they are."""
    return "the data are points" if evidence.config.dataset.kind == "points" else ""


def memorisation(evidence: Evidence, rule: Rule) -> Reading | None:
    """Samples that are copies of training pictures."""
    name = evidence.metric_name("memorised")
    series = evidence.sample_series(name) if name is not None else None
    if name is None or series is None:
        return None
    steps, values = series
    share = float(np.median(values[-NUM_RECENT_VALUES:]))
    floor = evidence.floor(name) or 0.0
    limit = floor + rule.limits["share"]
    return Reading(
        f"{fmt_percent(share)} of the samples are copies: their pixels are twice as close to one training "
        f"picture as to any other. For held-out pictures, it is {fmt_percent(floor)}.",
        share > limit,
        propose(
            evidence,
            change_rates(evidence, 0.3, 0.3),
        ),
        _since(steps, values > limit),
    )


@dataclass(frozen=True)
class _Sign:
    """One sign that samples are of few kinds, and whether there is a problem."""

    evidence: str
    raised: bool
    since: int | None
    had_more: bool = False
    """Whether the run's samples were of more kinds before."""


def mode_collapse(evidence: Evidence, rule: Rule) -> Reading | None:
    """Lost modes, classes or variety, or few of them from the beginning."""
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
            # A penalised critic has a gradient even where a discriminator has none.
            *([] if slope_penalty_weight(evidence) is not None else [PENALISED]),
            slower,
            {"n_critic": min(100, max(5, 2 * config.n_critic))},
        ),
        min(first_steps) if first_steps else None,
        heading=FEW_KINDS if raised and not any(sign.had_more for sign in raised) else None,
    )


def _few_modes(evidence: Evidence, rule: Rule) -> _Sign | None:
    name, quality = evidence.metric_name("modes"), evidence.metric_name("high_quality")
    if name is None or quality is None:
        return None
    mode_series, good_series = evidence.sample_series(name), evidence.sample_series(quality)
    if mode_series is None or good_series is None:
        return None
    steps, modes = mode_series
    good = good_series[1][-len(modes) :]
    total_modes = evidence.floor(name) or float(modes.max())  # real examples have all modes
    n = min(len(modes), len(good))
    steps, modes, good = steps[-n:], modes[-n:], good[-n:]
    is_bad = (modes <= rule.limits["modes"] * total_modes) & (good >= rule.limits["good"])
    return _Sign(
        f"{modes[-1]:.0f} of {total_modes:.0f} modes have a sample, and {fmt_percent(good[-1])} of the "
        f"samples are of high quality. {_most_modes_text(modes, total_modes)}".rstrip(),
        bool(is_bad[-MIN_VALUES:].all()),
        _since(steps, is_bad),
        had_more=bool(
            modes[good >= rule.limits["good"]].max(initial=0) > modes[-MIN_VALUES:].max()
        ),
    )


def _most_modes_text(modes: F64, total: float) -> str:
    """Return whether missing modes were lost, or not found yet; empty if none is missing."""
    if modes[-1] >= total:
        return ""
    if modes.max() > modes[-1]:
        return f"The highest number of modes in this run was {modes.max():.0f}."
    return "This run has not had more so far."


def _few_classes(evidence: Evidence, rule: Rule) -> _Sign | None:
    name = evidence.metric_name("class_kl")
    series = evidence.sample_series(name) if name is not None else None
    if series is None:
        return None
    steps, kl = series
    is_bad = kl > rule.limits["class_kl"]
    # At the start a classifier reads all samples as one class; then the value falls.
    not_recovering = kl[-1] >= 0.9 * kl[-MIN_VALUES]
    return _Sign(
        _class_kl_text(float(kl[-1])),
        bool(is_bad[-MIN_VALUES:].all() and not_recovering),
        _since(steps, is_bad),
        had_more=not is_bad.all(),
    )


MIN_KL_FOR_COMPARISON = 0.4
"""Class KL, in nats, below which less than one in 1.5 classes would have to be missing."""


def _class_kl_text(kl: float) -> str:
    text = f"The class KL is {fmt_digits(kl)} nats. "
    if kl < MIN_KL_FOR_COMPARISON:
        return text + "At 0, each class is as frequent as in the data."
    return (
        text + f"It would be the same if only one in {fmt_rounded(math.exp(kl))} classes were left."
    )


def _repeats(evidence: Evidence, rule: Rule) -> _Sign | None:
    name = evidence.metric_name("duplicates")
    series = evidence.sample_series(name) if name is not None else None
    if series is None:
        return None
    if evidence.size is not None and evidence.size < LIVE_SAMPLES["pictures"]:
        return None  # with more samples than pictures, some samples must be equal
    steps, share = series
    is_bad = share > rule.limits["duplicates"]
    not_recovering = share[-1] >= 0.9 * share[-MIN_VALUES]
    return _Sign(
        f"{fmt_percent(share[-1])} of the samples nearly repeat another sample.",
        bool(is_bad[-MIN_VALUES:].all() and not_recovering),
        _since(steps, is_bad),
        had_more=not is_bad.all(),
    )


def _narrow(evidence: Evidence, rule: Rule) -> _Sign | None:
    series = evidence.sample_series("variety")
    if series is None:
        return None
    steps, variety = series
    is_bad = variety < rule.limits["variety"]
    not_recovering = variety[-1] <= 1.25 * variety[-MIN_VALUES]
    # Short runs have few measurements of the spread, so two are enough if it is far too small.
    almost_a_point = (
        is_bad[-2:].all()
        and variety[-1] < rule.limits["variety"] / 2
        and variety[-1] <= 1.25 * variety[-2]
    )
    return _Sign(
        f"The spread of the samples is {fmt_percent(variety[-1])} of the spread of real examples.",
        bool((is_bad[-MIN_VALUES:].all() and not_recovering) or almost_a_point),
        _since(steps, is_bad),
        had_more=not is_bad.all(),
    )


def _uncovered(evidence: Evidence, rule: Rule) -> _Sign | None:
    """Low coverage at high precision; one value suffices, as an evaluation has thousands of samples."""
    names = evidence.metric_name("coverage"), evidence.metric_name("precision")
    if names[0] is None or names[1] is None:
        return None
    (steps, coverage), (_, precision) = (
        evidence.series(name) for name in names if name is not None
    )
    run_steps = evidence.curves.get("step", np.zeros(0))
    if (
        not len(coverage)
        or not len(precision)
        or (len(run_steps) and steps[-1] < 0.8 * run_steps[-1])
    ):
        return None  # The evaluation is old: the run has trained much further.
    floor = evidence.floor(names[0])
    return _Sign(
        f"Only {fmt_percent(coverage[-1])} of the real pictures have a similar sample"
        + (f" (real pictures score {fmt_percent(floor)})" if floor is not None else "")
        + f", although {fmt_percent(precision[-1])} of the samples look like real pictures.",
        bool(coverage[-1] < rule.limits["coverage"] and precision[-1] > rule.limits["precision"]),
        int(steps[-1]),
    )


def _headline(evidence: Evidence, rule: Rule) -> tuple[str, F64, F64] | None:
    """Return the name, steps and values of the best quality metric; None if there are too few values."""
    name = evidence.headline
    if name is None:
        return None
    steps, values = evidence.series(name)
    return (name, steps, values) if len(values) >= rule.limits["measured"] else None


def _trend_text(title: str, now: float, *, best: float, since: int | None) -> str:
    """Return how a metric's mean of three measurements compares with the smallest such mean.

    Args:
        title: Title of the metric.
        now: The mean of the last three measurements.
        best: The smallest mean of three.
        since: The step in the middle of those three; None if they are the last ones.
    """
    text = f"{title}: the mean of the last three measurements is {fmt_sci(now)}"
    if since is None:
        return text + ", the smallest so far."
    return text + f". The smallest mean of three was {fmt_sci(best)}, around step {since:,}."


def worsening(evidence: Evidence, rule: Rule) -> Reading | None:
    """Samples that have become worse."""
    headline = _headline(evidence, rule)
    if headline is None:
        return None
    name, steps, values = headline
    # Means of three, so that one lucky measurement is not the best.
    smooth = np.convolve(values, np.ones(3) / 3, "valid")
    best = int(smooth.argmin())
    now = float(smooth[-1])
    # By the median difference of neighbours: the steep fall at the start does not count as noise.
    moves = np.diff(values)
    noise = 1.48 * float(np.median(np.abs(moves - np.median(moves)))) / math.sqrt(2)
    ratio = now / max(float(smooth[best]), 1e-12)
    raised = (
        ratio > rule.limits["times"]
        and now - smooth[best] > rule.limits["deviations"] * noise
        and best < 0.75 * len(smooth)
    )
    return Reading(
        _trend_text(
            title_of(name),
            now,
            best=float(smooth[best]),
            since=None if best == len(smooth) - 1 else int(steps[best + 1]),
        ),
        raised,
        propose(
            evidence,
            *([] if slope_penalty_weight(evidence) is not None else [PENALISED]),
            change_rates(evidence, 1 / 3, 1 / 3),
        ),
        int(steps[best + 1]) if raised else None,
    )


def plateau(evidence: Evidence, rule: Rule) -> Reading | None:
    """A quality metric that no longer changes by more than its noise."""
    headline = _headline(evidence, rule)
    if headline is None:
        return None
    name, steps, values = headline
    third = len(values) // 3
    before, now = values[-2 * third : -third], values[-third:]
    # By the differences of neighbours, which a slow trend hardly changes.
    noise = float(np.std(np.diff(values[-2 * third :])) / math.sqrt(2))
    error = noise * math.sqrt(2 / third)
    improvement = float(before.mean() - now.mean())
    span = int(steps[-1] - steps[-2 * third])
    floor = evidence.floor(name)
    near_floor = floor is not None and now.mean() < rule.limits["floors"] * floor
    ending = (
        "This is as good as real examples: you can stop."
        if near_floor
        else "More training with these settings will hardly help: stop, or change a setting."
    )
    # A value may fall steeply at the end of a third whose mean is still high.
    smooth = np.convolve(values, np.ones(3) / 3, "valid")
    is_best_now = smooth[-1] < (1 - rule.limits["newest"]) * smooth[:-3].min()
    # Values that clearly become worse are no plateau: another rule reports them.
    becomes_worse = improvement < -rule.limits["errors"] * error
    raised = not (becomes_worse or is_best_now) and (
        improvement < rule.limits["errors"] * error
        or improvement < rule.limits["least"] * now.mean()
    )
    return Reading(
        f"{title_of(name)} was {fmt_sci(before.mean())} on average, and then {fmt_sci(now.mean())}, in the two halves of the last "
        f"{span:,} steps (uncertainty ±{fmt_rounded(error)})"
        + (f"; real examples score {fmt_sci(floor)}. " if floor is not None else ". ")
        + (ending if raised else "It becomes worse." if becomes_worse else "It still improves."),
        raised,
        ()
        if near_floor
        else propose(
            evidence,
            change_rates(evidence, 1 / 3, 1 / 3),
        ),
    )


def sample_facts(evidence: Evidence) -> list[str]:
    """Return sentences about the newest samples that need one measurement only; empty before the first."""
    facts = []
    modes_name = evidence.metric_name("modes")
    modes, good = evidence.newest(modes_name), evidence.newest(evidence.metric_name("high_quality"))
    if modes_name is not None and modes is not None and good is not None:
        total = evidence.floor(modes_name)
        of_all = f" of {total:.0f}" if total is not None else ""
        facts.append(
            f"At step {evidence.newest_step(modes_name):,}, {modes:.0f}{of_all} modes have a sample; "
            f"{fmt_percent(good)} of the samples are of high quality."
        )
    if (variety := evidence.newest("variety")) is not None:
        facts.append(
            f"At step {evidence.newest_step('variety'):,}, the spread of the samples is {fmt_percent(variety)} "
            "of the spread of real examples."
        )
    headline = evidence.headline
    if headline is not None and (value := evidence.newest(headline)) is not None:
        floor = evidence.floor(headline)
        facts.append(
            f"{title_of(headline)} at step {evidence.newest_step(headline):,}: {fmt_sci(value)}"
            + (f"; real examples score {fmt_sci(floor)}." if floor is not None else ".")
        )
    return facts


def _since(steps: F64, condition: npt.NDArray[np.bool_]) -> int | None:
    """Return the first step since which a condition has held until now; None if it does not hold now."""
    if not len(condition) or not condition[-1]:
        return None
    breaks = np.flatnonzero(~condition)
    return int(steps[breaks[-1] + 1 if len(breaks) else 0])
