"""A critic alone, against fakes that do not change: how far it gets, and what its slope does."""

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import Real


def rmsprop(critic: nn.Module, rate: float) -> torch.optim.Optimizer:
    """Return RMSprop with torch's defaults, which are the first WGAN's."""
    return torch.optim.RMSprop(critic.parameters(), lr=rate)


def adam(critic: nn.Module, rate: float, beta2: float = 0.9) -> torch.optim.Optimizer:
    """Return Adam with β₁ = 0.5, and β₂ = 0.9 as WGAN-GP's toy script has it."""
    return torch.optim.Adam(critic.parameters(), lr=rate, betas=(0.5, beta2))


@torch.no_grad()
def gap(critic: nn.Module, real: Tensor, fake: Tensor) -> float:
    """Return E f(real) − E f(fake) over two sets of examples, (N, …) each."""
    return float(critic(real).double().mean() - critic(fake).double().mean())


def slopes(critic: nn.Module, at: Tensor) -> Tensor:
    """Return ∇f at each of some points, (N, D) → (N, D)."""
    at = at.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(at).sum(), at)
    return slope


def straightness(x: Real, y: Real) -> float:
    """Return R² of the line fitted to points (x, y), both (N,)."""
    return explained(np.stack([np.ones_like(x), x], axis=1), y)


def explained(columns: Real, y: Real) -> float:
    """Return the share of the variance of y, (N,), that a linear fit by columns, (N, K), explains."""
    y = np.asarray(y, np.float64)
    coefficients, *_ = np.linalg.lstsq(np.asarray(columns, np.float64), y, rcond=None)
    variance = ((y - y.mean()) ** 2).sum()
    return float(1 - ((y - columns @ coefficients) ** 2).sum() / variance) if variance > 0 else 1.0
