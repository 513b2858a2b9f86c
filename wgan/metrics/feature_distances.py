"""Distances of two sets of features: Fréchet, kernel, precision, recall, density, coverage, neighbours."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from wgan.data import Stack

SUBSETS, SUBSET = 50, 500
"""KID: the mean over so many draws of so many features on each side."""

PRECISION_K, COVERAGE_K = 3, 5
MEMORISED = 0.5
CHUNK = 1_000


@dataclass(frozen=True)
class Sums:
    """What a Fréchet distance needs of a set of features, in float64: they add up over parts."""

    n: int
    total: Tensor  # (64,)
    outer: Tensor  # (64, 64), Σ f fᵀ

    @classmethod
    def of(cls, features: Tensor) -> "Sums":
        """Return the sums of features, (N, 64)."""
        exact = features.double()
        return cls(len(exact), exact.sum(0), exact.T @ exact)

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.n + other.n, self.total + other.total, self.outer + other.outer)


class _Given(nn.Module):
    """Passes features on as they are: they have been computed already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def load() -> None:
    """Import what takes seconds: torchmetrics. May be called ahead, in another thread."""
    from torchmetrics.image.fid import FrechetInceptionDistance  # noqa: F401
    from torchmetrics.image.kid import KernelInceptionDistance  # noqa: F401


def frechet(fake: Sums, real: Sums) -> float:
    """Return the Fréchet distance of two Gaussians with these moments (torchmetrics).

    ‖μ − μ′‖² + tr(Σ + Σ′ − 2(ΣΣ′)^½). Heusel et al. 2017, arXiv:1706.08500. Both of two samples at least.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_Given(len(real.total)))
    # It learns its type from the first features it is given; its sums are then put in place.
    metric.update(torch.zeros(1, len(real.total), dtype=torch.float64), real=True)
    for side, sums in (("real", real), ("fake", fake)):
        setattr(metric, f"{side}_features_sum", sums.total)
        setattr(metric, f"{side}_features_cov_sum", sums.outer)
        setattr(metric, f"{side}_features_num_samples", torch.tensor(sums.n))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return max(0.0, float(metric.compute()))


def kid(fake: Tensor, real: Tensor) -> tuple[float, float]:
    """Return the kernel distance of two sets of features, (N, D) and (M, D): mean and deviation.

    Unbiased MMD² with the kernel (x·y / D + 1)³ over 50 subsets of 500, or of all where there are fewer
    (torchmetrics). Bińkowski et al. 2018, arXiv:1801.01401.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(SUBSET, len(fake), len(real))
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it keeps all features, which are small
        torch.manual_seed(0)  # its subsets come from torch's own state, which is put back
        metric = KernelInceptionDistance(
            feature=_Given(fake.shape[1]), subsets=SUBSETS, subset_size=size
        )
        metric.update(real.double(), real=True)
        metric.update(fake.double(), real=False)
        mean, deviation = metric.compute()
    return float(mean), float(deviation)


class Coverage(NamedTuple):
    """Precision and recall (k = 3), density and coverage (k = 5), each a share but for density."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: Tensor, fake: Tensor) -> Iterator[float | Coverage]:
    """Yield the share that is done, and at last precision, recall, density and coverage.

    `real` is (N, D), `fake` (M, D). A fake is precise within some real's distance to its third
    neighbour; a real is recalled within some fake's. Density counts the reals whose distance to the
    fifth neighbour holds a fake, over 5 M; coverage is the share of reals that hold one. Kynkäänniemi
    et al. 2019, arXiv:1904.06991; Naeem et al. 2020, arXiv:2002.09797. One of the first pair says
    nothing without the other.
    """
    radii = {}
    for i, (name, side) in enumerate((("real", real), ("fake", fake))):
        near_parts = []
        for j, part in enumerate(torch.split(side, CHUNK)):
            # The nearest is itself, at distance 0.
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
    """Go through shares of work and return what comes at the end."""
    share = None
    for share in shares:  # noqa: B007
        pass
    return share


def nearest(queries: Tensor, among: Stack, k: int = 2) -> Iterator[float | tuple[Tensor, Tensor]]:
    """Yield the share that is done, and at last the k nearest of `among` in pixels.

    Both are (…, C, H, W) uint8. The end: distances and indices, both (Q, k), the nearest first;
    a distance is the root mean square difference of the pixels, in 0…255.
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
    """Tell which pictures copy a training picture, by their two nearest ones, (Q, 2) → (Q,).

    d₁/d₂ < 0.5: a copy lies much nearer to one training picture than to any other, a new picture
    about as near to several.
    """
    if distances.shape[1] < 2:
        return torch.zeros(len(distances), dtype=torch.bool)
    return distances[:, 0] < MEMORISED * distances[:, 1]


def own_nearest(features: Tensor) -> Iterator[float | Tensor]:
    """Yield the share that is done, and at last each row's distance to the nearest other, (N, D) → (N,)."""
    distances = []
    for start in range(0, len(features), CHUNK):
        rows = torch.cdist(features[start : start + CHUNK], features)
        at = torch.arange(len(rows))
        rows[at, at + start] = torch.inf
        distances.append(rows.min(1).values)
        yield start / len(features)
    yield torch.cat(distances)
