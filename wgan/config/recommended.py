"""Settings that suit a data set, by the kind, size, colours and number of its examples."""

from typing import Any

from wgan.config.comparison import differences
from wgan.config.model import TrainConfig
from wgan.config.presets import DIGITS, QUICK, RING, SLOWER, TOY
from wgan.data import Dataset
from wgan.objectives import OBJECTIVES, Wgan

DIGIT_SETS = ("mnist", "mnist-10k")

FEW_PICTURES = 2_000
"""With fewer coloured pictures than this, the critic learns them by heart early, so the recommended
run is shorter.
"""

FEW_PICTURES_STEPS = 5_000

LARGE_PICTURES = 64
"""Height and width from which small networks are recommended.

With sprites of 64 × 64 pixels, the FID of 4,000 samples is 0.35 after 30 s and 0.15 after 90 s with medium networks; with
small ones 0.29 and 0.08 (two seeds, two cores; `benchmarks.quality --preset quick-pokemon --ours "--dataset.side 64"`).
"""

POINTS_CLIPPING: dict[str, Any] = {"objective.clip_value": 0.1, "optimizer": "rmsprop"}
"""Settings of weight clipping for points. RMSprop is the optimiser of the WGAN paper.

With the preset of eight Gaussians and 1,500 steps, seed 0: 37 % of the samples are within 3σ of a mode. With c = 0.01
and Adam it is 2 %.
"""


def recommended(dataset: Dataset) -> TrainConfig:
    """Return settings to begin with for a data set.

    Points get those of the toy presets, pictures those of the quick presets. The ring of eight Gaussians gets learning
    rates that decrease, digits a higher learning rate of the generator. Coloured pictures get lower learning rates
    and more steps, unless there are few of them. Large pictures get small networks. Few grey pictures need no other settings: with 500 digits the samples still improve
    between 8,000 and 15,000 steps, and augmentation makes them worse (`docs/benchmarks.md`).
    """
    if dataset.kind == "points":
        return TOY.changed((RING if dataset.name == "ring-8" else {}) | {"dataset": dataset})
    changes: dict[str, Any] = {"dataset": dataset}
    if dataset.name in DIGIT_SETS:
        changes |= DIGITS
    if dataset.shape[-1] >= LARGE_PICTURES:
        changes["network.size"] = "small"
    if dataset.shape[0] > 1:
        changes |= SLOWER
        if dataset.size is not None and dataset.size < FEW_PICTURES:
            changes["steps"] = FEW_PICTURES_STEPS
    return QUICK.changed(changes)


def with_objective(config: TrainConfig, name: str) -> TrainConfig:
    """Return a config with another objective, and with settings that suit it for the same data.

    The paper's clip value of 0.01 makes the small critics of points almost flat, so that its samples stay
    a cloud. With `POINTS_CLIPPING` the ring of eight Gaussians is recognisable after 1,500 steps.

    Args:
        config: The config.
        name: A key of `OBJECTIVES`. If the config has this objective, its values are kept.
    """
    if config.objective.name == name:
        return config
    suitable = recommended(config.dataset)
    changes: dict[str, Any] = {"objective": name}
    if suitable.objective.name == name:
        changes = {"objective": suitable.objective}
    if not config.objective.class_conditional and OBJECTIVES[name].class_conditional:
        changes["conditional"] = suitable.conditional
    changed = config.changed(changes)
    if config.dataset.kind == "points" and isinstance(changed.objective, Wgan):
        return changed.changed(POINTS_CLIPPING)
    return changed


def adapt_to_dataset(config: TrainConfig, previous: Dataset) -> TrainConfig:
    """Return a config with settings that suit its data set.

    Only those settings change in which the recommendations for the two data sets differ; all others
    stay as they are.

    Args:
        config: The config, whose data set was changed already.
        previous: The data set before.
    """
    values = config.flat()
    suitable = recommended(config.dataset).flat()
    paths = [
        path
        for path, _, _ in differences(recommended(config.dataset), recommended(previous))
        if path.partition(".")[0] != "dataset" and path in values and path in suitable
    ]
    return config.changed({path: suitable[path] for path in paths})
