"""Planes in latent space: slices for a map of pictures, and a grid mapped by the generator."""

from dataclasses import dataclass

import numpy as np

from wgan.arrays import F32, Real
from wgan.latent.models import Models, draw_z

MAX_SIDE = 21


@dataclass(frozen=True)
class Slice:
    """A plane in latent space: centre + x·u + y·v, with orthonormal u and v.

    With `shell`, the plane is mapped to a sphere around 0 through the centre, which is orthogonal
    to u and v. Then r = ‖(x, y)‖ is the angle from the centre, in radians. In high dimensions
    nearly all normally distributed z have about the same length, so they are near this sphere.
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
        """Return the place (x, y) of z, (latent_dim,), nearest to the centre; None if z is not on
        the plane.
        """
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

        Args:
            x: x of the square's middle.
            y: y of the square's middle.
            half: Half the side of the square.
            side: Pictures along each side, at most `MOST_SIDE`.

        Raises:
            ValueError: `side` is too large.
        """
        if not 1 <= side <= MAX_SIDE:
            raise ValueError(f"A map has 1 to {MAX_SIDE} pictures per side, not {side}.")
        # The middles of the pictures, so that neighbouring squares share no row.
        steps = half * ((2 * np.arange(side) + 1) / side - 1)
        xs, ys = np.meshgrid(x + steps, y - steps)
        return self.at(xs.ravel(), ys.ravel())


def random_slice(seed: int, latent_dim: int) -> Slice:
    """Return a plane of latent space: the whole space if it has two dimensions, else a random sphere.

    The centre of the sphere's map has the length √latent_dim, which most z have; x and y are angles.
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
    remainder = v - np.dot(v, first) * first
    # If both have the same direction, use any orthogonal direction.
    fallback = np.eye(len(u))[int(np.argmin(np.abs(first)))]
    second = _unit(remainder, fallback - np.dot(fallback, first) * first)
    centre = np.asarray(centre, np.float32)
    return Slice(centre, first, second, shell)


def _unit(vector: Real, fallback: Real) -> F32:
    direction = vector if np.linalg.norm(vector) > 1e-6 else fallback
    length = np.linalg.norm(direction)
    return np.asarray(direction / (length if length > 0 else 1.0), dtype=np.float32)


@dataclass(frozen=True)
class Warped:
    """A square grid of latent space, mapped by the generator into the plane of the data."""

    lines: tuple[F32, ...]  # each (65, 2)
    density: tuple[F32, ...]  # each (65,): density of the samples there


def warped_grid(models: Models, lines: int = 17, reach: float = 2.5) -> Warped:
    """Return the grid over the first two latent dimensions, [−reach, reach]², mapped by the generator.

    Other latent dimensions are 0. The density at a point is φ(z) / |det J|, with the generator's Jacobian
    J by central differences. In more than two latent dimensions it is that of the slice alone.

    Args:
        models: The networks, trained on points.
        lines: Lines in each direction.
        reach: Largest |z| on the grid.
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
