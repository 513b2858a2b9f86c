"""Previews: samples of the averaged generator from fixed z, for the timeline."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wgan.arrays import F32, U8
from wgan.config import TrainConfig
from wgan.data import Data, Pictures, as_bytes
from wgan.rng import keyed_rng

PREVIEW_PICTURES = 64
PREVIEW_POINTS = 1024
SURFACE_SIDE = 48
ARROWS = 96


@dataclass(frozen=True)
class Preview:
    """Samples of the averaged generator for the fixed z of the preview, as arrays."""

    step: int
    pictures: U8 | None = None  # (64, C, H, W)
    points: F32 | None = None  # (1024, 2)
    surface: F32 | None = None  # (48, 48), the critic's scores; row = y
    arrows: F32 | None = None  # (96, 4): x, y, ∂f/∂x, ∂f/∂y at fakes
    extent: float = 0.0  # the surface covers [−extent, extent]²


@torch.no_grad()
def make_preview(
    config: TrainConfig,
    step: int,
    average: nn.Module,
    critic: nn.Module,
    data: Data,
    device: torch.device,
) -> Preview:
    """Return samples of the averaged generator and, for points, the critic's scores around them.

    The z depend on `preview_seed` only, not on the seed of the training: runs with different seeds are compared
    from the same z. Neither network is changed.
    """
    n = PREVIEW_PICTURES if isinstance(data, Pictures) else PREVIEW_POINTS
    rng = keyed_rng(0, "preview", config.preview_seed)
    labels = config.preview_labels()
    z = torch.randn(len(labels or range(n)), config.latent_dim, generator=rng)
    inputs = [z] if labels is None else [z, torch.tensor(labels)]
    samples = average(*(x.to(device) for x in inputs))
    if isinstance(data, Pictures):
        return Preview(step, pictures=as_bytes(samples).cpu().numpy())
    critic.eval()  # in training mode, power iterations would change the critic's buffers
    surface, arrows = look_at_critic(critic, samples, data.extent)
    critic.train()
    return Preview(
        step,
        points=samples.float().cpu().numpy(),
        surface=surface,
        arrows=arrows,
        extent=data.extent,
    )


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
