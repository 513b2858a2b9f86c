"""Analysis of a critic: scores, slopes, weights and gradients of its layers, saliency, surfaces.

All functions work on a copy of the networks (`Models`) with the critic in eval mode, and return
NumPy arrays. Real examples, fakes and ε are keyed draws, the same at each call. So only the
networks differ between steps, never the samples.
"""

from wgan.critic.examples import (
    COMPARED,
    Examples,
    RealFakeBatch,
    Z,
    examples_of,
    first_examples,
    floats_of,
    floor,
    picture_from,
    pictures_of,
    with_fakes,
)
from wgan.critic.feature_map import SampleMap, principal_plane, sample_map
from wgan.critic.inside import (
    Activation,
    Layer,
    Saliency,
    activations,
    network_layers,
    saliency,
    step_uphill,
    units,
)
from wgan.critic.layers import Gradients, Weights, at_bounds, gradients, weights
from wgan.critic.scores import (
    RankedExamples,
    Scores,
    Slopes,
    bounds_the_distance,
    interpolates,
    rank_by_score,
    score_batch,
    scores,
    slopes,
    steepness,
)
from wgan.critic.surfaces import Surfaces, surfaces

__all__ = [
    "COMPARED",
    "Activation",
    "Examples",
    "Gradients",
    "Layer",
    "RankedExamples",
    "RealFakeBatch",
    "Saliency",
    "SampleMap",
    "Scores",
    "Slopes",
    "Surfaces",
    "Weights",
    "Z",
    "activations",
    "at_bounds",
    "bounds_the_distance",
    "examples_of",
    "first_examples",
    "floats_of",
    "floor",
    "gradients",
    "interpolates",
    "network_layers",
    "picture_from",
    "pictures_of",
    "principal_plane",
    "rank_by_score",
    "saliency",
    "sample_map",
    "score_batch",
    "scores",
    "slopes",
    "steepness",
    "step_uphill",
    "surfaces",
    "units",
    "weights",
    "with_fakes",
]
