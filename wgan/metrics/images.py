"""Metrics of pictures in features and in pixels, and the values of real pictures.

torchmetrics computes FID and KID. The features are our own (`wgan.metrics.extractor`), so that
10,000 pictures pass through a network only once for all metrics.
"""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from wgan.data import Dataset, Pictures, chunks, sample_indices
from wgan.metrics.extractor import Network, find_network
from wgan.metrics.feature_distances import (
    COVERAGE_K,
    SUBSET,
    Coverage,
    Sums,
    frechet,
    kid,
    last,
    memorised,
    nearest,
    own_nearest,
    prdc,
)
from wgan.metrics.stacked import combinations
from wgan.rng import keyed_rng
from wgan.transport import kl

POOLED_SIDE = 14
"""Side to which pictures are averaged for the Fréchet distance in pixels."""

MEMORISATION_SAMPLES = 1_000
"""Samples that are compared with all training pictures: with 60,000 of these it takes seconds."""

LIVE_PICTURES = 1_000
"""Samples of a measurement during training."""

MAX_REFERENCE = 200_000
"""Maximum number of a run's training pictures in its reference, which take minutes."""

CLASS_FREQUENCY_PICTURES = 4_000
"""Training pictures from which the class frequencies of the data are estimated."""


def pooled(pictures: Tensor) -> Tensor:
    """Return pictures averaged to at most 14×14 pixels in [−1, 1]: (N, C, H, W) → (N, ≤ C·196)."""
    parts = []
    for part in chunks(pictures):
        values = part.float().div(127.5).sub(1)
        parts.append(F.adaptive_avg_pool2d(values, min(POOLED_SIDE, part.shape[2])).flatten(1))
    return torch.cat(parts)


# ---- the reference of a data set -------------------------------------------------------------


