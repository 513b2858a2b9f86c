"""Fully connected pairs of generator and critic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from wgan.networks.base import Network
from wgan.networks.convolutional import Dcgan

if TYPE_CHECKING:
    import torch
    from torch import nn


class Mlp(Network):
    """Fully connected networks with one width, for points in the plane."""

    name: Literal["mlp"] = "mlp"
    kind = "points"
    title = "Multilayer perceptron"
    summary = "Fully connected networks, for points in the plane."
    explanation = """All hidden layers of both networks have the same width."""
    width: Annotated[int, Field(ge=4, le=2048)] = Field(
        128, title="Width", description="Units in each hidden layer of both networks."
    )
    depth: Annotated[int, Field(ge=1, le=16)] = Field(
        3, title="Hidden layers", description="Hidden layers in each network."
    )
    activation: Literal["relu", "leaky-relu"] = Field(
        "relu",
        title="Activation",
        description="The function between the layers: ReLU, or LeakyReLU with slope 0.2 below zero.",
        json_schema_extra={"advanced": True, "source": "leaky: Petzka et al. 2018"},
    )

    def _stack(self, n_in: int, n_out: int) -> list[nn.Module]:
        from torch import nn

        layers: list[nn.Module] = []
        for i in range(self.depth):
            bend = nn.ReLU() if self.activation == "relu" else nn.LeakyReLU(0.2)
            layers += [nn.Linear(n_in if i == 0 else self.width, self.width), bend]
        return [*layers, nn.Linear(self.width, n_out)]

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        from torch import nn

        return nn.Sequential(*self._stack(latent_dim, shape[0]))

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        from torch import nn

        from wgan.networks.modules import Score

        return nn.Sequential(*self._stack(shape[0], 1), Score())

    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        from torch import nn

        from wgan.networks.modules import initialise_like_torch

        for part in module.modules():
            if isinstance(part, nn.Linear):
                initialise_like_torch(part, rng)


class MlpPictures(Network):
    """A fully connected ReLU generator for pictures, with a fully connected critic or a DCGAN's.

    These networks do not know which pixels are neighbours: the hard case of the WGAN paper.
    """

    name: Literal["mlp-pictures"] = "mlp-pictures"
    kind = "pictures"
    title = "Multilayer perceptron, for pictures"
    summary = (
        "A fully connected generator for pictures. It is harder to train than a convolutional one."
    )
    explanation = """A fully connected network does not know which pixels are neighbours. The
WGAN paper uses this generator as a hard case (figure 7). The critic is fully connected too, or is
that of DCGAN."""
    width: Annotated[int, Field(ge=4, le=2048)] = Field(
        512, title="Width", description="Units in each hidden layer of both networks."
    )
    depth: Annotated[int, Field(ge=1, le=16)] = Field(
        4, title="Hidden layers", description="Hidden layers in each network."
    )
    critic_kind: Literal["mlp", "dcgan"] = Field(
        "mlp",
        title="Critic",
        description="The critic: a multilayer perceptron (mlp), or DCGAN's critic of medium size (dcgan).",
        json_schema_extra={"source": "Arjovsky et al. 2017, figure 7: dcgan"},
    )

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        from torch import nn

        layers = self._points()._stack(latent_dim, math.prod(shape))
        return nn.Sequential(*layers, nn.Tanh(), nn.Unflatten(1, shape))

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        from torch import nn

        from wgan.networks.modules import Score

        if self.critic_kind == "dcgan":
            return Dcgan(size="medium").critic(shape)
        return nn.Sequential(nn.Flatten(), *self._points()._stack(math.prod(shape), 1), Score())

    def incompatibility_reason(self, shape: tuple[int, ...]) -> str | None:
        reason = super().incompatibility_reason(shape)
        if reason is None and self.critic_kind == "dcgan":
            reason = Dcgan().incompatibility_reason(shape)
        return reason

    def _points(self) -> Mlp:
        return Mlp(width=self.width, depth=self.depth)

    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        from torch import nn

        from wgan.networks.modules import initialise_like_torch

        for part in module.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                initialise_like_torch(part, rng)
