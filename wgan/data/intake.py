"""Prepare the user's own pictures: from a folder, an archive or an upload into one file.

A child process with limits reads archives and images (`wgan.untrusted.picture_set`). It returns raw
pixels and a description. This process checks both and writes the data set as a safetensors file,
which cannot contain code, and whose header suffices to list it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from wgan import sandbox
from wgan.arrays import U8
from wgan.data.base import Progress, chunks
from wgan.data.errors import DataError
from wgan.data.mapped import Mapped
from wgan.data.prepared_sets import FOLDER, SCHEMA, Prepared, Recipe, folders, read_header, writable
from wgan.data.stored import ArrayToWrite, write
from wgan.rng import keyed_rng
from wgan.untrusted.folders import NotRegular, list_files, open_regular
from wgan.untrusted.limits import Limits, Meter
from wgan.untrusted.members import CHUNK
from wgan.untrusted.picture_set import (
    FOLDERS,
    MAX_CLASSES,
    MAX_EXAMPLES,
    MAX_NAME,
    PICTURES,
    full_disk,
)
from wgan.untrusted.sources import Files

if TYPE_CHECKING:
    from torch import Tensor

Source = Path | bytes | Files
"""A folder or an archive; the bytes of an archive; or files with their names."""

READER = "wgan.untrusted.picture_set:prepare_pictures"
GRACE_S = 10.0
"""The child process ends itself after its time limit; the parent kills it this many seconds later."""
SCRATCH_PREFIX = ".preparing-"
"""Prefix of the scratch folder of a preparation. The child deletes the folder if this process is killed."""


def prepare(
    source: Source,
    recipe: Recipe,
    root: Path | None = None,
    progress: Progress | None = None,
    *,
    limits: Limits | None = None,
) -> Prepared:
    """Prepare the pictures of a folder, an archive or some files, and store them.

    They are stored as `own/<key>.safetensors` in the data folder, or in the user's cache if the
    data folder is not writable. The same content and recipe give the same key and are prepared only
    once.

    Args:
        source: A folder, an archive (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz), its bytes, or files.
        recipe: How the files become training pictures.
        root: The data folder. Default: `data_root()`.
        progress: Called often. If it raises an exception to cancel, no files remain.
        limits: Limits on the source. Default: `Limits()`.

    Raises:
        DataError: The source cannot be read, has too few pictures, or exceeds a limit.
    """
    limits = limits or Limits()
    try:
        key = _key(source, recipe, Meter(limits), progress)
    except sandbox.Refused as error:
        raise DataError(str(error)) from None
    except OSError as error:
        raise DataError(
            f"{_subject(source)} cannot be read ({error.strerror or error})."
        ) from error
    for folder in folders(root, FOLDER):
        with contextlib.suppress(DataError):
            return read_header(folder / f"{key}.safetensors")
    return build(source, recipe, writable(root, FOLDER) / f"{key}.safetensors", progress, limits)


class Description(BaseModel):
    """The child's description of its pictures, validated because the child has read untrusted bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    pictures: Annotated[int, Field(ge=0)]
    classes: Annotated[
        list[Annotated[str, Field(max_length=MAX_NAME)]], Field(max_length=MAX_CLASSES)
    ]
    seen: Annotated[int, Field(ge=0)]
    duplicates: Annotated[int, Field(ge=0)]
    near_duplicates: Annotated[int, Field(ge=0)]
    skipped: Annotated[
        list[
            Annotated[
                list[Annotated[str, Field(max_length=200)]], Field(min_length=2, max_length=2)
            ]
        ],
        Field(max_length=MAX_EXAMPLES),
    ]
    reasons: Annotated[
        dict[Annotated[str, Field(max_length=200)], Annotated[int, Field(ge=1)]],
        Field(max_length=100),
    ]

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: list[str]) -> list[str]:
        if len(set(classes)) < len(classes) or not all(name.isprintable() for name in classes):
            raise ValueError("Two classes have the same name.")
        return classes


