"""The measurements of a network in the collapse lab, and when it counts as collapsed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wgan.arrays import F32, F64, I64, U8
from wgan.diagnosis import RULES

COLLAPSE_STREAK = 3
"""Measurements in a row that make a collapse: a single one may be chance."""

GRACE_SHARE = {"points": 0.1, "pictures": 0.5}
"""Share of the steps before which nothing counts as collapsed: of points, and of pictures, which a
classifier takes for one digit until they have strokes."""


@dataclass(frozen=True)
class Limits:
    """Thresholds of a collapse, from the rule of the diagnosis."""

    modes: float  # at most this share of the modes is captured, …
    good: float  # … while at least this share of the samples is of high quality
    variety: float  # smallest spread of the samples over that of real ones
    class_kl: float  # largest divergence, in nats, between the classes of samples and data
    source: str


def limits() -> Limits:
    """Return the thresholds of the rule "mode-collapse"."""
    rule = RULES["mode-collapse"]
    rule_limits = rule.limits
    return Limits(
        rule_limits["modes"],
        rule_limits["good"],
        rule_limits["variety"],
        rule_limits["class_kl"],
        rule.source,
    )


@dataclass(frozen=True)
class GanHistory:
    """The K measurements of one of the three networks so far."""

    key: str
    title: str
    steps: I64  # (K,), rising
    modes: F64  # (K,), modes captured by 2,500 samples; for digits: classes with at least 1 % of the samples
    good: F64  # (K,), share of high quality; for digits: mean confidence of the classifier
    variety: F64  # (K,), spread of the samples over that of real ones
    kl: F64  # (K,), nats between the classes of samples and data; NaN for points
    alarms: npt.NDArray[np.bool_]  # (K,), whether it counts as collapsed
    points: F32 | None = None  # (512, 2)
    pictures: U8 | None = None  # (64, 1, 28, 28)
    classes: F64 | None = None  # (10,), shares of the samples
    broken: str = ""  # the error that ended its training early

    @property
    def since(self) -> int | None:
        """The first step at which it counted as collapsed; None if it never did."""
        return int(self.steps[self.alarms.argmax()]) if self.alarms.any() else None

    @property
    def collapsed(self) -> bool:
        """Whether it counts as collapsed now."""
        return bool(len(self.alarms) and self.alarms[-1])


def alarms(gan: GanHistory, total_modes: int, total: int) -> npt.NDArray[np.bool_]:
    """Return at which measurements a network counts as collapsed.

    A collapse begins with three bad measurements in a row. For points, a measurement is bad in two cases:
    few modes are captured, fewer than before, while many samples are good; or the samples spread less than
    a share of the data's spread, after they spread more. For digits, it is bad if the divergence between the
    classes of samples and data is large, and 15 % larger than at the best so far. So a network that never
    had more modes has not collapsed. A collapse ends with three measurements in a row that are not bad
    and, for points, have most modes. At the start every network makes samples of one kind, so the first
    GRACE_SHARE of all steps does not count. `limits` gives the thresholds.

    Args:
        gan: The measurements of a network.
        total_modes: Modes of the data.
        total: Steps in the whole training.

    Returns:
        Whether it counts as collapsed, (K,).
    """
    thresholds = limits()
    pictures = bool(np.isfinite(gan.kl).any())
    if pictures:
        is_bad = gan.kl > thresholds.class_kl
        # A network that learns slowly is at its best all the time, which is no collapse.
        is_bad &= gan.kl >= 1.15 * np.minimum.accumulate(gan.kl)
    else:
        has_few_modes = gan.modes <= thresholds.modes * total_modes
        had_more_modes = np.maximum.accumulate(gan.modes) > gan.modes
        is_bad = has_few_modes & had_more_modes & (gan.good >= thresholds.good)
        was_wider = np.maximum.accumulate(gan.variety) >= thresholds.variety
        is_bad |= (gan.variety < thresholds.variety) & was_wider
    # A collapse lasts until the modes are captured again.
    not_recovered = is_bad if pictures else is_bad | has_few_modes
    is_bad &= gan.steps >= GRACE_SHARE["pictures" if pictures else "points"] * total
    raised = np.zeros(len(is_bad), dtype=np.bool_)
    is_raised = False
    for i in range(COLLAPSE_STREAK - 1, len(is_bad)):
        recent_looks = is_bad[i - COLLAPSE_STREAK + 1 : i + 1]
        is_raised = (
            bool(not_recovered[i - COLLAPSE_STREAK + 1 : i + 1].any())
            if is_raised
            else bool(recent_looks.all())
        )
        raised[i] = is_raised
    return raised
