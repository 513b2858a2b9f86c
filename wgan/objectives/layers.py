"""Layers that make a critic Lipschitz by construction."""

import torch
from torch import Tensor, nn

NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
"""Layers whose weights scale a normalisation."""


class MaxMin(nn.Module):
    """GroupSort with groups of two: sorts each pair of units (or channels): (N, C, …) → (N, C, …).

    C must be even. Sorting permutes the values of a sample, so gradient norms do not change.
    """

    def forward(self, x: Tensor) -> Tensor:
        pairs = x.reshape(len(x), -1, 2, *x.shape[2:])
        low, high = pairs.amin(dim=2), pairs.amax(dim=2)
        return torch.stack([low, high], dim=2).flatten(1, 2)


class Orthonormal(nn.Module):
    """A parametrisation that makes a weight's rows or columns orthonormal, whichever are fewer.

    Args:
        method: "bjorck" or "cayley".
        iterations: Iterations of the Björck method.
        scale: Factor on the result.
    """

    def __init__(self, method: str, iterations: int, scale: float) -> None:
        super().__init__()
        self.method, self.iterations, self.scale = method, iterations, scale

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.float().flatten(1)
            tall = matrix if len(matrix) >= len(matrix.T) else matrix.T
            orthonormal = bjorck(tall, self.iterations) if self.method == "bjorck" else cayley(tall)
            orthonormal = orthonormal if tall is matrix else orthonormal.T
            return self.scale * orthonormal.reshape(weight.shape)


def bjorck(matrix: Tensor, iterations: int) -> Tensor:
    """Return a matrix close to the nearest one with orthonormal columns.

    The iteration is W ← W(3I − WᵀW)/2, starting at W/‖W‖. No singular value exceeds 1.

    Args:
        matrix: (m, n), m ≥ n.
        iterations: Number of iterations.
    """
    # √(‖W‖₁ ‖W‖∞) is an upper bound of the largest singular value, and fast to compute.
    bound = (matrix.abs().sum(0).max() * matrix.abs().sum(1).max()).sqrt()
    matrix = matrix / bound.clamp_min(1e-12)
    for _ in range(iterations):
        matrix = 1.5 * matrix - 0.5 * matrix @ (matrix.T @ matrix)
    return matrix


def cayley(matrix: Tensor) -> Tensor:
    """Return a matrix with orthonormal columns, by the Cayley transform of a matrix (m, n) with m ≥ n."""
    n = len(matrix.T)
    top, rest = matrix[:n], matrix[n:]
    identity = torch.eye(n, device=matrix.device, dtype=matrix.dtype)
    skew = top - top.T + rest.T @ rest
    inverse = torch.linalg.inv(identity + skew)
    return torch.cat([inverse @ (identity - skew), -2 * rest @ inverse])


def layers_with_matrix(critic: nn.Module) -> list[nn.Module]:
    """Return the layers of a critic that have a weight matrix, from first to last."""
    kinds = (nn.Linear, nn.Conv2d, nn.Embedding)
    return [part for part in critic.modules() if isinstance(part, kinds)]


def output_width(part: nn.Module) -> int:
    """Return the number of outputs, or output channels, of a layer."""
    return int(getattr(part, "out_features", getattr(part, "out_channels", 2)))
