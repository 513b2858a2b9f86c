"""The published picture sets: one that comes with the app, and those that torchvision fetches."""

from __future__ import annotations

import contextlib
import threading
import urllib.request
from abc import abstractmethod
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from wgan.data.base import Dataset, Labelled, Pictures, Progress
from wgan.data.errors import DataError
from wgan.paths import data_root
from wgan.rng import keyed_rng

if TYPE_CHECKING:
    from torch import Tensor

_DIGITS = tuple("0123456789")


class Mnist10k(Labelled):
    """10,000 handwritten digits that come with the app, 1,000 of each class. No network needed."""

    name: Literal["mnist-10k"] = "mnist-10k"
    title = "MNIST, 10,000 digits"
    known = _DIGITS
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


class _Fetched(Labelled):
    """Files in the data root that torchvision fetches, checks and reads."""

    files: ClassVar[tuple[str, ...]]
    """What must be there, below the data root; all in one folder."""
    packed: ClassVar[str]
    """Pattern of what is downloaded, below the data root."""
    download_bytes: ClassVar[int]

    @abstractmethod
    def _urls(self) -> Sequence[str]:
        """Addresses of which one must answer before torchvision is asked to download."""

    @abstractmethod
    def _download(self, root: Path) -> None:
        """Let torchvision download."""

    @abstractmethod
    def _read(self, root: Path) -> Pictures:
        """Read the files that are there."""

    def present(self, root: Path | None = None) -> bool:
        data_folder = root or data_root()
        # torchvision writes some files under their own names while they come in.
        return not _fetching(self._folder(data_folder)).locked() and self._complete(data_folder)

    def _folder(self, root: Path) -> Path:
        return (root / self.files[0]).parent

    def _complete(self, root: Path) -> bool:
        return all((root / file).exists() for file in self.files)

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Pictures:
        data_folder = root or data_root()
        folder, present = self._folder(data_folder), True
        try:
            lock = _fetching(folder)
            _wait_for(lock, self.title, progress)
            present = self._complete(data_folder)
            if present:
                lock.release()
            else:
                _fetch(
                    self._urls(),
                    lambda: self._download(data_folder),
                    lambda: data_folder.glob(self.packed),
                    self.download_bytes,
                    self.title,
                    progress,
                    lock,
                )
            return self._read(data_folder).only(self.classes)
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            if present:
                raise DataError(
                    f"The files of {self.title} in {folder} cannot be read ({error}). Delete that "
                    f"folder to fetch them again, or choose “{Mnist10k.title}”, which comes with the app."
                ) from error
            names = ", ".join(Path(file).name for file in self.files)
            raise DataError(
                f"{self.title} could not be downloaded: is there a network? Choose “{Mnist10k.title}”, "
                f"which comes with the app, or put the files of {self.title} into {folder}: {names}."
            ) from error


def _idx(folder: str, train: str = "train", test: str = "t10k") -> tuple[str, ...]:
    return tuple(
        f"{folder}/raw/{part}-{file}-ubyte"
        for part in (train, test)
        for file in ("images-idx3", "labels-idx1")
    )


class _Idx(_Fetched):
    """MNIST's family: four IDX files of 28×28 pictures."""

    folder: ClassVar[str]

    def _source(self) -> Any:
        # torchvision takes a second to import, and the bundled set does without it.
        from torchvision import datasets

        return getattr(datasets, self.folder)

    def _urls(self) -> Sequence[str]:
        source = self._source()
        return [f"{mirror}{source.resources[0][0]}" for mirror in source.mirrors]

    def _download(self, root: Path) -> None:
        self._source()(str(root), download=True)

    def _read(self, root: Path) -> Pictures:
        train = self._source()(str(root), train=True, download=False)
        test = self._source()(str(root), train=False, download=False)
        return Pictures(
            train.data[:, None],
            test.data[:, None],
            train.targets.long(),
            test.targets.long(),
            self.known,
        )


class Mnist(_Idx):
    """60,000 handwritten digits; the 10,000 test digits are held out. Fetched on first use."""

    name: Literal["mnist"] = "mnist"
    title = "MNIST"
    folder = "MNIST"
    files = _idx("MNIST")
    packed = "MNIST/raw/*.gz"
    download_bytes = 11_594_722
    known = _DIGITS
    counts = (5_923, 6_742, 5_958, 6_131, 5_842, 5_421, 5_918, 6_265, 5_851, 5_949)
    features = "mnist"
    first: Annotated[int, Field(ge=1, le=60_000)] | None = Field(
        None,
        title="Only the first",
        description="Train on so many pictures from the beginning of the file, of which the "
        "classes are then chosen. Empty: on all of it.",
        json_schema_extra={"unit": "pictures", "source": "TomBalmas/WGAN: 10, by a slip"},
    )

    @property
    def whole(self) -> bool:
        return super().whole and self.first is None

    @property
    def size(self) -> int | None:
        """Both `first` and `classes`: as the file says, or at most so many where it is absent."""
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
    """50,000 colour pictures of three digits, one in each channel: 1,000 combinations to count.

    A measure of mode collapse. Metz et al. 2017, arXiv:1611.02163.
    """

    name: Literal["stacked-mnist"] = "stacked-mnist"
    kind = "pictures"
    title = "Stacked MNIST"
    stacked = True
    bundled: bool = Field(
        False,
        title="Of the bundled digits",
        description="Stack the 10,000 digits that come with the app instead of all of MNIST.",
    )
    stacks: ClassVar[int] = 50_000
    held: ClassVar[int] = 26_000
    """Held out: as many as the published counts of modes take, so that those have their floor."""

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
                ((digits.train, self.stacks), (digits.held_out, self.held))
            )
        )
        none = torch.zeros(self.stacks, dtype=torch.long)
        return Pictures(train, held_out, none, none[: len(held_out)])


