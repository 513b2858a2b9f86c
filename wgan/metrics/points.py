"""How good points in the plane are: exact and sliced W₁, modes of a mixture, high-quality samples."""

from functools import cached_property

import numpy as np
import scipy  # loads its parts when they are first used

from wgan.arrays import Real
from wgan.data import Points
from wgan.rng import keyed_rng
from wgan.transport import assignment

PROJECTIONS = 50


def mixture_modes(points: Real, means: Real, sigma: float) -> tuple[int, float]:
    """Return (modes captured, share of high-quality samples) for a mixture of Gaussians.

    A sample is of high quality within 3σ of its nearest mean; a mode is captured with at least one
    such sample. The protocol of VEEGAN (arXiv:1705.07761) and PacGAN (arXiv:1712.04086) takes 2,500
    samples; true ones score about 98.9 %. `points` is (N, 2), `means` (M, 2).
    """
    distance = scipy.spatial.distance.cdist(points, means)
    nearest = distance.argmin(axis=1)
    good = distance.min(axis=1) <= 3 * sigma
    return len(np.unique(nearest[good])), float(good.mean())


def emd(a: Real, b: Real) -> float:
    """Return the exact W₁ between two equally large sets of points, Euclidean ground cost.

    An assignment problem (scipy). `a` and `b` are (N, 2); N = 2000 takes about half a second.
    Compare it with the value for real against real at the same N, its floor: it is not 0.
    Raises ValueError for sets of different sizes.
    """
    return assignment(a, b)


def sliced(a: Real, b: Real, projections: int = PROJECTIONS, seed: int = 0) -> float:
    """Return the sliced W₁: the mean W₁ of both sets' shadows on random lines (POT).

    `a` is (N, D), `b` (M, D). At most the exact W₁, and cheap for many points. Bonneel et al. 2015,
    Sliced and Radon Wasserstein barycenters of measures.
    """
    from ot.sliced import sliced_wasserstein_distance

    return float(
        sliced_wasserstein_distance(
            np.asarray(a, np.float64),
            np.asarray(b, np.float64),
            n_projections=projections,
            p=1,
            seed=seed,
        )
    )


class PointSides:
    """Fake points beside real ones of the same number, and the metrics of both.

    The real side is drawn with a key of its own: the same for every run on a density. `draw` counts
    repetitions, each with other real points: W₁ of 512 depends on which they are.
    """

    def __init__(self, fake: Real, data: Points, draw: int = 0) -> None:
        self.fake, self._data, self._repetition = np.asarray(fake, np.float64), data, draw

    @cached_property
    def real(self) -> Real:
        """As many real points, (N, 2)."""
        return self._draw(2 * self._repetition + 1)

    @cached_property
    def other(self) -> "PointSides":
        """The same with other real points in place of the fakes: what they score is the floor."""
        return PointSides(self._draw(2 * self._repetition + 2), self._data, self._repetition)

    def _draw(self, draw: int) -> Real:
        sample = self._data.sample(len(self.fake), keyed_rng(0, "metric", draw=draw))
        return np.asarray(sample.cpu().numpy(), np.float64)

    @cached_property
    def modes(self) -> tuple[int, float]:
        """Modes captured and share of high quality; of a mixture only."""
        means = self._data.means
        assert means is not None
        return mixture_modes(self.fake, means.cpu().numpy(), self._data.sigma)

    def first(self, n: int) -> "PointSides":
        """Return the first n points."""
        return (
            self if n >= len(self.fake) else PointSides(self.fake[:n], self._data, self._repetition)
        )

    @property
    def mixture(self) -> bool:
        """Whether the density is a mixture of Gaussians."""
        return self._data.means is not None

    def emd(self) -> float:
        """Return the exact W₁."""
        return emd(self.fake, self.real)

    def sliced(self) -> float:
        """Return the sliced W₁ of all."""
        return sliced(self.fake, self.real)
