"""Our metrics as other programs compute them: torchmetrics, prdc, scikit-learn, SciPy, POT."""

import contextlib
import io

import numpy as np
import ot
import scipy.linalg
import scipy.stats
import torch
from prdc import compute_prdc
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from wgan.arrays import F64
from wgan.metrics.feature_distances import MEMORISED, SUBSET, SUBSETS
from wgan.metrics.points import PROJECTIONS

PAIRS = 5_000
"""Number of features of each set of which `kernel_formula` uses all pairs."""


class PrecomputedFeatures(nn.Module):
    """A feature extractor for torchmetrics that returns its input, which already consists of features."""

    num_features = 64

    def forward(self, features: Tensor) -> Tensor:
        return features


def torchmetrics_fid(fake: Tensor, real: Tensor) -> float:
    """Return the FID by torchmetrics from features in batches."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=PrecomputedFeatures())
    for features, is_real in ((real, True), (fake, False)):
        for part in torch.split(features.double(), 1_000):
            metric.update(part, real=is_real)
    return float(metric.compute())


def torchmetrics_kid(fake: Tensor, real: Tensor, seed: int = 1) -> float:
    """Return the KID by torchmetrics with subsets of another seed."""
    from torchmetrics.image.kid import KernelInceptionDistance

    torch.manual_seed(seed)
    metric = KernelInceptionDistance(
        feature=PrecomputedFeatures(), subsets=SUBSETS, subset_size=SUBSET
    )
    metric.update(real.double(), real=True)
    metric.update(fake.double(), real=False)
    return float(metric.compute()[0])


def frechet_formula(fake: F64, real: F64) -> float:
    """Return ‖μ − μ′‖² + tr(Σ + Σ′ − 2(ΣΣ′)^½), with the root by SciPy's Schur method."""
    means = fake.mean(0) - real.mean(0)
    a, b = np.cov(fake, rowvar=False), np.cov(real, rowvar=False)
    root = np.real(scipy.linalg.sqrtm(a @ b))
    return float(means @ means + np.trace(a) + np.trace(b) - 2 * np.trace(root))


def kernel_formula(fake: F64, real: F64) -> float:
    """Return the unbiased MMD² with (x·y / D + 1)³ over all pairs of at most 5,000 features each."""
    rng = np.random.default_rng(0)  # MNIST's first and second halves of test digits differ
    fake, real = (side[rng.permutation(len(side))[:PAIRS]] for side in (fake, real))

    def total(a: F64, b: F64) -> float:
        parts = (part @ b.T / a.shape[1] + 1 for part in np.array_split(a, max(1, len(a) // 1_000)))
        return sum(float((part**3).sum()) for part in parts)

    def within(a: F64) -> float:
        own = float((((a * a).sum(1) / a.shape[1] + 1) ** 3).sum())
        return (total(a, a) - own) / (len(a) * (len(a) - 1))

    return within(fake) + within(real) - 2 * total(fake, real) / (len(fake) * len(real))


def prdc_by_authors(real: F64, fake: F64) -> dict[str, float]:
    """Return precision and recall with k = 3, density and coverage with k = 5."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the numbers of pictures
        three, five = (compute_prdc(real, fake, nearest_k=k) for k in (3, 5))
    return {
        "precision": float(three["precision"]),
        "recall": float(three["recall"]),
        "density": float(five["density"]),
        "coverage": float(five["coverage"]),
    }


def copied_share(pictures: Tensor, among: Tensor) -> float:
    """Return the share of pictures that are at least twice as near to one of `among` as to any other."""
    neighbours = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(
        among.flatten(1).float().numpy()
    )
    distances, _ = neighbours.kneighbors(pictures.flatten(1).float().numpy())
    return float((distances[:, 0] < MEMORISED * distances[:, 1]).mean())


def repeated_share(fake: F64, real: F64) -> float:
    """Return the share of features whose nearest neighbour is nearer than half the median among real ones."""

    def spacing(features: F64) -> F64:
        neighbours = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(features)
        distances: F64 = neighbours.kneighbors(features)[0][:, 1]
        return distances

    return float((spacing(fake) < 0.5 * np.median(spacing(real))).mean())


def halved_pictures(pictures: Tensor) -> F64:
    """Return pictures of 28×28 averaged to 14×14, as numbers in [−1, 1]."""
    values = pictures.numpy().astype(np.float64) / 127.5 - 1
    blocks = values.reshape(len(values), -1, 14, 2, 14, 2).mean((3, 5))
    return np.asarray(blocks.reshape(len(values), -1))


def class_shares(labels: Tensor, classes: int) -> F64:
    """Return the share of each class, (K,)."""
    return np.bincount(labels.numpy(), minlength=classes) / len(labels)


def sliced_by_scipy(a: F64, b: F64) -> float:
    """Return sliced W₁ by SciPy, on the lines that POT draws."""
    lines = ot.sliced.get_random_projections(a.shape[1], PROJECTIONS, seed=0)  # (D, lines)
    return float(
        np.mean([scipy.stats.wasserstein_distance(a @ u, b @ u) for u in np.asarray(lines).T])
    )


def emd_by_pot(a: F64, b: F64) -> float:
    """Return the exact W₁ by POT."""
    weights = np.full(len(a), 1 / len(a))
    return float(ot.emd2(weights, weights, ot.dist(a, b, metric="euclidean"), numItermax=10**7))
