"""A critic of points as a surface, beside the optimal potential of the same samples."""

from dataclasses import dataclass

import numpy as np
import scipy  # loads its parts when they are first used

from wgan.arrays import F32
from wgan.critic.examples import Sides
from wgan.critic.inside import grid
from wgan.critic.scores import scores, slopes
from wgan.latent import Models
from wgan.transport import Potential, kantorovich, proved

SIDE = 48
"""Points along each side of a surface over the plane."""


@dataclass(frozen=True)
class Surfaces:
    """A critic of points beside the optimal potential of the same samples, over [−extent, extent]²."""

    extent: float
    critic: F32  # (S, S), row = y: scores ÷ `steepest`, mean over the samples 0
    optimal: F32  # (S, S), likewise: slope at most 1, mean over the samples 0
    slope: F32  # (S, S), ‖∇f‖ of the critic as it is
    real: F32  # (N, 2)
    fake: F32  # (N, 2)
    exact: float  # W₁ of these samples
    gap: float  # E f(real) − E f(fake) on them
    steepest: float  # the critic's Lipschitz constant, as far as it was looked at
    proved: float  # the W₁ that the critic proves

    @property
    def difference(self) -> F32:
        """How much higher the critic stands than the potential: (S, S)."""
        return self.critic - self.optimal


def surfaces(
    models: Models,
    sides: Sides,
    extent: float,
    side: int = SIDE,
    *,
    potential: Potential | None = None,
) -> Surfaces:
    """Return a critic of points beside the optimal potential of the same samples.

    The critic's scores are divided by its steepest slope over the grid and the samples, so that both
    are 1-Lipschitz and can be compared: they are the same where the critic is perfect. `potential`
    may be given where it is known already.
    """
    at = grid(extent, side)
    at_real, at_fake = scores(models, sides.real), scores(models, sides.fake)
    bound, pairs = proved(at_real, at_fake, scipy.spatial.distance.cdist(sides.real, sides.fake))
    slope = slopes(models, at)
    sample_slopes = slopes(models, np.concatenate([sides.real, sides.fake]))
    steepest = max(pairs, float(slope.max()), float(sample_slopes.max()))
    potential = potential or kantorovich(sides.real, sides.fake)
    middle = np.concatenate([at_real, at_fake]).mean()
    height = (scores(models, at) - middle) / (steepest or 1.0)
    return Surfaces(
        extent,
        height.reshape(side, side),
        potential(at).astype(np.float32).reshape(side, side),
        slope.reshape(side, side),
        sides.real,
        sides.fake,
        potential.cost,
        float(at_real.mean() - at_fake.mean()),
        steepest,
        bound,
    )
