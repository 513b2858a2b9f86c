"""Prepare small pictures from a folder, an archive or an upload, in the child process of `wgan.sandbox`.

`prepare_pictures` writes two binary files into a folder: the pixels of all pictures, and the class
of each. The caller checks them and writes the data set.
"""

import contextlib
import hashlib
import itertools
import json
import os
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from wgan.arrays import F64, U8
from wgan.sandbox import Progress, Refused
from wgan.untrusted.folders import list_files
from wgan.untrusted.images import Unusable, colour, difference_hash, picture_of
from wgan.untrusted.limits import Limits, Meter
from wgan.untrusted.member_paths import glob_pattern
from wgan.untrusted.sources import read_members

MAX_EXAMPLES = 200
"""Maximum number of skipped files whose reasons are listed individually."""
MAX_CLASSES = 100
MAX_NAME = 60
"""Maximum length of a class name."""
MEAN_APART = 8.0
"""Near duplicates have mean colours that differ at most by this much in each channel, of 255."""
NO_FOLDER = "(no folder)"
PICTURES, FOLDERS = "pictures", "folders"
"""Names of the two files: uint8 pixels, and the class of each picture as int32."""
WHOLE_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ\0", b"BZh")


class Upload(Sequence[tuple[str, bytes]]):
    """Uploaded files that are stored one after the other in one file, and read on demand."""

    def __init__(self, path: Path, index: Path) -> None:
        """`index` is a JSON list of names and lengths."""
        self._path = path
        self._entries = [(str(name), int(n)) for name, n in json.loads(index.read_text("ascii"))]

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> tuple[str, bytes]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[str, bytes]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        raise TypeError("The files of an upload are read in order.")

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        with self._path.open("rb") as file:
            for name, n in self._entries:
                yield name, file.read(n)


def prepare_pictures(
    progress: Progress,
    *,
    source: str,
    index: str | None,
    recipe: Mapping[str, Any],
    limits: Mapping[str, Any],
    out: str,
    shown_folder: str,
) -> dict[str, Any]:
    """Write the pictures of a source into the folder `out`.

    Args:
        progress: Called with the progress.
        source: A folder or an archive; if there is an `index`, the files of an upload.
        index: The index of an upload: a JSON list of names and lengths.
        recipe: The fields of a `wgan.data.Recipe`.
        limits: The fields of a `Limits`.
        out: The folder.
        shown_folder: The name of the destination in messages.

    Returns:
        A dict with `pictures`, the number of pictures; `classes`, their names, empty if there are
        not 2 to 100; `seen`, `duplicates` and `near_duplicates`, numbers of files; `skipped`, names
        and reasons of the first skipped files; and `reasons`, the number of skipped files by
        reason.

    Raises:
        Refused: The source exceeds a limit, or the folder cannot be written.
    """
    allowed = Limits(**limits)
    source_file = Path(source) if index is None else Upload(Path(source), Path(index))
    with (Path(out) / PICTURES).open("wb", buffering=0) as spill:
        picture_set = _PictureSet(recipe, allowed, spill.write, shown_folder)
        picture_set.collect(source_file, progress)
        classes, labels = picture_set.classes()
    with _writing(shown_folder), (Path(out) / FOLDERS).open("wb") as file:
        file.write(labels.tobytes())
    return {
        "pictures": len(labels),
        "classes": classes,
        "seen": picture_set.seen,
        "duplicates": picture_set.duplicates,
        "near_duplicates": picture_set.near_duplicates,
        "skipped": [list(pair) for pair in picture_set.skipped],
        "reasons": dict(picture_set.reasons.most_common()),
    }


