"""SCENARIOS: trainings that fail on purpose, each in one way, for showing to a class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wgan.config import CONSTANT_RATES, PRESETS, TOY, TrainConfig

COMPARED_SETTINGS = (
    "dataset",
    "objective",
    "network",
    "optimizer",
    "generator_learning_rate",
    "critic_learning_rate",
    "n_critic",
    "batch_size",
)
"""A run belongs to a scenario if these settings are equal. Seed, number of steps and device may differ."""


@dataclass(frozen=True)
class Scenario:
    """A training that fails on purpose."""

    title: str
    rule: str
    """The rule of the diagnosis that reports the problem."""
    cause: str
    watch: str
    """What to watch for, in Markdown."""
    remedy: str
    """What the change does, in Markdown."""
    changes: Mapping[str, Any]
    """The change to try, by path."""
    config: TrainConfig
    live: bool = True
    """Whether the change can be made during the training; otherwise it needs a new run."""


_DIGITS = PRESETS["quick-mnist"].config.changed(CONSTANT_RATES)

SCENARIOS: dict[str, Scenario] = {
    "mode-collapse": Scenario(
        "Mode collapse",
        "mode-collapse",
        "A GAN whose discriminator learns too slowly: one update per step and a small learning rate. In the "
        "settings, the discriminator is called critic.",
        "**Points in the plane**: all fakes are in one small group, which jumps from place "
        "to place. The discriminator follows it, but never learns all eight modes at once. "
        "**Modes** falls to 0 or 1. If the run never had more, the diagnosis says *Few kinds of samples*.",
        "A GAN that has lost modes seldom finds all of them again, also with more discriminator updates. A "
        "new run with WGAN-GP reaches all eight: its critic has a gradient wherever the fakes are.",
        {
            "objective": "wgan-gp",
            "objective.penalty_weight": TOY.flat()["objective.penalty_weight"],
            "optimizer.beta2": TOY.flat()["optimizer.beta2"],
            "n_critic": TOY.n_critic,
            "critic_learning_rate": TOY.critic_learning_rate,
        },
        TOY.changed(
            {
                "objective": "gan",
                "optimizer.beta2": 0.999,
                "n_critic": 1,
                "critic_learning_rate": 3e-4,
                # A longer average would show the mean of many places: the centre of the ring.
                "ema_decay": 0.9,
                # After about 8,000 steps some seeds find several modes again.
                "steps": 5_000,
            }
        ),
        live=False,
    ),
    "exploding-critic": Scenario(
        "Exploding critic",
        "weak-penalty",
        "WGAN-GP without its gradient penalty: λ = 0, so nothing limits the slope of the critic.",
        "**Critic gap** and **Scores and losses** swing ever more widely, also below 0: the critic can "
        "always change its gap by becoming steeper. The gap then says nothing about the samples.",
        "Start a new run with λ = 0.1: the penalty holds the slope near 1, and the gap falls as the samples improve. In "
        "this run the critic soon becomes too steep for a penalty to repair.",
        {"objective.penalty_weight": 0.1},
        TOY.changed({"objective.penalty_weight": 0.0, "n_critic": 5}),
        live=False,
    ),
    "saturated-clipping": Scenario(
        "Saturated clipping",
        "clipping",
        "The first WGAN with a very small clip value: c = 0.005.",
        "**Points in the plane**: the surface is smooth, without a hill at each mode. So the fakes cover the ring, but most "
        "lie between the modes, and **High quality** stays low. On the Critic page, section **Layers**: most weights are at "
        "+c or −c.",
        "With a larger clip value (c = 0.1), the critic can represent more functions: its "
        "surface bends around the modes.",
        {"objective.clip_value": 0.1},
        TOY.changed(
            {
                "objective": "wgan",
                "objective.clip_value": 0.005,
                "optimizer": "rmsprop",
                "critic_learning_rate": 2e-4,
                "generator_learning_rate": 2e-4,
                "n_critic": 5,
            }
        ),
    ),
    "overfitting": Scenario(
        "Critic overfits",
        "overfitting-critic",
        "A data set of only 100 digits, ten of each class.",
        "**Critic gap**: the curves of the training data and of held-out data move apart. "
        "The critic gives high scores to the 100 pictures that it knows, and low scores to "
        "other real digits.",
        "Only more pictures remove the cause. Train a run with all 10,000 digits, and compare the two curves "
        "on the Compare page.",
        {"dataset.subset": None},
        _DIGITS.changed({"dataset": {"name": "mnist-10k", "subset": 100}}),
        live=False,
    ),
    "unbalanced-rates": Scenario(
        "Learning rates out of balance",
        "learning-rates",
        "A generator whose learning rate is a thousand times smaller than the critic's.",
        "**Points in the plane**: the fakes hardly move, although the arrows are long. The "
        "critic is nearly perfect, but the generator hardly uses its gradient.",
        "With the usual learning rate (0.001), the generator follows the critic and reaches "
        "the modes within seconds.",
        {"generator_learning_rate": 1e-3},
        TOY.changed({"generator_learning_rate": 1e-6}),
    ),
}


def scenario_of(config: TrainConfig) -> str | None:
    """Return the name of the scenario that a run shows, by the config with which it began; None if it shows none."""

    def compared(settings: TrainConfig) -> list[Any]:
        return [getattr(settings, name) for name in COMPARED_SETTINGS]

    matching = (
        name for name, each in SCENARIOS.items() if compared(each.config) == compared(config)
    )
    return next(matching, None)
