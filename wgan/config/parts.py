"""The parts of a config that have variants: data set, objective, network, optimiser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

from pydantic import BaseModel, ConfigDict, Field

from wgan.data import DATASETS
from wgan.networks import NETWORKS
from wgan.objectives import OBJECTIVES


class Optimizer(BaseModel):
    """The base class of an optimiser and its settings. The learning rates are in the config."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Any
    title: ClassVar[str]
    summary: ClassVar[str]
    """One line for the menu."""
    explanation: ClassVar[str] = ""
    """More about it, in Markdown; may be empty."""


Beta = Annotated[float, Field(ge=0.0, lt=1.0)]


class Adam(Optimizer):
    """Adam: averages each weight's gradient (β₁) and divides it by its recent size (β₂)."""

    name: Literal["adam"] = "adam"
    title = "Adam"
    summary = "Averages the gradient of each weight (β₁) and divides it by its recent size (β₂)."
    explanation = r"""For each weight $w$ with gradient $g$ and learning rate $\eta$:

$$ m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2 $$

$$ w \leftarrow w - \eta \, \frac{\hat m}{\sqrt{\hat v} + \epsilon} $$

where $\hat m$ and $\hat v$ are corrected for their start at 0 (Kingma and Ba 2015)."""
    beta1: Beta = Field(
        0.0,
        title="β₁, momentum",
        description="The share of the average gradient that is kept at each update. WGANs use 0 to 0.5: with a higher "
        "value, a clipped critic becomes unstable.",
        json_schema_extra={"source": "Gulrajani et al. 2017, algorithm 1", "live": True},
    )
    beta2: Beta = Field(
        0.9,
        title="β₂, averaging of squares",
        description="The share of the average squared gradient that is kept at each update.",
        json_schema_extra={"source": "Gulrajani et al. 2017, algorithm 1", "live": True},
    )


class RMSprop(Optimizer):
    """RMSprop: divides each weight's gradient by its recent size. The first WGAN used it."""

    name: Literal["rmsprop"] = "rmsprop"
    title = "RMSprop"
    summary = "Divides the gradient of each weight by its recent size. The first WGAN used it."
    explanation = r"""For each weight $w$ with gradient $g$ and learning rate $\eta$:

$$ v \leftarrow \alpha v + (1 - \alpha)\, g^2, \qquad w \leftarrow w - \eta \, \frac{g}{\sqrt{v} + \epsilon} $$

It has no momentum, which makes clipped critics unstable (Arjovsky et al. 2017, section 4)."""
    alpha: Beta = Field(
        0.99,
        title="α, averaging of squares",
        description="The share of the average squared gradient that is kept at each update.",
        json_schema_extra={"source": "torch's default", "live": True},
    )
    eps: Annotated[float, Field(gt=0.0, le=1e-2)] = Field(
        1e-8,
        title="ε",
        description="A small number that is added to the size of the gradient before the division by it.",
        json_schema_extra={"source": "torch's default; Keras: 1e-7", "live": True, "log": True},
    )


OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "rmsprop": RMSprop}

if TYPE_CHECKING:
    AnyOptimizer = Optimizer
else:
    AnyOptimizer = Annotated[Union[tuple(OPTIMIZERS.values())], Field(discriminator="name")]

PARTS: dict[str, Mapping[str, type[BaseModel]]] = {
    "dataset": DATASETS,
    "objective": OBJECTIVES,
    "network": NETWORKS,
    "optimizer": OPTIMIZERS,
}
"""The fields of a config that have variants, with the variants by name."""
