"""Results of a training: reports, previews, and the exception that ends it."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from wgan.arrays import F32, U8
from wgan.config import TrainConfig

EXPLODED = 1e7
"""A loss beyond this has diverged: healthy critics stay within a few thousand."""

PREVIEW_PICTURES = 64
PREVIEW_POINTS = 1024
SURFACE_SIDE = 48
ARROWS = 96


class Diverged(Exception):
    """A loss became infinite, NaN or absurdly large. The message names the likely cause.

    `reports` holds the valid reports before it.
    """

    def __init__(self, message: str, reports: "list[Report]") -> None:
        super().__init__(message)
        self.reports = reports


class Report(NamedTuple):
    """Values of the curves at one step: means over the steps since the previous report.

    `critic_gap_held_out` is measured once, at `step`, with the critic and fakes of the step's last
    critic update and with held-out examples.
    """

    step: int
    critic_loss: float  # without the penalty
    generator_loss: float
    critic_gap: float  # E f(real) − E f(fake)
    critic_gap_held_out: float
    penalty: float


@dataclass(frozen=True)
class Preview:
    """Samples of the averaged generator for the fixed z of the preview, as arrays."""

    step: int
    pictures: U8 | None = None  # (64, C, H, W)
    points: F32 | None = None  # (1024, 2)
    surface: F32 | None = None  # (48, 48), the critic's scores; row = y
    arrows: F32 | None = None  # (96, 4): x, y, ∂f/∂x, ∂f/∂y at fakes
    extent: float = 0.0  # the surface covers [−extent, extent]²


def likely_cause(config: TrainConfig, step: int, bad: list[str]) -> str:
    """Return a sentence about which value diverged by a step, and the likely cause.

    An unconstrained critic is checked first: within 300 steps of `quick-mnist` its loss grew to
    6,000 at an ordinary learning rate, while sevenfold rates with a penalty left it below 50.

    Args:
        config: The config of the training.
        step: The step of the report.
        bad: Names of the report's values that diverged.
    """
    what = bad[0].replace("_", " ")
    rate = max(config.critic_learning_rate, config.generator_learning_rate)
    which = "critic" if rate == config.critic_learning_rate else "generator"
    weight = getattr(config.objective, "penalty_weight", None)
    clip = getattr(config.objective, "clip_value", None)
    if weight is not None and weight < 0.05:
        cause = f"a penalty weight of {weight:g} hardly holds the critic. Try 10"
    elif clip is not None and clip > 0.1:
        cause = f"a clip value of {clip:g} lets the critic grow very steep. Try 0.01"
    elif rate > 0.02:
        cause = f"the {which} learning rate {rate:g} is very high. Try a tenth of it"
    else:
        cause = f"the learning rates are too high for these networks ({which}: {rate:g})"
    return f"The {what} left all bounds by step {step}. Likely cause: {cause}."


def look_at_critic(critic: nn.Module, fakes: Tensor, extent: float) -> tuple[F32, F32]:
    """Return the critic's scores on a grid over [−extent, extent]², and its gradient at some fakes.

    Args:
        critic: A critic of points.
        fakes: (N, 2).
        extent: Half the side of the grid.

    Returns:
        Scores, (48, 48), row = y, and rows of x, y, ∂f/∂x, ∂f/∂y, (96, 4).
    """
    axis = torch.linspace(-extent, extent, SURFACE_SIDE, device=fakes.device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    surface = critic(torch.stack([x.flatten(), y.flatten()], dim=1)).float()
    at = fakes[:ARROWS].detach().float().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(critic(at).sum(), at)
    arrows = torch.cat([at.detach(), slope], dim=1)
    return surface.view(SURFACE_SIDE, SURFACE_SIDE).cpu().numpy(), arrows.cpu().numpy()
