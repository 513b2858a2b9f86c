"""Real examples, held-out ones and fakes, as a critic takes them."""

from dataclasses import dataclass
from typing import Any, Literal

import torch

from wgan.arrays import F32, I64, U8
from wgan.data import Data, DataError, Pictures, as_bytes, as_floats
from wgan.latent import Models
from wgan.rng import generator
from wgan.transport import assignment
from wgan.untrusted.images import Unusable, picture_of

REAL, HELD_OUT, Z, EPSILON = 21, 22, 23, 24
"""Draws of the metrics' stream that are this package's own."""

MOST_PIXELS = 64_000_000
"""The largest picture that is taken from a visitor."""


@dataclass(frozen=True)
class Examples:
    """Real examples and as many held-out ones, as critics take them: pictures in [−1, 1]."""

    real: F32  # (N, …)
    held_out: F32  # (N, …)
    labels: I64  # (N,), of `real`; 0 where there are no classes
    held_out_labels: I64  # (N,)


@dataclass(frozen=True)
class Sides(Examples):
    """Examples beside as many fakes; fake i is made of the class of real example i."""

    fake: F32  # (N, …)


def examples_of(data: Data, n: int) -> Examples:
    """Draw n training examples and n held-out ones, the same at each call."""
    found: list[Any] = []
    parts: tuple[tuple[Literal["train", "held-out"], int], ...] = (
        ("train", REAL),
        ("held-out", HELD_OUT),
    )
    for part, draw in parts:
        rng = generator(0, "metric", draw=draw)
        if isinstance(data, Pictures):
            drawn, labels = data.draw(part, n, rng)
        else:
            drawn, labels = data.batch(part, n, rng), torch.zeros(n)
        found += [drawn.cpu().float().numpy(), labels.cpu().long().numpy()]
    real, labels_, held_out, held_out_labels = found
    return Examples(real, held_out, labels_, held_out_labels)


def floor(examples: Examples) -> float:
    """Return the exact W₁ of real examples to as many held-out ones: what luck alone leaves."""
    n = len(examples.real)
    return assignment(examples.real.reshape(n, -1), examples.held_out.reshape(n, -1))


def beside(models: Models, examples: Examples) -> Sides:
    """Return examples beside as many fakes of the averaged generator.

    To look at fewer, take `few` of the result: a product of other shapes may be rounded otherwise.
    """
    e, n = examples, len(examples.real)
    z = torch.randn(n, models.config.latent_dim, generator=generator(0, "metric", draw=Z)).numpy()
    fake = models.raw(z, e.labels.tolist() if models.config.conditional else None).numpy()
    return Sides(e.real, e.held_out, e.labels, e.held_out_labels, fake)


def few(sides: Sides, n: int) -> Sides:
    """Return the first n of each side."""
    s = sides
    return Sides(s.real[:n], s.held_out[:n], s.labels[:n], s.held_out_labels[:n], s.fake[:n])


def pictures_of(x: F32) -> U8:
    """Return pictures that a critic takes as pictures to show: floats in [−1, 1] → uint8."""
    shown: U8 = as_bytes(torch.from_numpy(x)).numpy()
    return shown


def floats_of(pictures: U8) -> F32:
    """Return pictures, uint8, as a critic takes them: floats in [−1, 1]."""
    taken: F32 = as_floats(torch.tensor(pictures)).numpy()
    return taken


def picture_from(content: bytes, shape: tuple[int, ...], *, invert: bool = False) -> U8:
    """Return an image file as a picture of a data set's shape, (C, H, W) uint8.

    It covers the square; `invert` turns light and dark round. Raises DataError with a sentence.
    """
    channels, side, _ = shape
    try:
        picture = picture_of(
            content,
            pixels=MOST_PIXELS,
            side=side,
            grey=channels == 1,
            fit="crop",
            background=(0, 0, 0),
        )
    except Unusable as reason:
        raise DataError(f"This picture cannot be used: {reason}.") from None
    return 255 - picture if invert else picture
