"""ENTRIES: the trainings on the record board, from the oldest to the newest.

To enter, add one line to ENTRIES. An entry may be a config of this program (`product`), or any other
function that starts a training.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.trainings import ProductTraining, SteppedTraining, TextbookTraining
from wgan.config import Adam, TrainConfig
from wgan.data import Mnist, Pictures
from wgan.networks import Dcgan
from wgan.objectives import WganGp

Start = Callable[[int, Pictures, Path], SteppedTraining]
"""(seed, data, empty folder) → a training that has not made a step. The clock is running already."""


@dataclass(frozen=True)
class Entry:
    """One training on the board."""

    change: str
    """What it does differently from the entry before it: one line of the board."""
    start: Start


UNCONDITIONAL = TrainConfig(
    dataset=Mnist(),
    objective=WganGp(penalty_weight=10.0),
    network=Dcgan(size="medium"),
    optimizer=Adam(beta1=0.0, beta2=0.9),
    generator_learning_rate=2e-3,
    critic_learning_rate=4e-3,
    n_critic=1,
    batch_size=32,
    latent_dim=32,
    steps=1_000_000,
    ema_decay=0.995,
    measure=False,
    preview_every=25,
    threads=2,
)
"""The settings of the first records. They are written out here, so that they stay when presets change."""


def textbook(seed: int, data: Pictures, folder: Path) -> SteppedTraining:
    """Start the loop of textbooks and tutorials, with the settings of the first records."""
    return TextbookTraining(UNCONDITIONAL.changed({"seed": seed}), data)


def product(config: TrainConfig, changes: dict[str, Any] | None = None) -> Start:
    """Return a function that trains a config as the app and `wgan train` do."""

    def start(seed: int, data: Pictures, folder: Path) -> SteppedTraining:
        return ProductTraining(config.changed({**(changes or {}), "seed": seed}), folder)

    return start


FAST_GENERATOR: dict[str, Any] = {
    "conditional": True,
    "decay": "linear",
    "steps": 350,
    "generator_learning_rate": 12e-3,
    "critic_learning_rate": 8e-3,
}

FEW_DIMENSIONS: dict[str, Any] = FAST_GENERATOR | {
    "latent_dim": 16,
    "generator_learning_rate": 20e-3,
}

ENTRIES: dict[str, Entry] = {
    "textbook": Entry("the loop of textbooks and tutorials, float32", textbook),
    "product": Entry(
        "the same settings in this program: real examples and fakes in one pass, bfloat16 where it is faster, "
        "data in memory, fused optimiser",
        product(UNCONDITIONAL),
    ),
    "labels": Entry(
        "class-conditional: the class enters the generator beside z, and the critic by a projection",
        product(UNCONDITIONAL, {"conditional": True}),
    ),
    "decay": Entry(
        "both learning rates decrease linearly to 0 in 900 steps",
        product(UNCONDITIONAL, {"conditional": True, "decay": "linear", "steps": 900}),
    ),
    "short decay": Entry(
        "twice the learning rates, which decrease to 0 in 450 steps",
        product(
            UNCONDITIONAL,
            {
                "conditional": True,
                "decay": "linear",
                "steps": 450,
                "generator_learning_rate": 4e-3,
                "critic_learning_rate": 8e-3,
            },
        ),
    ),
    "fast generator": Entry(
        "the generator's learning rate is 12e-3, the critic's 8e-3; both decrease to 0 in 350 steps",
        product(UNCONDITIONAL, FAST_GENERATOR),
    ),
    "few dimensions": Entry(
        "z has 16 dimensions in place of 32, and the generator's learning rate is 20e-3",
        product(UNCONDITIONAL, FEW_DIMENSIONS),
    ),
    "bfloat16": Entry(
        "bfloat16 from the first step, without a measurement of which precision is faster",
        product(UNCONDITIONAL, {**FEW_DIMENSIONS, "precision": "bfloat16"}),
    ),
}
