"""Verdicts about latent space: the length of z on a walk, and the error of an inversion."""

import numpy as np

from wgan.arrays import Real

SPREAD = 0.7
"""Standard deviation of ‖z‖ in many dimensions, where ‖z‖² has mean d and variance 2d: about 1 / √2."""

MIN_GAP = 2 * SPREAD
"""Difference from √d below which a length is usual."""


def linear_walk(path: Real) -> str:
    """Return what the lengths of z on straight lines, (F, latent_dim), mean for the pictures."""
    lengths = np.linalg.norm(path, axis=1)
    dim, shortest, longest = path.shape[1], float(lengths.min()), float(lengths.max())
    typical = float(np.sqrt(dim))
    if longest < 1e-6:
        return "With truncation 0, every z is 0, so the walk shows one picture. Choose a larger truncation."
    if typical - longest >= MIN_GAP and longest < typical / 2:
        return (
            f"With this truncation, ‖z‖ is at most {longest:.1f}, and {typical:.1f} would be usual: all samples of this walk "
            "are close to that of z = 0. A larger truncation gives more variety."
        )
    text = (
        f"In training, z has {dim} independent normal coordinates, so its length ‖z‖ is usually close to "
        f"√{dim} ≈ {typical:.1f}. "
    )
    if typical - shortest < MIN_GAP:
        return text + (
            f"On the straight lines of this walk, it falls to {shortest:.1f}, which is not unusual, so both "
            "interpolations give similar pictures."
        )
    return text + (
        "Spherical interpolation keeps it between the lengths of the two waypoints. On a straight line it "
        f"falls to {shortest:.1f}, where the generator was hardly trained: pictures there are often greyer or "
        "more alike."
    )


def inversion(error: float, errors_of_held_out: Real) -> str:
    """Say if a picture was inverted as exactly as held-out pictures, (N,): with at most their largest error."""
    if error < float(errors_of_held_out.min()):
        return (
            "Your picture is better than this range: the generator can make it more closely than any of these "
            "held-out pictures."
        )
    if error <= float(errors_of_held_out.max()):
        return (
            "Your picture is within this range: the generator can make it about as closely as held-out "
            "pictures of the data set."
        )
    return (
        "Your picture is outside this range: the search found no z whose picture is as close to it as theirs are "
        "to them."
    )
