"""Pictures of yours: a folder, an archive or an upload, made once into one file to train from.

The file is a safetensors, so that nothing in it can run; what stands in its header is enough to
list it.
"""

import contextlib
import hashlib
import io
import itertools
import json
import os
import re
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from torch import Tensor

from wgan.data.archives import CHUNK, Limits, Meter, Source, files_below, members, pattern
from wgan.data.base import Pictures, Progress, Side, Stack, data_root, parts_of
from wgan.data.errors import DataError
from wgan.data.mapped import Mapped
from wgan.data.stored import New, Part, layout, read, write
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
MAPPED_FROM = 1 << 30
"""Bytes of pictures to train on from which on they stay in their file instead of being read into memory."""

Floats = npt.NDArray[np.float64]


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
    half = path.with_name(f"{path.name}.{os.getpid()}.part")
    # Which pictures are held out is known only when all are there: until then they wait in a file
    # without a name, of which even a killed process leaves nothing.
    with contextlib.ExitStack() as stack:
        with _writing(path.parent):
            # Unbuffered: closing it, as after an error, must have nothing left to write.
            spill = stack.enter_context(tempfile.TemporaryFile(dir=path.parent, buffering=0))
        found = _Found(recipe, limits, spill, path.parent)
        found.collect(source, progress)
        names, labels, held_out = found.parts()
        counts = torch.bincount(labels[~held_out], minlength=len(names)).tolist()
        header = {
            "schema": SCHEMA,
            "recipe": recipe.model_dump(),
            "source": source.name if isinstance(source, Path) else "upload",
            "classes": names,
            "counts": counts if names else [],
            "seen": found.seen,
            "duplicates": found.duplicates,
            "near_duplicates": found.near_duplicates,
            "skipped": found.skipped,
            "reasons": dict(found.reasons.most_common()),
            "created": time.time(),
        }
        stack.callback(half.unlink, missing_ok=True)
        with _writing(path.parent), half.open("wb", buffering=CHUNK) as file:
            made = Mapped(spill, 0, (len(labels), *found.shape))
            told = _Told(progress, len(labels))
            arrays = {}
            for name, mask in (("train", ~held_out), ("held_out", held_out)):
                n = int(mask.sum())
                pieces = (told(part.numpy()) for part in parts_of(made.only(mask), 500))
                arrays[name] = New("U8", (n, *found.shape), pieces)
                arrays[f"{name}_labels"] = New("I64", (n,), [labels[mask].numpy()])
            write(file, {"wgan-data": json.dumps(header)}, arrays)
            file.flush()
            os.fsync(file.fileno())
        with _writing(path.parent):
            half.replace(path)
    return read_header(path)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"The pictures could not be written to {folder} ({error}). Free some space or make "
            "the folder writable."
        ) from error


