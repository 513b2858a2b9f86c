"""How good pictures are, measured in features and in pixels, beside what real pictures score.

FID and KID are torchmetrics'; the features are ours (`wgan.metrics.extractor`), so that 10,000 pictures
go through a network once for all numbers.
"""

import warnings
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan.data import Dataset, Pictures, Stack, parts_of, some
from wgan.metrics.extractor import Network, Sums, find_network
from wgan.metrics.stacked import combinations
from wgan.rng import generator
from wgan.transport import kl

SUBSETS, SUBSET = 50, 500
"""KID: the mean over so many draws of so many features on each side."""

PRECISION_K, COVERAGE_K = 3, 5
MEMORISED = 0.5
CHUNK = 1_000
POOLED = 14
"""Side to which pictures are averaged for the distance in pixels."""

COMPARED = 1_000
"""Samples that are compared with all training pictures: so many times 60,000 takes seconds."""

LIVE = 1_000
"""Samples of a measurement while training goes on."""

MOST_REFERENCE = 200_000
"""Training pictures of a run's own that make its reference: minutes, where a million would take many."""

KNOWN = 4_000
"""Training pictures whose classes stand for the data's frequencies."""


# ---- distances of two sets of features ---------------------------------------------------------------


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
        found = []
        for j, part in enumerate(torch.split(side, CHUNK)):
            # The nearest is itself, at distance 0.
            near = torch.cdist(part, side).topk(min(COVERAGE_K, len(side) - 1) + 1, largest=False)
            found.append(near.values)
            yield (i + j * CHUNK / len(side)) / 3
        radii[name] = torch.cat(found)
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
    found = None
    for found in shares:  # noqa: B007
        pass
    return found


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
        near = part.topk(min(k, part.shape[1]), largest=False)
        values = torch.cat([best[0], near.values], dim=1)
        where = torch.cat([best[1], near.indices + start], dim=1)
        kept = values.topk(min(k, values.shape[1]), largest=False)
        best = kept.values, where.gather(1, kept.indices)
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
    found = []
    for start in range(0, len(features), CHUNK):
        rows = torch.cdist(features[start : start + CHUNK], features)
        at = torch.arange(len(rows))
        rows[at, at + start] = torch.inf
        found.append(rows.min(1).values)
        yield start / len(features)
    yield torch.cat(found)


def pooled(pictures: Tensor) -> Tensor:
    """Return pictures averaged to at most 14×14 pixels in [−1, 1], (N, C, H, W) → (N, ≤ C·196)."""
    found = []
    for part in parts_of(pictures):
        values = part.float().div(127.5).sub(1)
        found.append(F.adaptive_avg_pool2d(values, min(POOLED, part.shape[2])).flatten(1))
    return torch.cat(found)


# ---- what a data set's pictures are measured against --------------------------------------------------


