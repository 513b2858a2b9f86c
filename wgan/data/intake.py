"""Pictures of yours: a folder, an archive or an upload, made once into one file to train from.

The file is a safetensors, so that nothing in it can run; what stands in its header is enough to
list it.
"""

import contextlib
import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from wgan.data.archives import CHUNK, Limits, Meter, Source, files_below, members, pattern
from wgan.data.base import DataError, Pictures, Progress, Side, data_root
from wgan.data.decode import (
    Bytes,
    Unusable,
    colour,
    difference_hash,
    open_image,
    prepare_picture,
)
from wgan.randomness import generator

SCHEMA = 1
FOLDER = "own"
EXAMPLES = 200
"""Skipped files of which the reason is kept one by one."""
MEAN_APART = 8.0
"""Near duplicates have mean colours at most so far apart, of 255, in each channel."""
NO_FOLDER = "(no folder)"


class Recipe(BaseModel):
    """How files become pictures to train on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(
        "My pictures",
        title="Name",
        description="Shown wherever the pictures are; 1 to 60 characters.",
    )
    pattern: str = Field(
        "",
        title="Only files like",
        description="A pattern of the path inside, such as cats/*.png: * and ? stay in a folder, ** "
        "crosses folders; without a slash it is the file's name. Empty: all files.",
        max_length=200,
    )
    side: Side = Field(32, title="Size", description="Height and width of the pictures, in pixels.")
    colours: Literal["grey", "rgb"] = Field(
        "rgb", title="Colours", description="Grey pictures are learned faster."
    )
    fit: Literal["crop", "pad"] = Field(
        "crop",
        title="What is not square",
        description="crop: cut to the square in the middle. pad: kept whole, with background around.",
    )
    enlarge: bool = Field(
        True,
        title="Enlarge small pictures",
        description="Small pictures are enlarged, by whole factors where that fits, so that sprites "
        "stay sharp. Off: they stay as they are, with background around.",
    )
    trim: bool = Field(
        False,
        title="Trim transparent borders",
        description="Cut a transparent border off before fitting, as sprites often have one.",
    )
    background: str = Field(
        "white",
        title="Background",
        description="Behind transparent parts and around: white, black or a colour such as #ff8800.",
    )
    unique: bool = Field(
        True,
        title="Drop duplicates",
        description="Of pictures that are the same once prepared, only the first is kept.",
    )
    near: bool = Field(
        False,
        title="Drop near duplicates too",
        description="Pictures count as nearly the same when their 64-bit difference hashes are equal "
        "and their mean colours close.",
    )
    labels: bool = Field(
        True,
        title="Folders are classes",
        description="A picture's class is the name of its folder, where there are 2 to 100 folders "
        "with pictures.",
    )
    held_out: Annotated[float, Field(ge=0.05, le=0.5)] = Field(
        0.1,
        title="Held out",
        description="Share of the pictures that training never sees, to compare with.",
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
                f"The background cannot be {background!r}: choose white, black or a colour such as "
                "#ff8800."
            )
        return background


@dataclass(frozen=True)
class Prepared:
    """Pictures that were prepared, as the header of their file tells."""

    key: str
    recipe: Recipe
    source: str  # name of the folder or archive; "upload"
    shape: tuple[int, ...]  # (C, H, W)
    train: int
    held_out: int
    classes: tuple[str, ...]
    counts: tuple[int, ...]  # training pictures of each class
    seen: int  # files that were looked at
    duplicates: int
    near_duplicates: int
    skipped: tuple[tuple[str, str], ...]  # (file, reason), the first of them
    reasons: dict[str, int]  # reason → files skipped for it
    created: float  # seconds since 1970

    @property
    def title(self) -> str:
        """The name its maker gave it."""
        return self.recipe.title

    @property
    def kept(self) -> int:
        """Pictures in both parts."""
        return self.train + self.held_out


def prepare(
    source: Source,
    recipe: Recipe,
    root: Path | None = None,
    progress: Progress | None = None,
    *,
    limits: Limits | None = None,
) -> Prepared:
    """Make pictures of a folder, an archive (.zip, .tar, .tar.gz, .tgz) or files, and keep them.

    They are kept as `own/<key>.safetensors` in the data root, or in the user's cache where that
    cannot be written. The same content and recipe give the same key, and are prepared only once.
    `progress` is told often, and may raise to cancel: nothing is left behind then. Raises DataError
    with a sentence.
    """
    limits = limits or Limits()
    meter = Meter(limits)
    key = _key(source, recipe, meter, progress)
    for folder in folders(root, FOLDER):
        with contextlib.suppress(DataError):
            return read_header(folder / f"{key}.safetensors")
    return build(source, recipe, writable(root, FOLDER) / f"{key}.safetensors", progress, limits)


def prepared(root: Path | None = None) -> list[Prepared]:
    """Return what has been prepared, the newest first; damaged files are left out."""
    found: dict[str, Prepared] = {}
    for folder in folders(root, FOLDER):
        for path in sorted(folder.glob("*.safetensors")):
            with contextlib.suppress(DataError):
                found.setdefault(path.stem, read_header(path))
    return sorted(found.values(), key=lambda p: (-p.created, p.key))


def find(key: str, root: Path | None = None) -> Prepared | None:
    """Return what was prepared under a key, or None where it is not on this machine."""
    if not is_key(key):
        return None
    for folder in folders(root, FOLDER):
        with contextlib.suppress(DataError):
            return read_header(folder / f"{key}.safetensors")
    return None


def forget(key: str, root: Path | None = None) -> None:
    """Delete what was prepared under a key. Raises DataError."""
    paths = [folder / f"{key}.safetensors" for folder in folders(root, FOLDER)]
    there = [path for path in paths if is_key(key) and path.is_file()]
    if not there:
        raise DataError(f"There are no prepared pictures {key!r}.")
    for path in there:
        try:
            path.unlink()
        except OSError as error:
            raise DataError(f"{path} cannot be deleted ({error.strerror or error}).") from error


def is_key(key: str) -> bool:
    """Tell whether a text can be a key: it becomes a file's name, so nothing else may pass."""
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", key) is not None


