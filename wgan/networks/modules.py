"""Modules that torch lacks: label inputs, residual blocks, batch norm as in Keras."""

import math

import torch
from torch import Tensor, nn

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
