"""A map of real pictures and fakes: their features in the plane of the first two principal components."""

from dataclasses import dataclass

import numpy as np
import torch

from wgan.arrays import F32
from wgan.critic.examples import RealFakeBatch, pictures_of
from wgan.critic.scores import score_batch
from wgan.data import Dataset
from wgan.latent import Models
from wgan.metrics import find_network


@dataclass(frozen=True)
class SampleMap:
    """Positions of real pictures and fakes on a map, and the critic's scores of them."""

    real: F32  # (N, 2)
    fake: F32  # (N, 2)
    real_scores: F32  # (N,)
    fake_scores: F32  # (N,)
    explained: float  # share of the variance of the real features that the map shows, in [0, 1]
    classifies: bool  # whether the features are those of a classifier


def sample_map(models: Models, batch: RealFakeBatch) -> SampleMap:
    """Place a batch of pictures on a map.

    The features are those of the FID, (N, 64). The plane is that of the real pictures, so it is the same at
    every step of a run.

    Raises:
        DataError: The feature network cannot be read.
    """
    dataset: Dataset = models.config.dataset
    network = find_network(dataset.features, dataset.shape)
    real, fake = (
        network.features(torch.from_numpy(pictures_of(x))).numpy() for x in (batch.real, batch.fake)
    )
    mean, axes, explained = principal_plane(real)
    scores = score_batch(models, batch)
    return SampleMap(
        (real - mean) @ axes,
        (fake - mean) @ axes,
        scores.real,
        scores.fake,
        explained,
        network.classifies,
    )


def principal_plane(features: F32) -> tuple[F32, F32, float]:
    """Return the plane in which points vary most: principal component analysis.

    Args:
        features: (N, D), N ≥ 2 and D ≥ 2.

    Returns:
        The mean, (D,); two orthonormal axes, (D, 2), each with its largest component positive; and the share
        of the variance in the plane, in [0, 1].
    """
    mean = features.mean(axis=0)
    _, sizes, axes = np.linalg.svd((features - mean).astype(np.float64), full_matrices=False)
    plane = axes[:2]
    largest = plane[np.arange(2), np.abs(plane).argmax(axis=1)]
    plane = plane * np.where(largest < 0, -1.0, 1.0)[:, None]
    variance = float((sizes**2).sum())
    explained = float((sizes[:2] ** 2).sum()) / variance if variance > 0 else 1.0
    return mean, plane.T.astype(np.float32), explained
