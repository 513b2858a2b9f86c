"""Ways through latent space: arcs, lines, walks through waypoints."""

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
"""How time goes between two waypoints, [0, 1] → [0, 1]: evenly, slower near them, resting at them."""


def _gentle(t: F32) -> F32:
    return t * t * (3 - 2 * t)


def slerp(a: F32, b: F32, t: F32) -> F32:
    """Go from a to b along a great arc, the length going linearly: (T,) → (T, latent_dim).

    Standard normal z lie near a sphere, so an arc stays where the generator was trained. Shoemake
    1985; White 2016, arXiv:1609.04468. For parallel or zero vectors it is the straight line.
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
    """Go from a to b in a straight line: (T,) → (T, latent_dim). It cuts the corner: ‖z‖ shrinks."""
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
    """Return z along a path through waypoints, and each waypoint's frame.

    `waypoints` is (W ≥ 2, latent_dim); a closed path returns to the first without repeating it.
    The result is (about `frames`, latent_dim): each leg gets the same number of frames. `easing` says
    how time goes on each leg.
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
    """Return z drawn towards the middle: share · z, for a share in [0, 1.5].

    Below 1: fewer kinds of pictures, each more typical (Brock et al. 2019, arXiv:1809.11096, cut the
    normal instead; Karras et al. 2019, arXiv:1812.04948, scale as here, around their mean).
    """
    return np.asarray(share * z, dtype=np.float32)
