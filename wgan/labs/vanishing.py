"""The gradient of a fixed generator, for three losses, while its discriminator or critic learns."""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import F32, F64, I64
from wgan.data import Points, Ring8
from wgan.jobs import TaskProgress, TaskSteps
from wgan.labs.toys import log_spaced_updates, new_critic_trainer, score_gradients, score_surface
from wgan.networks import Mlp
from wgan.objectives import Gan, Objective, WganGp
from wgan.rng import keyed_rng
from wgan.training.critic_trainer import CriticTrainer

VANISHING = "Vanishing gradients"

SETS = {"gaussians": "Two Gaussians", "ring-8": "Ring of 8 Gaussians"}
"""Data sets and their titles."""

LOSSES: dict[str, tuple[str, Objective]] = {
    "minimax": ("Minimax", Gan(generator="minimax")),
    "non-saturating": ("Non-saturating", Gan()),
    "wasserstein": ("Wasserstein", WganGp(penalty_weight=10.0)),
}
"""The generator's losses: title, and the objective that has the loss."""

NETWORK = Mlp(width=64, depth=3)
RATE, BATCH, FAKES = 1e-3, 256, 512
NUM_MEASUREMENTS = 36
ARROWS = 14
DISTANCE, SPREAD = 4.0, 0.4
"""The two Gaussians: distance between their means, which is also W₁, and standard deviation of both."""

SMALLEST_NORM = 1e-300


@dataclass(frozen=True)
class Vanishing:
    """The gradients of a fixed generator at K log-spaced updates, at the current state of the training.

    A discriminator and a critic are trained against the generator, with the same first weights and
    batches.
    """

    name: str
    total: int  # updates in the whole training
    updates: I64  # (K,), rising
    norms: dict[str, F64]  # (K,) for each of LOSSES: ‖∂ E loss / ∂ generator's parameters‖
    certainty: F64  # (K,), mean D = σ(f) at fakes
    slope: F64  # (K,), mean ‖∇f‖ of the critic at fakes
    real: F32  # (N, 2)
    fake: F32  # (N, 2)
    extent: float  # the surfaces cover [−extent, extent]²
    discriminator_surfaces: F32  # (K, S, S), row = y upwards: D, in [0, 1]
    critic_surfaces: F32  # (K, S, S), row = y upwards: scores with mean 0
    pushes: dict[str, F32]  # (K, A, 4) for each of LOSSES: x, y and −∂ loss / ∂x of a few fakes

    def share_of_largest(self, loss: str) -> float:
        """Return the last norm of a loss over its largest norm."""
        norms = self.norms[loss]
        return float(norms[-1] / max(float(norms.max()), SMALLEST_NORM))