def folders(root: Path | None, name: str) -> tuple[Path, Path]:
    """Return the two places where prepared pictures are looked for, the data root's first."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (root or data_root()) / name, Path(base) / "wgan-explorer" / "data" / name


def writable(root: Path | None, name: str) -> Path:
    """Return the first of those places that can be written; it is made where it is absent.

    Raises DataError.
    """
    for folder in folders(root, name):
        nearest = next((p for p in (folder, *folder.parents) if p.exists()), folder)
        # An administrator may write anywhere: a folder without any write bit is left alone still.
        if nearest.stat().st_mode & 0o222 and os.access(nearest, os.W_OK):
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                return folder
    raise DataError(
        f"Neither {folders(root, name)[0]} nor {folders(root, name)[1]} can be written. Make one of "
        "them writable, or set WGAN_DATA to another folder."
    )


def build(
    source: Source,
    recipe: Recipe,
    path: Path,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> Prepared:
    """Make pictures of a source and keep them in one file. Raises DataError."""
    limits = limits or Limits()
    found = _Found(recipe, limits)
    found.collect(source, progress)
    pictures = found.pictures()
    if progress is not None:
        progress("Writing the pictures", 1.0)
    header = {
        "schema": SCHEMA,
        "recipe": recipe.model_dump(),
        "source": source.name if isinstance(source, Path) else "upload",
        "classes": pictures.names,
        "counts": torch.bincount(pictures.train_labels, minlength=len(pictures.names)).tolist(),
        "seen": found.seen,
        "duplicates": found.duplicates,
        "near_duplicates": found.near_duplicates,
        "skipped": found.skipped[:EXAMPLES],
        "reasons": dict(Counter(reason for _, reason in found.skipped).most_common()),
        "created": time.time(),
    }
    if not pictures.names:
        header["counts"] = []
    tensors = {
        "train": pictures.train,
        "held_out": pictures.held_out,
        "train_labels": pictures.train_labels,
        "held_out_labels": pictures.held_out_labels,
    }
    half = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        save_file(tensors, half, {"wgan-data": json.dumps(header)})
        with half.open("rb+") as file:
            os.fsync(file.fileno())
        half.replace(path)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"The pictures could not be written to {path.parent} ({error}). Free some space or make "
            "the folder writable."
        ) from error
    finally:
        half.unlink(missing_ok=True)
    return read_header(path)


def read_header(path: Path) -> Prepared:
    """Return what a file of prepared pictures says, without reading the pictures.

    Raises DataError where it is absent or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})["wgan-data"])
            n, *shape = file.get_slice("train").get_shape()
            held_out = file.get_slice("held_out").get_shape()[0]
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
        OSError, SafetensorError, ValidationError, ValueError, KeyError, TypeError, AttributeError,
    ) as error:  # fmt: skip
        raise DataError(
            f"The prepared pictures in {path} are damaged: prepare them again."
        ) from error


