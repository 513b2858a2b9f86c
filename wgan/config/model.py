"""TrainConfig, the single list of all hyperparameters.

The Field of a hyperparameter holds its bounds, default, group, unit, help and source. Sliders,
command-line flags, JSON and the documentation follow from it (`hyperparameters`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wgan.config.changes import parts_by_name, replace_parts, replace_settings
from wgan.config.compatibility import (
    check_augmentation,
    check_labels,
    check_network,
    check_split_updates,
    check_without_replacement,
    fitting_network,
)
from wgan.config.errors import ConfigError, explain
from wgan.config.groups import Group
from wgan.config.parts import PARTS, Adam, AnyOptimizer
from wgan.data import DATASETS, AnyDataset, Mnist10k
from wgan.networks import AnyNetwork, Dcgan
from wgan.objectives import OBJECTIVES, AnyObjective, WganGp

if TYPE_CHECKING:
    import torch
    from torch import nn


PREVIEW_COLUMNS = 8
"""Number of samples in a row of a preview."""

MAX_STEPS = 10_000_000
"""Largest number of steps of a training."""


def _extra(
    *,
    group: Group,
    live: bool = False,
    fixed: str = "",
    source: str | None = None,
    unit: str | None = None,
    advanced: bool = False,
    log: bool = False,
    hidden: bool = False,
) -> dict[str, Any]:
    """Return what a hyperparameter declares besides pydantic's fields.

    Args:
        group: The group in which forms show it, with all settings of its variants if it is a part.
        live: Whether it can change during training. Otherwise `fixed` is the reason.
        fixed: Why it cannot change during training: the end of a sentence, without a full stop.
        source: Where the default comes from.
        unit: The unit.
        advanced: Whether forms show it only on demand.
        log: Whether its scale is logarithmic.
        hidden: Whether forms do not show it.
    """
    return {
        "group": group,
        "live": live,
        "fixed": fixed,
        "source": source,
        "unit": unit,
        "advanced": advanced,
        "log": log,
        "hidden": hidden,
    }


LearningRate = Annotated[float, Field(gt=0, le=0.1)]


class TrainConfig(BaseModel):
    """All settings of a training. A part (data set, objective, …) may be given by its name alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: AnyDataset = Field(
        default_factory=Mnist10k,
        title="Data set",
        description="The examples that the generator learns to imitate.",
        json_schema_extra=_extra(group=Group.DATA, fixed="the run has loaded these data"),
    )
    objective: AnyObjective = Field(
        default_factory=WganGp,
        title="Objective",
        description="The losses of critic and generator, and the constraint that keeps the critic Lipschitz.",
        json_schema_extra=_extra(
            group=Group.OBJECTIVE, fixed="the critic's layers and losses are built for it"
        ),
    )
    network: AnyNetwork = Field(
        default_factory=Dcgan,
        title="Network",
        description="The architecture of generator and critic.",
        json_schema_extra=_extra(
            group=Group.NETWORK, advanced=True, fixed="the weights belong to these layers"
        ),
    )
    optimizer: AnyOptimizer = Field(
        default_factory=Adam,
        title="Optimiser",
        description="The rule that turns gradients into weight updates, for both networks.",
        json_schema_extra=_extra(
            group=Group.OPTIMISER,
            advanced=True,
            fixed="its running averages cannot be used by another optimiser",
        ),
    )
    generator_learning_rate: LearningRate = Field(
        1e-4,
        title="Generator learning rate",
        description="The size of the generator's updates.",
        json_schema_extra=_extra(
            group=Group.OPTIMISER, source="Gulrajani et al. 2017, alg. 1", live=True, log=True
        ),
    )
    critic_learning_rate: LearningRate = Field(
        1e-4,
        title="Critic learning rate",
        description="The size of the critic's updates. A critic that learns faster gives the "
        "generator a better direction, until it becomes unstable.",
        json_schema_extra=_extra(
            group=Group.OPTIMISER, source="Gulrajani et al. 2017, alg. 1", live=True, log=True
        ),
    )
    n_critic: Annotated[int, Field(ge=1, le=100)] = Field(
        5,
        title="Critic updates per step",
        description="Critic updates before each generator update. More updates bring the critic "
        "closer to its optimum, but each step takes longer.",
        json_schema_extra=_extra(
            group=Group.SCHEDULE, source="Arjovsky et al. 2017, alg. 1: 5", live=True
        ),
    )
    conditional: bool = Field(
        False,
        title="Class-conditional",
        description="The generator gets a class in addition to z, and the critic scores each "
        "picture together with its class. This needs a data set with labels.",
        json_schema_extra=_extra(
            group=Group.DATA,
            source="Miyato and Koyama 2018, arXiv:1802.05637",
            fixed="the networks are built with or without a class as input",
        ),
    )
    batch_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        64,
        title="Batch size",
        description="The number of examples in each update.",
        json_schema_extra=_extra(
            group=Group.DATA,
            source="Arjovsky et al. 2017, alg. 1: 64",
            unit="examples",
            fixed="the order of the examples depends on it",
        ),
    )
    warmup_steps: Annotated[int, Field(ge=0, le=10_000)] = Field(
        0,
        title="Critic warm-up",
        description="In this many steps at the start, the critic gets more updates, so that the "
        "generator begins with a good critic. 0: no warm-up.",
        json_schema_extra=_extra(
            group=Group.SCHEDULE,
            source="WGAN's code: 25",
            unit="steps",
            advanced=True,
            fixed="the warm-up is planned when a run starts",
        ),
    )
    warmup_every: Annotated[int, Field(ge=0, le=100_000)] = Field(
        0,
        title="Repeat the warm-up every",
        description="After each interval of this length, one step has as many critic updates as a "
        "warm-up step. 0: never.",
        json_schema_extra=_extra(
            group=Group.SCHEDULE,
            source="WGAN's code: 500",
            unit="steps",
            advanced=True,
            fixed="the warm-up is planned when a run starts",
        ),
    )
    warmup_updates: Annotated[int, Field(ge=1, le=1000)] = Field(
        100,
        title="Warm-up critic updates",
        description="Critic updates in each step of the warm-up.",
        json_schema_extra=_extra(
            group=Group.SCHEDULE,
            source="WGAN's code: 100",
            advanced=True,
            fixed="the warm-up is planned when a run starts",
        ),
    )
    decay: Literal["none", "linear", "cosine"] = Field(
        "none",
        title="Learning rate decay",
        description="Reduces both learning rates to 0 at the last step: in a straight line "
        "(linear), or along half a cosine wave (cosine).",
        json_schema_extra=_extra(
            group=Group.SCHEDULE,
            source="linear: Gulrajani et al. 2017, appendix",
            live=True,
            advanced=True,
        ),
    )
    split_updates: bool = Field(
        False,
        title="Separate updates for real and fake",
        description="Replaces each critic update by two: one on half a batch of real examples, "
        "and one on half a batch of fakes.",
        json_schema_extra=_extra(
            group=Group.OBJECTIVE,
            source="Brownlee 2019, his WGAN tutorial",
            advanced=True,
            fixed="the critic's update is built with it",
        ),
    )
    inference_fakes: bool = Field(
        False,
        title="Critic's fakes in inference mode",
        description="When the generator makes fakes for the critic, its batch norm uses running "
        "averages instead of the statistics of the batch.",
        json_schema_extra=_extra(
            group=Group.OBJECTIVE,
            source="Brownlee 2019, his WGAN tutorial",
            advanced=True,
            fixed="the critic's update is built with it",
        ),
    )
    latent_dim: Annotated[int, Field(ge=1, le=1024)] = Field(
        64,
        title="Latent dimensions",
        description="The length of z, the normally distributed vector from which the generator makes a sample.",
        json_schema_extra=_extra(
            group=Group.NETWORK,
            source="Radford et al. 2015: 100",
            advanced=True,
            fixed="the generator's first layer has this many inputs",
        ),
    )
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] = Field(
        10_000,
        title="Stop at step",
        description="The run ends after this many generator updates.",
        json_schema_extra=_extra(group=Group.SCHEDULE, live=True),
    )
    seconds: Annotated[float, Field(gt=0, le=10_000_000)] | None = Field(
        None,
        title="Stop after",
        description="The run ends after this much training time, even before its last step. "
        "Empty: no limit.",
        json_schema_extra=_extra(group=Group.SCHEDULE, unit="s", live=True, advanced=True),
    )
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.99,
        title="Averaging of the generator",
        description="Pictures are made with a moving average of the generator's weights. This is "
        "the share of the average that is kept at each step. It is smaller in the first steps, so "
        "that the average catches up. 0: no averaging.",
        json_schema_extra=_extra(
            group=Group.OPTIMISER,
            source="Yazıcı et al. 2018, arXiv:1806.04498",
            live=True,
            advanced=True,
        ),
    )
    replacement: bool = Field(
        True,
        title="Draw with replacement",
        description="On: each batch is drawn from all the data. Off: the critic sees each "
        "example once per epoch, in a new order each time.",
        json_schema_extra=_extra(
            group=Group.DATA, advanced=True, fixed="the order of the examples depends on it"
        ),
    )
    augmentation: Literal["none", "fixed", "adaptive"] = Field(
        "none",
        title="Augmentation",
        description="Changes real and fake pictures at random before the critic sees them, so that it "
        "overfits less on few pictures. fixed: with a constant probability. adaptive: the probability starts at 0 "
        "and rises while the critic overfits.",
        json_schema_extra=_extra(
            group=Group.AUGMENTATION,
            source="Zhao et al. 2020, arXiv:2006.10738; adaptive: Karras et al. 2020, arXiv:2006.06676",
            live=True,
            advanced=True,
        ),
    )
    augmentation_translation: bool = Field(
        True,
        title="Translation",
        description="Shifts pictures by up to an eighth of their height and width. Grey comes in from outside.",
        json_schema_extra=_extra(
            group=Group.AUGMENTATION, source="Zhao et al. 2020: 1/8", live=True, advanced=True
        ),
    )
    augmentation_cutout: bool = Field(
        True,
        title="Cutout",
        description="Covers a rectangle with grey, half as high and wide as the picture.",
        json_schema_extra=_extra(
            group=Group.AUGMENTATION, source="Zhao et al. 2020: 1/2", live=True, advanced=True
        ),
    )
    augmentation_colour: bool = Field(
        True,
        title="Colour",
        description="Changes brightness, contrast and saturation. Grey pictures have no saturation.",
        json_schema_extra=_extra(
            group=Group.AUGMENTATION, source="Zhao et al. 2020", live=True, advanced=True
        ),
    )
    augmentation_flips: bool = Field(
        False,
        title="Flips",
        description="Mirrors pictures from left to right. Not for digits and letters, whose mirror images are other "
        "signs.",
        json_schema_extra=_extra(
            group=Group.AUGMENTATION, source="Karras et al. 2020", live=True, advanced=True
        ),
    )
    augmentation_probability: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        0.8,
        title="Augmentation probability",
        description="The probability with which each picture gets each of the changes. Near 1 the generator may "
        "imitate them, because the critic never sees an unchanged picture.",
        json_schema_extra=_extra(
            group=Group.AUGMENTATION,
            source="Zhao et al. 2020: 1; Karras et al. 2020: at most 0.8",
            live=True,
            advanced=True,
        ),
    )
    augmentation_target: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        0.5,
        title="Overfitting target",
        description="The probability rises while the critic overfits more than this, and falls otherwise. Overfitting "
        "is the share of the critic gap that is missing on held-out pictures: 0 if they score like training pictures, "
        "1 if they score like fakes.",
        json_schema_extra=_extra(
            group=Group.AUGMENTATION,
            source="Karras et al. 2020, their code: 0.5 for this measure (r_v)",
            live=True,
            advanced=True,
        ),
    )
    augmentation_rise: Annotated[int, Field(ge=1, le=100_000)] = Field(
        100,
        title="Pictures for a full rise",
        description="After this many thousand training pictures, the probability can have risen from 0 to 1. "
        "Fewer: it follows the overfitting faster.",
        json_schema_extra=_extra(
            group=Group.AUGMENTATION,
            source="Karras et al. 2020: 500, and 100 for further training of a model",
            unit="thousand pictures",
            live=True,
            advanced=True,
            log=True,
        ),
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        0,
        title="Seed",
        description="Determines all random numbers. The same seed on the same machine gives the "
        "same run.",
        json_schema_extra=_extra(
            group=Group.ENGINE, advanced=True, fixed="all random numbers depend on it"
        ),
    )
    report_every: Annotated[int, Field(ge=1, le=10_000)] = Field(
        10,
        title="Report every",
        description="Each point of the curves is a mean over this many steps.",
        json_schema_extra=_extra(
            group=Group.REPORTING,
            unit="steps",
            advanced=True,
            fixed="all points of a curve are means over the same number of steps",
        ),
    )
    preview_every: Annotated[int, Field(ge=1, le=100_000)] = Field(
        50,
        title="Preview every",
        description="The interval at which samples from the same z are stored for the timeline.",
        json_schema_extra=_extra(group=Group.REPORTING, unit="steps", live=True, advanced=True),
    )
    preview_seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        0,
        title="Seed of the previews",
        description="Selects the fixed z of the previews. With the same number, every preview shows "
        "the same z, so that each sample can be followed over time.",
        json_schema_extra=_extra(group=Group.REPORTING, live=True, advanced=True),
    )
    preview_class: Annotated[int, Field(ge=-1, le=1000)] = Field(
        -1,
        title="Class of the previews",
        description="The class that the previews of a class-conditional generator show, counted from 0. "
        "−1: the first ten classes, one per row.",
        # The Train page shows a choice of the class above the samples.
        json_schema_extra=_extra(group=Group.REPORTING, live=True, advanced=True, hidden=True),
    )
    measure: bool = Field(
        True,
        title="Measure while training",
        description="Measures the quality of the samples and the state of the critic every few "
        "seconds. This takes at most a twentieth of the time.",
        json_schema_extra=_extra(group=Group.REPORTING, live=True, advanced=True),
    )
    checkpoint_every: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        500,
        title="Checkpoint every",
        description="The interval at which all weights are saved. A run can be resumed and forked "
        "from a checkpoint.",
        json_schema_extra=_extra(group=Group.REPORTING, unit="steps", live=True, advanced=True),
    )
    keep_checkpoints: Annotated[int, Field(ge=1, le=1000)] = Field(
        10,
        title="Checkpoints to keep",
        description="If there are more checkpoints, every other one of the older ones is deleted.",
        json_schema_extra=_extra(group=Group.REPORTING, unit="files", live=True, advanced=True),
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        title="Device",
        description="The device that trains. auto: CUDA, else MPS, else the CPU.",
        json_schema_extra=_extra(
            group=Group.ENGINE, advanced=True, fixed="the networks are on this device"
        ),
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        title="Precision",
        description="auto: bfloat16 mixed precision if a short measurement shows that it is faster, "
        "else float32.",
        json_schema_extra=_extra(
            group=Group.ENGINE, advanced=True, fixed="it is chosen when a run starts"
        ),
    )
    compiled: bool = Field(
        True,
        title="Compile updates",
        description="Trainings on the CPU switch to compiled steps (this needs a C++ compiler): long trainings after "
        "about a minute, others at once if the app had time to compile the steps before. On CUDA they use CUDA "
        "graphs. They switch only if a measurement shows that this is faster. The numbers then differ by rounding.",
        json_schema_extra=_extra(group=Group.ENGINE, live=True, advanced=True),
    )
    threads: Annotated[int, Field(ge=0, le=256)] = Field(
        0,
        title="CPU threads",
        description="0: automatic. The fastest thread count is measured during training, and again when the "
        "speed changes. The app reserves one core for its pages.",
        json_schema_extra=_extra(
            group=Group.ENGINE, advanced=True, fixed="it is chosen when a run starts"
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_parts(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        filled = parts_by_name(values)
        if "network" not in filled:
            filled["network"] = {"name": fitting_network(filled.get("dataset"))}
        return filled

    @model_validator(mode="after")
    def _check_compatibility(self) -> Self:
        check_network(self.network, self.dataset, self.objective)
        if self.conditional:
            check_labels(self.dataset, self.objective, self.preview_class)
        if self.split_updates:
            check_split_updates(self.batch_size, self.objective)
        if self.augmentation != "none":
            check_augmentation(self.dataset)
        if not self.replacement:
            check_without_replacement(self.dataset, self.batch_size)
        return self

    def networks(self, rng: torch.Generator) -> tuple[nn.Module, nn.Module]:
        """Return (generator, critic) on the CPU, with initial weights drawn from `rng`.

        With `conditional`, both take labels, (N,), as a second argument.

        Raises:
            ConfigError: If the objective does not support the critic.
        """
        classes = len(self.dataset.class_names()) if self.conditional else 0
        pair = self.network.build(self.dataset.shape, self.latent_dim, rng, classes)
        if reason := self.objective.unsupported_reason(pair[1]):
            raise ConfigError(f"{self.objective.title} does not go with this network: {reason}.")
        self.objective.prepare(pair[1], rng)
        return pair

    def preview_labels(self) -> list[int] | None:
        """Return the class of each sample of a preview, row by row. None without `conditional`."""
        if not self.conditional:
            return None
        class_count = min(len(self.dataset.class_names()), 10)
        rows_per_class = max(1, PREVIEW_COLUMNS // class_count)
        rows = [label for label in range(class_count) for _ in range(rows_per_class)]
        if self.preview_class >= 0:
            rows = [self.preview_class] * len(rows)
        return [label for label in rows for _ in range(PREVIEW_COLUMNS)]

    def critic_updates(self, step: int) -> int:
        """Return the number of critic updates before the generator's update of a step (from 1)."""
        previous = step - 1
        if previous < self.warmup_steps or (
            self.warmup_every and previous and previous % self.warmup_every == 0
        ):
            return self.warmup_updates
        return self.n_critic

    def decayed(self, step: int) -> float:
        """Return the factor of both learning rates at a step (from 1), in [0, 1]."""
        share = min((step - 1) / self.steps, 1.0)
        return {
            "none": 1.0,
            "linear": 1.0 - share,
            "cosine": 0.5 + 0.5 * math.cos(math.pi * share),
        }[self.decay]

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return this config with some values replaced.

        Another variant of a part (`objective="wgan"`) takes its own defaults. With a data set of another
        kind, the network changes to one that fits, unless `changes` names one. With an objective whose critic cannot
        be class-conditional, the networks know no classes.

        Args:
            changes: Values by their key; a dotted key for a setting of a part.

        Raises:
            ConfigError: If a value is invalid or the values cannot be combined.
        """
        values: dict[str, Any] = self.model_dump()
        replace_parts(values, changes)
        if "dataset" in changes:
            self._adapt_to_dataset(values, set(changes))
        if "objective" in changes and isinstance(values["objective"], Mapping):
            objective = OBJECTIVES.get(values["objective"].get("name", ""))
            if objective is not None and not objective.class_conditional:
                values["conditional"] = False  # `parse` refuses it if `changes` turns it on
        replace_settings(values, changes)
        return self.parse(values)

    def _adapt_to_dataset(self, values: dict[str, Any], changed_paths: set[str]) -> None:
        """Adapt the network, class and augmentation settings to the data set, unless `changed_paths` names them."""
        try:
            dataset = DATASETS[values["dataset"]["name"]].model_validate(values["dataset"])
        except (KeyError, ValidationError):
            return  # `parse` reports the error.
        if (
            "network" not in changed_paths
            and self.network.incompatibility_reason(dataset.shape) is not None
        ):
            values["network"] = {"name": fitting_network(dataset)}
        if "conditional" not in changed_paths and not dataset.class_names():
            values["conditional"] = False
        if "augmentation" not in changed_paths and dataset.kind == "points":
            values["augmentation"] = "none"
        if "preview_class" not in changed_paths and dataset != self.dataset:
            values["preview_class"] = -1

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the config of a plain mapping, such as parsed JSON. Raises ConfigError if it is invalid."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(explain(error, cls)) from None

    @property
    def title(self) -> str:
        """Titles of the data set and the objective, without their parts in brackets."""
        parts = (self.dataset.title, self.objective.title)
        return " · ".join(map(short, parts))

    def flat(self) -> dict[str, Any]:
        """Return all values by their dotted path. The path of a part itself holds the name of its variant."""
        values: dict[str, Any] = {}
        for name, value in self.model_dump(mode="json").items():
            if name in PARTS:
                values[name] = value["name"]
                values |= {f"{name}.{k}": v for k, v in value.items() if k != "name"}
            else:
                values[name] = value
        return values


def short(title: str) -> str:
    """Return a title without its part in brackets: WGAN-GP (gradient penalty) → WGAN-GP."""
    return title.partition(" (")[0]
