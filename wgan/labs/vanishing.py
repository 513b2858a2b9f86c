"""A generator that stands still, and how its gradient fares while the discriminator learns on."""

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
"""What can be looked at, and what it is called."""

LOSSES: dict[str, tuple[str, Objective]] = {
    "minimax": ("Minimax", Gan(generator="minimax")),
    "non-saturating": ("Non-saturating", Gan()),
    "wasserstein": ("Wasserstein", WganGp(penalty_weight=10.0)),
}
"""The generator's losses: what each is called, and the objective that has it."""

NETWORK = Mlp(width=64, depth=3)
RATE, BATCH, FAKES = 1e-3, 256, 512
LOOKS = 36
ARROWS = 14
DISTANCE, SPREAD = 4.0, 0.4
"""Of the two Gaussians: between their means, and each one's standard deviation. W₁ is the distance."""

SMALLEST = 1e-300


@dataclass(frozen=True)
class Vanishing:
    """How strong the generator's gradient is after each look's updates, as far as it has come.

    The generator stands still; a discriminator and a critic are trained against it, from the same first
    weights and on the same batches. K looks, log-spaced.
    """

    name: str
    total: int  # updates asked for
    updates: I64  # (K,), rising
    norms: dict[str, F64]  # (K,) a loss of LOSSES: ‖∂ E loss / ∂ generator's parameters‖
    certainty: F64  # (K,), mean D = σ(f) at fakes
    slope: F64  # (K,), mean ‖∇f‖ of the critic at fakes
    real: F32  # (N, 2)
    fake: F32  # (N, 2)
    extent: float  # the surfaces cover [−extent, extent]²
    judged: F32  # (K, S, S), row = y: D, in [0, 1]
    scored: F32  # (K, S, S): the critic's scores, mean 0
    pushes: dict[str, F32]  # (K, A, 4) a loss: x, y and −∂ loss / ∂x of a few fakes

    def fallen(self, loss: str) -> float:
        """Return the last norm of a loss over the largest it has had."""
        norms = self.norms[loss]
        return float(norms[-1] / max(float(norms.max()), SMALLEST))


class Shift(nn.Module):
    """A generator of two lines: x = A z + b, at first a Gaussian around (DISTANCE / 2, 0)."""

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


def _sides(name: str, seed: int) -> tuple[Points, nn.Module]:
    """Return the data and the generator that stands still. Raises ValueError for an unknown name."""
    if name == "gaussians":
        return _gaussians(), Shift()
    if name != "ring-8":
        raise ValueError(f"There is no set {name!r} here: choose one of {', '.join(SETS)}.")
    network = Mlp(width=64, depth=2)
    generator_network = network.generator((2,), 2)
    network.initialise(generator_network, keyed_rng(seed, "init", 2))
    return Ring8(scale=2.0, sigma=0.05).load(), generator_network


def parameter_gradient(
    made: nn.Module, critic: nn.Module, objective: Objective, z: Tensor
) -> float:
    """Return ‖∂ generator loss / ∂ the generator's parameters‖ over z, (N, latent), in double precision.

    What vanishes in float32 is still a number then.
    """
    made, critic = copy.deepcopy(made).double(), copy.deepcopy(critic).double()
    loss = objective.generator_loss(fake=critic(made(z.double())))
    gradients = torch.autograd.grad(loss, list(made.parameters()))
    return math.sqrt(sum(float(g.square().sum()) for g in gradients))


def sample_gradients(critic: nn.Module, objective: Objective, fake: Tensor) -> Tensor:
    """Return each fake's own ∂ loss / ∂x, (N, 2) → (N, 2), in double precision.

    Of log(1 − D) it is −D ∇f, of −log D it is −(1 − D) ∇f, of −f it is −∇f.
    """
    critic = copy.deepcopy(critic).double()
    at = fake.detach().double().requires_grad_()
    # Times N: the gradient of the mean holds each sample's divided by N.
    (gradients,) = torch.autograd.grad(len(at) * objective.generator_loss(fake=critic(at)), at)
    return gradients


def vanish(name: str = "gaussians", *, updates: int = 2_000, seed: int = 0) -> TaskSteps:
    """Train a discriminator and a critic against a generator that stands still; a `Vanishing` grows.

    ReLU networks 3×64, batches of 256 fresh real examples and fakes, Adam(1e-3, 0.5, 0.9); the critic
    with a gradient penalty of λ = 10. Arjovsky and Bottou 2017, theorem 2.4, arXiv:1701.04862; Arjovsky
    et al. 2017, figure 2, arXiv:1701.07875. Raises ValueError.
    """
    data, generator_network = _sides(name, seed)
    generator_network.requires_grad_(True)
    look = _Look(name, updates, data, generator_network, seed)
    judge = new_critic_trainer(NETWORK, Gan(), RATE, seed)
    critic = new_critic_trainer(NETWORK, LOSSES["wasserstein"][1], RATE, seed)
    marks = set(log_spaced_updates(updates, LOOKS))
    for update in range(updates):
        real = data.sample(BATCH, keyed_rng(seed, "data", update))
        with torch.no_grad():
            fake = generator_network(torch.randn(BATCH, 2, generator=keyed_rng(seed, "z", update)))
        for one in (judge, critic):
            one.update(real=real, fake=fake)
        done = update + 1
        measured = look(done, judge, critic) if done in marks else None
        yield TaskProgress(f"Update {done:,} of {updates:,}", done / updates, measured)


class _Look:
    """Looks at both now and then and keeps what it saw."""

    def __init__(self, name: str, total: int, data: Points, made: nn.Module, seed: int) -> None:
        self._name, self._total, self._extent, self._made = name, total, data.extent, made
        self._z = torch.randn(FAKES, 2, generator=keyed_rng(seed, "metric", draw=2))
        self._real = data.sample(FAKES, keyed_rng(seed, "metric", draw=1)).numpy()
        with torch.no_grad():
            self._fake = made(self._z)
        self._updates: list[int] = []
        self._rows: list[tuple[float, ...]] = []
        self._surfaces: list[tuple[F32, F32]] = []
        self._pushes: list[list[F32]] = []

    def __call__(self, update: int, judge: CriticTrainer, critic: CriticTrainer) -> Vanishing:
        whose = {name: critic if name == "wasserstein" else judge for name in LOSSES}
        norms = [
            parameter_gradient(self._made, whose[name].critic, objective, self._z)
            for name, (_, objective) in LOSSES.items()
        ]
        with torch.no_grad():
            certainty = float(torch.sigmoid(judge.critic(self._fake).double()).mean())
        slope = float(score_gradients(critic.critic, self._fake).norm(dim=1).mean())
        scored = score_surface(critic.critic, self._extent)
        judged = 1 / (1 + np.exp(-score_surface(judge.critic, self._extent).astype(np.float64)))
        self._updates.append(update)
        self._rows.append((*norms, certainty, slope))
        self._surfaces.append((judged.astype(np.float32), scored - scored.mean()))
        few = self._fake[:ARROWS]
        self._pushes.append(
            [
                torch.cat([few, -sample_gradients(whose[name].critic, objective, few)], 1)
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