def build(
    source: Source,
    recipe: Recipe,
    path: Path,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> Prepared:
    """Prepare the pictures of a source and write them to `path`.

    Raises:
        DataError: The source cannot be read, has too few pictures, or exceeds a limit.
    """
    limits = limits or Limits()
    with _scratch_folder(path.parent) as scratch:
        description = sandbox.call_limited(
            READER,
            request(source, recipe, scratch, limits, progress),
            limits=sandbox.Limits(
                memory=limits.memory,
                cpu_s=int(limits.seconds + GRACE_S),
                wall_s=limits.seconds + GRACE_S,
                file_bytes=max(limits.prepared, 4 * limits.members) + 1,
            ),
            failure=DataError,
            subject=_subject(source),
            progress=progress,
            scratch=scratch,
        )
        name = source.name if isinstance(source, Path) else "upload"
        return assemble(scratch, description, recipe, name, path, progress)


def _subject(source: Source) -> str:
    if not isinstance(source, Path):
        return "The upload"
    return f"The {'folder' if os.path.isdir(source) else 'file'} {source.name}"


def request(
    source: Source,
    recipe: Recipe,
    scratch: Path,
    limits: Limits,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the arguments of `READER` for a source. An upload is written into the folder `scratch`."""
    index = None
    if isinstance(source, Path):
        place = source.absolute()
    else:
        place = scratch / "upload"
        files = [("", source)] if isinstance(source, bytes) else source
        with _writing(scratch.parent):
            with place.open("wb") as file:
                for i, (_, content) in enumerate(files):
                    file.write(content)
                    if progress is not None:
                        progress("Receiving the files", i / len(files))
            if not isinstance(source, bytes):
                index = scratch / "index.json"
                names = [(name, len(content)) for name, content in source]
                index.write_text(json.dumps(names), encoding="ascii")
    return {
        "source": str(place),
        "index": None if index is None else str(index),
        "recipe": recipe.model_dump(),
        "limits": dataclasses.asdict(limits),
        "out": str(scratch),
        "shown_folder": str(scratch.parent),
    }


def assemble(
    scratch: Path,
    description: object,
    recipe: Recipe,
    source: str,
    path: Path,
    progress: Progress | None = None,
) -> Prepared:
    """Write the data set from the files that `READER` left in `scratch`, and delete that folder.

    Raises:
        DataError: There are too few pictures, the disk is full, or the files are invalid.
    """
    import torch

    try:
        checked = Description.model_validate(description)
        shape = (1 if recipe.colours == "grey" else 3, recipe.side, recipe.side)
        with contextlib.ExitStack() as stack:
            spill = stack.enter_context((scratch / PICTURES).open("rb"))
            labels = torch.from_numpy(np.fromfile(scratch / FOLDERS, np.int32).astype(np.int64))
            size = os.fstat(spill.fileno()).st_size
            if len(labels) != checked.pictures or size != checked.pictures * int(np.prod(shape)):
                raise ValueError("The files have the wrong size.")
            if len(labels) and not 0 <= labels.min() <= labels.max() < max(1, len(checked.classes)):
                raise ValueError("The labels do not match the classes.")
            # The open file stays readable after its deletion. From here on, no file remains if this
            # process is killed.
            shutil.rmtree(scratch, ignore_errors=True)
            if checked.pictures < 2:
                raise DataError(_too_few(checked, recipe))
            pictures = Mapped(spill, 0, (checked.pictures, *shape))
            _write_data_set(pictures, labels, checked, recipe, source, path, progress)
    except (ValidationError, ValueError, OSError) as error:
        raise DataError(
            "The pictures were refused, because the process that read them returned invalid data."
        ) from error
    return read_header(path)


def _write_data_set(
    pictures: Mapped,
    labels: Tensor,
    description: Description,
    recipe: Recipe,
    source: str,
    path: Path,
    progress: Progress | None,
) -> None:
    import torch

    held_out = torch.zeros(len(labels), dtype=torch.bool)
    held_out[_to_hold_out(labels, recipe.held_out)] = True
    counts = torch.bincount(labels[~held_out], minlength=len(description.classes)).tolist()
    header = {
        "schema": SCHEMA,
        "recipe": recipe.model_dump(),
        "source": source,
        "classes": description.classes,
        "counts": counts if description.classes else [],
        "seen": description.seen,
        "duplicates": description.duplicates,
        "near_duplicates": description.near_duplicates,
        "skipped": description.skipped,
        "reasons": description.reasons,
        "created": time.time(),
    }
    half = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with _writing(path.parent), half.open("wb", buffering=CHUNK) as file:
            progress_of_parts = _ProgressReporter(progress, len(labels))
            arrays = {}
            for name, mask in (("train", ~held_out), ("held_out", held_out)):
                n = int(mask.sum())
                pieces = (
                    progress_of_parts(part.numpy()) for part in chunks(pictures.only(mask), 500)
                )
                arrays[name] = ArrayToWrite("U8", (n, *pictures.shape[1:]), pieces)
                arrays[f"{name}_labels"] = ArrayToWrite("I64", (n,), [labels[mask].numpy()])
            write(file, {"wgan-data": json.dumps(header)}, arrays)
            file.flush()
            os.fsync(file.fileno())
        with _writing(path.parent):
            half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def _to_hold_out(labels: Tensor, share: float) -> Tensor:
    """Return indices of the held-out pictures: a share of each class, at least one.

    The only picture of a class is a training picture.
    """
    import torch

    order = torch.randperm(len(labels), generator=keyed_rng(0, "held-out"))
    held_out_places = []
    for label in range(int(labels.max()) + 1):
        of_class = order[labels[order] == label]
        n = len(of_class)
        held_out_places.append(of_class[: min(n - 1, max(1, round(n * share)))])
    # If every class has only one picture, hold out one of them.
    indices = torch.cat(held_out_places)
    return indices if len(indices) else order[:1]


def _too_few(description: Description, recipe: Recipe) -> str:
    what = "only one picture" if description.pictures else "no picture"
    if not description.seen and not description.reasons:
        why = (
            f"no file fits the pattern {recipe.pattern!r}"
            if recipe.pattern
            else "the source is empty"
        )
    else:
        most = sorted(description.reasons.items(), key=lambda item: -item[1])
        parts = [f"{n:,} × {reason}" for reason, n in most[:3]]
        if description.duplicates + description.near_duplicates:
            parts.append(
                f"{description.duplicates + description.near_duplicates:,} × it is a duplicate"
            )
        why = "; ".join(parts) or "only one file was given"
    return f"Training needs at least two different pictures, but there is {what}: {why}."


@contextlib.contextmanager
def _scratch_folder(folder: Path) -> Iterator[Path]:
    with _writing(folder):
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=folder))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(full_disk(str(folder), error)) from error


class _ProgressReporter:
    """Passes chunks through, and reports how many pictures have been written."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, piece: U8) -> U8:
        if self._progress is not None:
            self._progress("Writing the pictures", self._done / self._total)
        self._done += len(piece)
        return piece


def _key(source: Source, recipe: Recipe, meter: Meter, progress: Progress | None) -> str:
    """Return a slug of the title, followed by 8 hexadecimal digits of a hash of recipe and content."""
    slug = re.sub(r"[^a-z0-9]+", "-", recipe.title.lower()).strip("-")[:40].strip("-")
    digest = hashlib.blake2b(f"{SCHEMA}{recipe.model_dump_json()}".encode())
    total, parts = _parts(source, meter)
    for i, (name, part) in enumerate(parts):
        content = hashlib.blake2b(digest_size=16)
        for chunk in part:
            content.update(chunk)
            meter.check_time()
            if progress is not None:
                progress("Reading the files", i / total)
        digest.update(content.digest() + f"{name}\0".encode("utf-8", "surrogateescape"))
    return f"{slug or 'pictures'}-{digest.hexdigest()[:8]}"


def _parts(source: Source, meter: Meter) -> tuple[int, Iterable[tuple[str, Iterable[bytes]]]]:
    """Return the number of files of a source, and their names and contents."""
    if isinstance(source, bytes):
        return 1, [("", [source])]
    if isinstance(source, Path):
        if not os.path.isdir(source):
            return 1, [("", _chunks(source))]
        names, _ = list_files(source, meter)
        files = ((name, source / name) for name in names)
        return len(names), (
            (name, () if file.is_symlink() else _chunks(file)) for name, file in files
        )
    return len(source), ((name, [content]) for name, content in source)


def _chunks(path: Path) -> Iterable[bytes]:
    # Skip unreadable files here: `members` reports them.
    with contextlib.suppress(OSError, NotRegular), open_regular(path) as file:
        while chunk := file.read(CHUNK):
            yield chunk
