"""Generator and critic pairs: one class and one line of NETWORKS for each.

No critic here has batch norm, except where a source is reproduced that has it: under a gradient
penalty every sample needs its own gradient, and batch norm couples them (Gulrajani et al. 2017,
section 4).
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

    name: Any = ""  # each class has its own Literal
    kind: ClassVar[Literal["pictures", "points"]]
    title: ClassVar[str]
    couples: ClassVar[bool] = False
    """Has the critic layers, such as batch norm, in which samples influence each other?"""

    def incompatibility_reason(self, shape: tuple[int, ...]) -> str | None:
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
        self, shape: tuple[int, ...], latent_dim: int, rng: torch.Generator, classes: int = 0
    ) -> tuple[nn.Module, nn.Module]:
        """Return (generator, critic) on the CPU, with weights drawn from `rng`.

        With `classes` both take labels, (N,), as a second argument. Raises ValueError where
        `incompatibility_reason` has something to say.
        """
        reason = self.incompatibility_reason(shape)
        if reason is not None:
            raise ValueError(reason)
        # Built without storage first: torch's own constructors draw from the global generator.
        with torch.device("meta"):
            pair = self._pair(shape, latent_dim, classes)
        for module in pair:
            module.to_empty(device="cpu")
            for part in module.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.reset_parameters()
            self.initialise(module, rng)
            for part in module.modules():
                if isinstance(part, _Classes):
                    nn.init.normal_(part.weight, std=part.std, generator=rng)
        return pair

    def _pair(
        self, shape: tuple[int, ...], latent_dim: int, classes: int
    ) -> tuple[nn.Module, nn.Module]:
        if not classes:
            return self.generator(shape, latent_dim), self.critic(shape)
        generator = self.generator(shape, latent_dim + LABEL_DIM)
        return LabelledGenerator(generator, classes), LabelledCritic(self.critic(shape), classes)


LABEL_DIM = 32
"""Length of the vector that stands for a class at the generator's entrance."""


class _Classes(nn.Embedding):
    """A vector for each class, at first drawn with a standard deviation."""

    def __init__(self, classes: int, length: int, std: float) -> None:
        super().__init__(classes, length)
        self.std = std


class LabelledGenerator(nn.Module):
    """A generator that is told the class: its vector stands beside z."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network = network
        self.classes = _Classes(classes, LABEL_DIM, 1.0)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:  # (N, latent_dim), (N,)
        samples: Tensor = self.network(torch.cat([z, self.classes(label)], dim=1))
        return samples


class LabelledCritic(nn.Module):
    """A critic that is told the class: f(x, y) = w·φ(x) + v(y)·φ(x), a projection.

    Source: Miyato and Koyama 2018, arXiv:1802.05637. `critic` ends with a linear layer and Score.
    """

    def __init__(self, critic: nn.Module, classes: int) -> None:
        super().__init__()
        *features, score, _ = critic.children()
        assert isinstance(score, nn.Linear)
        self.features = nn.Sequential(*features)
        self.score = score
        self.classes = _Classes(classes, score.in_features, 0.02)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:  # (N, …), (N,)
        features = self.features(x)
        score: Tensor = self.score(features).squeeze(-1) + (self.classes(label) * features).sum(1)
        return score  # (N,)


class Score(nn.Module):
    """Drop the last axis of a critic's output."""

    def forward(self, x: Tensor) -> Tensor:  # (N, 1)
        return x.squeeze(-1)  # (N,)


