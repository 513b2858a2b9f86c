"""Generator and critic pairs: one class and one line of NETWORKS for each.

No critic here has batch norm: under a gradient penalty every sample needs its own gradient, and
batch norm couples them (Gulrajani et al. 2017, section 4).
"""

import math
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn


class Network(BaseModel, ABC):
    """A pair of networks and its own settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Any
    kind: ClassVar[Literal["pictures", "points"]]
    title: ClassVar[str]

    def misfit(self, shape: tuple[int, ...]) -> str | None:
        """Say why the pair cannot make examples of a shape; None if it can."""
        kind = "points" if len(shape) == 1 else "pictures"
        if kind != self.kind:
            return f"the network {self.name} makes {self.kind}, and this data set holds {kind}"
        return None

    @abstractmethod
    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        """Return an uninitialised generator: (N, latent_dim) → (N, *shape)."""

    @abstractmethod
    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        """Return an uninitialised critic: (N, *shape) → (N,), a score without a sigmoid."""

    @abstractmethod
    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        """Draw a module's first weights."""

    def build(
        self, shape: tuple[int, ...], latent_dim: int, rng: torch.Generator
    ) -> tuple[nn.Module, nn.Module]:
        """Return (generator, critic) on the CPU, with weights drawn from `rng`.

        Raises ValueError where `misfit` has something to say.
        """
        reason = self.misfit(shape)
        if reason is not None:
            raise ValueError(reason)
        # Built without storage first: torch's own constructors draw from the global generator.
        with torch.device("meta"):
            pair = self.generator(shape, latent_dim), self.critic(shape)
        for module in pair:
            module.to_empty(device="cpu")
            for part in module.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.reset_parameters()
            self.initialise(module, rng)
        return pair


class Score(nn.Module):
    """Drop the last axis of a critic's output."""

    def forward(self, x: Tensor) -> Tensor:  # (N, 1)
        return x.squeeze(-1)  # (N,)


class Mlp(Network):
    """Fully connected ReLU networks of one width, for points in the plane."""

    name: Literal["mlp"] = "mlp"
    kind = "points"
    title = "Multilayer perceptron"
    width: Annotated[int, Field(ge=4, le=2048)] = Field(
        128, title="Width", description="Units in each hidden layer of both networks."
    )
    depth: Annotated[int, Field(ge=1, le=16)] = Field(
        3, title="Hidden layers", description="Hidden layers in each network."
    )

    def _stack(self, n_in: int, n_out: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for i in range(self.depth):
            layers += [nn.Linear(n_in if i == 0 else self.width, self.width), nn.ReLU()]
        return [*layers, nn.Linear(self.width, n_out)]

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        return nn.Sequential(*self._stack(latent_dim, shape[0]))

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(*self._stack(shape[0], 1), Score())

    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        for part in module.modules():
            if isinstance(part, nn.Linear):
                _torch_default(part, rng)


def _torch_default(part: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, rng: torch.Generator) -> None:
    """Uniform in ±1/√fan_in for weights and biases: what torch's constructors do."""
    nn.init.kaiming_uniform_(part.weight, a=math.sqrt(5), generator=rng)
    if part.bias is not None:
        fan_in = part.weight[0].numel()
        nn.init.uniform_(part.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=rng)


class Dcgan(Network):
    """Convolutional pair after DCGAN, for square pictures of 28, 32 or 64 pixels.

    The generator doubles the picture's side at each 4×4 transposed convolution, with batch norm
    and ReLU between; the critic halves it with 4×4 convolutions and LeakyReLU, without batch norm.
    """

    name: Literal["dcgan"] = "dcgan"
    kind = "pictures"
    title = "DCGAN"
    size: Literal["small", "medium", "large"] = Field(
        "small",
        title="Size",
        description="Channels next to the picture: 16 (small), 32 (medium) or 64 (large), doubled "
        "at each halving of the side. Small learns fastest on a laptop; large is the papers' size.",
    )
    batch_norm: bool = Field(
        True,
        title="Batch norm in the generator",
        description="Normalise each of the generator's layers over the batch. Without it a GAN "
        "tends to fail and a WGAN still learns (Arjovsky et al. 2017, figure 6).",
        json_schema_extra={"advanced": True, "source": "Radford et al. 2015, section 3"},
    )

    # Side of the coarsest map and the number of doublings from there.
    _PLANS: ClassVar[dict[int, tuple[int, int]]] = {28: (7, 2), 32: (4, 3), 64: (4, 4)}
    _CHANNELS: ClassVar[dict[str, int]] = {"small": 16, "medium": 32, "large": 64}

    def misfit(self, shape: tuple[int, ...]) -> str | None:
        reason = super().misfit(shape)
        if reason is not None:
            return reason
        channels, height, width = shape
        if channels not in (1, 3) or height != width or height not in self._PLANS:
            return (
                "the network dcgan makes square pictures of 28, 32 or 64 pixels with 1 or 3 "
                f"channels, and this data set holds {height}×{width} with {channels}"
            )
        return None

    def _widths(self, side: int) -> list[int]:
        """Channels of each map, from the one next to the picture to the coarsest."""
        return [self._CHANNELS[self.size] * 2**i for i in range(self._PLANS[side][1])]

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        colours, side, _ = shape
        start, _ = self._PLANS[side]
        widths = [*reversed(self._widths(side)), colours]

        def finish(channels: int) -> list[nn.Module]:
            return [*([nn.BatchNorm2d(channels)] if self.batch_norm else []), nn.ReLU()]

        layers: list[nn.Module] = [
            nn.Linear(latent_dim, widths[0] * start * start),
            nn.Unflatten(1, (widths[0], start, start)),
            *finish(widths[0]),
        ]
        for n_in, n_out in pairwise(widths):
            layers.append(nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1))
            if n_out is not widths[-1]:
                layers += finish(n_out)
        return nn.Sequential(*layers, nn.Tanh())

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        colours, side, _ = shape
        start, _ = self._PLANS[side]
        widths = [colours, *self._widths(side)]
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            layers += [nn.Conv2d(n_in, n_out, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * start**2, 1), Score())

    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.normal_(part.weight, std=0.02, generator=rng)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)


NETWORKS: dict[str, type[Network]] = {
    "mlp": Mlp,
    "dcgan": Dcgan,
}

if TYPE_CHECKING:
    AnyNetwork = Network
else:
    AnyNetwork = Annotated[Union[tuple(NETWORKS.values())], Field(discriminator="name")]
