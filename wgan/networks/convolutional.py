"""Convolutional pairs of generator and critic."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from wgan.networks.base import Network

if TYPE_CHECKING:
    import torch
    from torch import nn

_PLANS = {28: (7, 2), 32: (4, 3), 64: (4, 4)}
"""For each side of a picture: the side of the smallest map, and the number of doublings from there."""


def _convolution_problem(name: str, shape: tuple[int, ...]) -> str | None:
    channels, height, width = shape
    if channels not in (1, 3) or height != width or height not in _PLANS:
        return (
            f"the network {name} needs square pictures of 28, 32 or 64 pixels with 1 or 3 "
            f"channels, but this data set contains {height}×{width} pictures with {channels}"
        )
    return None


class Dcgan(Network):
    """Convolutional pair after DCGAN, for square pictures of 28, 32 or 64 pixels.

    The generator doubles the picture's side with each 4×4 transposed convolution, with batch norm
    and ReLU in between. The critic halves it with 4×4 convolutions and LeakyReLU, without batch norm.
    """

    name: Literal["dcgan"] = "dcgan"
    kind = "pictures"
    title = "DCGAN"
    summary = "Convolutional networks after DCGAN, for square pictures of 28, 32 or 64 pixels."
    explanation = """The generator doubles the side of the picture with each 4×4 transposed
convolution, followed by batch norm and ReLU. The critic halves the side with each 4×4 convolution,
followed by LeakyReLU. It has no batch norm."""
    size: Literal["small", "medium", "large"] = Field(
        "small",
        title="Size",
        description="Channels at full size: 16 (small), 32 (medium) or 64 (large). Each halving of the "
        "side doubles them. Small learns fastest on a laptop. Large is the size in papers.",
    )
    batch_norm: bool = Field(
        True,
        title="Batch norm in the generator",
        description="Normalise the generator's layers over each batch. Without it, a GAN often fails, "
        "but a WGAN still learns (Arjovsky et al. 2017, figure 6).",
        json_schema_extra={"advanced": True, "source": "Radford et al. 2015, section 3"},
    )
    upsampling: Literal["transposed", "resize"] = Field(
        "transposed",
        title="Upsampling",
        description="How the generator doubles the side. Transposed: a 4×4 transposed convolution, which "
        "can leave a checkerboard pattern. Resize: repeat each pixel, then apply a 3×3 "
        "convolution.",
        json_schema_extra={"advanced": True, "source": "Odena et al. 2016, distill.00003"},
    )

    _CHANNELS: ClassVar[dict[str, int]] = {"small": 16, "medium": 32, "large": 64}

    @property
    def generator_uses_batch_norm(self) -> bool:
        return self.batch_norm

    def incompatibility_reason(self, shape: tuple[int, ...]) -> str | None:
        reason = super().incompatibility_reason(shape)
        if reason is not None:
            return reason
        return _convolution_problem(self.name, shape)

    def _widths(self, side: int) -> list[int]:
        """Return the channels of each map, from the one next to the picture to the smallest."""
        return [self._CHANNELS[self.size] * 2**i for i in range(_PLANS[side][1])]

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        from torch import nn

        from wgan.networks.modules import PictureConvTranspose2d

        colours, side, _ = shape
        start, _ = _PLANS[side]
        widths = [*reversed(self._widths(side)), colours]

        def finish(channels: int) -> list[nn.Module]:
            return [*([nn.BatchNorm2d(channels)] if self.batch_norm else []), nn.ReLU()]

        layers: list[nn.Module] = [
            nn.Linear(latent_dim, widths[0] * start * start),
            nn.Unflatten(1, (widths[0], start, start)),
            *finish(widths[0]),
        ]
        for n_in, n_out in pairwise(widths):
            if self.upsampling == "resize":
                layers += [nn.Upsample(scale_factor=2), nn.Conv2d(n_in, n_out, 3, padding=1)]
            elif n_out == colours:
                layers.append(PictureConvTranspose2d(n_in, n_out))
            else:
                layers.append(nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1))
            if n_out is not widths[-1]:
                layers += finish(n_out)
        return nn.Sequential(*layers, nn.Tanh())

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        from torch import nn

        from wgan.networks.modules import PictureConv2d, Score

        colours, side, _ = shape
        start, _ = _PLANS[side]
        first, *widths = self._widths(side)
        layers: list[nn.Module] = [PictureConv2d(colours, first), nn.LeakyReLU(0.2)]
        for n_in, n_out in pairwise([first, *widths]):
            layers += [nn.Conv2d(n_in, n_out, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * start**2, 1), Score())

    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        from torch import nn

        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.normal_(part.weight, std=0.02, generator=rng)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)


class ResNet(Network):
    """A small residual pair after WGAN-GP's, for pictures of 28, 32 or 64 pixels.

    The generator doubles the side in residual blocks with batch norm. The critic halves it in
    blocks without batch norm, and ends with a mean over the map.
    """

    name: Literal["resnet"] = "resnet"
    kind = "pictures"
    title = "ResNet"
    summary = (
        "Small residual networks, similar to those of WGAN-GP, for pictures of 28, 32 or 64 pixels."
    )
    explanation = """Each residual block of the generator doubles the side of the picture and
