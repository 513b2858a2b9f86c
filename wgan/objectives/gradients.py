"""The slopes of a critic, and the bounds to which its weights are clipped."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from wgan.objectives.base import Objective

if TYPE_CHECKING:
    from wgan.objectives.base import Scorer


def gradient_norm(critic: Scorer, x: Tensor, *, create_graph: bool = False) -> Tensor:
    """Return ‖∇f(x)‖₂ at each sample, (N,) float32.

    The gradient of this norm is 0 where the norm is 0, so a flat critic gives no NaN.

    Args:
        critic: The critic.
        x: Samples, (N, …). They need not require a gradient.
        create_graph: Whether the norm can be differentiated.
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        scores = critic(x)
        (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=create_graph)
    norm: Tensor = torch.linalg.vector_norm(gradient.float().flatten(1), dim=1)
    return norm


def clip_bounds(objective: Objective, critic: nn.Module) -> list[float | None]:
    """Return the clipping bound c of each parameter, in order; None for parameters that are not clipped.

    A parameter is clipped if `project` makes an infinite value finite; that finite value is c.
    """
    bounded = copy.deepcopy(critic)
    with torch.no_grad():
        for weight in bounded.parameters():
            weight.fill_(torch.inf)
    objective.project(bounded)
    return [
        float(weight.detach().max()) if weight.isfinite().all() else None
        for weight in bounded.parameters()
    ]