class Shift(nn.Module):
    """A linear generator x = A z + b; its first samples are a Gaussian around (DISTANCE / 2, 0)."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(SPREAD * torch.eye(2))
        self.shift = nn.Parameter(torch.tensor([DISTANCE / 2, 0.0]))

    def forward(self, z: Tensor) -> Tensor:  # (N, 2)
        return z @ self.scale.T + self.shift  # (N, 2)


def _gaussians() -> Points:
    def sample(n: int, rng: torch.Generator) -> Tensor:
        noise = SPREAD * torch.randn(n, 2, generator=rng)
        return noise - torch.tensor([DISTANCE / 2, 0.0])

    return Points(sample, None, SPREAD, DISTANCE)


def _data_and_generator(name: str, seed: int) -> tuple[Points, nn.Module]:
    """Return the data and the fixed generator. Raises ValueError for an unknown name."""
    if name == "gaussians":
        return _gaussians(), Shift()
    if name != "ring-8":
        raise ValueError(f"There is no set {name!r} here: choose one of {', '.join(SETS)}.")
    network = Mlp(width=64, depth=2)
    generator_network = network.generator((2,), 2)
    network.initialise(generator_network, keyed_rng(seed, "init", 2))
    return Ring8(scale=2.0, sigma=0.05).load(), generator_network


def parameter_gradient(
    generator_network: nn.Module, critic: nn.Module, objective: Objective, z: Tensor
) -> float:
    """Return ‖∂ generator loss / ∂ the generator's parameters‖ for a batch of z, (N, latent_dim).

    It is computed in double precision, because tiny gradients would be 0 in float32.
    """
    generator_network = copy.deepcopy(generator_network).double()
    critic = copy.deepcopy(critic).double()
    loss = objective.generator_loss(fake=critic(generator_network(z.double())))
    gradients = torch.autograd.grad(loss, list(generator_network.parameters()))
    return math.sqrt(sum(float(g.square().sum()) for g in gradients))


def sample_gradients(critic: nn.Module, objective: Objective, fake: Tensor) -> Tensor:
    """Return ∂ loss / ∂x at each fake, as if it were the only one: (N, 2) → (N, 2), double precision.

    It is −D ∇f for log(1 − D), −(1 − D) ∇f for −log D, and −∇f for −f.
    """
    critic = copy.deepcopy(critic).double()
    points = fake.detach().double().requires_grad_()
    # Times N, because the loss is a mean over the samples.
    (gradients,) = torch.autograd.grad(
        len(points) * objective.generator_loss(fake=critic(points)), points
    )
    return gradients


def vanish(name: str = "gaussians", *, updates: int = 2_000, seed: int = 0) -> TaskSteps:
    """Train a discriminator and a critic against a fixed generator, as a task.

    ReLU networks 3×64, batches of 256 fresh real examples and fakes, Adam(1e-3, 0.5, 0.9). The critic has
    a gradient penalty with λ = 10.

    Args:
        name: A key of `SETS`.
        updates: Updates of each network.
        seed: Seed of all draws.

    Yields:
        Progress; its results are `Vanishing`.

    Raises:
        ValueError: There is no such data set.

    Reference:
        Arjovsky and Bottou 2017, theorem 2.4, arXiv:1701.04862; Arjovsky et al. 2017, figure 2,
        arXiv:1701.07875.
    """
    data, generator_network = _data_and_generator(name, seed)
    generator_network.requires_grad_(True)
    record = _Recorder(name, updates, data, generator_network, seed)
    discriminator = new_critic_trainer(NETWORK, Gan(), RATE, seed)
    critic = new_critic_trainer(NETWORK, LOSSES["wasserstein"][1], RATE, seed)
    record_updates = set(log_spaced_updates(updates, NUM_MEASUREMENTS))
    for update in range(updates):
        real = data.sample(BATCH, keyed_rng(seed, "data", update))
        with torch.no_grad():
            fake = generator_network(torch.randn(BATCH, 2, generator=keyed_rng(seed, "z", update)))
        for trainer in (discriminator, critic):
            trainer.update(real=real, fake=fake)
        done = update + 1
        result = record(done, discriminator, critic) if done in record_updates else None
        yield TaskProgress(f"Update {done:,} of {updates:,}", done / updates, result)


class _Recorder:
    """Measures both networks at chosen updates, and collects the measurements."""

    def __init__(
        self, name: str, total: int, data: Points, generator_network: nn.Module, seed: int
    ) -> None:
        self._name, self._total, self._extent = name, total, data.extent
        self._generator = generator_network
        self._z = torch.randn(FAKES, 2, generator=keyed_rng(seed, "metric", draw=2))
        self._real = data.sample(FAKES, keyed_rng(seed, "metric", draw=1)).numpy()
        with torch.no_grad():
            self._fake = generator_network(self._z)
        self._updates: list[int] = []
        self._rows: list[tuple[float, ...]] = []
        self._surfaces: list[tuple[F32, F32]] = []
        self._pushes: list[list[F32]] = []

    def __call__(
        self, update: int, discriminator: CriticTrainer, critic: CriticTrainer
    ) -> Vanishing:
        trainers = {name: critic if name == "wasserstein" else discriminator for name in LOSSES}
        norms = [
            parameter_gradient(self._generator, trainers[name].critic, objective, self._z)
            for name, (_, objective) in LOSSES.items()
        ]
        with torch.no_grad():
            certainty = float(torch.sigmoid(discriminator.critic(self._fake).double()).mean())
        slope = float(score_gradients(critic.critic, self._fake).norm(dim=1).mean())
        scores = score_surface(critic.critic, self._extent)
        probabilities = 1 / (
            1 + np.exp(-score_surface(discriminator.critic, self._extent).astype(np.float64))
        )
        self._updates.append(update)
        self._rows.append((*norms, certainty, slope))
        self._surfaces.append((probabilities.astype(np.float32), scores - scores.mean()))
        arrow_tails = self._fake[:ARROWS]
        self._pushes.append(
            [
                torch.cat(
                    [arrow_tails, -sample_gradients(trainers[name].critic, objective, arrow_tails)],
                    1,
                )
                .float()
                .numpy()
                for name, (_, objective) in LOSSES.items()
            ]
        )
        table = np.array(self._rows, dtype=np.float64)
        return Vanishing(
            self._name,
            self._total,
            np.array(self._updates, dtype=np.int64),
            {name: table[:, i] for i, name in enumerate(LOSSES)},
            table[:, 3],
            table[:, 4],
            self._real,
            self._fake.numpy(),
            self._extent,
            np.stack([pair[0] for pair in self._surfaces]),
            np.stack([pair[1] for pair in self._surfaces]),
            {name: np.stack([p[i] for p in self._pushes]) for i, name in enumerate(LOSSES)},
        )
