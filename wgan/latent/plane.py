"""Planes in latent space: a slice as a map of pictures, and the grid that a generator bends."""

from dataclasses import dataclass

import numpy as np

from wgan.arrays import F32, Real
from wgan.latent.models import Models, draw_z

MOST_SIDE = 21


@dataclass(frozen=True)
class Slice:
    """A plane of latent space: centre + x·u + y·v, with u and v of length 1 and at right angles.

    On the `shell` it is bent to a sphere around 0 through the centre, which is at right angles to both:
    r = ‖(x, y)‖ is then the angle from the centre, in radians. Near the middle of a high-dimensional
    normal there is hardly any z; nearly all have the length of the centre.
    """

    centre: F32  # (latent_dim,)
    u: F32
    v: F32
    shell: bool

    def at(self, x: Real, y: Real) -> F32:
        """Return z at places of the plane: (N,), (N,) → (N, latent_dim)."""
        x, y = np.atleast_1d(x), np.atleast_1d(y)
        away = np.outer(x, self.u) + np.outer(y, self.v)
        if not self.shell:
            return np.asarray(self.centre + away, dtype=np.float32)
        r = np.hypot(x, y)[:, None]
        length = float(np.linalg.norm(self.centre))
        # sin r / r, which is 1 at 0
        z = np.cos(r) * self.centre + np.sinc(r / np.pi) * length * away
        return np.asarray(z, dtype=np.float32)

    def place(self, z: F32) -> tuple[float, float] | None:
        """Return where a z lies on the plane: the (x, y) nearest to the centre; None beside it."""
        z = np.asarray(z, np.float64)
        if self.shell:
            length = float(np.linalg.norm(self.centre))
            over = np.array([z @ self.u, z @ self.v]) / length
            angle = float(np.arctan2(np.hypot(*over), z @ self.centre / length**2))
            x, y = over * (angle / max(float(np.hypot(*over)), 1e-12))
        else:
            x, y = (z - self.centre) @ self.u, (z - self.centre) @ self.v
        back = self.at(np.array([x]), np.array([y]))[0]
        near = np.linalg.norm(back - z) <= 1e-2 * max(float(np.linalg.norm(z)), 1e-6)
        return (float(x), float(y)) if near else None

    def window(self, x: float, y: float, half: float, side: int) -> F32:
        """Return z of a square of the plane, row by row, y upwards: (side², latent_dim).

        `half` is half the square's width. Raises ValueError for more than 21 a side.
        """
        if not 1 <= side <= MOST_SIDE:
            raise ValueError(f"A map has 1 to {MOST_SIDE} pictures a side, not {side}.")
        # The middles of the pictures, so that neighbouring squares meet without a double row.
        steps = half * ((2 * np.arange(side) + 1) / side - 1)
        xs, ys = np.meshgrid(x + steps, y - steps)
        return self.at(xs.ravel(), ys.ravel())


def random_slice(seed: int, latent_dim: int) -> Slice:
    """Return a plane through latent space: all of it in two dimensions, else a random great sphere.

    Its centre has the length √latent_dim that most z have; x and y are angles.
    """
    if latent_dim < 3:
        u, v = np.eye(2, latent_dim)
        return _through(np.zeros(latent_dim, np.float32), u, v, shell=False)
    axes, _ = np.linalg.qr(draw_z(seed, 3, latent_dim).T.astype(np.float64))  # (latent_dim, 3)
    return _through(np.sqrt(latent_dim) * axes[:, 0], axes[:, 1], axes[:, 2], shell=True)


def slice_through(points: F32) -> Slice:
    """Return the plane through three z, (3, latent_dim); the first is its centre."""
    a, b, c = np.asarray(points, np.float32)
    return _through(a, b - a, c - a, shell=False)


def _through(centre: Real, u: Real, v: Real, *, shell: bool) -> Slice:
    first = _unit(u, np.eye(1, len(u))[0])
    rest = v - np.dot(v, first) * first
    # Where both point the same way any other direction will do.
    other = np.eye(len(u))[int(np.argmin(np.abs(first)))]
    second = _unit(rest, other - np.dot(other, first) * first)
    centre = np.asarray(centre, np.float32)
    return Slice(centre, first, second, shell)


def _unit(vector: Real, instead: Real) -> F32:
    chosen = vector if np.linalg.norm(vector) > 1e-6 else instead
    length = np.linalg.norm(chosen)
    return np.asarray(chosen / (length if length > 0 else 1.0), dtype=np.float32)


@dataclass(frozen=True)
class Warped:
    """A square grid of latent space as the generator bends it into the plane of the data."""

    lines: tuple[F32, ...]  # each (65, 2)
    density: tuple[F32, ...]  # each (65,): probability of z over the area that it is stretched to


def warped_grid(models: Models, lines: int = 17, reach: float = 2.5) -> Warped:
    """Return the grid over the first two latent dimensions, [−reach, reach]²; the others are 0.

    The density at a point is φ(z) / |det J|, J the generator's Jacobian by central differences: where
    z is likely and little stretched, many points come to lie. In more than two latent dimensions it is
    that of the slice alone.
    """
    config = models.config
    along = np.linspace(-reach, reach, 65, dtype=np.float32)
    grid = []
    for axis in (0, min(1, config.latent_dim - 1)):
        for fixed in np.linspace(-reach, reach, lines, dtype=np.float32):
            z = np.zeros((len(along), config.latent_dim), dtype=np.float32)
            z[:, axis] = along
            if config.latent_dim > 1:
                z[:, 1 - axis] = fixed
            grid.append(z)
    z = np.concatenate(grid)
    points, density = models.make(z), _density(models, z)
    parts = len(grid)
    return Warped(tuple(np.split(points, parts)), tuple(np.split(density, parts)))


STEP = 1e-2


def _density(models: Models, z: F32) -> F32:
    axes = range(min(2, z.shape[1]))
    slopes = []
    for axis in axes:
        off = np.zeros_like(z)
        off[:, axis] = STEP
        slopes.append((models.make(z + off) - models.make(z - off)) / (2 * STEP))
    if len(slopes) == 2:
        (a, b), (c, d) = slopes[0].T, slopes[1].T
        stretched = np.abs(a * d - b * c)
    else:
        stretched = np.linalg.norm(slopes[0], axis=1)
    likely = np.exp(-0.5 * (z[:, : len(slopes)] ** 2).sum(1)) / (2 * np.pi) ** (len(slopes) / 2)
    return np.asarray(likely / np.maximum(stretched, 1e-6), dtype=np.float32)