@contextlib.contextmanager
def _writing(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(full_disk(folder, error)) from error


def full_disk(folder: str, error: OSError) -> str:
    """Return a sentence about a folder that cannot be written."""
    return (
        f"The pictures could not be written to {folder} ({error}). Free some space or make "
        "the folder writable."
    )


class _PictureSet:
    """The pictures of a source, in the order of its files."""

    def __init__(
        self,
        recipe: Mapping[str, Any],
        limits: Limits,
        write: Callable[[memoryview], int],
        shown_folder: str,
    ) -> None:
        self.recipe, self.limits = recipe, limits
        self.skipped: list[tuple[str, str]] = []  # only the first ones
        self.reasons: Counter[str] = Counter()
        self.seen = self.duplicates = self.near_duplicates = 0
        self._write, self._shown_folder = write, shown_folder
        self._how = {
            "side": recipe["side"],
            "grey": recipe["colours"] == "grey",
            "fit": recipe["fit"],
            "background": colour(recipe["background"]),
            "trim": recipe["trim"],
            "enlarge": recipe["enlarge"],
        }
        self._folders: dict[str, int] = {}
        self._folder_of = array("i")  # folder number of each picture
        # Store only little for each picture, because there may be millions.
        self._digests: set[bytes] = set()
        self._means: dict[tuple[int, ...], F64] = {}

    def collect(self, source: Path | Upload, progress: Progress) -> None:
        """Prepare a picture from every file."""
        matches = glob_pattern(self.recipe["pattern"]).fullmatch
        meter = Meter(self.limits)
        # A folder does not report progress, so count its files first.
        total = 0
        if isinstance(source, Path) and os.path.isdir(source):
            total = len(list_files(source, meter)[0])
        for member in read_members(source, lambda path: matches(path) is not None, meter):
            self.seen += member.is_file
            try:
                if member.problem:
                    raise Unusable(member.problem)
                self._add(member.name, member.content)
            except Unusable as reason:
                self.reasons[str(reason)] += 1
                if len(self.skipped) < MAX_EXAMPLES:
                    self.skipped.append((readable(member.name, 200), str(reason)))
            share = self.seen / total if total else member.share
            progress(f"Preparing {self.recipe['title']}", min(1.0, share))
            meter.check_time()

    def _add(self, name: str, content: bytes) -> None:
        if content.startswith(WHOLE_ARCHIVES):
            raise Unusable("it is an archive inside the archive")
        picture = picture_of(content, self.limits.pixels, **self._how)
        if self.recipe["unique"] and self._is_duplicate(picture):
            self.duplicates += 1
        elif self.recipe["near"] and self._is_near_duplicate(picture):
            self.near_duplicates += 1
        else:
            if (len(self._folder_of) + 1) * picture.nbytes > self.limits.prepared:
                raise Refused(
                    "The prepared pictures take more than "
                    f"{self.limits.prepared / (1 << 20):,.4g} MB. Choose a smaller size, grey "
                    "pictures, or a file pattern that selects fewer files."
                )
            with _writing(self._shown_folder):
                rest = memoryview(picture.tobytes())
                while rest:
                    rest = rest[self._write(rest) :]
            folder = name.rpartition("/")[0].rpartition("/")[2]
            self._folder_of.append(self._folders.setdefault(folder, len(self._folders)))

    def _is_duplicate(self, picture: U8) -> bool:
        digest = hashlib.blake2b(picture.tobytes(), digest_size=16).digest()
        if digest in self._digests:
            return True
        self._digests.add(digest)
        return False

    def _is_near_duplicate(self, picture: U8) -> bool:
        mean = picture.mean(axis=(1, 2))
        look = difference_hash(picture)
        # Stored means differ by more than the width of a cell. So each has a separate cell, and
        # near ones are in the neighbouring cells.
        cell = [int(level // MEAN_APART) for level in mean]
        for around in itertools.product(*((c - 1, c, c + 1) for c in cell)):
            other = self._means.get((look, *around))
            if other is not None and np.abs(mean - other).max() <= MEAN_APART:
                return True
        self._means[look, *cell] = mean
        return False

    def classes(self) -> tuple[list[str], npt.NDArray[np.int32]]:
        """Return the names of the classes in natural order, and the class of each picture, (N,)."""
        folder_of = np.array(self._folder_of, dtype=np.int32)
        if not self.recipe["labels"] or not 2 <= len(self._folders) <= MAX_CLASSES:
            return [], np.zeros_like(folder_of)
        shown_names = class_names(list(self._folders))
        names = sorted(shown_names, key=_natural)
        labels = np.array([names.index(name) for name in shown_names], dtype=np.int32)
        return names, labels[folder_of]


def class_names(folders: Sequence[str]) -> list[str]:
    """Return distinct readable names for different folders.

    Long names that begin alike are shortened in the middle; names that remain equal get numbers.
    """
    names = [readable(folder, MAX_NAME) for folder in folders]
    for i in _alike(names):
        names[i] = _cut_in_the_middle(readable(folders[i], 1 << 20))
    numbers: Counter[str] = Counter()
    for i in sorted(_alike(names), key=lambda i: folders[i]):
        name, other_names = names[i], set(names[:i] + names[i + 1 :])
        while name in other_names:
            numbers[names[i]] += 1
            suffix = f" ({numbers[names[i]]})"
            name = names[i][: MAX_NAME - len(suffix)] + suffix
        names[i] = name
    return names


def _alike(names: Sequence[str]) -> list[int]:
    counts = Counter(names)
    return [i for i, name in enumerate(names) if counts[name] > 1]


def _cut_in_the_middle(name: str) -> str:
    end = MAX_NAME // 2
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - end - 1]}…{name[-end:]}"


def readable(name: str, length: int) -> str:
    """Return a name without control characters and with a maximum length; a placeholder if it is empty."""
    printable = "".join(letter if letter.isprintable() else "�" for letter in name)
    return (printable if len(printable) <= length else f"{printable[: length - 1]}…") or NO_FOLDER


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key for natural order: 2 before 10."""
    # Use [0-9], because \d also matches digits that int() does not accept.
    return [
        (0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part)
        for part in re.split(r"([0-9]{1,18})", name)
        if part
    ]
