"""Paths through latent space: spherical and linear interpolation, walks through waypoints."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import numpy as np

from wgan.arrays import F32

Method = Literal["slerp", "lerp"]
Easing = Literal["even", "gentle", "rest"]

EASINGS: dict[Easing, Callable[[F32], F32]] = {
    "even": lambda t: t,
    "gentle": lambda t: _gentle(t),
    "rest": lambda t: _gentle(np.clip((t - 0.15) / 0.7, 0, 1)),
}
"""Easings between two waypoints, [0, 1] → [0, 1]: even, slower near waypoints, with a rest at them."""


def _gentle(t: F32) -> F32:
    return t * t * (3 - 2 * t)


def slerp(a: F32, b: F32, t: F32) -> F32:
    """Interpolate spherically from a to b; the length changes linearly.

    Standard normal z lie near a sphere, so an arc stays where the generator was trained. For parallel or
    zero vectors the path is the straight line.

    Args:
        a: Start, (latent_dim,).
        b: End, (latent_dim,).
        t: Places on the path, (T,), in [0, 1].

    Returns:
        z, (T, latent_dim).

    Reference:
        Shoemake 1985; White 2016, arXiv:1609.04468.
    """
    length_a, length_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if min(length_a, length_b) < 1e-8:
        return lerp(a, b, t)
    cosine = float(np.clip(np.dot(a / length_a, b / length_b), -1.0, 1.0))
    angle = math.acos(cosine)
    if math.sin(angle) < 1e-4:
        return lerp(a, b, t)
    s = np.asarray(t, dtype=np.float64)[:, None]
    direction = (np.sin((1 - s) * angle) * (a / length_a) + np.sin(s * angle) * (b / length_b)) / (
        math.sin(angle)
    )
    return np.asarray(direction * ((1 - s) * length_a + s * length_b), dtype=np.float32)


def lerp(a: F32, b: F32, t: F32) -> F32:
    """Interpolate linearly from a to b: (T,) → (T, latent_dim). In the middle ‖z‖ is smaller."""
    s = np.asarray(t, dtype=np.float64)[:, None]
    return np.asarray((1 - s) * a + s * b, dtype=np.float32)


def walk(
    waypoints: F32,
    frames: int,
    *,
    method: Method = "slerp",
    closed: bool = True,
    easing: Easing = "even",
) -> tuple[F32, tuple[int, ...]]:
    """Return z along a path through waypoints, and the frame of each waypoint.

    Args:
        waypoints: (W, latent_dim), at least two.
        frames: About how many frames; each leg has the same number.
        method: Spherical ("slerp") or linear ("lerp") interpolation.
        closed: Whether the path returns to the first waypoint, which is not repeated.
        easing: Speed along each leg, a key of `EASINGS`.

    Returns:
        z of each frame, (F, latent_dim), and the index of each waypoint's frame.

    Raises:
        ValueError: There are fewer than two waypoints.
    """
    if len(waypoints) < 2:
        raise ValueError("A walk needs at least two waypoints.")
    between = slerp if method == "slerp" else lerp
    ends = [*waypoints, waypoints[0]] if closed else list(waypoints)
    legs = len(ends) - 1
    each = max(1, round(frames / legs))
    t = EASINGS[easing](np.linspace(0, 1, each, endpoint=False, dtype=np.float32))
    path = [between(a, b, t) for a, b in pairwise(ends)]
    if not closed:
        path.append(np.asarray(ends[-1], dtype=np.float32)[None])
    marks = tuple(i * each for i in range(len(waypoints)))
    return np.concatenate(path), marks


def truncated(z: F32, share: float) -> F32:
    """Return z scaled towards 0: share · z, (N, latent_dim), for a share in [0, 1.5].

    A share below 1 gives fewer kinds of pictures, each more typical.

    Reference:
        Karras et al. 2019, arXiv:1812.04948, scale in the same way, around a mean; Brock et al.
        2019, arXiv:1809.11096, truncate the normal distribution.
    """
    return np.asarray(share * z, dtype=np.float32)
