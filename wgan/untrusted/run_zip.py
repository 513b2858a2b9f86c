"""Reads a foreign ZIP file of a run, and writes its valid parts into a folder.

`unpack_run` runs in the child process of `wgan.sandbox`. No file is copied as it is: the rows of the database
go one by one into a new database, images are decoded and encoded again, arrays are loaded and saved again, and
the header of a checkpoint is checked and written again. The caller checks what needs torch: configs and the
shapes of weights.
"""

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wgan.sandbox import Progress, Refused
from wgan.schema import MAX_TEXT, parse_json, table
from wgan.untrusted.previews import MAX_PREVIEW_BYTES, copy_preview
from wgan.untrusted.run_database import copy_rows
from wgan.untrusted.run_members import (
    CHUNK,
    DIGESTS,
    REQUIRED,
    check_digest,
    error_summary,
    has_complete_directory,
    list_members,
    read_digests,
    read_member,
)
from wgan.untrusted.weights import copy_weights

MAX_DATABASE_BYTES = 1 << 30
MAX_LOG_BYTES = 1 << 20


def unpack_run(
    progress: Progress, *, archive: str, out: str, free_bytes: int | None = None
) -> dict[str, Any]:
    """Write the run of a ZIP file, at most `free_bytes` of them, into the empty folder `out`.

    Returns:
        `name`: the name of the run's folder in the ZIP file. `remarks`: sentences about what was left out.

    Raises:
        Refused: If the file is not an exported run, or is too large.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise Refused(
            f"This is not a ZIP file, or it is damaged or incomplete ({error_summary(error)})."
        ) from error
    except OSError as error:
        raise Refused(f"The ZIP file cannot be read ({error.strerror or error}).") from error
    with opened:
        if not has_complete_directory(Path(archive), len(opened.infolist())):
            raise Refused("This ZIP file is damaged: its list of files is incomplete.")
        name, members = list_members(opened, free_bytes)
        digests = read_digests(opened, members.pop(DIGESTS, None), members)
        copy = _RunCopy(opened, members, digests, Path(out), progress)
        copy.write()
    return {"name": name, "remarks": copy.remarks}


class _RunCopy:
    """Writes the valid members of a run into a folder. `remarks` are sentences about the others."""

    def __init__(
        self,
        archive: zipfile.ZipFile,
        members: Mapping[str, zipfile.ZipInfo],
        digests: Mapping[str, str],
        folder: Path,
        progress: Progress,
    ) -> None:
        self.remarks: list[str] = []
        self._archive, self._members, self._digests = archive, members, digests
        self._folder, self._progress = folder, progress
        self._bad_pictures = 0

    def write(self) -> None:
        (self._folder / "previews").mkdir()
        total = sum(entry.file_size for entry in self._members.values()) or 1
        bytes_read = 0
        for file in sorted(self._members, key=_reading_order):
            self._progress(f"Checking {file}", bytes_read / total)
            bytes_read += self._members[file].file_size
            try:
                self._write_member(file, bytes_read / total)
            except Refused:
                raise
            except MemoryError as error:  # A header may claim arrays of any size.
                if file in REQUIRED:
                    raise
                self._leave_out(file, error)
            except OSError as error:
                if error.errno is not None:  # An error of the disk; Pillow's errors have no number.
                    raise Refused(f"The run cannot be unpacked ({error.strerror}).") from error
                self._leave_out(file, error)
            except Exception as error:  # Bad bytes raise exceptions of nearly every type.
                self._leave_out(file, error)
        if self._bad_pictures:
            self.remarks.append(
                f"{self._bad_pictures} of its pictures cannot be read and were left out."
            )

    def _write_member(self, file: str, share: float) -> None:
        entry = self._members[file]
        target = self._folder / file
        if file in self._digests:
            check_digest(self._archive, entry, self._digests[file])
        if file == "config.json":
            _copy_config(read_member(self._archive, entry, MAX_TEXT), target)
        elif file == "run.sqlite":
            self._copy_database(target, share)
        elif file.startswith("step_"):
            with self._archive.open(entry) as source:
                copy_weights(source, entry.file_size, target)
        elif file == "error.log":
            _copy_log(self._archive, entry, target)
        elif file.endswith((".webp", ".npz")):
            copy_preview(read_member(self._archive, entry, MAX_PREVIEW_BYTES), target)

    def _leave_out(self, file: str, error: Exception) -> None:
        """Remove a damaged file, with a remark. Raises Refused if a run cannot be without it."""
        if file in REQUIRED:
            raise Refused(
                f"{file} in this ZIP file is damaged ({error_summary(error)})."
            ) from error
        (self._folder / file).unlink(missing_ok=True)
        if file.endswith((".webp", ".npz")):
            self._bad_pictures += 1
        else:
            self.remarks.append(f"{file} is damaged ({error_summary(error)}). It was left out.")

    def _copy_database(self, target: Path, share: float) -> None:
        scratch = self._folder / "foreign"
        scratch.mkdir()
        try:
            # If the folder was packed during the training, the second file has the newest rows.
            for file in ("run.sqlite", "run.sqlite-wal"):
                entry = self._members.get(file)
                if entry is None:
                    continue
                if entry.file_size > MAX_DATABASE_BYTES:
                    raise Refused(f"Its {file} is larger than {MAX_DATABASE_BYTES >> 20:,} MB.")
                with self._archive.open(entry) as source, (scratch / file).open("wb") as out:
                    shutil.copyfileobj(source, out, CHUNK)
            copy_rows(scratch / "run.sqlite", target, self.remarks, self._progress, share)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise Refused(f"Its database cannot be read ({error_summary(error)}).") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _reading_order(file: str) -> tuple[int, str]:
    """Return a sort key. Required files come first, so that most foreign ZIP files are refused early."""
    return (REQUIRED.index(file) if file in REQUIRED else len(REQUIRED)), file


def _copy_config(content: bytes, target: Path) -> None:
    values = table(parse_json(content.decode("utf-8"), "config.json"), "config.json")
    target.write_text(json.dumps(values, indent=1), encoding="utf-8")


def _copy_log(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    tail = b""
    with archive.open(entry) as source:
        while chunk := source.read(CHUNK):
            tail = (tail + chunk)[-MAX_LOG_BYTES:]
    target.write_text(tail.decode("utf-8", "replace"), encoding="utf-8")
