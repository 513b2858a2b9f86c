"""The critic, opened up: what it says of examples, how steep it is, what its layers hold and look at.

Everything is found on a reader's own copies (`Models`), with the critic in eval mode, and comes back as
NumPy arrays. Real examples, fakes and ε are keyed draws, the same at each call: what changes from one
step to the next is the networks, not the luck of a draw.
"""

from wgan.critic.examples import (
    Examples,
    Sides,
    Z,
    beside,
    examples_of,
    few,
    floats_of,
    floor,
    picture_from,
    pictures_of,
)
from wgan.critic.inside import Activation, Saliency, activations, saliency, units
from wgan.critic.layers import Gradients, Weights, at_bounds, gradients, weights
from wgan.critic.scores import (
    Ranked,
    Scores,
    Slopes,
    between,
    bounds_the_distance,
    ranked,
    scored,
    scores,
    slopes,
    steepness,
)
from wgan.critic.surfaces import Surfaces, surfaces

__all__ = [
    "Activation",
    "Examples",
    "Gradients",
    "Ranked",
    "Saliency",
    "Scores",
    "Sides",
    "Slopes",
    "Surfaces",
    "Weights",
    "Z",
    "activations",
    "at_bounds",
    "beside",
    "between",
    "bounds_the_distance",
    "examples_of",
    "few",
    "floats_of",
    "floor",
    "gradients",
    "picture_from",
    "pictures_of",
    "ranked",
    "saliency",
    "scored",
    "scores",
    "slopes",
    "steepness",
    "surfaces",
    "units",
    "weights",
]
