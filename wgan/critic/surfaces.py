"""The surface of a critic of points, and of the optimal potential of the same samples."""

from dataclasses import dataclass

import numpy as np
import scipy.spatial.distance

from wgan.arrays import F32
from wgan.critic.examples import RealFakeBatch
from wgan.critic.inside import grid
from wgan.critic.scores import scores, slopes
from wgan.latent import Models
from wgan.transport import Potential, kantorovich, lower_bound

SIDE = 48
"""Points along each side of a surface over the plane."""


@dataclass(frozen=True)
class Surfaces:
    """A critic of points and the optimal potential of the same samples, over [−extent, extent]²."""

    extent: float
    critic: F32  # (S, S), row = y upwards: scores ÷ `steepest`, with mean 0 over the samples
    optimal: F32  # (S, S): slope at most 1, with mean 0 over the samples
    slope: F32  # (S, S), ‖∇f‖ of the critic, not divided
    real: F32  # (N, 2)
    fake: F32  # (N, 2)
    exact: float  # W₁ of these samples
    gap: float  # E f(real) − E f(fake) on them
    steepest: float  # largest slope found on the grid and between samples
    lower_bound: float  # gap ÷ `pair_slope`, a lower bound of W₁
    pair_slope: (
        float  # largest |f(real) − f(fake)| ÷ distance over pairs of a real point and a fake
    )

    @property
    def difference(self) -> F32:
        """The critic minus the potential, (S, S)."""
        return self.critic - self.optimal


def surfaces(
    models: Models,
    batch: RealFakeBatch,
    extent: float,
    side: int = SIDE,
    *,
    potential: Potential | None = None,
) -> Surfaces:
    """Return the surfaces of a critic of points and of the optimal potential of the same samples.

    The critic's scores are divided by its steepest slope over the grid and the samples. Then both
    functions are 1-Lipschitz, and they are equal if the critic is optimal.

    Args:
        models: The networks, trained on points.
        batch: Real points and fakes.
        extent: Half the side of the square that the surfaces cover.
        side: Points along each side.
        potential: The optimal potential of `batch`, if it is known; else it is computed.
    """
    points = grid(extent, side)
    real_scores, fake_scores = scores(models, batch.real), scores(models, batch.fake)
    bound, pairs = lower_bound(
        real_scores, fake_scores, scipy.spatial.distance.cdist(batch.real, batch.fake)
    )
    slope = slopes(models, points)
    sample_slopes = slopes(models, np.concatenate([batch.real, batch.fake]))
    steepest = max(pairs, float(slope.max()), float(sample_slopes.max()))
    potential = potential or kantorovich(batch.real, batch.fake)
    middle = np.concatenate([real_scores, fake_scores]).mean()
    height = (scores(models, points) - middle) / (steepest or 1.0)
    return Surfaces(
        extent,
        height.reshape(side, side),
        potential(points).astype(np.float32).reshape(side, side),
        slope.reshape(side, side),
        batch.real,
        batch.fake,
        potential.cost,
        float(real_scores.mean() - fake_scores.mean()),
        steepest,
        bound,
        pairs,
    )
