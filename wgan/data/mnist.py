"""MNIST and the sets in its format: 28×28 pictures in IDX files, and stacks of three digits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from wgan.data.base import Dataset, Pictures, Progress
from wgan.data.bundled import DIGITS, Mnist10k
from wgan.data.fetched import Fetched
from wgan.paths import data_root
from wgan.rng import keyed_rng

if TYPE_CHECKING:
    from torch import Tensor


def _idx_files(folder: str, train: str = "train", test: str = "t10k") -> tuple[str, ...]:
    """Return the paths of four IDX files: pictures and labels for training and test."""
    return tuple(
        f"{folder}/raw/{part}-{file}-ubyte"
        for part in (train, test)
        for file in ("images-idx3", "labels-idx1")
    )


class _Idx(Fetched):
    """A set of 28×28 pictures in four IDX files."""

    folder: ClassVar[str]
    """Name of the folder, and of torchvision's class."""

    def _torchvision_class(self) -> Any:
        # Importing torchvision takes a second, and the bundled set does not need it.
        from torchvision import datasets

        return getattr(datasets, self.folder)

    def _urls(self) -> Sequence[str]:
        torchvision_class = self._torchvision_class()
        file = torchvision_class.resources[0][0]
        return [f"{mirror}{file}" for mirror in torchvision_class.mirrors]

    def _download(self, root: Path) -> None:
        self._torchvision_class()(str(root), download=True)

    def _read(self, root: Path) -> Pictures:
        train = self._torchvision_class()(str(root), train=True, download=False)
        test = self._torchvision_class()(str(root), train=False, download=False)
        return Pictures(
            train.data[:, None],
            test.data[:, None],
            train.targets.long(),
            test.targets.long(),
            self.known,
        )


class Mnist(_Idx):
    """MNIST: 60,000 handwritten digits; the 10,000 test digits are held out."""

    name: Literal["mnist"] = "mnist"
    title = "MNIST"
    summary = "60,000 handwritten digits of 28×28 pixels. The first use downloads them."
    explanation = """The 10,000 test digits are held out: training never uses them.

LeCun et al. 1998, Gradient-based learning applied to document recognition."""
    folder = "MNIST"
    files = _idx_files("MNIST")
    download_glob = "MNIST/raw/*.gz"
    download_bytes = 11_594_722
    known = DIGITS
    counts = (5_923, 6_742, 5_958, 6_131, 5_842, 5_421, 5_918, 6_265, 5_851, 5_949)
    features = "mnist"
    first: Annotated[int, Field(ge=1, le=60_000)] | None = Field(
        None,
        title="Only the first pictures",
        description="Train only on this number of pictures from the beginning of the file. If you choose "
        "classes, they are selected from these. Empty: all pictures.",
        json_schema_extra={"unit": "pictures", "source": "TomBalmas/WGAN: 10, because of a bug"},
    )

    @property
    def whole(self) -> bool:
        return super().whole and self.first is None

    @property
    def size(self) -> int | None:
        """Number of training examples. With `first` and `classes`, an upper bound if the file is absent."""
        size = super().size
        if self.first is None or size is None:
            return size
        if not self.classes:
            return self.first
        try:
            with (data_root() / self.files[1]).open("rb") as file:
                labels = file.read(8 + self.first)[8:]
        except OSError:
            return min(self.first, size)
        return sum(str(label) in self.classes for label in labels)

    def _read(self, root: Path) -> Pictures:
        pictures = super()._read(root)
        return Pictures(
            pictures.train[: self.first],
            pictures.held_out,
            pictures.train_labels[: self.first],
            pictures.held_out_labels,
            pictures.names,
        )


