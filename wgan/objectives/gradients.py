"""Slopes of a critic, and the bounds to which its weights are clipped."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from wgan.objectives.base import Objective

if TYPE_CHECKING:
    from wgan.objectives.base import Scorer


def gradient_norm(critic: Scorer, x: Tensor, *, create_graph: bool = False) -> Tensor:
    """Return ‖∇f(x)‖₂, one norm for each sample.

    `x` is (N, …) and need not require a gradient; the result is (N,), float32. The gradient of the
    norm at 0 is 0, so a flat critic gives no NaN.
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        scores = critic(x)
        (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=create_graph)
    norm: Tensor = torch.linalg.vector_norm(gradient.float().flatten(1), dim=1)
    return norm


def clip_bounds(objective: Objective, critic: nn.Module) -> list[float | None]:
    """Return the clipping bound c of each parameter, in their order; None for parameters that are not
    clipped.

    The objective itself is asked: a weight is clipped if `project` makes an infinite value finite,
    and that finite value is c.
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
