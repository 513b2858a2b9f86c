"""Helpers of the labs: small critics and their trainers, score surfaces, gradients of scores."""

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import F32
from wgan.networks import Mlp
from wgan.objectives import Objective
from wgan.rng import keyed_rng
from wgan.training.critic_trainer import CriticTrainer

SIDE = 40
"""Points along each side of a surface over the plane."""


def new_critic_trainer(
    network: Mlp,
    objective: Objective,
    rate: float,
    seed: int,
    *,
    shape: tuple[int, ...] = (2,),
    clip_first: bool = True,
) -> CriticTrainer:
    """Return the trainer of a new critic, for training against a fixed generator.

    Clipped critics use RMSprop, like the first WGAN, because momentum makes them unstable. Others
    use Adam with β₁ = 0.5 and β₂ = 0.9, as in WGAN-GP's toy script. Critics with the same network
    and seed begin with the same weights.

    Args:
        network: Width and depth of the critic.
        objective: Its loss and constraint.
        rate: Learning rate.
        seed: Seed of the first weights and of the trainer's draws.
        shape: Shape of one example.
        clip_first: Whether to apply the constraint before the first update.
    """
    critic = network.critic(shape)
    network.initialise(critic, keyed_rng(seed, "init"))
    objective.prepare(critic, keyed_rng(seed, "init", 1))
    if clip_first:
        objective.project(critic)
    optimizer: torch.optim.Optimizer
    if objective.suits_momentum:
        optimizer = torch.optim.Adam(critic.parameters(), lr=rate, betas=(0.5, 0.9))
    else:
        optimizer = torch.optim.RMSprop(critic.parameters(), lr=rate)
    return CriticTrainer(critic, objective, optimizer, seed)


def log_spaced_updates(total: int, count: int) -> list[int]:
    """Return at most `count` updates from 1 to `total`, log-spaced and rising; the last is `total`."""
    return sorted({int(k) for k in np.geomspace(1, max(total, 1), count).round()})


@torch.no_grad()
def score_surface(critic: nn.Module, extent: float, side: int = SIDE) -> F32:
    """Return a critic's scores over [−extent, extent]²: (side, side), row = y upwards."""
    axis = torch.linspace(-extent, extent, side)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    scores: Tensor = critic(torch.stack([x.flatten(), y.flatten()], dim=1))
    return scores.float().view(side, side).numpy()


def score_gradients(critic: nn.Module, points: Tensor) -> Tensor:
    """Return ∇f at each of some points: (N, D) → (N, D)."""
    points = points.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(critic(points).sum(), points)
    return gradients


def mean_generator_gradient(critic: nn.Module, objective: Objective, fake: Tensor) -> float:
    """Return the mean norm of the generator's gradient at fakes, by automatic differentiation.

    Args:
        critic: A discriminator or critic.
        objective: The objective with the generator loss.
        fake: Fakes, (N, D), in the critic's precision.

    Returns:
        The mean of ‖∂ loss / ∂x‖ over the fakes, each computed as if it were the only one.
    """
    fake = fake.detach().requires_grad_()
    # Multiply by N, because the gradient of a mean divides each sample's gradient by N.
    loss = len(fake) * objective.generator_loss(fake=critic(fake))
    (gradient,) = torch.autograd.grad(loss, fake)
    return float(gradient.double().norm(dim=1).mean())
