"""Data sets of pictures and points: one class and one line of DATASETS for each.

Loading returns `Pictures`, a uint8 tensor in memory or a memory-mapped file, or `Points`, an exact
sampler of a density in the plane. Both have a held-out part that training never uses.
"""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from wgan.data.base import (
    Data,
    Dataset,
    Labelled,
    Pictures,
    Points,
    Progress,
    Stack,
    as_bytes,
    as_floats,
    chunks,
    examples,
    sample_indices,
)
from wgan.data.bundled import Mnist10k
from wgan.data.errors import DataError
from wgan.data.intake import Source, prepare
from wgan.data.mnist import EmnistLetters, FashionMnist, Kmnist, Mnist, StackedMnist
from wgan.data.own import Own, Pokemon
from wgan.data.photographs import Cifar10, Svhn
from wgan.data.points import (
    Checkerboard,
    Drawing,
    Grid25,
    Ring8,
    Spiral,
    SwissRoll,
    Text,
    TwoMoons,
    array_of,
    cells_of,
    density_of,
)
from wgan.data.prepared_sets import Prepared, Recipe, forget, prepared
from wgan.paths import data_root
from wgan.untrusted.archives import ARCHIVE_SUFFIXES
from wgan.untrusted.images import PICTURE_SUFFIXES
from wgan.untrusted.limits import OF_YOUR_OWN, Limits

DATASETS: dict[str, type[Dataset]] = {
    "mnist-10k": Mnist10k,
    "mnist": Mnist,
    "fashion-mnist": FashionMnist,
    "kmnist": Kmnist,
    "emnist-letters": EmnistLetters,
    "cifar10": Cifar10,
    "svhn": Svhn,
    "stacked-mnist": StackedMnist,
    "pokemon": Pokemon,
    "own": Own,
    "ring-8": Ring8,
    "grid-25": Grid25,
    "swiss-roll": SwissRoll,
    "two-moons": TwoMoons,
    "spiral": Spiral,
    "checkerboard": Checkerboard,
    "text": Text,
    "drawing": Drawing,
}

if TYPE_CHECKING:
    AnyDataset = Dataset
else:
    AnyDataset = Annotated[Union[tuple(DATASETS.values())], Field(discriminator="name")]

__all__ = [
    "ARCHIVE_SUFFIXES",
    "DATASETS",
    "OF_YOUR_OWN",
    "PICTURE_SUFFIXES",
    "AnyDataset",
    "Checkerboard",
    "Cifar10",
    "Data",
    "DataError",
    "Dataset",
    "Drawing",
    "EmnistLetters",
    "FashionMnist",
    "Grid25",
    "Kmnist",
    "Labelled",
    "Limits",
    "Mnist",
    "Mnist10k",
    "Own",
    "Pictures",
    "Points",
    "Pokemon",
    "Prepared",
    "Progress",
    "Recipe",
    "Ring8",
    "Source",
    "Spiral",
    "Stack",
    "StackedMnist",
    "Svhn",
    "SwissRoll",
    "Text",
    "TwoMoons",
    "array_of",
    "as_bytes",
    "as_floats",
    "cells_of",
    "chunks",
    "data_root",
    "density_of",
    "examples",
    "forget",
    "prepare",
    "prepared",
    "sample_indices",
]
