"""Latent space: walks, planes and directions, and inversion, which finds the z of a picture."""

from wgan.latent.directions import WAYS, Directions, Way, ganspace, sefa
from wgan.latent.inversion import Search, search
from wgan.latent.models import Models, draw_z, preview_z
from wgan.latent.paths import EASINGS, Easing, Method, lerp, slerp, truncated, walk
from wgan.latent.plane import (
    MAX_SIDE,
    Slice,
    Warped,
    random_slice,
    slice_through,
    warped_grid,
)

__all__ = [
    "EASINGS",
    "MAX_SIDE",
    "WAYS",
    "Directions",
    "Easing",
    "Method",
    "Models",
    "Search",
    "Slice",
    "Warped",
    "Way",
    "draw_z",
    "ganspace",
    "lerp",
    "preview_z",
    "random_slice",
    "search",
    "sefa",
    "slerp",
    "slice_through",
    "truncated",
    "walk",
    "warped_grid",
]
