"""Published sets of 32×32 colour photographs: CIFAR-10 and SVHN."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from wgan.data.base import Pictures
from wgan.data.bundled import DIGITS
from wgan.data.fetched import Fetched

if TYPE_CHECKING:
    from torch import Tensor


class _Photographs(Fetched):
    """A set of 32×32 colour photographs."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 32, 32)


class Cifar10(_Photographs):
    """CIFAR-10: 50,000 small colour photographs in ten classes; 10,000 are held out.

    Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """

    name: Literal["cifar10"] = "cifar10"
    title = "CIFAR-10"
    summary = (
        "50,000 colour photographs of 32×32 pixels in ten classes. The first use downloads 170 MB."
    )
    explanation = """Further 10,000 photographs are held out: training never uses them.

Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images."""
    files = (
        *(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)),
        "cifar-10-batches-py/test_batch",
        "cifar-10-batches-py/batches.meta",
    )
    download_glob = "cifar-10-python.tar.gz"
    download_bytes = 170_498_071
    known = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )
    counts = (5_000,) * 10
    features = "cifar10"
    flip: bool = Field(
        False,
        title="Add mirror images",
        description="Also train on the mirror image of each picture.",
    )

    @property
    def size(self) -> int | None:
        return (super().size or 0) * (2 if self.flip else 1)

    def _urls(self) -> Sequence[str]:
        from torchvision import datasets

        return [datasets.CIFAR10.url]

    def _download(self, root: Path) -> None:
        from torchvision import datasets

        datasets.CIFAR10(str(root), download=True)

    def _read(self, root: Path) -> Pictures:
        import torch
        from torchvision import datasets

        # These files are pickles. torchvision compares the MD5 of every file with the published one
        # before it opens any file, so only the published files are unpickled.
        train, test = (datasets.CIFAR10(str(root), train=part) for part in (True, False))
        pictures = Pictures(
            channels_first(train.data),
            channels_first(test.data),
            torch.tensor(train.targets),
            torch.tensor(test.targets),
            self.known,
        )
        return pictures.mirrored() if self.flip else pictures


def channels_first(pictures: Any) -> Tensor:
    """Return CIFAR's array as a tensor: (N, H, W, C) → (N, C, H, W)."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))


class Svhn(_Photographs):
    """SVHN: 73,257 digits of house numbers, in colour; 26,032 are held out.

    Netzer et al. 2011, Reading Digits in Natural Images.
    """

    name: Literal["svhn"] = "svhn"
    title = "SVHN"
    summary = "73,257 colour photographs of digits on houses. The first use downloads them."
    explanation = """Further 26,032 photographs are held out: training never uses them.

Netzer et al. 2011, Reading Digits in Natural Images with Unsupervised Feature Learning."""
    files = ("SVHN/train_32x32.mat", "SVHN/test_32x32.mat")
    download_glob = "SVHN/*.mat"
    download_bytes = 182_040_794 + 64_275_384
    known = DIGITS
    counts = (4_948, 13_861, 10_585, 8_497, 7_458, 6_882, 5_727, 5_595, 5_045, 4_659)
    features = "svhn"

    def _urls(self) -> Sequence[str]:
        from torchvision import datasets

        return [datasets.SVHN.split_list["train"][0]]

    def _download(self, root: Path) -> None:
        from torchvision import datasets

        (root / "SVHN").mkdir(parents=True, exist_ok=True)
        for part in ("train", "test"):
            datasets.SVHN(str(root / "SVHN"), split=part, download=True)

    def _read(self, root: Path) -> Pictures:
        import torch
        from torchvision import datasets

        train, test = (datasets.SVHN(str(root / "SVHN"), split=p) for p in ("train", "test"))
        return Pictures(
            torch.from_numpy(np.ascontiguousarray(train.data)),
            torch.from_numpy(np.ascontiguousarray(test.data)),
            torch.from_numpy(train.labels),
            torch.from_numpy(test.labels),
            self.known,
        )
