"""Batches of real examples, held-out examples and fakes, in the format of a critic's input."""

from dataclasses import dataclass
from typing import Any, Literal

import torch

from wgan.arrays import F32, I64, U8
from wgan.data import Data, DataError, Pictures, as_bytes, as_floats
from wgan.latent import Models
from wgan.rng import keyed_rng
from wgan.transport import assignment
from wgan.untrusted.images import Unusable, picture_of

REAL, HELD_OUT, Z, EPSILON = 21, 22, 23, 24
"""Draws of the metrics' random stream that only this package uses."""

COMPARED = {"pictures": 256, "points": 512}
"""Number of real examples, and of fakes, between which the exact W₁ is computed, wherever it is shown."""

MAX_PIXELS = 64_000_000
"""Maximum number of pixels of an uploaded picture."""


@dataclass(frozen=True)
class Examples:
    """Equally many real and held-out examples. Pictures are floats in [−1, 1]."""

    real: F32  # (N, …)
    held_out: F32  # (N, …)
    labels: I64  # (N,), of `real`; 0 if the data have no classes
    held_out_labels: I64  # (N,)


@dataclass(frozen=True)
class RealFakeBatch(Examples):
    """Equally many real examples, held-out examples and fakes. Fake i has the class of real example i."""

    fake: F32  # (N, …)


def examples_of(data: Data, n: int) -> Examples:
    """Return n training and n held-out examples, the same at each call."""
    columns: list[Any] = []
    parts: tuple[tuple[Literal["train", "held-out"], int], ...] = (
        ("train", REAL),
        ("held-out", HELD_OUT),
    )
    for part, draw in parts:
        rng = keyed_rng(0, "metric", draw=draw)
        if isinstance(data, Pictures):
            examples, labels = data.draw(part, n, rng)
        else:
            examples, labels = data.batch(part, n, rng), torch.zeros(n)
        columns += [examples.cpu().float().numpy(), labels.cpu().long().numpy()]
    real, labels_, held_out, held_out_labels = columns
    return Examples(real, held_out, labels_, held_out_labels)


def floor(examples: Examples) -> float:
    """Return the exact W₁ between real and held-out examples: the floor of a distance due to sampling."""
    n = len(examples.real)
    return assignment(examples.real.reshape(n, -1), examples.held_out.reshape(n, -1))


def with_fakes(models: Models, examples: Examples) -> RealFakeBatch:
    """Return examples together with equally many fakes of the averaged generator.

    For a smaller batch, use `first_examples` on the result. Generating fewer fakes may round their
    values differently, because matrix products depend on the batch size.
    """
    e, n = examples, len(examples.real)
    z = torch.randn(n, models.config.latent_dim, generator=keyed_rng(0, "metric", draw=Z)).numpy()
    fake = models.raw(z, e.labels.tolist() if models.config.conditional else None).numpy()
    return RealFakeBatch(e.real, e.held_out, e.labels, e.held_out_labels, fake)


def first_examples(batch: RealFakeBatch, n: int) -> RealFakeBatch:
    """Return the first n real examples, held-out examples and fakes."""
    s = batch
    return RealFakeBatch(
        s.real[:n], s.held_out[:n], s.labels[:n], s.held_out_labels[:n], s.fake[:n]
    )


def pictures_of(x: F32) -> U8:
    """Convert pictures for display: floats in [−1, 1] → uint8, (N, C, H, W) or (C, H, W)."""
    pictures: U8 = as_bytes(torch.from_numpy(x)).numpy()
    return pictures


def floats_of(pictures: U8) -> F32:
    """Convert pictures for a critic: uint8 → floats in [−1, 1], (N, C, H, W) or (C, H, W)."""
    floats: F32 = as_floats(torch.tensor(pictures)).numpy()
    return floats


def picture_from(content: bytes, shape: tuple[int, ...], *, invert: bool = False) -> U8:
    """Convert an image file to a picture of a data set's shape. The image is cropped to a square.

    Args:
        content: Bytes of the file.
        shape: (C, H, W) of the data set.
        invert: Whether to swap light and dark.

    Returns:
        The picture, (C, H, W) uint8.

    Raises:
        DataError: The file is no usable image; the message is a sentence for users.
    """
    channels, side, _ = shape
    try:
        picture = picture_of(
            content,
            pixels=MAX_PIXELS,
            side=side,
            grey=channels == 1,
            fit="crop",
            background=(0, 0, 0),
        )
    except Unusable as reason:
        raise DataError(f"This picture cannot be used: {reason}.") from None
    return 255 - picture if invert else picture
