"""Modules that torch lacks: label inputs, residual blocks, batch norm as in Keras."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

LABEL_DIM = 32
"""Length of the vector that represents a class in the generator's input."""


class ClassEmbedding(nn.Embedding):
    """A vector for each class, initialised from a normal distribution with a given standard deviation."""

    def __init__(self, classes: int, length: int, std: float) -> None:
        super().__init__(classes, length)
        self.std = std


class LabelledGenerator(nn.Module):
    """A class-conditional generator: an embedding of the class is concatenated to z."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network = network
        self.classes = ClassEmbedding(classes, LABEL_DIM, 1.0)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:  # (N, latent_dim), (N,)
        samples: Tensor = self.network(torch.cat([z, self.classes(label)], dim=1))
        return samples


class LabelledCritic(nn.Module):
    """A class-conditional critic: f(x, y) = w·φ(x) + v(y)·φ(x), a projection.

    Source: Miyato and Koyama 2018, arXiv:1802.05637. `critic` ends with a linear layer and Score.
    """

    def __init__(self, critic: nn.Module, classes: int) -> None:
        super().__init__()
        *features, score, _ = critic.children()
        assert isinstance(score, nn.Linear)
        self.features = nn.Sequential(*features)
        self.score = score
        self.classes = ClassEmbedding(classes, score.in_features, 0.02)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:  # (N, …), (N,)
        features = self.features(x)
        score: Tensor = self.score(features).squeeze(-1) + (self.classes(label) * features).sum(1)
        return score  # (N,)


class Score(nn.Module):
    """Remove the last axis of a critic's output: (N, 1) → (N,)."""

    def forward(self, x: Tensor) -> Tensor:  # (N, 1)
        return x.squeeze(-1)  # (N,)


class PictureConv2d(nn.Conv2d):
    """A 4×4 convolution with stride 2 that reads pictures: the first layer of a critic.

    For an input of one or three channels, torch's CPU kernel for the gradient of the input takes several
    times as long as the convolution. If this gradient is needed, the convolution is therefore computed
    as the product of all patches and the kernels. The results differ by rounding.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        if not x.requires_grad or _uses_own_kernels(x):
            return super().forward(x)  # (N, C', H/2, W/2)
        n, _, height, width = x.shape
        patches = functional.unfold(_autocast(x), 4, stride=2, padding=1)  # (N, 16 C, H W / 4)
        y = functional.linear(patches.transpose(1, 2), self.weight.flatten(1), self.bias)
        return y.view(n, height // 2, width // 2, -1).permute(0, 3, 1, 2)


class PictureConvTranspose2d(nn.ConvTranspose2d):
    """A 4×4 transposed convolution with stride 2 that makes pictures: the last layer of a generator.

    For an output of one or three channels, torch's CPU kernel takes several times as long as the
    product of all pixels and the kernels, whose patches are then added up. The results differ by rounding.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, 4, stride=2, padding=1)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:  # (N, C, H, W)
        if output_size is not None or _uses_own_kernels(x):
            return super().forward(x, output_size)
        n, channels, height, width = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
        patches = functional.linear(pixels, self.weight.flatten(1).t())  # (N H W, 16 C')
        patches = patches.view(n, height * width, -1).transpose(1, 2)
        y = functional.fold(patches, (2 * height, 2 * width), 4, stride=2, padding=1)
        return y if self.bias is None else y + self.bias.view(-1, 1, 1)  # (N, C', 2H, 2W)


def _uses_own_kernels(x: Tensor) -> bool:
    """Return whether torch's kernels for few channels are used: except on the CPU they are fast."""
    return x.device.type != "cpu" or torch.compiler.is_exporting()


def _autocast(x: Tensor) -> Tensor:
    """Return x in the precision of the present autocast, if any."""
    if torch.is_autocast_enabled("cpu"):
        return x.to(torch.get_autocast_dtype("cpu"))
    return x


class UpBlock(nn.Module):
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


class DownBlock(nn.Module):
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


class DebiasedBatchNorm(nn.BatchNorm2d):
    """Batch norm with the running statistics of Keras 2.2: an unbiased mean over the batches seen.

    After n batches, a plain moving average still contains a share mⁿ of its initial values 0 and 1;
    for m = 0.99 that is half after 69 steps. TensorFlow 1's average with `zero_debias`, which Keras
    used, divides by 1 − mⁿ. The weight (1 − m)/(1 − mⁿ) of the n-th batch is equivalent.
    """

    def __init__(self, channels: int, *, eps: float, rate: float) -> None:
        super().__init__(channels, eps=eps, momentum=rate)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        if self.training and self.num_batches_tracked is not None:
            n = int(self.num_batches_tracked) + 1
            self.momentum = self.rate / (1 - (1 - self.rate) ** n)
        return super().forward(x)


def initialise_like_torch(
    part: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, rng: torch.Generator
) -> None:
    """Initialise like torch's constructors: weights and biases uniform in ±1/√fan_in."""
    nn.init.kaiming_uniform_(part.weight, a=math.sqrt(5), generator=rng)
    if part.bias is not None:
        fan_in = part.weight[0].numel()
        nn.init.uniform_(part.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=rng)
