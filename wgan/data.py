"""Where pictures and points come from: one class and one line of DATASETS for each set.

Loading gives `Pictures`, one uint8 tensor in memory, or `Points`, an exact sampler of a density in
the plane. Both keep a held-out part that training never sees.
"""

import contextlib
import math
import os
import threading
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from wgan.randomness import generator

Progress = Callable[[str, float], None]
"""Told what is happening and which share of it is done, in [0, 1]. May raise to cancel."""


class DataError(Exception):
    """A data set cannot be had; the message says what to do about it."""


@dataclass(frozen=True)
class Pictures:
    """Pictures in memory: a part to train on and a part held out, uint8 in 0…255."""

    train: Tensor  # (N, C, H, W)
    held_out: Tensor  # (M, C, H, W)
    train_labels: Tensor  # (N,)
    held_out_labels: Tensor  # (M,)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one picture: (C, H, W)."""
        return tuple(self.train.shape[1:])

    @property
    def size(self) -> int | None:
        """How many pictures there are to train on."""
        return len(self.train)

    def batch(self, part: Literal["train", "held-out"], n: int, rng: torch.Generator) -> Tensor:
        """Draw n pictures with replacement, as float32 in [−1, 1]."""  # (n, C, H, W)
        source = self.train if part == "train" else self.held_out
        chosen = torch.randint(len(source), (n,), generator=rng, device=source.device)
        return as_floats(source[chosen])

    def to(self, device: torch.device) -> "Pictures":
        """Return the same pictures on a device."""
        moved = (t.to(device) for t in _fields(self))
        return Pictures(*moved)


@dataclass(frozen=True)
class Points:
    """A density in the plane with an exact sampler; every draw is fresh, so nothing is seen twice.

    Held-out points are fresh draws of another random stream.
    """

    sample: Callable[[int, torch.Generator], Tensor]  # n, rng → (n, 2)
    means: Tensor | None  # (modes, 2), for mixtures
    sigma: float
    extent: float  # half the side of a window that shows the whole density

    shape: ClassVar[tuple[int, ...]] = (2,)
    size: ClassVar[int | None] = None

    def batch(self, part: Literal["train", "held-out"], n: int, rng: torch.Generator) -> Tensor:
        """Draw n points."""  # (n, 2)
        return self.sample(n, rng)

    def to(self, device: torch.device) -> "Points":
        """Return itself: points are drawn where the generator of the draw lives."""
        return self


Data = Pictures | Points


def as_floats(pictures: Tensor) -> Tensor:
    """Map uint8 0…255 to float32 [−1, 1], as every published WGAN does."""
    return pictures.float().div_(127.5).sub_(1.0)


def as_bytes(pictures: Tensor) -> Tensor:
    """Map floats in [−1, 1] to uint8 0…255, rounding: the inverse of `as_floats`."""
    return pictures.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def data_root() -> Path:
    """Folder where data sets are kept: the environment's WGAN_DATA, else `data`."""
    return Path(os.environ.get("WGAN_DATA", "data"))


def examples(data: Data, n: int, seed: int = 0) -> npt.NDArray[Any]:
    """Return n training examples as an array to show: (n, C, H, W) uint8, or (n, 2) float32."""
    rng = generator(seed, "sample")
    if isinstance(data, Pictures):
        chosen = torch.randperm(len(data.train), generator=rng)[:n]
        return data.train[chosen].cpu().numpy()
    return data.sample(n, rng).cpu().numpy()


def _fields(pictures: Pictures) -> Iterator[Tensor]:
    yield from (pictures.train, pictures.held_out, pictures.train_labels, pictures.held_out_labels)


class Dataset(BaseModel, ABC):
    """A data set's name and its own settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Any
    kind: ClassVar[Literal["pictures", "points"]]
    title: ClassVar[str]
    size: ClassVar[int | None] = None
    """How many examples there are to train on; None where every draw is fresh."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example: (C, H, W), or (2,) for points."""
        return (1, 28, 28) if self.kind == "pictures" else (2,)

    def present(self, root: Path | None = None) -> bool:
        """Tell whether `load` needs no network."""
        return True

    @abstractmethod
    def load(self, root: Path | None = None, progress: Progress | None = None) -> Data:
        """Return the data.

        `root` is where files are kept (default `data_root()`); `progress` hears of a download.
        Raises DataError, whose message says what to do.
        """


