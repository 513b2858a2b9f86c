"""Where pictures and points come from: one class and one line of DATASETS for each set.

Loading gives `Pictures`, one uint8 tensor in memory, or `Points`, an exact sampler of a density in
the plane. Both keep a held-out part that training never sees.
"""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from wgan.data.base import (
    Data,
    DataError,
    Dataset,
    Labelled,
    Pictures,
    Points,
    Progress,
    as_bytes,
    as_floats,
    data_root,
    examples,
)
from wgan.data.fetched import (
    Cifar10,
    EmnistLetters,
    FashionMnist,
    Kmnist,
    Mnist,
    Mnist10k,
    Svhn,
)
from wgan.data.points import Grid25, Ring8, SwissRoll, TwoMoons

DATASETS: dict[str, type[Dataset]] = {
    "mnist-10k": Mnist10k,
    "mnist": Mnist,
    "fashion-mnist": FashionMnist,
    "kmnist": Kmnist,
    "emnist-letters": EmnistLetters,
    "cifar10": Cifar10,
    "svhn": Svhn,
    "ring-8": Ring8,
    "grid-25": Grid25,
    "swiss-roll": SwissRoll,
    "two-moons": TwoMoons,
}

if TYPE_CHECKING:
    AnyDataset = Dataset
else:
    AnyDataset = Annotated[Union[tuple(DATASETS.values())], Field(discriminator="name")]

__all__ = [
    "DATASETS",
    "AnyDataset",
    "Cifar10",
    "Data",
    "DataError",
    "Dataset",
    "EmnistLetters",
    "FashionMnist",
    "Grid25",
    "Kmnist",
    "Labelled",
    "Mnist",
    "Mnist10k",
    "Pictures",
    "Points",
    "Progress",
    "Ring8",
    "Svhn",
    "SwissRoll",
    "TwoMoons",
    "as_bytes",
    "as_floats",
    "data_root",
    "examples",
]
