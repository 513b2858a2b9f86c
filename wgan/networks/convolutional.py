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
            f"the network {name} makes square pictures of 28, 32 or 64 pixels with 1 or 3 "
            f"channels, and this data set holds {height}×{width} with {channels}"
        )
    return None


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
    upsampling: Literal["transposed", "resize"] = Field(
        "transposed",
        title="Upsampling",
        description="How the generator doubles the side. Transposed: a 4×4 transposed convolution, "
        "which can leave a checkerboard. Resize: each pixel repeated, then a 3×3 convolution.",
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
            else:
                layers.append(nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1))
            if n_out is not widths[-1]:
                layers += finish(n_out)
        return nn.Sequential(*layers, nn.Tanh())

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        from torch import nn

        from wgan.networks.modules import Score

        colours, side, _ = shape
        start, _ = _PLANS[side]
        widths = [colours, *self._widths(side)]
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
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
    """A small residual pair for pictures of 28, 32 or 64 pixels, after WGAN-GP's.

    The generator doubles the side in residual blocks with batch norm; the critic halves it in
    blocks without, and ends with a mean over the map.
    """

    name: Literal["resnet"] = "resnet"
    kind = "pictures"
    title = "ResNet"
    size: Literal["small", "medium", "large"] = Field(
        "small",
        title="Size",
        description="Channels of every map: 32 (small), 64 (medium) or 128 (large, the paper's).",
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
    """The pair of Brownlee's WGAN tutorial, layer by layer, with the defaults of its day's Keras.

    Critic, 70,081 parameters: two 4×4 convolutions of 64 channels, stride 2, each with batch norm
    and LeakyReLU 0.2, then one linear unit. Generator, 851,201: z to 128×7×7, two transposed
    convolutions with batch norm, a 7×7 convolution with tanh. Its critic has batch norm, so no
    gradient penalty goes with it.
    """

    name: Literal["brownlee"] = "brownlee"
    kind = "pictures"
    title = "Brownlee's pair"
    uses_batch_norm = True

    @property
    def generator_uses_batch_norm(self) -> bool:
        return True

    def incompatibility_reason(self, shape: tuple[int, ...]) -> str | None:
        reason = super().incompatibility_reason(shape)
        if reason is None and shape[1:] != (28, 28):
            return f"Brownlee's pair makes pictures of 28×28, and this data set holds {shape[1]}×{shape[2]}"
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
