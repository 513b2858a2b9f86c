"""TrainConfig, the one list of every hyperparameter.

Bounds, default, unit, help and source of a hyperparameter stand in its Field. Sliders, command-line
flags, JSON and the documentation are made from them (`hyperparameters`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Self,
)

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wgan.config.errors import ConfigError, explain
from wgan.config.parts import PARTS, Adam, AnyOptimizer
from wgan.data import DATASETS, AnyDataset, Mnist10k
from wgan.networks import NETWORKS, AnyNetwork, Dcgan
from wgan.objectives import AnyObjective, WganGp

if TYPE_CHECKING:
    import torch
    from torch import nn


PREVIEW_COLUMNS = 8
"""Samples in a row of the grids that are kept while training."""


def _extra(
    *,
    source: str | None = None,
    unit: str | None = None,
    live: bool = False,
    advanced: bool = False,
    log: bool = False,
) -> dict[str, Any]:
    return {"source": source, "unit": unit, "live": live, "advanced": advanced, "log": log}


LearningRate = Annotated[float, Field(gt=0, le=0.1)]


class TrainConfig(BaseModel):
    """Everything that decides a training, frozen. Parts may be given by their name alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: AnyDataset = Field(
        default_factory=Mnist10k, title="Data set", description="What the generator learns."
    )
    objective: AnyObjective = Field(
        default_factory=WganGp,
        title="Objective",
        description="What critic and generator minimise, and what keeps the critic Lipschitz.",
    )
    network: AnyNetwork = Field(
        default_factory=Dcgan, title="Network", description="The generator and critic pair."
    )
    optimizer: AnyOptimizer = Field(
        default_factory=Adam,
        title="Optimiser",
        description="How gradients become steps, for both networks.",
    )
    generator_learning_rate: LearningRate = Field(
        1e-4,
        title="Generator learning rate",
        description="Size of the generator's steps.",
        json_schema_extra=_extra(source="Gulrajani et al. 2017, alg. 1", live=True, log=True),
    )
    critic_learning_rate: LearningRate = Field(
        1e-4,
        title="Critic learning rate",
        description="Size of the critic's steps. A critic that learns faster gives a better "
        "direction, until it becomes unstable.",
        json_schema_extra=_extra(source="Gulrajani et al. 2017, alg. 1", live=True, log=True),
    )
    n_critic: Annotated[int, Field(ge=1, le=100)] = Field(
        5,
        title="Critic updates a step",
        description="Critic updates before each generator update. More brings the critic closer "
        "to the true Wasserstein distance, and each step takes longer.",
        json_schema_extra=_extra(source="Arjovsky et al. 2017, alg. 1: 5", live=True),
    )
    conditional: bool = Field(
        False,
        title="Tell the networks the class",
        description="For data with labels: the generator makes the class it is asked for, and the "
        "critic judges each picture as one of its class.",
        json_schema_extra=_extra(source="Miyato and Koyama 2018, arXiv:1802.05637"),
    )
    batch_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        64,
        title="Batch size",
        description="Examples in each update.",
        json_schema_extra=_extra(source="Arjovsky et al. 2017, alg. 1: 64", unit="examples"),
    )
    warmup_steps: Annotated[int, Field(ge=0, le=10_000)] = Field(
        0,
        title="Critic warm-up",
        description="For so many first steps the critic gets more updates (below), so that the "
        "generator begins with a good critic.",
        json_schema_extra=_extra(source="WGAN's code: 25", unit="steps", advanced=True),
    )
    warmup_every: Annotated[int, Field(ge=0, le=100_000)] = Field(
        0,
        title="And at every",
        description="Such a step comes again after each so many steps. 0: never.",
        json_schema_extra=_extra(source="WGAN's code: 500", unit="steps", advanced=True),
    )
    warmup_updates: Annotated[int, Field(ge=1, le=1000)] = Field(
        100,
        title="Critic updates then",
        description="Critic updates in each of those steps.",
        json_schema_extra=_extra(source="WGAN's code: 100", advanced=True),
    )
    decay: Literal["none", "linear", "cosine"] = Field(
        "none",
        title="Learning rate decay",
        description="Both learning rates shrink to 0 at the last step: in a straight line, or along "
        "half a cosine.",
        json_schema_extra=_extra(
            source="linear: Gulrajani et al. 2017, appendix", live=True, advanced=True
        ),
    )
    split_updates: bool = Field(
        False,
        title="Separate updates for real and fake",
        description="Each critic update becomes two, one by half a batch of real examples and one "
        "by half a batch of fakes.",
        json_schema_extra=_extra(source="Brownlee 2019, his WGAN tutorial", advanced=True),
    )
    inference_fakes: bool = Field(
        False,
        title="Critic's fakes in inference mode",
        description="The fakes that the critic learns from are made with the generator's running "
        "batch statistics, not those of their own batch.",
        json_schema_extra=_extra(source="Brownlee 2019, his WGAN tutorial", advanced=True),
    )
    latent_dim: Annotated[int, Field(ge=1, le=1024)] = Field(
        64,
        title="Latent dimensions",
        description="Length of z, the standard normal vector the generator starts from.",
        json_schema_extra=_extra(source="Radford et al. 2015: 100", advanced=True),
    )
    steps: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        10_000,
        title="Stop at step",
        description="The run ends at this generator update.",
        json_schema_extra=_extra(unit="steps", live=True),
    )
    seconds: Annotated[float, Field(gt=0, le=10_000_000)] | None = Field(
        None,
        title="Stop after seconds",
        description="The run ends after this much training time, even before its last step. "
        "Empty: no limit.",
        json_schema_extra=_extra(unit="s", live=True, advanced=True),
    )
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.99,
        title="Averaging of the generator",
        description="Pictures are made by a running average of the generator's weights; this is "
        "how much of it is kept at each step (less at the start, so that it catches up). "
        "0: no averaging.",
        json_schema_extra=_extra(
            source="Yazıcı et al. 2018, arXiv:1806.04498", live=True, advanced=True
        ),
    )
    replacement: bool = Field(
        True,
        title="Draw with replacement",
        description="On: every batch is drawn from all the data. Off: each example is seen once "
        "an epoch, in a new order each time.",
        json_schema_extra=_extra(advanced=True),
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        0,
        title="Seed",
        description="Decides every random number. The same seed on the same machine gives the "
        "same run.",
        json_schema_extra=_extra(advanced=True),
    )
    report_every: Annotated[int, Field(ge=1, le=10_000)] = Field(
        10,
        title="Report every",
        description="Losses are averaged over this many steps for each point of the curves.",
        json_schema_extra=_extra(unit="steps", advanced=True),
    )
    preview_every: Annotated[int, Field(ge=1, le=100_000)] = Field(
        50,
        title="Picture every",
        description="A grid of samples from the same z is kept each time.",
        json_schema_extra=_extra(unit="steps", live=True, advanced=True),
    )
    preview_seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        0,
        title="z of the pictures",
        description="Which fixed z the grids are made from. The same number keeps the same z, so "
        "that one sees each sample improve.",
        json_schema_extra=_extra(live=True, advanced=True),
    )
    preview_class: Annotated[int, Field(ge=-1, le=1000)] = Field(
        -1,
        title="Class of the pictures",
        description="For networks that are told the class: which one the grids show, counted from "
        "0. −1: the first ten, one a row.",
        json_schema_extra=_extra(live=True, advanced=True),
    )
    measure: bool = Field(
        True,
        title="Measure while training",
        description="The quality of the samples and the state of the critic are measured every few "
        "seconds, for at most a twentieth of the time.",
        json_schema_extra=_extra(live=True, advanced=True),
    )
    checkpoint_every: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        500,
        title="Checkpoint every",
        description="All weights are saved each time, to resume or to walk from.",
        json_schema_extra=_extra(unit="steps", live=True, advanced=True),
    )
    keep_checkpoints: Annotated[int, Field(ge=1, le=1000)] = Field(
        10,
        title="Keep checkpoints",
        description="When there are more, every other one of the older is deleted.",
        json_schema_extra=_extra(unit="files", live=True, advanced=True),
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        title="Device",
        description="Where to train. auto: CUDA, else MPS, else CPU.",
        json_schema_extra=_extra(advanced=True),
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        title="Precision",
        description="auto: bfloat16 mixed precision where a short measurement finds it faster, "
        "else float32.",
        json_schema_extra=_extra(advanced=True),
    )
    compiled: bool = Field(
        True,
        title="Compile updates",
        description="Long trainings on the CPU have their updates compiled beside the second minute, where "
        "there is a C++ compiler; on CUDA updates are recorded as graphs. They are taken where they are "
        "measured to be faster. The numbers then differ by rounding.",
        json_schema_extra=_extra(live=True, advanced=True),
    )
    threads: Annotated[int, Field(ge=0, le=256)] = Field(
        0,
        title="CPU threads",
        description="0: chosen by itself: measured while it trains, and again when its pace changes; the app keeps a core.",
        json_schema_extra=_extra(advanced=True),
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_parts(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        filled = dict(values)
        for part in PARTS:
            if isinstance(filled.get(part), str):
                filled[part] = {"name": filled[part]}
        if "network" not in filled:
            filled["network"] = {"name": _fitting_network(filled.get("dataset"))}
        return filled

    @model_validator(mode="after")
    def _possible_together(self) -> Self:
        reason = self.network.incompatibility_reason(self.dataset.shape)
        if reason is not None:
            fits = _fitting_network(self.dataset)
            raise ValueError(f"{reason[0].upper()}{reason[1:]}. Choose the network {fits}.")
        if self.network.couples and not self.objective.couples:
            fits = _fitting_network(self.dataset)
            raise ValueError(
                f"The critic of the network {self.network.name} has batch norm, which mixes samples, "
                f"and {self.objective.name} asks for each sample's own slope. Choose the network "
                f"{fits} or the objective wgan."
            )
        if self.conditional:
            self._labels_fit()
        if self.split_updates and (self.batch_size % 2 or not self.objective.couples):
            raise ValueError(
                "Separate updates for real and fake need an even batch size and an objective without "
                "a gradient penalty. Change one of them, or turn split_updates off."
            )
        size = self.dataset.size
        if not self.replacement:
            if size is None:
                raise ValueError(
                    f"The data set {self.dataset.name} draws fresh points for every batch, so "
                    "drawing without replacement means nothing there. Turn replacement on."
                )
            if self.batch_size > size:
                raise ValueError(
                    f"The batch size {self.batch_size} is larger than the data set's {size} "
                    "examples, which cannot be drawn without replacement. Make the batch smaller "
                    "or turn replacement on."
                )
        return self

    def _labels_fit(self) -> None:
        if not self.dataset.class_names():
            raise ValueError(
                f"The data set {self.dataset.name} has no labels, so the networks cannot be told "
                "the class. Turn conditional off or choose a data set with labels."
            )
        classes = len(self.dataset.class_names())
        if self.preview_class >= classes:
            raise ValueError(
                f"The data set {self.dataset.name} has {classes} classes, 0 to {classes - 1}: there "
                f"is no class {self.preview_class} to show."
            )
        if not self.objective.class_conditional:
            raise ValueError(
                "A critic that is told the class by a projection is not 1-Lipschitz, which "
                f"{self.objective.name} promises. Turn conditional off or choose another objective."
            )

    def networks(self, rng: torch.Generator) -> tuple[nn.Module, nn.Module]:
        """Return (generator, critic) on the CPU, with first weights drawn from `rng`.

        With `conditional` both take labels, (N,), as a second argument. Raises ConfigError where
        the objective cannot have the critic it needs.
        """
        classes = len(self.dataset.class_names()) if self.conditional else 0
        pair = self.network.build(self.dataset.shape, self.latent_dim, rng, classes)
        if reason := self.objective.unsupported_reason(pair[1]):
            raise ConfigError(f"{self.objective.title} does not go with this network: {reason}.")
        self.objective.prepare(pair[1], rng)
        return pair

    def preview_labels(self) -> list[int] | None:
        """Return the classes of a preview's samples, eight a row; None where there are none."""
        if not self.conditional:
            return None
        class_count = min(len(self.dataset.class_names()), 10)
        each = max(1, PREVIEW_COLUMNS // class_count)  # few classes get some rows each
        rows = [label for label in range(class_count) for _ in range(each)]
        if self.preview_class >= 0:
            rows = [self.preview_class] * len(rows)
        return [label for label in rows for _ in range(PREVIEW_COLUMNS)]

    def critic_updates(self, step: int) -> int:
        """Return how many critic updates come before the generator's update of a step, from 1."""
        done = step - 1
        if done < self.warmup_steps or (
            self.warmup_every and done and done % self.warmup_every == 0
        ):
            return self.warmup_updates
        return self.n_critic

    def decayed(self, step: int) -> float:
        """Return what the learning rates are multiplied with at a step, from 1: in [0, 1]."""
        share = min((step - 1) / self.steps, 1.0)
        return {
            "none": 1.0,
            "linear": 1.0 - share,
            "cosine": 0.5 + 0.5 * math.cos(math.pi * share),
        }[self.decay]

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return this config with some values replaced, keys dotted for parts.

        Choosing another variant of a part (`objective="wgan"`) takes that one's defaults; choosing
        a data set of the other kind takes a network that fits, if none is named.
        Raises ConfigError.
        """
        values: dict[str, Any] = self.model_dump()
        new_parts = {k: v for k, v in changes.items() if k in PARTS}
        for part, value in new_parts.items():
            part_values = value.model_dump() if isinstance(value, BaseModel) else value
            part_values = {"name": part_values} if isinstance(part_values, str) else part_values
            same = (
                isinstance(part_values, Mapping) and part_values.get("name") == values[part]["name"]
            )
            values[part] = {**values[part], **part_values} if same else part_values
        if "dataset" in new_parts:
            self._follow(values, set(changes))
        for path, value in changes.items():
            part, dot, field = path.partition(".")
            if dot and part in PARTS:
                if not isinstance(values[part], dict):
                    values[part] = {"name": values[part]}
                values[part] = {**values[part], field: value}
            elif path not in PARTS:
                values[path] = value
        return self.parse(values)

    def _follow(self, values: dict[str, Any], changed_paths: set[str]) -> None:
        """Let the network and what is told of classes follow another data set, if not named too."""
        try:
            dataset = DATASETS[values["dataset"]["name"]].model_validate(values["dataset"])
        except (KeyError, ValidationError):
            return  # `parse` says what is wrong with it
        if (
            "network" not in changed_paths
            and self.network.incompatibility_reason(dataset.shape) is not None
        ):
            values["network"] = {"name": _fitting_network(dataset)}
        if "conditional" not in changed_paths and not dataset.class_names():
            values["conditional"] = False
        if "preview_class" not in changed_paths and dataset != self.dataset:
            values["preview_class"] = -1

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the config of a plain mapping, such as parsed JSON. Raises ConfigError."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(explain(error, cls)) from None

    @property
    def title(self) -> str:
        """What is trained on what, in a few words; what the titles have in brackets is left out."""
        parts = (self.dataset.title, self.objective.title)
        return " · ".join(map(short, parts))

    def flat(self) -> dict[str, Any]:
        """Return every value under its dotted name; a part's own name under the part's."""
        values: dict[str, Any] = {}
        for name, value in self.model_dump(mode="json").items():
            if name in PARTS:
                values[name] = value["name"]
                values |= {f"{name}.{k}": v for k, v in value.items() if k != "name"}
            else:
                values[name] = value
        return values


def short(title: str) -> str:
    """Return a title without what it has in brackets: WGAN-GP (gradient penalty) → WGAN-GP."""
    return title.partition(" (")[0]


def differences(config: TrainConfig, base: TrainConfig) -> list[tuple[str, Any, Any]]:
    """Return (path, value in `base`, value in `config`) for all that differs.

    None stands for a value that a part of that name does not have.
    """
    before, after = base.flat(), config.flat()
    paths = [*before, *(path for path in after if path not in before)]
    return [
        (path, before.get(path), after.get(path))
        for path in paths
        if before.get(path) != after.get(path)
    ]


def _fitting_network(dataset: Any) -> str:
    """Return the first network for a data set's kind; the config's default where it is unknown."""
    name = (
        dataset.get("name") if isinstance(dataset, Mapping) else getattr(dataset, "name", dataset)
    )
    kind = DATASETS[name].kind if name in DATASETS else "pictures"
    return next(n for n, network in NETWORKS.items() if network.kind == kind)
