"""The set of pictures that comes with the app."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Literal

import numpy as np

from wgan.data.base import Labelled, Pictures, Progress

DIGITS = tuple("0123456789")
"""The classes of every set of digits."""


class Mnist10k(Labelled):
    """10,000 digits of MNIST that come with the app, 1,000 of each class."""

    name: Literal["mnist-10k"] = "mnist-10k"
    title = "MNIST, 10,000 digits"
    summary = "10,000 handwritten digits that come with the app. No download is needed."
    explanation = """The training set has 1,000 pictures of each class. They are a part of
MNIST."""
    known = DIGITS
    counts = (1_000,) * 10
    features = "mnist"

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Pictures:
        import torch

        with (resources.files("wgan") / "assets" / "mnist-10k.npz").open("rb") as file:
            arrays = np.load(file)
            tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        return Pictures(
            train=tensors["train_images"][:, None],
            held_out=tensors["held_out_images"][:, None],
            train_labels=tensors["train_labels"].long(),
            held_out_labels=tensors["held_out_labels"].long(),
            names=self.known,
        ).only(self.classes)