class Mnist10k(Dataset):
    """10,000 handwritten digits that come with the app, 1,000 of each class. No network needed."""

    name: Literal["mnist-10k"] = "mnist-10k"
    kind = "pictures"
    title = "MNIST, 10,000 digits"
    size = 10_000

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Pictures:
        with (resources.files("wgan") / "assets" / "mnist-10k.npz").open("rb") as file:
            arrays = np.load(file)
            tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        return Pictures(
            train=tensors["train_images"][:, None],
            held_out=tensors["held_out_images"][:, None],
            train_labels=tensors["train_labels"].long(),
            held_out_labels=tensors["held_out_labels"].long(),
        )


class _FromTorchvision(Dataset):
    """MNIST's family: four IDX files that torchvision fetches and reads."""

    kind = "pictures"
    size = 60_000
    folder: ClassVar[str]
    download_bytes: ClassVar[int]

    def present(self, root: Path | None = None) -> bool:
        raw = (root or data_root()) / self.folder / "raw"
        return all(
            (raw / f"{part}-{file}-ubyte").exists()
            for part in ("train", "t10k")
            for file in ("images-idx3", "labels-idx1")
        )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Pictures:
        # torchvision takes a second to import, and the bundled set does without it.
        from torchvision import datasets

        kept = root or data_root()
        source = getattr(datasets, self.folder)
        raw = kept / self.folder / "raw"
        present = self.present(root)
        try:
            if not present:
                _fetch(source, kept, raw, self.download_bytes, self.title, progress)
            train = source(str(kept), train=True, download=False)
            test = source(str(kept), train=False, download=False)
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            if present:
                raise DataError(
                    f"The files of {self.title} in {raw} cannot be read ({error}). Delete that "
                    f"folder to fetch them again, or choose “{Mnist10k.title}”, which comes with the app."
                ) from error
            raise DataError(
                f"{self.title} could not be downloaded: is there a network? Choose “{Mnist10k.title}”, "
                f"which comes with the app, or put the four files of {self.title} into {raw}: "
                f"{', '.join(name.removesuffix('.gz') for name, _ in source.resources)}."
            ) from error
        return Pictures(
            train.data[:, None], test.data[:, None], train.targets.long(), test.targets.long()
        )


class Mnist(_FromTorchvision):
    """60,000 handwritten digits; the 10,000 test digits are held out. Fetched on first use."""

    name: Literal["mnist"] = "mnist"
    title = "MNIST"
    folder = "MNIST"
    download_bytes = 11_594_722


class FashionMnist(_FromTorchvision):
    """60,000 pictures of clothes in ten classes; 10,000 are held out. Fetched on first use."""

    name: Literal["fashion-mnist"] = "fashion-mnist"
    title = "Fashion-MNIST"
    folder = "FashionMNIST"
    download_bytes = 30_878_645


