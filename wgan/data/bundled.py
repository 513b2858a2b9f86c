"""The set of pictures that comes with the app."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

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
    subset: Annotated[int, Field(ge=10, le=10_000)] | None = Field(
        None,
        title="Number of pictures",
        description="Train only on this number of pictures, with equally many of each class. With few "
        "pictures, the critic memorises them. Empty: all pictures.",
    )

    @property
    def whole(self) -> bool:
        return super().whole and self.subset is None

    @property
    def size(self) -> int | None:
        names = self.class_names()
        if self.subset is None:
            return super().size
        return sum(_num_of_class(self.subset, DIGITS.index(name)) for name in names)

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Pictures:
        import torch

        with (resources.files("wgan") / "assets" / "mnist-10k.npz").open("rb") as file:
            arrays = np.load(file)
            tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        train, labels = tensors["train_images"][:, None], tensors["train_labels"].long()
        if self.subset is not None:
            chosen = torch.cat(
                [
                    torch.nonzero(labels == label)[: _num_of_class(self.subset, label), 0]
                    for label in range(len(DIGITS))
                ]
            )
            train, labels = train[chosen], labels[chosen]
        return Pictures(
            train=train,
            held_out=tensors["held_out_images"][:, None],
            train_labels=labels,
            held_out_labels=tensors["held_out_labels"].long(),
            names=self.known,
        ).only(self.classes)


def _num_of_class(subset: int, label: int) -> int:
    """Return the number of pictures of a class in a subset; the first classes get one more if it does not divide."""
    return subset // len(DIGITS) + (label < subset % len(DIGITS))
