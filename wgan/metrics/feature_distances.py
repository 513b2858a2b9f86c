"""Distances between sets of features: Fréchet, kernel, precision, recall, density, coverage, neighbours."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from wgan.data import Stack

SUBSETS, SUBSET = 50, 500
"""KID: the number of subsets, and the number of features in each."""

PRECISION_K, COVERAGE_K = 3, 5
MEMORISED = 0.5
CHUNK = 1_000


@dataclass(frozen=True)
class Sums:
    """The sums over a set of features that a Fréchet distance needs. Sums of two sets can be added."""

    n: int
    total: Tensor  # (64,)
    outer: Tensor  # (64, 64), Σ f fᵀ

    @classmethod
    def of(cls, features: Tensor) -> "Sums":
        """Return the sums of features, (N, 64), in float64."""
        exact = features.double()
        return cls(len(exact), exact.sum(0), exact.T @ exact)

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.n + other.n, self.total + other.total, self.outer + other.outer)


class _Identity(nn.Module):
    """Returns its input, because the features have been computed before."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def load() -> None:
    """Import torchmetrics, which takes seconds. It may be called earlier in another thread."""
    from torchmetrics.image.fid import FrechetInceptionDistance  # noqa: F401
    from torchmetrics.image.kid import KernelInceptionDistance  # noqa: F401


def frechet(fake: Sums, real: Sums) -> float:
    """Return the Fréchet distance of two sets of features, computed by torchmetrics.

    ‖μ − μ′‖² + tr(Σ + Σ′ − 2(ΣΣ′)^½). Each set needs at least two samples.

    Reference:
        Heusel et al. 2017, arXiv:1706.08500.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_Identity(len(real.total)))
    # The metric takes its dtype from the first features. Its sums are set directly afterwards.
    metric.update(torch.zeros(1, len(real.total), dtype=torch.float64), real=True)
    for side, sums in (("real", real), ("fake", fake)):
        setattr(metric, f"{side}_features_sum", sums.total)
        setattr(metric, f"{side}_features_cov_sum", sums.outer)
        setattr(metric, f"{side}_features_num_samples", torch.tensor(sums.n))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return max(0.0, float(metric.compute()))


def kid(fake: Tensor, real: Tensor) -> tuple[float, float]:
    """Return the kernel distance of two sets of features: mean and standard deviation.

    The unbiased MMD² with the kernel (x·y / D + 1)³ over 50 subsets of 500 features, or of all
    features if there are fewer, computed by torchmetrics.

    Args:
        fake: (N, D).
        real: (M, D).

    Reference:
        Bińkowski et al. 2018, arXiv:1801.01401.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(SUBSET, len(fake), len(real))
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it stores all features, which are small
        torch.manual_seed(0)  # torch's global generator draws the subsets
        metric = KernelInceptionDistance(
            feature=_Identity(fake.shape[1]), subsets=SUBSETS, subset_size=size
        )
        metric.update(real.double(), real=True)
        metric.update(fake.double(), real=False)
        mean, deviation = metric.compute()
    return float(mean), float(deviation)


