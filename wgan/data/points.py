"""Densities in the plane, each with its exact sampler."""

import math
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from wgan.data.base import Dataset, Points, Progress

Scale = Annotated[float, Field(gt=0, le=20)]


class _PointSet(Dataset):
    kind = "points"


def _mixture(means: Tensor, sigma: float, extent: float) -> Points:
    """Equal-weight mixture of isotropic Gaussians."""

    def sample(n: int, rng: torch.Generator) -> Tensor:
        chosen = torch.randint(len(means), (n,), generator=rng, device=rng.device)
        noise = torch.randn(n, 2, generator=rng, device=rng.device)
        return means.to(rng.device)[chosen] + sigma * noise

    return Points(sample, means, sigma, extent)


class Ring8(_PointSet):
    """Eight Gaussians on a ring: the classic test for mode collapse."""

    name: Literal["ring-8"] = "ring-8"
    title = "Ring of 8 Gaussians"
    scale: Scale = Field(2.0, title="Radius", description="Distance of each mean from the centre.")
    sigma: Annotated[float, Field(gt=0, le=1)] = Field(
        0.02, title="σ", description="Standard deviation of each Gaussian."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        angle = torch.arange(8) * (2 * math.pi / 8)
        means = self.scale * torch.stack([angle.cos(), angle.sin()], dim=1)
        return _mixture(means, self.sigma, 1.4 * self.scale + 3 * self.sigma)


class Grid25(_PointSet):
    """25 Gaussians on a 5×5 grid: a harder test for mode collapse."""

    name: Literal["grid-25"] = "grid-25"
    title = "Grid of 25 Gaussians"
    scale: Scale = Field(4.0, title="Half width", description="Coordinate of the outermost means.")
    sigma: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, title="σ", description="Standard deviation of each Gaussian."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        ticks = self.scale * torch.linspace(-1, 1, 5)
        means = torch.cartesian_prod(ticks, ticks)
        return _mixture(means, self.sigma, 1.3 * self.scale + 3 * self.sigma)


class SwissRoll(_PointSet):
    """A spiral of one and a half turns, uniform in its angle: one connected curve.

    Gulrajani et al. 2017's toy set is this one at scale 1.885 and noise 0.033.
    """

    name: Literal["swiss-roll"] = "swiss-roll"
    title = "Swiss roll"
    scale: Scale = Field(1.885, title="Outer radius", description="Radius of the outer end.")
    noise: Annotated[float, Field(ge=0, le=1)] = Field(
        0.033, title="Noise", description="Standard deviation around the curve."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        end = 4.5 * math.pi

        def sample(n: int, rng: torch.Generator) -> Tensor:
            u = torch.rand(n, generator=rng, device=rng.device)
            t = 1.5 * math.pi * (1 + 2 * u)
            curve = torch.stack([t * t.cos(), t * t.sin()], dim=1) * (self.scale / end)
            return curve + self.noise * torch.randn(n, 2, generator=rng, device=rng.device)

        return Points(sample, None, self.noise, 1.15 * self.scale + 3 * self.noise)


class TwoMoons(_PointSet):
    """Two interleaved half circles."""

    name: Literal["two-moons"] = "two-moons"
    title = "Two moons"
    scale: Scale = Field(1.5, title="Radius", description="Radius of each half circle.")
    noise: Annotated[float, Field(ge=0, le=1)] = Field(
        0.075, title="Noise", description="Standard deviation around the curves."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        def sample(n: int, rng: torch.Generator) -> Tensor:
            t = math.pi * torch.rand(n, generator=rng, device=rng.device)
            lower = torch.randint(2, (n,), generator=rng, device=rng.device)
            side = 1.0 - 2.0 * lower
            # Centred, so that the window and the generator's start are too.
            x = side * t.cos() + lower - 0.5
            y = side * t.sin() + 0.5 * lower - 0.25
            curve = self.scale * torch.stack([x, y], dim=1)
            return curve + self.noise * torch.randn(n, 2, generator=rng, device=rng.device)

        return Points(sample, None, self.noise, 1.7 * self.scale + 3 * self.noise)