class _Told:
    """Passes pieces on, and tells how much has been written."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, piece: Bytes) -> Bytes:
        if self._progress is not None:
            self._progress("Writing the pictures", self._done / self._total)
        self._done += len(piece)
        return piece


def read_header(path: Path) -> Prepared:
    """Return what a file of prepared pictures says, without reading the pictures.

    Raises DataError where it is absent or damaged.
    """
    try:
        said, arrays = layout(path)
        header = json.loads(said["wgan-data"])
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
        OSError, ValidationError, ValueError, KeyError, TypeError, AttributeError, IndexError,
        RecursionError,
    ) as error:  # fmt: skip
        raise DataError(
            f"The prepared pictures in {path} are damaged: prepare them again."
        ) from error


def read_pictures(path: Path, *, mapped: bool | None = None) -> Pictures:
    """Return the pictures of a file that `build` made. Raises DataError.

    With `MAPPED_FROM` bytes to train on they stay in the file, unless `mapped` says otherwise.
    """
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
        raise DataError(
            f"The prepared pictures in {path} are damaged: prepare them again."
        ) from error


def _part(path: Path, part: Part, mapped: bool) -> Stack:
    if not mapped:
        return torch.from_numpy(read(path, part))
    with path.open("rb") as file:
        return Mapped(file, part.begin, part.shape)


class _Found:
    """The pictures of a source, as they are found."""

    def __init__(
        self, recipe: Recipe, limits: Limits, spill: io.FileIO, folder: Path
    ) -> None:
        self.recipe, self.limits = recipe, limits
        self.shape = (1 if recipe.colours == "grey" else 3, recipe.side, recipe.side)
        self.skipped: list[tuple[str, str]] = []  # the first of them
        self.reasons: Counter[str] = Counter()
        self.seen = self.duplicates = self.near_duplicates = 0
        self._spill, self._spill_folder = spill, folder
        self._folders: dict[str, int] = {}
        self._folder_of = array("q")  # of each picture
        # Of each picture that is kept something small: they may be millions.
        self._digests: set[bytes] = set()
        self._means: dict[tuple[int, ...], Floats] = {}

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
                self.reasons[str(reason)] += 1
                if len(self.skipped) < EXAMPLES:
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
            if (len(self._folder_of) + 1) * picture.nbytes > self.limits.kept:
                raise DataError(
                    f"The prepared pictures take more than {self.limits.kept / (1 << 20):,.4g} MB. "
                    "Choose a smaller size, grey, or fewer files by a pattern."
                )
            with _writing(self._spill_folder):
                rest = memoryview(picture.tobytes())
                while rest:
                    rest = rest[self._spill.write(rest) :]
            folder = name.rpartition("/")[0].rpartition("/")[2]
            self._folder_of.append(self._folders.setdefault(folder, len(self._folders)))

    def _known(self, picture: Bytes) -> bool:
        digest = hashlib.blake2b(picture.tobytes(), digest_size=16).digest()
        if digest in self._digests:
            return True
        self._digests.add(digest)
        return False

    def _near(self, picture: Bytes) -> bool:
        mean = picture.mean(axis=(1, 2))
        look = difference_hash(picture)
        # Means that are kept lie farther apart than a cell is wide, so that each has a cell of its own,
        # and all that are near lie in the cells around.
        cell = [int(level // MEAN_APART) for level in mean]
        for around in itertools.product(*((c - 1, c, c + 1) for c in cell)):
            other = self._means.get((look, *around))
            if other is not None and np.abs(mean - other).max() <= MEAN_APART:
                return True
        self._means[look, *cell] = mean
        return False

    def parts(self) -> tuple[tuple[str, ...], Tensor, Tensor]:
        """Return the classes' names, each picture's label, and which are held out, both (N,).

        Raises DataError where there are too few.
        """
        if len(self._folder_of) < 2:
            raise DataError(self._too_few())
        names, labels = self._classes()
        held_out = torch.zeros(len(labels), dtype=torch.bool)
        held_out[self._to_hold_out(labels)] = True
        return names, labels, held_out

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
        shown = [_readable(name, 60) for name in self._folders]
        names = sorted(set(shown), key=_natural)
        folder_of = torch.tensor(self._folder_of, dtype=torch.long)
        if not self.recipe.labels or not 2 <= len(names) <= 100:
            return (), torch.zeros_like(folder_of)
        return tuple(names), torch.tensor([names.index(name) for name in shown])[folder_of]

    def _too_few(self) -> str:
        what = "no picture" if not self._folder_of else "only one picture"
        if not self.seen:
            why = (
                f"no file fits the pattern {self.recipe.pattern!r}"
                if self.recipe.pattern
                else "it is empty"
            )
        else:
            parts = [f"{n:,} × {reason}" for reason, n in self.reasons.most_common(3)]
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
    total, parts = _parts(source)
    for i, (name, chunks) in enumerate(parts):
        content = hashlib.blake2b(digest_size=16)
        for chunk in chunks:
            content.update(chunk)
            meter.tick()
            if progress is not None:
                progress("Reading the files", i / total)
        digest.update(content.digest() + f"{name}\0".encode("utf-8", "surrogateescape"))
    return f"{slug or 'pictures'}-{digest.hexdigest()[:8]}"


def _parts(source: Source) -> tuple[int, Iterable[tuple[str, Iterable[bytes]]]]:
    """Return how many files a source has, and their names and contents."""
    if isinstance(source, bytes):
        return 1, [("", [source])]
    if isinstance(source, Path):
        if not source.is_dir():
            return 1, [("", _chunks(source))]
        names = files_below(source)
        files = ((name, source / name) for name in names)
        return len(names), (
            (name, () if file.is_symlink() else _chunks(file)) for name, file in files
        )
    return len(source), ((name, [content]) for name, content in source)


def _chunks(path: Path) -> Iterable[bytes]:
    # What cannot be read is left to `members` to complain of.
    with contextlib.suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