class Mlp(Network):
    """Fully connected networks of one width, for points in the plane."""

    name: Literal["mlp"] = "mlp"
    kind = "points"
    title = "Multilayer perceptron"
    width: Annotated[int, Field(ge=4, le=2048)] = Field(
        128, title="Width", description="Units in each hidden layer of both networks."
    )
    depth: Annotated[int, Field(ge=1, le=16)] = Field(
        3, title="Hidden layers", description="Hidden layers in each network."
    )
    activation: Literal["relu", "leaky-relu"] = Field(
        "relu",
        title="Activation",
        description="Between the layers: ReLU, or LeakyReLU with slope 0.2 below zero.",
        json_schema_extra={"advanced": True, "source": "leaky: Petzka et al. 2018"},
    )

    def _stack(self, n_in: int, n_out: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for i in range(self.depth):
            bend = nn.ReLU() if self.activation == "relu" else nn.LeakyReLU(0.2)
            layers += [nn.Linear(n_in if i == 0 else self.width, self.width), bend]
        return [*layers, nn.Linear(self.width, n_out)]

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        return nn.Sequential(*self._stack(latent_dim, shape[0]))

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(*self._stack(shape[0], 1), Score())

    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        for part in module.modules():
            if isinstance(part, nn.Linear):
                _torch_default(part, rng)


class MlpPictures(Network):
    """A fully connected ReLU generator for pictures, beside a critic of the same kind or a DCGAN's.

    Nothing in it knows that pixels have neighbours: the hard case of the WGAN paper.
    """

    name: Literal["mlp-pictures"] = "mlp-pictures"
    kind = "pictures"
    title = "Multilayer perceptron, for pictures"
    width: Annotated[int, Field(ge=4, le=2048)] = Field(
        512, title="Width", description="Units in each hidden layer of both networks."
    )
    depth: Annotated[int, Field(ge=1, le=16)] = Field(
        4, title="Hidden layers", description="Hidden layers in each network."
    )
    critic_kind: Literal["mlp", "dcgan"] = Field(
        "mlp",
        title="Critic",
        description="A multilayer perceptron too, or a DCGAN's critic of medium size.",
        json_schema_extra={"source": "Arjovsky et al. 2017, figure 7: dcgan"},
    )

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        layers = self._points()._stack(latent_dim, math.prod(shape))
        return nn.Sequential(*layers, nn.Tanh(), nn.Unflatten(1, shape))

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
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
        for part in module.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                _torch_default(part, rng)


def _torch_default(part: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, rng: torch.Generator) -> None:
    """Uniform in ±1/√fan_in for weights and biases: what torch's constructors do."""
    nn.init.kaiming_uniform_(part.weight, a=math.sqrt(5), generator=rng)
    if part.bias is not None:
        fan_in = part.weight[0].numel()
        nn.init.uniform_(part.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=rng)


_PLANS = {28: (7, 2), 32: (4, 3), 64: (4, 4)}
"""For each side of a picture, that of the coarsest map and the number of doublings from there."""


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

    def incompatibility_reason(self, shape: tuple[int, ...]) -> str | None:
        reason = super().incompatibility_reason(shape)
        if reason is not None:
            return reason
        return _convolution_problem(self.name, shape)

    def _widths(self, side: int) -> list[int]:
        """Channels of each map, from the one next to the picture to the coarsest."""
        return [self._CHANNELS[self.size] * 2**i for i in range(_PLANS[side][1])]

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
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
        colours, side, _ = shape
        start, _ = _PLANS[side]
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


class _Up(nn.Module):
    """A residual block of a generator that doubles the side."""

    adds = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.short = nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        features: Tensor = self.way(x) + self.short(x)
        return features  # (N, C, 2H, 2W)


class _Down(nn.Module):
    """A residual block of a critic that halves the side, without normalisation."""

    adds = True

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(n_in, n_out, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1),
            nn.AvgPool2d(2),
        )
        self.short = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(n_in, n_out, 1))

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        features: Tensor = self.way(x) + self.short(x)
        return features  # (N, C', H/2, W/2)


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

    def incompatibility_reason(self, shape: tuple[int, ...]) -> str | None:
        return super().incompatibility_reason(shape) or _convolution_problem(self.name, shape)

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        colours, side, _ = shape
        start, doublings = _PLANS[side]
        n = self._CHANNELS[self.size]
        return nn.Sequential(
            nn.Linear(latent_dim, n * start * start),
            nn.Unflatten(1, (n, start, start)),
            *(_Up(n) for _ in range(doublings)),
            nn.BatchNorm2d(n),
            nn.ReLU(),
            nn.Conv2d(n, colours, 3, padding=1),
            nn.Tanh(),
        )

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        colours, side, _ = shape
        n = self._CHANNELS[self.size]
        return nn.Sequential(
            nn.Conv2d(colours, n, 3, padding=1),
            *(_Down(n, n) for _ in range(_PLANS[side][1])),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(n, 1),
            Score(),
        )

    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=rng)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)


class _DebiasedBatchNorm(nn.BatchNorm2d):
    """Batch norm as Keras 2.2 kept its running statistics: a mean of the batches seen, none of the start.

    After n batches a plain moving average still holds momentum^n of the 0 and 1 it began with: at 0.99,
    half of them after 69 steps. TensorFlow 1's average with `zero_debias`, which Keras called, divides
    that share out; so a weight of (1 − m)/(1 − mⁿ) for the n-th batch says it too.
    """

    def __init__(self, channels: int, *, eps: float, rate: float) -> None:
        super().__init__(channels, eps=eps, momentum=rate)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        if self.training and self.num_batches_tracked is not None:
            n = int(self.num_batches_tracked) + 1
            self.momentum = self.rate / (1 - (1 - self.rate) ** n)
        return super().forward(x)


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
    couples = True

    def incompatibility_reason(self, shape: tuple[int, ...]) -> str | None:
        reason = super().incompatibility_reason(shape)
        if reason is None and shape[1:] != (28, 28):
            return f"Brownlee's pair makes pictures of 28×28, and this data set holds {shape[1]}×{shape[2]}"
        return reason

    @staticmethod
    def _finish(channels: int) -> list[nn.Module]:
        # Keras: momentum 0.99 (torch counts it the other way round), ε = 1e-3.
        return [_DebiasedBatchNorm(channels, eps=1e-3, rate=0.01), nn.LeakyReLU(0.2)]

    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
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
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(part.weight, std=0.02, generator=rng)
            elif isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight, generator=rng)  # Keras' glorot_uniform
            else:
                continue
            if part.bias is not None:
                nn.init.zeros_(part.bias)


NETWORKS: dict[str, type[Network]] = {
    "mlp": Mlp,
    "dcgan": Dcgan,
    "resnet": ResNet,
    "mlp-pictures": MlpPictures,
    "brownlee": Brownlee,
}

if TYPE_CHECKING:
    AnyNetwork = Network
else:
    AnyNetwork = Annotated[Union[tuple(NETWORKS.values())], Field(discriminator="name")]