def read_pictures(path: Path) -> Pictures:
    """Return the pictures of a file that `build` made. Raises DataError."""
    header = read_header(path)
    try:
        tensors = load_file(path)
        pictures = Pictures(
            tensors["train"],
            tensors["held_out"],
            tensors["train_labels"],
            tensors["held_out_labels"],
            header.classes,
        )
        classes = max(1, len(header.classes))
        for part, labels in (
            (pictures.train, pictures.train_labels),
            (pictures.held_out, pictures.held_out_labels),
        ):
            whole = part.dtype == torch.uint8 and part.shape[1:] == torch.Size(header.shape)
            if not whole or part.dim() != 4 or labels.shape != part.shape[:1] or not len(part):
                raise ValueError("the parts do not fit together")
            if labels.dtype != torch.long or not 0 <= labels.min() <= labels.max() < classes:
                raise ValueError("the labels do not fit the classes")
        return pictures
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DataError(
            f"The prepared pictures in {path} are damaged: prepare them again."
        ) from error


class _Found:
    """The pictures of a source, as they are found."""

    def __init__(self, recipe: Recipe, limits: Limits) -> None:
        self.recipe, self.limits = recipe, limits
        self.made: list[Bytes] = []
        self.folders: list[str] = []
        self.skipped: list[tuple[str, str]] = []
        self.seen = self.duplicates = self.near_duplicates = 0
        self._digests: set[bytes] = set()
        self._means: dict[int, list[np.ndarray[Any, Any]]] = {}

    def collect(self, source: Source, progress: Progress | None) -> None:
        """Make pictures of every file."""
        wanted = pattern(self.recipe.pattern).fullmatch
        meter = Meter(self.limits)
        # A folder does not say how much of it is read.
        total = len(files_below(source)) if isinstance(source, Path) and source.is_dir() else 0
        for member in members(source, lambda path: wanted(path) is not None, meter):
            self.seen += 1
            try:
                if member.problem:
                    raise Unusable(member.problem)
                self._take(member.name, member.content)
            except Unusable as reason:
                self.skipped.append((_readable(member.name, 200), str(reason)))
            if progress is not None:
                share = self.seen / total if total else member.share
                progress(f"Preparing {self.recipe.title}", min(1.0, share))
            meter.tick()

    def _take(self, name: str, content: bytes) -> None:
        if content.startswith((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
            raise Unusable("it is an archive inside the archive")
        recipe = self.recipe
        picture = prepare_picture(
            open_image(content, self.limits.pixels),
            side=recipe.side,
            grey=recipe.colours == "grey",
            fit=recipe.fit,
            background=colour(recipe.background),
            trim=recipe.trim,
            enlarge=recipe.enlarge,
        )
        if recipe.unique and self._known(picture):
            self.duplicates += 1
        elif recipe.near and self._near(picture):
            self.near_duplicates += 1
        else:
            if (len(self.made) + 1) * picture.nbytes > self.limits.kept:
                raise DataError(
                    f"The prepared pictures take more than {self.limits.kept / (1 << 20):,.4g} MB. "
                    "Choose a smaller size, grey, or fewer files by a pattern."
                )
            self.made.append(picture)
            self.folders.append(name.rpartition("/")[0].rpartition("/")[2])

    def _known(self, picture: Bytes) -> bool:
        digest = hashlib.blake2b(picture.tobytes(), digest_size=16).digest()
        if digest in self._digests:
            return True
        self._digests.add(digest)
        return False

    def _near(self, picture: Bytes) -> bool:
        mean = picture.mean(axis=(1, 2))
        alike = self._means.setdefault(difference_hash(picture), [])
        if any(np.abs(mean - other).max() <= MEAN_APART for other in alike):
            return True
        alike.append(mean)
        return False

    def pictures(self) -> Pictures:
        """Return the pictures in two parts. Raises DataError where there are too few."""
        if len(self.made) < 2:
            raise DataError(self._too_few())
        names, labels = self._classes()
        pictures = torch.from_numpy(np.stack(self.made))
        held = torch.zeros(len(pictures), dtype=torch.bool)
        held[self._to_hold_out(labels)] = True
        train, held_out = ~held, held
        return Pictures(pictures[train], pictures[held_out], labels[train], labels[held_out], names)

    def _to_hold_out(self, labels: Tensor) -> Tensor:
        """Return which pictures training shall not see: of each class a share, at least one.

        The only picture of a class is trained on.
        """
        order = torch.randperm(len(labels), generator=generator(0, "held-out"))
        chosen = []
        for label in range(int(labels.max()) + 1):
            of_class = order[labels[order] == label]
            n = len(of_class)
            chosen.append(of_class[: min(n - 1, max(1, round(n * self.recipe.held_out)))])
        # Where every class has but one picture, one class must do without.
        found = torch.cat(chosen)
        return found if len(found) else order[:1]

    def _classes(self) -> tuple[tuple[str, ...], Tensor]:
        names = sorted({_readable(name, 60) for name in self.folders}, key=_natural)
        if not self.recipe.labels or not 2 <= len(names) <= 100:
            return (), torch.zeros(len(self.made), dtype=torch.long)
        index = {name: label for label, name in enumerate(names)}
        return tuple(names), torch.tensor([index[_readable(name, 60)] for name in self.folders])

    def _too_few(self) -> str:
        what = "no picture" if not self.made else "only one picture"
        if not self.seen:
            why = (
                f"no file fits the pattern {self.recipe.pattern!r}"
                if self.recipe.pattern
                else "it is empty"
            )
        else:
            reasons = Counter(reason for _, reason in self.skipped).most_common(3)
            parts = [f"{n:,} × {reason}" for reason, n in reasons]
            if self.duplicates + self.near_duplicates:
                parts.append(f"{self.duplicates + self.near_duplicates:,} × it is a duplicate")
            why = "; ".join(parts) or "there is but one file"
        return f"There is {what} to train on in it: {why}. At least two different ones are needed."


def _readable(name: str, length: int) -> str:
    """Return a name without control characters, not too long; a word for the empty one."""
    printable = "".join(letter if letter.isprintable() else "�" for letter in name)
    return (printable if len(printable) <= length else f"{printable[: length - 1]}…") or NO_FOLDER


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Order 2 before 10, as people do."""
    # [0-9], since \d knows digits of which some are no number to int.
    return [
        (0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part)
        for part in re.split(r"([0-9]{1,18})", name)
        if part
    ]


def _key(source: Source, recipe: Recipe, meter: Meter, progress: Progress | None) -> str:
    """Return a slug of the title with 8 digits of a hash of recipe and content."""
    slug = re.sub(r"[^a-z0-9]+", "-", recipe.title.lower()).strip("-")[:40].strip("-")
    digest = hashlib.blake2b(f"{SCHEMA}{recipe.model_dump_json()}".encode())
    parts = list(_parts(source))
    for i, (name, chunks) in enumerate(parts):
        content = hashlib.blake2b(digest_size=16)
        for chunk in chunks:
            content.update(chunk)
            meter.tick()
            if progress is not None:
                progress("Reading the files", i / len(parts))
        digest.update(content.digest() + f"{name}\0".encode("utf-8", "surrogateescape"))
    return f"{slug or 'pictures'}-{digest.hexdigest()[:8]}"


def _parts(source: Source) -> Iterable[tuple[str, Iterable[bytes]]]:
    if isinstance(source, bytes):
        yield "", [source]
    elif isinstance(source, Path) and source.is_dir():
        for name, file in files_below(source):
            yield name, () if file.is_symlink() else _chunks(file)
    elif isinstance(source, Path):
        yield "", _chunks(source)
    else:
        for name, content in source:
            yield name, [content]


def _chunks(path: Path) -> Iterable[bytes]:
    # What cannot be read is left to `members` to complain of.
    with contextlib.suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
