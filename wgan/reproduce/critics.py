"""Measures of a critic that is trained alone: its gap, and how well linear fits explain its scores."""

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import Real


@torch.no_grad()
def gap(critic: nn.Module, real: Tensor, fake: Tensor) -> float:
    """Return E f(real) − E f(fake) over two sets of examples, (N, …) each."""
    return float(critic(real).double().mean() - critic(fake).double().mean())


def straightness(x: Real, y: Real) -> float:
    """Return R² of the line fitted to points (x, y), both (N,)."""
    return explained(np.stack([np.ones_like(x), x], axis=1), y)


def explained(columns: Real, y: Real) -> float:
    """Return the share of the variance of y, (N,), that a linear fit by columns, (N, K), explains."""
    y = np.asarray(y, np.float64)
    coefficients, *_ = np.linalg.lstsq(np.asarray(columns, np.float64), y, rcond=None)
    variance = ((y - y.mean()) ** 2).sum()
    return float(1 - ((y - columns @ coefficients) ** 2).sum() / variance) if variance > 0 else 1.0
