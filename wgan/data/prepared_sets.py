"""Prepared pictures: the user's own data sets, one file each. The header suffices to list a file."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from wgan.data.base import Pictures, Side, Stack
from wgan.data.errors import DataError
from wgan.data.mapped import Mapped
from wgan.data.stored import ArrayLocation, layout, read
from wgan.paths import cache_dir, data_root

SCHEMA = 1
FOLDER = "own"
MAPPED_FROM = 1 << 30
"""Training sets of at least this many bytes are memory-mapped; smaller ones are read into memory."""


class Recipe(BaseModel):
    """How files become training pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(
        "My pictures",
        title="Name",
        description="The name of the pictures in the app, with 1 to 60 characters.",
    )
    pattern: str = Field(
        "",
        title="File pattern",
        description="Use only files whose path matches this pattern, such as cats/*.png. * and ? stay "
        "inside a folder; ** includes subfolders. A pattern without a slash is compared with "
        "the file name. Empty: all files.",
        max_length=200,
    )
    side: Side = Field(32, title="Size", description="Height and width of the pictures, in pixels.")
    colours: Literal["grey", "rgb"] = Field(
        "rgb", title="Colours", description="Grey pictures train faster."
    )
    fit: Literal["crop", "pad"] = Field(
        "crop",
        title="Pictures that are not square",
        description="Crop: keep the square in the middle. Pad: keep the whole picture, with background "
        "around it.",
    )
    enlarge: bool = Field(
        True,
        title="Enlarge small pictures",
        description="Enlarge small pictures, by whole factors if possible, so that sprites stay sharp. "
        "Off: keep their size, with background around them.",
    )
    trim: bool = Field(
        False,
        title="Trim transparent borders",
        description="Remove transparent borders before fitting. Sprites often have them.",
    )
    background: str = Field(
        "white",
        title="Background",
        description="Colour behind transparent parts and around pictures: white, black or a code such as "
        "#ff8800.",
    )
    unique: bool = Field(
        True,
        title="Drop duplicates",
        description="If several prepared pictures are equal, keep only the first.",
    )
    near: bool = Field(
        False,
        title="Drop near duplicates",
        description="Drop pictures that look nearly the same as another: with the same 64-bit difference "
        "hash and nearly the same mean colour.",
    )
    labels: bool = Field(
        True,
        title="Folders as classes",
        description="The class of a picture is the name of its folder. This needs 2 to 100 folders with "
        "pictures.",
    )
    held_out: Annotated[float, Field(ge=0.05, le=0.5)] = Field(
        0.1,
        title="Held out",
        description="Share of the pictures that training never uses. They show how well a run does on "
        "pictures that it has not seen.",
    )

    @field_validator("title")
    @classmethod
    def _speakable(cls, title: str) -> str:
        title = " ".join(title.split())
        if not 1 <= len(title) <= 60 or not title.isprintable():
            raise ValueError("The name must have 1 to 60 printable characters.")
        return title

    @field_validator("background")
    @classmethod
    def _a_colour(cls, background: str) -> str:
        if background not in ("white", "black") and not re.fullmatch(
            r"#[0-9a-fA-F]{6}", background
        ):
            raise ValueError(
                f"{background!r} is not a background colour. Use white, black or a code such "
                "as #ff8800."
            )
        return background


@dataclass(frozen=True)
class Prepared:
    """The header of a file of prepared pictures."""

    key: str
    recipe: Recipe
    source: str  # name of the folder or archive, or "upload"
    shape: tuple[int, ...]  # (C, H, W)
    train: int
    held_out: int
    classes: tuple[str, ...]
    counts: tuple[int, ...]  # training pictures of each class
    seen: int  # number of files that were read
    duplicates: int
    near_duplicates: int
    skipped: tuple[tuple[str, str], ...]  # (file, reason) of the first skipped files
    reasons: dict[str, int]  # number of skipped files by reason
    created: float  # seconds since 1970

    @property
    def title(self) -> str:
        """The name that the user gave to the pictures."""
        return self.recipe.title

    @property
    def nbytes(self) -> int:
        """Size of all pictures in bytes."""
        return self.kept * math.prod(self.shape)

    @property
    def kept(self) -> int:
        """Number of pictures in both parts."""
        return self.train + self.held_out


def prepared(root: Path | None = None) -> list[Prepared]:
    """Return all prepared sets, newest first, without damaged files."""
    by_key: dict[str, Prepared] = {}
    for folder in folders(root, FOLDER):
        for path in sorted(folder.glob("*.safetensors")):
            with contextlib.suppress(DataError):
                by_key.setdefault(path.stem, read_header(path))
    return sorted(by_key.values(), key=lambda p: (-p.created, p.key))