class ReferenceStats:
    """The feature network, the reference and the real pictures of a data set.

    If the data set is a complete one of the network's family, the reference is the training set of
    the network, so that metrics of mnist-10k and mnist can be compared. Otherwise it is the run's
    training set, or a keyed sample of it if it has more than `MOST_REFERENCE` pictures.

    Args:
        dataset: The data set.
        data: Its pictures.
        root: The data folder.
    """

    def __init__(self, dataset: Dataset, data: Pictures, root: Path | None = None) -> None:
        self.data = data.to(torch.device("cpu"))
        self.network: Network = find_network(dataset.features, data.shape, root)
        self._sums = self.network.reference if dataset.whole else None
        self._own = self._sums is None
        self._title = dataset.title
        self.digits: Network | None = None
        if dataset.stacked:
            network = find_network("mnist", (1, 28, 28), root)
            self.digits = network if network.classifies else None

    def prepare(self) -> Iterator[float]:
        """Compute the reference and the features of real pictures in several steps.

        Anything that is used without this is computed at once.

        Yields:
            The share that is done, in [0, 1].
        """
        for share in self._sum():
            yield 0.6 * share
        inputs = [self.real(LIVE_PICTURES), self.training(LIVE_PICTURES)]
        if self.network.classifies:
            inputs.append(self.training(CLASS_FREQUENCY_PICTURES))
        for i, side in enumerate(inputs):
            for share in side.features_in_shares():
                yield 0.6 + 0.4 * (i + share) / len(inputs)

    def _sum(self) -> Iterator[float]:
        if self._sums is not None:
            return
        train, sums = self.data.train, None
        all_places = sample_indices(len(train), MAX_REFERENCE, keyed_rng(0, "metric", draw=3))
        for places in torch.split(all_places, 2_000):
            batch_sums = Sums.of(self.network.features(train[places]))
            sums = batch_sums if sums is None else sums + batch_sums
            yield sums.n / len(all_places)
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
        """Settings that must be equal for two values to be comparable."""
        n = len(self.data.train)
        limit = f"{MAX_REFERENCE:,} of the " if n > MAX_REFERENCE else ""
        reference = (
            f"{limit}{n:,} training pictures of {self._title}"
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
        """Known Fréchet distances of n real pictures to the reference: mean and standard deviation by n."""
        return {} if self._own else self.network.floors

    def most(self, count: int) -> int:
        """Return how many of `count` samples to measure: at most as many as there are real ones to
        compare.
        """
        return count if count in self.floors else min(count, len(self.data.held_out))

    @lru_cache(maxsize=4)  # noqa: B019 - lives as long as the reference, which a job owns
    def real(self, n: int) -> "PictureInputs":
        """Return n held-out pictures in place of samples (all of them if there are fewer): the floor."""
        rng = keyed_rng(0, "metric", draw=1)
        held_out = self.data.held_out
        return PictureInputs(held_out[torch.randperm(len(held_out), generator=rng)[:n]], self)

    @lru_cache(maxsize=4)  # noqa: B019
    def training(self, n: int) -> "PictureInputs":
        """Return n training pictures, or all of them if there are fewer."""
        train = self.data.train
        places = torch.randperm(len(train), generator=keyed_rng(0, "metric", draw=2))[:n]
        return PictureInputs(train[places], self)

    @cached_property
    def frequencies(self) -> Tensor:
        """Frequency of each class of the network among training pictures, (K,)."""
        training_images = self.training(CLASS_FREQUENCY_PICTURES)
        return _frequencies(training_images.probabilities)


def _frequencies(probabilities: Tensor) -> Tensor:
    counts = torch.bincount(probabilities.argmax(1), minlength=probabilities.shape[1]).double()
    return counts / counts.sum()


class PictureInputs:
    """Samples and the real pictures to which they are compared, with shared intermediate values.

    Args:
        fake: The samples, (N, C, H, W) uint8.
        reference_stats: The reference.
    """

    def __init__(self, fake: Tensor, reference_stats: ReferenceStats) -> None:
        self.fake, self.reference_stats = fake, reference_stats
        self._firsts: dict[int, PictureInputs] = {}

    def __len__(self) -> int:
        return len(self.fake)

    def first(self, n: int) -> "PictureInputs":
        """Return the first n samples."""
        if n >= len(self):
            return self
        if n not in self._firsts:
            part = self._firsts[n] = PictureInputs(self.fake[:n], self.reference_stats)
            if "features" in self.__dict__:
                part.__dict__["features"] = self.features[:n]
        return self._firsts[n]

    @cached_property
    def features(self) -> Tensor:
        """Features of the samples, (N, 64)."""
        return self.reference_stats.network.features(self.fake)

    @cached_property
    def probabilities(self) -> Tensor:
        """Class probabilities of the samples, (N, K)."""
        return self.reference_stats.network.probabilities(self.features)

    @cached_property
    def other(self) -> "PictureInputs":
        """The same with as many held-out pictures in place of the samples."""
        return self.reference_stats.real(len(self))

    @cached_property
    def combinations(self) -> Tensor:
        """The number that the three digits of each sample form, (N,) in 0…999; only for stacked digits."""
        assert self.reference_stats.digits is not None
        return combinations(self.fake, self.reference_stats.digits)

    @cached_property
    def neighbours(self) -> tuple[Tensor, Tensor]:
        """Distances and indices of the two nearest training pictures, (N, 2) each."""
        distances_and_places: tuple[Tensor, Tensor] = last(
            nearest(self.fake, self.reference_stats.data.train)
        )
        return distances_and_places

    @property
    def copies(self) -> Tensor:
        """Mask of the samples that copy a training picture, (N,)."""
        return memorised(self.neighbours[0])

    @cached_property
    def spacing(self) -> Tensor:
        """Distance in features to the nearest other sample, (N,)."""
        distances: Tensor = last(own_nearest(self.features))
        return distances

    @cached_property
    def coverage(self) -> Coverage:
        """Precision, recall, density and coverage against as many training pictures."""
        values: Coverage = last(
            prdc(self.reference_stats.training(len(self)).features, self.features)
        )
        return values

    def shares(self) -> Iterator[float]:
        """Compute the slowest intermediate values in several steps, for the metrics to use.

        Yields:
            The share that is done, in [0, 1].
        """
        real = self.reference_stats.training(len(self))
        for i, side in enumerate((self, real)):
            for share in side.features_in_shares():
                yield 0.1 * (i + share)
        if min(len(self), len(real)) > COVERAGE_K:  # otherwise no metric uses these values
            for i, side in enumerate((self, real)):
                for share in side._spacing_in_shares():
                    yield 0.2 + 0.1 * (i + share)
            for step in prdc(real.features, self.features):
                if isinstance(step, Coverage):
                    self.__dict__["coverage"] = step
                else:
                    yield 0.4 + 0.4 * step
        compared = self.first(MEMORISATION_SAMPLES)
        for neighbour in nearest(compared.fake, self.reference_stats.data.train):
            if isinstance(neighbour, tuple):
                compared.__dict__["neighbours"] = neighbour
            else:
                yield 0.8 + 0.2 * neighbour

    def features_in_shares(self) -> Iterator[float]:
        """Compute the features of the samples in several steps.

        Yields:
            The share that is done, in [0, 1].
        """
        if "features" in self.__dict__:
            return
        parts = []
        for part in torch.split(self.fake, 250):
            parts.append(self.reference_stats.network.features(part))
            yield sum(map(len, parts)) / len(self)
        self.__dict__["features"] = torch.cat(parts)

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
        return frechet(Sums.of(self.features), self.reference_stats.reference)

    @cached_property
    def kid_both(self) -> tuple[float, float]:
        """Kernel distance to as many training pictures (at least 500): mean and standard deviation."""
        return kid(self.features, self.reference_stats.training(max(len(self), SUBSET)).features)

    def kid(self) -> float:
        """Return the kernel distance."""
        return self.kid_both[0]

    def class_kl(self) -> float:
        """Return KL(classes of the samples ‖ classes of the training pictures), in nats."""
        return kl(
            _frequencies(self.probabilities).numpy(),
            # Add half a picture to each class: a class without training pictures would make KL
            # infinite.
            (self.reference_stats.frequencies + 0.5 / CLASS_FREQUENCY_PICTURES).numpy()
            / (1 + 0.5 * self.probabilities.shape[1] / CLASS_FREQUENCY_PICTURES),
        )

    def confidence(self) -> float:
        """Return the mean probability of each sample's most probable class."""
        return float(self.probabilities.max(1).values.mean())

    def memorised(self) -> float:
        """Return the share of samples that copy a training picture."""
        return float(self.copies.double().mean())

    def duplicates(self) -> float:
        """Return the share of samples that are nearly equal to another sample.

        In features, their distance to another sample is below half the median distance between
        nearest neighbours among as many real pictures.
        """
        limit = 0.5 * float(self.reference_stats.training(len(self)).spacing.median())
        return float((self.spacing < limit).double().mean())

    def frechet_pixels(self) -> float:
        """Return the Fréchet distance to as many training pictures, in pixels averaged to 14×14."""
        return frechet(
            Sums.of(pooled(self.fake)),
            Sums.of(pooled(self.reference_stats.training(len(self)).fake)),
        )
