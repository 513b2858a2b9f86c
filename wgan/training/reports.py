"""The rows of a training's curves, and the error that ends it when they leave all bounds."""

import math
from typing import Any, NamedTuple

from wgan.config import TrainConfig, recommended

EXPLODED = 1e7
"""A loss beyond this has diverged: healthy critics stay within a few thousand."""


class Diverged(Exception):
    """A loss became infinite, NaN or absurdly large. The message names the likely cause.

    `reports` holds the valid reports before it.
    """

    def __init__(self, message: str, reports: "list[Report]") -> None:
        super().__init__(message)
        self.reports = reports


class Report(NamedTuple):
    """Values of the curves at one step: means over the steps since the previous report.

    `critic_gap_held_out` is measured once, at `step`, with the critic and fakes of the step's last
    critic update and with held-out examples.
    """

    step: int
    critic_loss: float  # without the penalty
    generator_loss: float
    critic_gap: float  # E f(real) − E f(fake)
    critic_gap_held_out: float
    penalty: float
    real_score: float = math.nan  # E f(real); NaN if an older version made the report
    fake_score: float = math.nan  # E f(fake)


def likely_cause(config: TrainConfig, step: int, bad: list[str]) -> str:
    """Return a sentence about which value diverged by a step, and the likely cause.

    An unconstrained critic is checked first: within 300 steps of `quick-mnist` its loss grew to
    6,000 at an ordinary learning rate, while sevenfold rates with a penalty left it below 50.

    Args:
        config: The config of the training.
        step: The step of the report.
        bad: Names of the report's values that diverged.
    """
    what = bad[0].replace("_", " ")
    rate = max(config.critic_learning_rate, config.generator_learning_rate)
    which = "critic" if rate == config.critic_learning_rate else "generator"
    weight = getattr(config.objective, "penalty_weight", None)
    clip = getattr(config.objective, "clip_value", None)
    if weight is not None and weight < 0.05:
        suitable: Any = recommended(config.dataset).objective
        cause = (
            f"a penalty weight of {weight:g} hardly limits the critic's slope. Try "
            f"{suitable.penalty_weight:g} in a new run"
        )
    elif clip is not None and clip > 0.1:
        cause = f"a clip value of {clip:g} allows a very steep critic. Try 0.01"
    elif rate > 0.02:
        cause = f"the {which} learning rate {rate:g} is very high. Try a tenth of it"
    else:
        cause = f"the learning rates are too high for these networks ({which}: {rate:g})"
    return f"The {what} became too large by step {step}. Likely cause: {cause}."
