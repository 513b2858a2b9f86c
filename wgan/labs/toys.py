"""What the labs share: small critics, their optimisers, where surfaces are looked at."""

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import F32
from wgan.networks import Mlp
from wgan.objectives import Objective
from wgan.rng import generator
from wgan.training.critic_trainer import CriticTrainer

SIDE = 40
"""Points along each side of a surface over the plane."""


def fitting(network: Mlp, objective: Objective, rate: float, seed: int) -> CriticTrainer:
    """Return a new critic of points in the plane, ready to be trained against fakes that stand still.

    RMSprop where weights are clipped, as in the first WGAN, because momentum makes such a critic
    unstable; Adam with β₁ = 0.5 elsewhere (β₂ = 0.9), as WGAN-GP's toy script has it. The same seed gives
    critics of one network the same first weights.
    """
    critic = network.critic((2,))
    network.initialise(critic, generator(seed, "init"))
    objective.prepare(critic, generator(seed, "init", 1))
    objective.project(critic)
    optimizer: torch.optim.Optimizer
    if objective.suits_momentum:
        optimizer = torch.optim.Adam(critic.parameters(), lr=rate, betas=(0.5, 0.9))
    else:
        optimizer = torch.optim.RMSprop(critic.parameters(), lr=rate)
    return CriticTrainer(critic, objective, optimizer, seed)


def looks(total: int, n: int) -> list[int]:
    """Return the updates, from 1 to `total`, after which something is looked at: at most n, log-spaced."""
    return sorted({int(k) for k in np.geomspace(1, max(total, 1), n).round()})


@torch.no_grad()
def surface(critic: nn.Module, extent: float, side: int = SIDE) -> F32:
    """Return a critic's scores over [−extent, extent]²: (side, side), row = y upwards."""
    axis = torch.linspace(-extent, extent, side)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    scores: Tensor = critic(torch.stack([x.flatten(), y.flatten()], dim=1))
    return scores.float().view(side, side).numpy()


def slopes(critic: nn.Module, at: Tensor) -> Tensor:
    """Return ∇f at points, (N, 2) → (N, 2)."""
    at = at.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(at).sum(), at)
    return slope