class FashionMnist(_Idx):
    """60,000 pictures of clothes in ten classes; 10,000 are held out. Fetched on first use."""

    name: Literal["fashion-mnist"] = "fashion-mnist"
    title = "Fashion-MNIST"
    folder = "FashionMNIST"
    files = _idx("FashionMNIST")
    packed = "FashionMNIST/raw/*.gz"
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
    """60,000 cursive Japanese characters in ten classes; 10,000 are held out. Fetched on first use.

    Clanuwat et al. 2018, arXiv:1812.01718.
    """

    name: Literal["kmnist"] = "kmnist"
    title = "Kuzushiji-MNIST"
    folder = "KMNIST"
    files = _idx("KMNIST")
    packed = "KMNIST/raw/*.gz"
    download_bytes = 21_015_988
    known = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    counts = (6_000,) * 10
    features = "kmnist"


class EmnistLetters(_Idx):
    """124,800 handwritten letters, upper and lower case as one class; 20,800 are held out.

    Fetched on first use, half a gigabyte. Cohen et al. 2017, arXiv:1702.05373.
    """

    name: Literal["emnist-letters"] = "emnist-letters"
    title = "EMNIST letters"
    folder = "EMNIST"
    files = _idx("EMNIST", "emnist-letters-train", "emnist-letters-test")
    packed = "EMNIST/raw/gzip.zip"
    download_bytes = 561_753_746
    known = tuple("abcdefghijklmnopqrstuvwxyz")
    counts = (4_800,) * 26
    features = "emnist-letters"

    def _urls(self) -> Sequence[str]:
        return [self._source().url]

    def _download(self, root: Path) -> None:
        self._source()(str(root), split="letters", download=True)

    def _read(self, root: Path) -> Pictures:
        train, test = (
            self._source()(str(root), split="letters", train=part, download=False)
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
    """Turn EMNIST's pictures, which its files hold with rows and columns exchanged."""
    return pictures.transpose(1, 2).contiguous()[:, None]  # (N, H, W) → (N, 1, H, W)


class _Coloured(_Fetched):
    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 32, 32)


class Cifar10(_Coloured):
    """50,000 small colour photographs in ten classes; 10,000 are held out. Fetched on first use.

    Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """

    name: Literal["cifar10"] = "cifar10"
    title = "CIFAR-10"
    files = (
        *(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)),
        "cifar-10-batches-py/test_batch",
        "cifar-10-batches-py/batches.meta",
    )
    packed = "cifar-10-python.tar.gz"
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
        title="Mirror images too",
        description="Adds the mirror image of each training picture.",
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

        # These files are pickles. torchvision compares the MD5 of every one of them with the
        # published ones before it opens any, so nothing but the published files is unpickled.
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


class Svhn(_Coloured):
    """73,257 digits of house numbers, in colour; 26,032 are held out. Fetched on first use.

    Netzer et al. 2011, Reading Digits in Natural Images.
    """

    name: Literal["svhn"] = "svhn"
    title = "SVHN"
    files = ("SVHN/train_32x32.mat", "SVHN/test_32x32.mat")
    packed = "SVHN/*.mat"
    download_bytes = 182_040_794 + 64_275_384
    known = _DIGITS
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


def _answers(url: str) -> bool:
    """Tell whether an address gives its first byte within some seconds."""
    request = urllib.request.Request(url, headers={"Range": "bytes=0-0"})
    with contextlib.suppress(OSError):
        urllib.request.urlopen(request, timeout=8).close()
        return True
    return False


_FETCHING: dict[Path, threading.Lock] = {}


def _fetching(folder: Path) -> threading.Lock:
    """Return the lock that is held while a folder is downloaded into: two at once spoil each other's files."""
    return _FETCHING.setdefault(folder.resolve(), threading.Lock())


def _wait_for(lock: threading.Lock, title: str, progress: Progress | None) -> None:
    """Take a lock; while another thread has it, tell so, which may end the waiting by an exception."""
    while not lock.acquire(timeout=0.25):
        if progress is not None:
            progress(f"{title} is being downloaded already", 0.0)


def _fetch(
    urls: Sequence[str],
    download: Callable[[], None],
    files: Callable[[], Any],
    total: int,
    title: str,
    progress: Progress | None,
    lock: threading.Lock,
) -> None:
    """Let torchvision download, telling `progress` how many bytes of `total` its files have.

    The `lock` is released when nothing is written any more: after a cancellation torchvision goes on.
    """
    failure: list[BaseException] = []

    def work() -> None:
        try:
            download()
        except Exception as error:
            failure.append(error)
        finally:
            lock.release()

    worker = threading.Thread(target=work, name=f"download {title}", daemon=True)
    try:
        if progress is not None:
            progress(f"Looking for {title} on the network", 0.0)
        # torchvision tries its mirrors without a time limit: find out first whether one answers.
        if not any(_answers(url) for url in urls):
            raise OSError("no mirror answers")
    except BaseException:
        lock.release()
        raise
    worker.start()
    while worker.is_alive():
        worker.join(0.25)
        if progress is not None:
            have = 0
            for file in files():
                with contextlib.suppress(OSError):  # Deleted once it is unpacked.
                    have += file.stat().st_size
            progress(f"Downloading {title}", min(1.0, have / total))
    if failure:
        raise OSError(str(failure[0])) from failure[0]