class StackedMnist(Dataset):
    """Stacked MNIST: 50,000 pictures with one digit in each colour channel.

    Metz et al. 2017, arXiv:1611.02163.
    """

    name: Literal["stacked-mnist"] = "stacked-mnist"
    kind = "pictures"
    title = "Stacked MNIST"
    summary = (
        "50,000 colour pictures with a digit in each colour channel: 1,000 combinations to count."
    )
    explanation = """Each picture has three digits: one in the red, one in the green and one
in the blue channel. This gives $10^3 = 1{,}000$ combinations, called modes. A digit classifier
counts how many of them the generator makes. A small number is a sign of mode collapse.

Metz et al. 2017, arXiv:1611.02163."""
    stacked = True
    bundled: bool = Field(
        False,
        title="Use the bundled digits",
        description="Stack the 10,000 digits that come with the app instead of those of MNIST.",
    )
    stacks: ClassVar[int] = 50_000
    held_out_stacks: ClassVar[int] = 26_000
    """Published mode counts use this number of samples, so the held-out stacks give their floor."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 28, 28)

    @property
    def size(self) -> int | None:
        return self.stacks

    def present(self, root: Path | None = None) -> bool:
        return self.bundled or Mnist().present(root)

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Pictures:
        import torch

        digits = (Mnist10k() if self.bundled else Mnist()).load(root, progress)
        train, held_out = (
            pictures[
                torch.randint(len(pictures), (n, 3), generator=keyed_rng(0, "init", draw=i))
            ].squeeze(2)
            for i, (pictures, n) in enumerate(
                ((digits.train, self.stacks), (digits.held_out, self.held_out_stacks))
            )
        )
        no_labels = torch.zeros(self.stacks, dtype=torch.long)
        return Pictures(train, held_out, no_labels, no_labels[: len(held_out)])


class FashionMnist(_Idx):
    """Fashion-MNIST: 60,000 pictures of clothes in ten classes; 10,000 are held out."""

    name: Literal["fashion-mnist"] = "fashion-mnist"
    title = "Fashion-MNIST"
    summary = "60,000 pictures of clothes in ten classes. The first use downloads them."
    explanation = """Further 10,000 pictures are held out: training never uses them.

Xiao et al. 2017, arXiv:1708.07747."""
    folder = "FashionMNIST"
    files = _idx_files("FashionMNIST")
    download_glob = "FashionMNIST/raw/*.gz"
    download_bytes = 30_878_645
    known = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    counts = (6_000,) * 10
    features = "fashion-mnist"


class Kmnist(_Idx):
    """Kuzushiji-MNIST: 60,000 cursive Japanese characters in ten classes; 10,000 are held out.

    Clanuwat et al. 2018, arXiv:1812.01718.
    """

    name: Literal["kmnist"] = "kmnist"
    title = "Kuzushiji-MNIST"
    summary = "60,000 handwritten Japanese characters in ten classes. The first use downloads them."
    explanation = """The characters are in the cursive style of old Japanese books. Further
10,000 pictures are held out: training never uses them.

Clanuwat et al. 2018, arXiv:1812.01718."""
    folder = "KMNIST"
    files = _idx_files("KMNIST")
    download_glob = "KMNIST/raw/*.gz"
    download_bytes = 21_015_988
    known = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    counts = (6_000,) * 10
    features = "kmnist"


class EmnistLetters(_Idx):
    """EMNIST letters: 124,800 handwritten letters in 26 classes; 20,800 are held out.

    Cohen et al. 2017, arXiv:1702.05373.
    """

    name: Literal["emnist-letters"] = "emnist-letters"
    title = "EMNIST letters"
    summary = "124,800 handwritten letters. The first use downloads 560 MB."
    explanation = """Upper and lower case of a letter are one class. Further 20,800 letters
are held out: training never uses them.

Cohen et al. 2017, arXiv:1702.05373."""
    folder = "EMNIST"
    files = _idx_files("EMNIST", "emnist-letters-train", "emnist-letters-test")
    download_glob = "EMNIST/raw/gzip.zip"
    download_bytes = 561_753_746
    known = tuple("abcdefghijklmnopqrstuvwxyz")
    counts = (4_800,) * 26
    features = "emnist-letters"

    def _urls(self) -> Sequence[str]:
        return [self._torchvision_class().url]

    def _download(self, root: Path) -> None:
        self._torchvision_class()(str(root), split="letters", download=True)

    def _read(self, root: Path) -> Pictures:
        train, test = (
            self._torchvision_class()(str(root), split="letters", train=part, download=False)
            for part in (True, False)
        )
        return Pictures(
            upright(train.data),
            upright(test.data),
            train.targets.long() - 1,
            test.targets.long() - 1,
            self.known,
        )


def upright(pictures: Tensor) -> Tensor:
    """Exchange the rows and columns of EMNIST's pictures, which its files store transposed."""
    return pictures.transpose(1, 2).contiguous()[:, None]  # (N, H, W) → (N, 1, H, W)