def find(key: str, root: Path | None = None) -> Prepared | None:
    """Return the prepared set with a key; None if it is not on this machine."""
    if not is_key(key):
        return None
    for folder in folders(root, FOLDER):
        with contextlib.suppress(DataError):
            return read_header(folder / f"{key}.safetensors")
    return None


def forget(key: str, root: Path | None = None) -> None:
    """Delete the prepared set with a key.

    Raises:
        DataError: There is no such set, or it cannot be deleted.
    """
    paths = [folder / f"{key}.safetensors" for folder in folders(root, FOLDER)]
    existing = [path for path in paths if is_key(key) and path.is_file()]
    if not existing:
        raise DataError(f"There are no added pictures {key!r}.")
    for path in existing:
        try:
            path.unlink()
        except OSError as error:
            raise DataError(f"{path} cannot be deleted ({error.strerror or error}).") from error


def is_key(key: str) -> bool:
    """Return whether a text is a valid key. Keys are file names, so other characters are not allowed."""
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", key) is not None


def folders(root: Path | None, name: str) -> tuple[Path, Path]:
    """Return the two folders that are searched for prepared pictures: the data folder, then the cache."""
    return (root or data_root()) / name, cache_dir() / "data" / name


def writable(root: Path | None, name: str) -> Path:
    """Return the first of these folders that is writable, and create it if necessary.

    Raises:
        DataError: Neither folder is writable.
    """
    for folder in folders(root, name):
        nearest = next((p for p in (folder, *folder.parents) if p.exists()), folder)
        # Root may write everywhere. Respect a folder without write permission nevertheless.
        if nearest.stat().st_mode & 0o222 and os.access(nearest, os.W_OK):
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                return folder
    raise DataError(
        f"The folders {folders(root, name)[0]} and {folders(root, name)[1]} cannot be "
        "written. Make one of them writable, or set WGAN_DATA to another folder."
    )


def read_header(path: Path) -> Prepared:
    """Return the header of a file of prepared pictures, without reading the pictures.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        metadata, arrays = layout(path)
        header = json.loads(metadata["wgan-data"])
        n, *shape = arrays["train"].shape
        held_out = arrays["held_out"].shape[0]
        if header["schema"] != SCHEMA:
            raise ValueError("schema")
        return Prepared(
            key=path.name.removesuffix(".safetensors"),
            recipe=Recipe.model_validate(header["recipe"]),
            source=str(header["source"]),
            shape=tuple(shape),
            train=n,
            held_out=held_out,
            classes=tuple(map(str, header["classes"])),
            counts=tuple(map(int, header["counts"])),
            seen=int(header["seen"]),
            duplicates=int(header["duplicates"]),
            near_duplicates=int(header["near_duplicates"]),
            skipped=tuple((str(name), str(reason)) for name, reason in header["skipped"]),
            reasons={str(reason): int(n) for reason, n in header["reasons"].items()},
            created=float(header["created"]),
        )
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (
        OSError,
        ValidationError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
    ) as error:
        raise DataError(f"The pictures in {path} are damaged. Add them again.") from error


def read_pictures(path: Path, *, mapped: bool | None = None) -> Pictures:
    """Return the pictures of a file that `build` wrote.

    Args:
        path: The file.
        mapped: Whether the pictures stay in the file. Default: if the training pictures have at
            least `MAPPED_FROM` bytes.

    Raises:
        DataError: The file is missing or damaged.
    """
    import torch

    header = read_header(path)
    try:
        _, arrays = layout(path)
        for name in ("train", "held_out"):
            part, labels = arrays[name], arrays[f"{name}_labels"]
            if part.kind != "U8" or len(part.shape) != 4 or part.shape[1:] != header.shape:
                raise ValueError("the parts do not fit together")
            if labels.kind != "I64" or labels.shape != part.shape[:1] or not part.nbytes:
                raise ValueError("the labels do not fit the pictures")
        classes = max(1, len(header.classes))
        train_labels, held_out_labels = (
            torch.from_numpy(read(path, arrays[name])).long()
            for name in ("train_labels", "held_out_labels")
        )
        for each in (train_labels, held_out_labels):
            if not 0 <= each.min() <= each.max() < classes:
                raise ValueError("the labels do not fit the classes")
        if mapped is None:
            mapped = arrays["train"].nbytes >= MAPPED_FROM
        train, held_out = (_part(path, arrays[name], mapped) for name in ("train", "held_out"))
        return Pictures(train, held_out, train_labels, held_out_labels, header.classes)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"The pictures in {path} are damaged. Add them again.") from error


def _part(path: Path, part: ArrayLocation, mapped: bool) -> Stack:
    import torch

    if not mapped:
        return torch.from_numpy(read(path, part))
    with path.open("rb") as file:
        return Mapped(file, part.begin, part.shape)