def _fetch(
    source: Any, root: Path, raw: Path, total: int, title: str, progress: Progress | None
) -> None:
    """Let torchvision download, telling `progress` by how much its folder has grown."""
    if progress is not None:
        progress(f"Looking for {title} on the network", 0.0)
    # torchvision tries its mirrors without a time limit: find out first whether one answers.
    for mirror in source.mirrors:
        with contextlib.suppress(OSError), urllib.request.urlopen(mirror, timeout=8):
            break
        with contextlib.suppress(OSError):
            urllib.request.urlopen(
                urllib.request.Request(
                    f"{mirror}{source.resources[0][0]}", headers={"Range": "bytes=0-0"}
                ),
                timeout=8,
            ).close()
            break
    else:
        raise OSError("no mirror answers")
    failure: list[BaseException] = []

    def work() -> None:
        try:
            source(str(root), download=True)
        except Exception as error:
            failure.append(error)

    worker = threading.Thread(target=work, name=f"download {title}", daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(0.25)
        if progress is not None:
            have = sum(f.stat().st_size for f in raw.glob("*.gz")) if raw.exists() else 0
            progress(f"Downloading {title}", min(1.0, have / total))
    if failure:
        raise OSError(str(failure[0])) from failure[0]


Scale = Annotated[float, Field(gt=0, le=20)]


class _PointSet(Dataset):
    kind = "points"


def _mixture(means: Tensor, sigma: float, extent: float) -> Points:
    """Equal-weight mixture of isotropic Gaussians."""

    def sample(n: int, rng: torch.Generator) -> Tensor:
        chosen = torch.randint(len(means), (n,), generator=rng, device=rng.device)
        noise = torch.randn(n, 2, generator=rng, device=rng.device)
        return means.to(rng.device)[chosen] + sigma * noise

    return Points(sample, means, sigma, extent)


class Ring8(_PointSet):
    """Eight Gaussians on a ring: the classic test for mode collapse."""

    name: Literal["ring-8"] = "ring-8"
    title = "Ring of 8 Gaussians"
    scale: Scale = Field(2.0, title="Radius", description="Distance of each mean from the centre.")
    sigma: Annotated[float, Field(gt=0, le=1)] = Field(
        0.02, title="σ", description="Standard deviation of each Gaussian."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        angle = torch.arange(8) * (2 * math.pi / 8)
        means = self.scale * torch.stack([angle.cos(), angle.sin()], dim=1)
        return _mixture(means, self.sigma, 1.4 * self.scale + 3 * self.sigma)


class Grid25(_PointSet):
    """25 Gaussians on a 5×5 grid: a harder test for mode collapse."""

    name: Literal["grid-25"] = "grid-25"
    title = "Grid of 25 Gaussians"
    scale: Scale = Field(4.0, title="Half width", description="Coordinate of the outermost means.")
    sigma: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, title="σ", description="Standard deviation of each Gaussian."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        ticks = self.scale * torch.linspace(-1, 1, 5)
        means = torch.cartesian_prod(ticks, ticks)
        return _mixture(means, self.sigma, 1.3 * self.scale + 3 * self.sigma)


class SwissRoll(_PointSet):
    """A spiral of one and a half turns, uniform in its angle: one connected curve.

    Gulrajani et al. 2017's toy set is this one at scale 1.885 and noise 0.033.
    """

    name: Literal["swiss-roll"] = "swiss-roll"
    title = "Swiss roll"
    scale: Scale = Field(1.885, title="Outer radius", description="Radius of the outer end.")
    noise: Annotated[float, Field(ge=0, le=1)] = Field(
        0.033, title="Noise", description="Standard deviation around the curve."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        end = 4.5 * math.pi

        def sample(n: int, rng: torch.Generator) -> Tensor:
            u = torch.rand(n, generator=rng, device=rng.device)
            t = 1.5 * math.pi * (1 + 2 * u)
            curve = torch.stack([t * t.cos(), t * t.sin()], dim=1) * (self.scale / end)
            return curve + self.noise * torch.randn(n, 2, generator=rng, device=rng.device)

        return Points(sample, None, self.noise, 1.15 * self.scale + 3 * self.noise)


class TwoMoons(_PointSet):
    """Two interleaved half circles."""

    name: Literal["two-moons"] = "two-moons"
    title = "Two moons"
    scale: Scale = Field(1.5, title="Radius", description="Radius of each half circle.")
    noise: Annotated[float, Field(ge=0, le=1)] = Field(
        0.075, title="Noise", description="Standard deviation around the curves."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        def sample(n: int, rng: torch.Generator) -> Tensor:
            t = math.pi * torch.rand(n, generator=rng, device=rng.device)
            lower = torch.randint(2, (n,), generator=rng, device=rng.device)
            side = 1.0 - 2.0 * lower
            # Centred, so that the window and the generator's start are too.
            x = side * t.cos() + lower - 0.5
            y = side * t.sin() + 0.5 * lower - 0.25
            curve = self.scale * torch.stack([x, y], dim=1)
            return curve + self.noise * torch.randn(n, 2, generator=rng, device=rng.device)

        return Points(sample, None, self.noise, 1.7 * self.scale + 3 * self.noise)


DATASETS: dict[str, type[Dataset]] = {
    "mnist-10k": Mnist10k,
    "mnist": Mnist,
    "fashion-mnist": FashionMnist,
    "ring-8": Ring8,
    "grid-25": Grid25,
    "swiss-roll": SwissRoll,
    "two-moons": TwoMoons,
}

if TYPE_CHECKING:
    AnyDataset = Dataset
else:
    AnyDataset = Annotated[Union[tuple(DATASETS.values())], Field(discriminator="name")]