has batch norm. Each residual block of the critic halves the side and has no batch norm. The critic
ends with a mean over all positions."""
    size: Literal["small", "medium", "large"] = Field(
        "small",
        title="Size",
        description="Channels in every layer: 32 (small), 64 (medium) or 128 (large, as in the paper).",
        json_schema_extra={"source": "Gulrajani et al. 2017, appendix F"},
    )
    _CHANNELS: ClassVar[dict[str, int]] = {"small": 32, "medium": 64, "large": 128}

    @property
    def generator_uses_batch_norm(self) -> bool:
        return True

    def incompatibility_reason(self, shape: tuple[int, ...]) -> str | None:
        return super().incompatibility_reason(shape) or _convolution_problem(self.name, shape)

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        from torch import nn

        from wgan.networks.modules import UpBlock

        colours, side, _ = shape
        start, doublings = _PLANS[side]
        n = self._CHANNELS[self.size]
        return nn.Sequential(
            nn.Linear(latent_dim, n * start * start),
            nn.Unflatten(1, (n, start, start)),
            *(UpBlock(n) for _ in range(doublings)),
            nn.BatchNorm2d(n),
            nn.ReLU(),
            nn.Conv2d(n, colours, 3, padding=1),
            nn.Tanh(),
        )

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        from torch import nn

        from wgan.networks.modules import DownBlock, Score

        colours, side, _ = shape
        n = self._CHANNELS[self.size]
        return nn.Sequential(
            nn.Conv2d(colours, n, 3, padding=1),
            *(DownBlock(n, n) for _ in range(_PLANS[side][1])),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(n, 1),
            Score(),
        )

    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        from torch import nn

        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=rng)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)


class Brownlee(Network):
    """The pair of Brownlee's WGAN tutorial, layer by layer, with the defaults of Keras at that time.

    Critic, 70,081 parameters: two 4×4 convolutions of 64 channels, stride 2, each with batch norm
    and LeakyReLU 0.2, then one linear unit. Generator, 851,201: z to 128×7×7, two transposed
    convolutions with batch norm, a 7×7 convolution with tanh. The critic has batch norm, so it
    cannot have a gradient penalty.
    """

    name: Literal["brownlee"] = "brownlee"
    kind = "pictures"
    title = "Brownlee's networks"
    summary = "The networks of Brownlee's WGAN tutorial, for digits of 28×28 pixels."
    explanation = """**Critic**, 70,081 parameters: two 4×4 convolutions with 64 channels and
stride 2, each followed by batch norm and LeakyReLU 0.2, then one linear unit.

**Generator**, 851,201 parameters: a linear layer from z to 128×7×7, two transposed convolutions
with batch norm, and a 7×7 convolution with tanh.

All settings of the layers are the Keras defaults at the time of the tutorial. The critic has batch
norm, so it cannot be combined with a gradient penalty."""
    uses_batch_norm = True

    @property
    def generator_uses_batch_norm(self) -> bool:
        return True

    def incompatibility_reason(self, shape: tuple[int, ...]) -> str | None:
        reason = super().incompatibility_reason(shape)
        if reason is None and shape[1:] != (28, 28):
            return (
                "Brownlee's networks make pictures of 28×28, but this data set contains "
                f"{shape[1]}×{shape[2]}"
            )
        return reason

    @staticmethod
    def _finish(channels: int) -> list[nn.Module]:
        # Keras has momentum 0.99, which torch defines as 1 − 0.99, and ε = 1e-3.
        from torch import nn

        from wgan.networks.modules import DebiasedBatchNorm

        return [DebiasedBatchNorm(channels, eps=1e-3, rate=0.01), nn.LeakyReLU(0.2)]

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        from torch import nn

        return nn.Sequential(
            nn.Linear(latent_dim, 128 * 7 * 7),
            nn.LeakyReLU(0.2),
            nn.Unflatten(1, (128, 7, 7)),
            nn.ConvTranspose2d(128, 128, 4, stride=2, padding=1),
            *self._finish(128),
            nn.ConvTranspose2d(128, 128, 4, stride=2, padding=1),
            *self._finish(128),
            nn.Conv2d(128, shape[0], 7, padding=3),
            nn.Tanh(),
        )

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        from torch import nn

        from wgan.networks.modules import Score

        return nn.Sequential(
            nn.Conv2d(shape[0], 64, 4, stride=2, padding=1),
            *self._finish(64),
            nn.Conv2d(64, 64, 4, stride=2, padding=1),
            *self._finish(64),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 1),
            Score(),
        )

    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        from torch import nn

        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(part.weight, std=0.02, generator=rng)
            elif isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight, generator=rng)  # Keras' glorot_uniform
            else:
                continue
            if part.bias is not None:
                nn.init.zeros_(part.bias)