class Coverage(NamedTuple):
    """Precision and recall (k = 3), density and coverage (k = 5); all but density are in [0, 1]."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: Tensor, fake: Tensor) -> Iterator[float | Coverage]:
    """Compute precision, recall, density and coverage in several steps.

    A fake is precise if it lies within the distance of some real example to its third neighbour. A
    real example is recalled if it lies within that distance of some fake. Density counts the pairs
    in which a fake lies within the distance of a real example to its fifth neighbour, divided by 5
    M. Coverage is the share of real examples that have such a fake. Precision and recall must be
    read together.

    Args:
        real: (N, D).
        fake: (M, D).

    Yields:
        The share that is done, in [0, 1]; at the end the `Coverage`.

    Reference:
        Kynkäänniemi et al. 2019, arXiv:1904.06991; Naeem et al. 2020, arXiv:2002.09797.
    """
    radii = {}
    for i, (name, side) in enumerate((("real", real), ("fake", fake))):
        near_parts = []
        for j, part in enumerate(torch.split(side, CHUNK)):
            # The first neighbour is the row itself, at distance 0.
            neighbours = torch.cdist(part, side).topk(
                min(COVERAGE_K, len(side) - 1) + 1, largest=False
            )
            near_parts.append(neighbours.values)
            yield (i + j * CHUNK / len(side)) / 3
        radii[name] = torch.cat(near_parts)
    at = min(PRECISION_K, radii["real"].shape[1] - 1), min(PRECISION_K, radii["fake"].shape[1] - 1)
    real3, fake3 = radii["real"][:, at[0]], radii["fake"][:, at[1]]
    real5 = radii["real"][:, -1]
    precise = torch.zeros(len(fake), dtype=torch.bool)
    recalled, inside, covered = 0, 0, 0
    for j, rows in enumerate(torch.split(torch.arange(len(real)), CHUNK)):
        distance = torch.cdist(real[rows], fake)  # (n, M)
        precise |= (distance < real3[rows, None]).any(0)
        recalled += int((distance < fake3).any(1).sum())
        close = distance < real5[rows, None]
        inside += int(close.sum())
        covered += int(close.any(1).sum())
        yield (2 + j * CHUNK / len(real)) / 3
    n, m, k = len(real), len(fake), radii["real"].shape[1] - 1
    yield Coverage(float(precise.float().mean()), recalled / n, inside / (k * m), covered / n)


def last(shares: Iterator[Any]) -> Any:
    """Exhaust an iterator and return its last item."""
    share = None
    for share in shares:  # noqa: B007
        pass
    return share


def nearest(queries: Tensor, among: Stack, k: int = 2) -> Iterator[float | tuple[Tensor, Tensor]]:
    """Find the nearest pictures by pixels in several steps.

    Args:
        queries: (Q, C, H, W) uint8.
        among: The pictures to search, (N, C, H, W) uint8.
        k: Number of neighbours.

    Yields:
        The share that is done, in [0, 1]; at the end distances and indices, (Q, k) each, nearest
        first. A distance is the root mean square difference of the pixels, in 0…255.
    """
    flat = queries.flatten(1).float()
    scale = flat.shape[1] ** 0.5
    best = torch.full((len(flat), 0), torch.inf), torch.zeros((len(flat), 0), dtype=torch.long)
    for start in range(0, len(among), 4 * CHUNK):
        part = torch.cdist(flat, among[start : start + 4 * CHUNK].flatten(1).float()) / scale
        neighbours = part.topk(min(k, part.shape[1]), largest=False)
        values = torch.cat([best[0], neighbours.values], dim=1)
        where = torch.cat([best[1], neighbours.indices + start], dim=1)
        closest = values.topk(min(k, values.shape[1]), largest=False)
        best = closest.values, where.gather(1, closest.indices)
        yield min(1.0, (start + 4 * CHUNK) / len(among))
    yield best


def memorised(distances: Tensor) -> Tensor:
    """Return which pictures copy a training picture: those with d₁/d₂ < 0.5.

    A copy is much nearer to one training picture than to any other. A new picture is about as near
    to several.

    Args:
        distances: Distances to the two nearest training pictures, (Q, 2).

    Returns:
        A mask, (Q,).
    """
    if distances.shape[1] < 2:
        return torch.zeros(len(distances), dtype=torch.bool)
    return distances[:, 0] < MEMORISED * distances[:, 1]


def own_nearest(features: Tensor) -> Iterator[float | Tensor]:
    """Find each row's distance to the nearest other row, in several steps: (N, D) → (N,).

    Yields:
        The share that is done, in [0, 1]; at the end the distances.
    """
    distances = []
    for start in range(0, len(features), CHUNK):
        rows = torch.cdist(features[start : start + CHUNK], features)
        at = torch.arange(len(rows))
        rows[at, at + start] = torch.inf
        distances.append(rows.min(1).values)
        yield start / len(features)
    yield torch.cat(distances)
