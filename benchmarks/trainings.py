"""Trainings that benchmarks compare: the product's own, and a textbook loop. Both make one step at a time."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from wgan.config import Adam, TrainConfig
from wgan.data import Data, Pictures, Stack
from wgan.jobs import TrainingJob
from wgan.objectives import WganGp
from wgan.rng import keyed_rng
from wgan.runs import Run

Sampler = Callable[[int], Tensor]
"""n → n samples: pictures (n, C, H, W) in [−1, 1], or points (n, 2)."""


class SteppedTraining(Protocol):
    """A training that makes one step at a time."""

    @property
    def steps(self) -> int:
        """Number of generator updates so far."""

    def step(self) -> None:
        """Make one generator update, and the critic updates before it."""

    def sampler(self) -> Sampler:
        """Return a function that makes samples with the present weights."""


def sampler_of(generator: nn.Module, config: TrainConfig) -> Sampler:
    """Return a function that makes samples with the present weights of a generator.

    A class-conditional generator makes each class equally often.
    """
    frozen = copy.deepcopy(generator).eval()

    @torch.no_grad()
    def make(n: int) -> Tensor:
        inputs = [torch.randn(n, config.latent_dim, generator=keyed_rng(1, "sample"))]
        if config.conditional:
            inputs.append(torch.arange(n) % len(config.dataset.class_names()))
        parts = zip(*(torch.split(each, 500) for each in inputs), strict=True)
        return torch.cat([frozen(*part) for part in parts])

    return make


class ProductTraining:
    """The job that trains a run in the app and on the command line, with its reports and pictures.

    Args:
        config: What is trained.
        folder: The folder of the run.
    """

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        self.job = TrainingJob(Run.create(config, folder))
        self.job.prepare()

    @property
    def steps(self) -> int:
        return self.job.training.steps

    def step(self) -> None:
        self.job.step()

    def sampler(self) -> Sampler:
        return sampler_of(self.job.training.average, self.job.config)


class TextbookTraining:
    """WGAN-GP as textbooks and tutorials write it, with the networks and settings of a config.

    A DataLoader; float32; torch's number of threads; separate passes for real, fake and penalty; the losses
    are read at every step.

    Raises:
        ValueError: The config is not an unconditional WGAN-GP with Adam.
    """

    def __init__(self, config: TrainConfig, data: Data) -> None:
        optimizer, objective = config.optimizer, config.objective
        if (
            not isinstance(optimizer, Adam)
            or not isinstance(objective, WganGp)
            or config.conditional
        ):
            raise ValueError("The textbook loop trains WGAN-GP with Adam and without classes only.")
        self._config, self._penalty_weight = config, objective.penalty_weight
        torch.manual_seed(config.seed)
        self._generator, self._critic = config.networks(keyed_rng(config.seed, "init"))
        self._average = copy.deepcopy(self._generator)
        betas = (optimizer.beta1, optimizer.beta2)
        self._critic_optimizer = torch.optim.Adam(
            self._critic.parameters(), lr=config.critic_learning_rate, betas=betas
        )
        self._generator_optimizer = torch.optim.Adam(
            self._generator.parameters(), lr=config.generator_learning_rate, betas=betas
        )
        self._real_batches = _real_batches(config, data)
        self._losses: list[float] = []
        self.steps = 0

    def step(self) -> None:
        config = self._config
        for _ in range(config.n_critic):
            real = next(self._real_batches)
            with torch.no_grad():
                fake = self._generator(torch.randn(config.batch_size, config.latent_dim))
            gap = self._critic(real).mean() - self._critic(fake).mean()
            loss = self._penalty_weight * _slope_penalty(self._critic, real, fake) - gap
            self._critic_optimizer.zero_grad()
            loss.backward()
            self._critic_optimizer.step()
            self._losses += [loss.item(), gap.item()]
        loss = -self._critic(
            self._generator(torch.randn(config.batch_size, config.latent_dim))
        ).mean()
        self._generator_optimizer.zero_grad()
        loss.backward()
        self._generator_optimizer.step()
        self._losses.append(loss.item())
        self.steps += 1
        self._update_average()

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self._config.ema_decay, (1 + self.steps) / (10 + self.steps))
        average, generator = self._average, self._generator
        for weight, current in zip(average.parameters(), generator.parameters(), strict=True):
            weight.mul_(decay).add_(current, alpha=1 - decay)
        for buffer, newest in zip(average.buffers(), generator.buffers(), strict=True):
            buffer.copy_(newest)

    def sampler(self) -> Sampler:
        return sampler_of(self._average, self._config)


class _PictureFiles(Dataset[Tensor]):
    """A data set that converts each picture to [−1, 1] when it is read."""

    def __init__(self, pictures: Stack) -> None:
        self._pictures = pictures
        self._transform = v2.Compose(
            [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])]
        )

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, i: int) -> Tensor:
        picture: Tensor = self._transform(self._pictures[i])
        return picture


def _real_batches(config: TrainConfig, data: Data) -> Iterator[Tensor]:
    """Yield batches of real examples without end."""
    if not isinstance(data, Pictures):
        rng = keyed_rng(config.seed, "data")
        while True:
            yield data.batch("train", config.batch_size, rng)
    loader = DataLoader(_PictureFiles(data.train), config.batch_size, shuffle=True, drop_last=True)
    while True:
        yield from loader


def _slope_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Return the mean of (‖∇f‖ − 1)² at points between real and fake."""
    epsilon = torch.rand(len(real), *[1] * (real.dim() - 1))
    between = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty: Tensor = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
    return penalty
