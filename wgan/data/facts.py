"""What a data set is like: how many of each class, its mean picture, its nearest duplicates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wgan.arrays import F32, F64, U8
from wgan.data.base import Pictures, Points, Stack, some
from wgan.rng import keyed_rng

if TYPE_CHECKING:
    from torch import Tensor

MOST_COMPARED = 3_000
"""Pictures among which the nearest duplicates are looked for: the time grows with the square."""

MOST_VALUES = 500_000_000
"""Values of pixels that are looked at; of larger sets a keyed choice of pictures stands for all."""

DENSITY_SIDE = 96
DENSITY_POINTS = 200_000


@dataclass(frozen=True)
class Facts:
    """What there is to know of pictures, over the part to train on; values in 0…255."""

    train: int
    held_out: int
    shape: tuple[int, ...]  # (C, H, W)
    names: tuple[str, ...]
    counts: tuple[int, ...]  # training pictures of each class
    looked_at: int  # of how many, a keyed choice, means and values are
    mean: float
    deviation: float
    mean_picture: U8  # (C, H, W)
    class_means: U8  # (classes, C, H, W)
    histogram: F64  # (C, 32), shares of the pixels by value
    compared: int  # among how many the pairs were looked for
    pairs: U8  # (P, 2, C, H, W), the nearest first
    distances: tuple[float, ...]  # of each pair: root mean square difference of their pixels


def describe(pictures: Pictures, pairs: int = 8) -> Facts:
    """Return what pictures are like."""
    import torch

    pictures = pictures.to(torch.device("cpu"))
    train, labels = pictures.train, pictures.train_labels
    classes = len(pictures.names)
    nearest, distances, compared = nearest_pairs(train, pairs)
    most = MOST_VALUES // math.prod(pictures.shape)
    described_places = some(len(train), most, keyed_rng(0, "sample", draw=1))
    squares, table = 0.0, torch.zeros(train.shape[1], 32, dtype=torch.float64)
    # Sums of whole numbers, which doubles hold exactly: in whatever order.
    sums = torch.zeros(max(classes, 1), *pictures.shape, dtype=torch.float64)
    for places in torch.split(described_places, 512):
        part = train[places]
        values = part.double()
        sums.index_add_(0, labels[places], values)
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
    """Return the pairs of pictures, each picture in one at most, whose pixels differ least.

    `pictures` is (N, C, H, W) uint8. Results: indices, (P, 2); root mean square differences in
    0…255, rising; and among how many pictures they were looked for, a keyed choice.
    """
    import torch

    n = min(len(pictures), MOST_COMPARED)
    places = torch.randperm(len(pictures), generator=keyed_rng(0, "sample"))[:n]
    flat = pictures[places].flatten(1).float()
    pairs: list[tuple[float, int, int]] = []
    for start in range(0, n, 512):
        rows = torch.cdist(flat[start : start + 512], flat)
        # Each pair once, and none with itself.
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
    indices = torch.tensor([[a, b] for _, a, b in closest], dtype=torch.long).reshape(-1, 2)
    scale = flat.shape[1] ** 0.5
    return places[indices], [distance / scale for distance, _, _ in closest], n


def by_class(pictures: Pictures, rows: int, columns: int) -> U8:
    """Return about `rows` × `columns` training pictures, where there are classes by class.

    Each class has the same number of rows, at least one; with more classes than rows: the first
    ones. (n, C, H, W).
    """
    import torch

    rng = keyed_rng(0, "sample")
    if not pictures.names:
        places = torch.randperm(len(pictures.train), generator=rng)[: rows * columns]
        return pictures.train[places].numpy()
    each = max(1, rows // len(pictures.names)) * columns
    columns_of = []
    for label in range(min(rows, len(pictures.names))):
        of_class = (pictures.train_labels == label).nonzero().flatten()
        if len(of_class):  # `only` leaves no class empty, but a set may
            # Drawn with repetition only where a class has too few.
            order = torch.randperm(len(of_class), generator=rng)
            columns_of.append(of_class[order.repeat(-(-each // len(order)))[:each]])
    return pictures.train[torch.cat(columns_of)].numpy()


def density(points: Points) -> F32:
    """Return how many of many drawn points fall into each cell of a grid over the window.

    (96, 96), row = y upwards, as a density: its mean over the window's area is 1.
    """
    sample = points.sample(DENSITY_POINTS, keyed_rng(0, "sample")).numpy()
    edges = np.linspace(-points.extent, points.extent, DENSITY_SIDE + 1)
    table, _, _ = np.histogram2d(sample[:, 1], sample[:, 0], bins=(edges, edges))
    density: F32 = (table / table.mean()).astype(np.float32)
    return density