class ReferenceStats:
    """The network, the reference and the real pictures that samples of a data set meet.

    The reference is the whole training set of the network where the data set is of its kind and
    whole, so that numbers of mnist-10k and mnist can be compared; else the run's own training set,
    or a keyed choice of it where it has more than `MOST_REFERENCE` pictures.
    `prepare` computes it in shares.
    """

    def __init__(self, dataset: Dataset, data: Pictures, root: Path | None = None) -> None:
        self.data = data.to(torch.device("cpu"))
        self.network: Network = find_network(dataset.features, data.shape, root)
        self._sums = self.network.reference if dataset.whole else None
        self._own = self._sums is None
        self._title = dataset.title
        self.digits: Network | None = None
        if dataset.stacked:
            found = find_network("mnist", (1, 28, 28), root)
            self.digits = found if found.classifies else None

    def prepare(self) -> Iterator[float]:
        """Compute the reference and what live numbers are compared with, a little at a time.

        Yields the share that is done. Whoever asks for one of these unprepared gets it in one go.
        """
        for share in self._sum():
            yield 0.6 * share
        sides = [self.real(LIVE), self.training(LIVE)]
        if self.network.classifies:
            sides.append(self.training(KNOWN))
        for i, side in enumerate(sides):
            for share in side.features_in_shares():
                yield 0.6 + 0.4 * (i + share) / len(sides)

    def _sum(self) -> Iterator[float]:
        if self._sums is not None:
            return
        train, sums = self.data.train, None
        chosen = some(len(train), MOST_REFERENCE, generator(0, "metric", draw=3))
        for places in torch.split(chosen, 2_000):
            found = Sums.of(self.network.features(train[places]))
            sums = found if sums is None else sums + found
            yield sums.n / len(chosen)
        self._sums = sums

    @property
    def reference(self) -> Sums:
        """Moments of the reference's features."""
        if self._sums is None:
            last(self._sum())
        assert self._sums is not None
        return self._sums

    @property
    def protocol(self) -> dict[str, Any]:
        """What must be equal for two numbers to be compared."""
        n = len(self.data.train)
        few = f"{MOST_REFERENCE:,} of the " if n > MOST_REFERENCE else ""
        reference = (
            f"{few}{n:,} training pictures of {self._title}"
            if self._own
            else self.network.reference_name
        )
        return {
            "network": self.network.name,
            "hash": self.network.hash,
            "accuracy": self.network.accuracy,
            "reference": reference,
        }

    @property
    def floors(self) -> dict[int, tuple[float, float]]:
        """Fréchet distance of n real pictures to the reference, where that is known beforehand."""
        return {} if self._own else self.network.floors

    def most(self, wanted: int) -> int:
        """Return how many samples to measure, at most as many as real ones can stand beside them."""
        return wanted if wanted in self.floors else min(wanted, len(self.data.held_out))

    @lru_cache(maxsize=4)  # noqa: B019 - lives as long as the yardstick, which a job owns
    def real(self, n: int) -> "PictureSides":
        """Return n held-out pictures, or all of them, as if they were samples: the floor."""
        rng = generator(0, "metric", draw=1)
        held_out = self.data.held_out
        return PictureSides(held_out[torch.randperm(len(held_out), generator=rng)[:n]], self)

    @lru_cache(maxsize=4)  # noqa: B019
    def training(self, n: int) -> "PictureSides":
        """Return n training pictures, or all of them."""
        train = self.data.train
        chosen = torch.randperm(len(train), generator=generator(0, "metric", draw=2))[:n]
        return PictureSides(train[chosen], self)

    @cached_property
    def frequencies(self) -> Tensor:
        """How often each class of the network is seen among training pictures, (K,)."""
        seen = self.training(KNOWN)
        return _frequencies(seen.probabilities)


def _frequencies(probabilities: Tensor) -> Tensor:
    counts = torch.bincount(probabilities.argmax(1), minlength=probabilities.shape[1]).double()
    return counts / counts.sum()


