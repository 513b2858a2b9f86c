"""Statistics of a data set: class counts, mean pictures, pixel values, nearest pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wgan.arrays import F32, F64, U8
from wgan.data.base import Pictures, Points, Stack, sample_indices
from wgan.rng import keyed_rng

if TYPE_CHECKING:
    from torch import Tensor

MAX_COMPARED_PICTURES = 3_000
"""Pictures among which the nearest pairs are searched. The time grows with the square of this number."""

MAX_VALUES = 500_000_000
"""Maximum number of pixel values for statistics. Of larger sets a keyed sample of pictures is used."""

DENSITY_SIDE = 96
DENSITY_POINTS = 200_000


@dataclass(frozen=True)
class Facts:
    """Statistics of the training pictures. Pixel values are in 0…255."""

    train: int
    held_out: int
    shape: tuple[int, ...]  # (C, H, W)
    names: tuple[str, ...]
    counts: tuple[int, ...]  # training pictures of each class
    looked_at: int  # number of pictures in the sample behind means and values
    mean: float
    deviation: float
    mean_picture: U8  # (C, H, W)
    class_means: U8  # (classes, C, H, W)
    histogram: F64  # (C, 32), shares of the pixels by value
    compared: int  # number of pictures among which pairs were searched
    pairs: U8  # (P, 2, C, H, W), nearest first
    distances: tuple[float, ...]  # (P,), root mean square difference of the pixels of each pair


def describe(pictures: Pictures, pairs: int = 8) -> Facts:
    """Return statistics of the training pictures, with the `pairs` nearest pairs."""
    import torch

    pictures = pictures.to(torch.device("cpu"))
    train, labels = pictures.train, pictures.train_labels
    classes = len(pictures.names)
    nearest, distances, compared = nearest_pairs(train, pairs)
    most = MAX_VALUES // math.prod(pictures.shape)
    described_places = sample_indices(len(train), most, keyed_rng(0, "sample", draw=1))
    squares, table = 0.0, torch.zeros(train.shape[1], 32, dtype=torch.float64)
    # These are sums of integers, which float64 holds exactly, so their order does not matter.
    sums = torch.zeros(max(classes, 1), *pictures.shape, dtype=torch.float64)
    for indices in torch.split(described_places, 512):
        part = train[indices]
        values = part.double()
        sums.index_add_(0, labels[indices], values)
        squares += float(values.square().sum())
        for channel in range(train.shape[1]):
            table[channel] += torch.bincount(part[:, channel].flatten().int() // 8, minlength=32)
    total, n = sums.sum(0), described_places.numel() * sums[0].numel()
    mean = float(total.sum()) / n
    of_class = torch.bincount(labels[described_places], minlength=max(classes, 1)).clamp_min(1)
    return Facts(
        len(train),
        len(pictures.held_out),
        pictures.shape,
        pictures.names,
        tuple(torch.bincount(labels, minlength=classes).tolist()) if classes else (),
        len(described_places),
        mean,
        float(np.sqrt(max(squares / n - mean**2, 0.0))),
        (total / len(described_places)).round().byte().numpy(),
        (sums / of_class[:, None, None, None]).round().byte().numpy()[:classes],
        (table / table.sum(1, keepdim=True)).numpy(),
        compared,
        train[nearest.flatten()].view(-1, 2, *pictures.shape).numpy(),
        tuple(distances),
    )


def nearest_pairs(pictures: Stack, count: int) -> tuple[Tensor, list[float], int]:
    """Return the pairs of pictures whose pixels differ least. Each picture is in at most one pair.

    Args:
        pictures: (N, C, H, W) uint8.
        count: Maximum number of pairs.

    Returns:
        Indices of the pairs, (P, 2); their root mean square differences in 0…255, ascending; and
        the number of pictures that were compared, a random sample with a fixed key.
    """
    import torch

    n = min(len(pictures), MAX_COMPARED_PICTURES)
    indices = torch.randperm(len(pictures), generator=keyed_rng(0, "sample"))[:n]
    flat = pictures[indices].flatten(1).float()
    pairs: list[tuple[float, int, int]] = []
    for start in range(0, n, 512):
        rows = torch.cdist(flat[start : start + 512], flat)
        # Consider each pair once, and no picture with itself.
        later = torch.arange(n)[None, :] > torch.arange(start, start + len(rows))[:, None]
        rows = rows.masked_fill(~later, torch.inf)
        best = rows.flatten().topk(min(8 * count, rows.numel()), largest=False)
        at = best.indices
        pairs += [
            (float(d), start + int(i) // n, int(i) % n)
            for d, i in zip(best.values, at, strict=True)
            if torch.isfinite(d)
        ]
    used: set[int] = set()
    closest: list[tuple[float, int, int]] = []
    for distance, a, b in sorted(pairs):
        if len(closest) < count and not {a, b} & used:
            closest.append((distance, a, b))
            used |= {a, b}
    closest_pairs = torch.tensor([[a, b] for _, a, b in closest], dtype=torch.long).reshape(-1, 2)
    scale = flat.shape[1] ** 0.5
    return indices[closest_pairs], [distance / scale for distance, _, _ in closest], n


def by_class(pictures: Pictures, rows: int, columns: int) -> U8:
    """Return about `rows` × `columns` training pictures, sorted by class: (n, C, H, W).

    Each class fills the same number of rows, at least one, or fewer rows if it has too few pictures. If there are
    more classes than rows, the last classes are left out.
    """
    import torch

    rng = keyed_rng(0, "sample")
    if not pictures.names:
        indices = torch.randperm(len(pictures.train), generator=rng)[: rows * columns]
        return pictures.train[indices].numpy()
    most = rows // len(pictures.names)
    columns_of = []
    for label in range(min(rows, len(pictures.names))):
        of_class = (pictures.train_labels == label).nonzero().flatten()
        if len(of_class):  # `only` keeps no empty class, but a data set may have one
            # Repeat pictures only if the class has too few for one row.
            each = max(1, min(most, len(of_class) // columns)) * columns
            order = torch.randperm(len(of_class), generator=rng)
            columns_of.append(of_class[order.repeat(-(-each // len(order)))[:each]])
    return pictures.train[torch.cat(columns_of)].numpy()


def density(points: Points) -> F32:
    """Return a histogram of drawn points over the window, (96, 96), row = y upwards.

    It is scaled as a density relative to the uniform one: its mean is 1.
    """
    sample = points.sample(DENSITY_POINTS, keyed_rng(0, "sample")).numpy()
    edges = np.linspace(-points.extent, points.extent, DENSITY_SIDE + 1)
    table, _, _ = np.histogram2d(sample[:, 1], sample[:, 0], bins=(edges, edges))
    density: F32 = (table / table.mean()).astype(np.float32)
    return density