class PictureSides:
    """Samples beside the real pictures of a yardstick, and what both metrics need once.

    `fake` is (N, C, H, W) uint8.
    """

    def __init__(self, fake: Tensor, yardstick: ReferenceStats) -> None:
        self.fake, self.yardstick = fake, yardstick
        self._firsts: dict[int, PictureSides] = {}

    def __len__(self) -> int:
        return len(self.fake)

    def first(self, n: int) -> "PictureSides":
        """Return the first n samples."""
        if n >= len(self):
            return self
        if n not in self._firsts:
            made = self._firsts[n] = PictureSides(self.fake[:n], self.yardstick)
            if "features" in self.__dict__:
                made.__dict__["features"] = self.features[:n]
        return self._firsts[n]

    @cached_property
    def features(self) -> Tensor:
        """Features of the samples, (N, 64)."""
        return self.yardstick.network.features(self.fake)

    @cached_property
    def probabilities(self) -> Tensor:
        """Class probabilities of the samples, (N, K)."""
        return self.yardstick.network.probabilities(self.features)

    @cached_property
    def other(self) -> "PictureSides":
        """The same with as many held-out pictures in place of the samples."""
        return self.yardstick.real(len(self))

    @cached_property
    def combinations(self) -> Tensor:
        """The three digits each sample shows, (N,) in 0…999; of stacked digits only."""
        assert self.yardstick.digits is not None
        return combinations(self.fake, self.yardstick.digits)

    @cached_property
    def neighbours(self) -> tuple[Tensor, Tensor]:
        """Distances and indices of the two nearest training pictures, (N, 2) each."""
        found: tuple[Tensor, Tensor] = last(nearest(self.fake, self.yardstick.data.train))
        return found

    @property
    def copies(self) -> Tensor:
        """Which samples copy a training picture, (N,)."""
        return memorised(self.neighbours[0])

    @cached_property
    def spacing(self) -> Tensor:
        """Distance in features to the nearest other sample, (N,)."""
        found: Tensor = last(own_nearest(self.features))
        return found

    @cached_property
    def coverage(self) -> Coverage:
        """Precision, recall, density and coverage against as many training pictures."""
        found: Coverage = last(prdc(self.yardstick.training(len(self)).features, self.features))
        return found

    def shares(self) -> Iterator[float]:
        """Compute what takes longest in shares, so that the metrics find it done.

        Kept where `cached_property` keeps it.
        """
        real = self.yardstick.training(len(self))
        for i, side in enumerate((self, real)):
            for share in side.features_in_shares():
                yield 0.1 * (i + share)
        if min(len(self), len(real)) > COVERAGE_K:  # else nobody asks for what is computed here
            for i, side in enumerate((self, real)):
                for share in side._spacing_in_shares():
                    yield 0.2 + 0.1 * (i + share)
            for step in prdc(real.features, self.features):
                if isinstance(step, Coverage):
                    self.__dict__["coverage"] = step
                else:
                    yield 0.4 + 0.4 * step
        some = self.first(COMPARED)
        for near in nearest(some.fake, self.yardstick.data.train):
            if isinstance(near, tuple):
                some.__dict__["neighbours"] = near
            else:
                yield 0.8 + 0.2 * near

    def features_in_shares(self) -> Iterator[float]:
        """Compute the features, so that whoever needs them finds them done; yields the share."""
        if "features" in self.__dict__:
            return
        found = []
        for part in torch.split(self.fake, 250):
            found.append(self.yardstick.network.features(part))
            yield sum(map(len, found)) / len(self)
        self.__dict__["features"] = torch.cat(found)

    def _spacing_in_shares(self) -> Iterator[float]:
        if "spacing" in self.__dict__:
            return
        for step in own_nearest(self.features):
            if isinstance(step, Tensor):
                self.__dict__["spacing"] = step
            else:
                yield step

    # ---- the metrics ----------------------------------------------------------------------------

    def fid(self) -> float:
        """Return the Fréchet distance to the reference, in features."""
        return frechet(Sums.of(self.features), self.yardstick.reference)

    @cached_property
    def kid_both(self) -> tuple[float, float]:
        """Kernel distance to as many training pictures, mean and deviation."""
        return kid(self.features, self.yardstick.training(max(len(self), SUBSET)).features)

    def kid(self) -> float:
        """Return the kernel distance."""
        return self.kid_both[0]

    def class_kl(self) -> float:
        """Return KL(classes of the samples ‖ classes of the training pictures), in nats."""
        return kl(
            _frequencies(self.probabilities).numpy(),
            # A class that training pictures lack would make it infinite: as if half a picture had it.
            (self.yardstick.frequencies + 0.5 / KNOWN).numpy()
            / (1 + 0.5 * self.probabilities.shape[1] / KNOWN),
        )

    def confidence(self) -> float:
        """Return the mean probability of each sample's likeliest class."""
        return float(self.probabilities.max(1).values.mean())

    def memorised(self) -> float:
        """Return the share of samples that copy a training picture."""
        return float(self.copies.double().mean())

    def duplicates(self) -> float:
        """Return the share of samples that nearly repeat another.

        In features nearer to another sample than half the median distance of real pictures to the
        nearest of as many.
        """
        limit = 0.5 * float(self.yardstick.training(len(self)).spacing.median())
        return float((self.spacing < limit).double().mean())

    def frechet_pixels(self) -> float:
        """Return the Fréchet distance to as many training pictures, in pixels averaged to 14×14."""
        return frechet(
            Sums.of(pooled(self.fake)), Sums.of(pooled(self.yardstick.training(len(self)).fake))
        )
