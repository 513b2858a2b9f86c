"""Reads a run that somebody exported as a ZIP file, and writes what is sound of it anew, into a folder.

`unpack_run` runs in the child process of `wgan.sandbox`. Nothing of the ZIP file is copied as it came: the
database is read row by row into a new one, pictures are decoded and encoded again, arrays are loaded and
saved again, and of a checkpoint the header is checked and written again. What only torch can check (configs,
the shapes of weights) is left to the caller.
"""

import hashlib
import json
import re
import shutil
import sqlite3
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wgan.imaging import encode
from wgan.sandbox import Progress, Refused
from wgan.schema import (
    COLUMNS,
    MAX_FACTS,
    MAX_TEXT,
    SCHEMA,
    TABLES,
    SchemaError,
    parse_change,
    parse_fact,
    parse_json,
    parse_metric,
    parse_report,
    table,
    whole,
)
from wgan.untrusted.weights import copy_weights

MAX_MEMBERS = 3_000
MAX_BYTES = 4 << 30
MAX_RATIO = 200
"""How many times larger than packed a ZIP file may be; runs are at most ten."""
MAX_DATABASE_BYTES = 1 << 30
MAX_VALUE_BYTES = 4 << 20
"""The longest value of the database, and the longest statement that made a table of it."""
MAX_ROWS = {"reports": 20_000_000, "changes": 1_000_000, "metrics": 20_000_000, "facts": MAX_FACTS}
MAX_PREVIEW_BYTES = 8 << 20
MAX_PREVIEW_PIXELS = 16_000_000
END_RECORD_BYTES = 22
MAX_LOG_BYTES = 1 << 20
MAX_REMARKS = 20
CHUNK = 1 << 20

DIGESTS = "SHA256SUMS"
"""The file that lists the SHA-256 of every other. Versions before it wrote none."""

_NEEDED = ("config.json", "run.sqlite")
_FILES = re.compile(
    r"config\.json|run\.sqlite|run\.sqlite-wal|thumb\.webp|neighbours\.webp|error\.log"
    r"|previews/\d{8}\.(webp|npz)|step_\d{8}\.safetensors|SHA256SUMS"
)
_IGNORED = re.compile(r"lock|README\.md|run\.sqlite-shm|run\.sqlite\.damaged(-wal|-shm)?|.*\.part")
"""What a run's folder may have that an import does not need."""
_SYSTEM = re.compile(
    r"(^|/)(__MACOSX/.*|\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$", re.IGNORECASE
)
"""What operating systems put into folders and archives."""


def unpack_run(progress: Progress, *, archive: str, out: str) -> dict[str, Any]:
    """Write the run of a ZIP file into the empty folder `out`.

    Returns:
        `name`: of the run's folder in the ZIP file. `remarks`: what was left out, in sentences.

    Raises:
        Refused: For what is no exported run, or too large for one.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise Refused(
            f"This is no ZIP file, or it is damaged or cut off ({_words(error)})."
        ) from error
    except OSError as error:
        raise Refused(f"The ZIP file cannot be read ({error.strerror or error}).") from error
    with opened:
        if not _lists_all(Path(archive), len(opened.infolist())):
            raise Refused("This ZIP file is damaged: its list of files is not complete.")
        name, members = _members(opened)
        place = Path(out)
        (place / "previews").mkdir()
        remarks: list[str] = []
        digests = _digests(opened, members.pop(DIGESTS, None), members)
        total = sum(entry.file_size for entry in members.values()) or 1
        done = 0
        bad_pictures = 0

        def leave_out(file: str, error: Exception) -> None:
            nonlocal bad_pictures
            if file in _NEEDED:
                raise Refused(f"{file} in this ZIP file is damaged ({_words(error)}).") from error
            (place / file).unlink(missing_ok=True)
            if file.endswith((".webp", ".npz")):
                bad_pictures += 1
            else:
                remarks.append(f"{file} is damaged ({_words(error)}). It was left out.")

        for file in sorted(members, key=_order):
            entry = members[file]
            progress(f"Checking {file}", done / total)
            done += entry.file_size
            try:
                if file in digests:
                    _compare(opened, entry, digests[file])
                if file == "config.json":
                    _copy_config(_content(opened, entry, MAX_TEXT), place)
                elif file == "run.sqlite":
                    _copy_database(opened, members, place, remarks, progress, done / total)
                elif file.startswith("step_"):
                    with opened.open(entry) as source:
                        copy_weights(source, entry.file_size, place / file)
                elif file == "error.log":
                    _copy_log(opened, entry, place)
                elif file.endswith((".webp", ".npz")):
                    _copy_preview(_content(opened, entry, MAX_PREVIEW_BYTES), place / file)
            except Refused:
                raise
            except MemoryError as error:  # A header may claim arrays of any size.
                if file in _NEEDED:
                    raise
                leave_out(file, error)
            except OSError as error:
                if error.errno is not None:  # of the disk; Pillow's have none
                    raise Refused(f"The run cannot be unpacked ({error.strerror}).") from error
                leave_out(file, error)
            except Exception as error:  # Decoders answer bad bytes with nearly every type.
                leave_out(file, error)
        if bad_pictures:
            remarks.append(f"{bad_pictures} of its pictures cannot be read and were left out.")
    return {"name": name, "remarks": remarks}


def _order(file: str) -> tuple[int, str]:
    """Read first what is needed: most of what is no run is refused before anything large is read."""
    return (_NEEDED.index(file) if file in _NEEDED else len(_NEEDED)), file


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _lists_all(archive: Path, member_count: int) -> bool:
    """Return whether a ZIP file's directory has as many entries as its end record says.

    A wrong length of one entry can hide those after it, which `zipfile` does not notice.
    """
    with archive.open("rb") as file:
        file.seek(-min(archive.stat().st_size, END_RECORD_BYTES + 65_535), 2)
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    count = int.from_bytes(tail[at + 10 : at + 12], "little")
    return count in (
        member_count,
        0xFFFF,
    )  # The largest number stands for one that is written elsewhere.


# ---- members ----------------------------------------------------------------------------------


def _members(archive: zipfile.ZipFile) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """Return the name of the run's folder, and its files by their path inside."""
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not _SYSTEM.search(entry.filename)
    ]
    if not entries:
        raise Refused("This ZIP file is empty.")
    if len(entries) > MAX_MEMBERS:
        raise Refused(
            f"This ZIP file has {len(entries):,} files; a run has {MAX_MEMBERS:,} at most."
        )
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if total > MAX_BYTES:
        raise Refused(f"Unpacked, this would take {total / 1e9:.1f} GB: more than a run may.")
    if total > MAX_RATIO * max(packed, 1) and total > 1 << 20:
        raise Refused("This ZIP file unpacks to far more than a run could be packed to: refused.")
    # Without a folder, if the files of a run were packed and not their folder.
    flat = any(entry.filename in _NEEDED for entry in entries)
    names, members = set(), {}
    for entry in entries:
        name, _, file = ("", "", entry.filename) if flat else entry.filename.partition("/")
        match = _FILES.fullmatch(file)
        if name.startswith(".") or not (match or _IGNORED.fullmatch(file)) or "\\" in name:
            raise Refused(
                f"This is no exported run: {entry.filename[:80]!r} does not belong into one."
            )
        if stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 1:
            raise Refused(f"{entry.filename[:80]!r} is a link or encrypted: refused.")
        names.add(name)
        if match and file in members:
            raise Refused("This ZIP file does not hold exactly one run.")
        if match:
            members[file] = entry
    if len(names) != 1:
        raise Refused("This ZIP file does not hold exactly one run.")
    for file in _NEEDED:
        if file not in members:
            raise Refused(f"This is no exported run: it has no {file}.")
    return names.pop(), members


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """Return a whole member. Raises ValueError if it is larger than `most` bytes."""
    if entry.file_size > most:
        raise ValueError(f"it is larger than {most:,} bytes")
    with archive.open(entry) as source:
        content = source.read(most + 1)
        source.read(1)  # The check sum is compared at the end of the file.
    return content


def _digests(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo | None, members: Mapping[str, object]
) -> dict[str, str]:
    """Return the SHA-256 that is listed for each member; empty if no list is there.

    Raises Refused if the list is damaged or names other files than the archive has.
    """
    if entry is None:
        return {}
    try:
        text = _content(archive, entry, MAX_TEXT).decode("ascii")
        pairs = [line.split("  ", 1) for line in text.splitlines()]
        digests = {name: digest for digest, name in pairs}
    except Exception as error:  # Decoders answer bad bytes with nearly every type.
        raise Refused(
            f"The list of digests in this ZIP file is damaged ({_words(error)})."
        ) from error
    if differing_names := digests.keys() ^ members.keys():
        raise Refused(
            f"This ZIP file was changed or damaged after the export: {min(differing_names)!r} is "
            f"{'missing' if min(differing_names) in digests else 'not in its list of digests'}."
        )
    return digests


def _compare(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, expected: str) -> None:
    """Compare a file with its listed SHA-256. Raises ValueError if they differ."""
    digest = hashlib.sha256()
    with archive.open(entry) as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        raise ValueError("its content differs from its digest")


def _copy_config(content: bytes, place: Path) -> None:
    described = table(parse_json(content.decode("utf-8"), "config.json"), "config.json")
    (place / "config.json").write_text(json.dumps(described, indent=1), encoding="utf-8")


def _copy_log(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path) -> None:
    tail = b""
    with archive.open(entry) as source:
        while chunk := source.read(CHUNK):
            tail = (tail + chunk)[-MAX_LOG_BYTES:]
    (place / "error.log").write_text(tail.decode("utf-8", "replace"), encoding="utf-8")


def _copy_preview(content: bytes, target: Path) -> None:
    if target.suffix == ".webp":
        with Image.open(BytesIO(content), formats=["WEBP"]) as picture:
            if picture.width * picture.height > MAX_PREVIEW_PIXELS:
                raise ValueError("it is too large for a preview")
            array = np.asarray(picture.convert("RGB"))
        target.write_bytes(encode(array))
        return
    with zipfile.ZipFile(BytesIO(content)) as arrays:
        if sum(entry.file_size for entry in arrays.infolist()) > MAX_PREVIEW_BYTES:
            raise ValueError("it is too large for a preview")
    with np.load(BytesIO(content), allow_pickle=False) as file:
        stored_arrays = {name: np.asarray(file[name]) for name in file.files}
    shapes = {"points": (None, 2), "surface": (None, None), "arrows": (None, 4), "extent": ()}
    if not {"points", "extent"} <= stored_arrays.keys() <= shapes.keys():
        raise ValueError("it has other arrays than a preview")
    for name, array in stored_arrays.items():
        shape = shapes[name]
        fits = array.ndim == len(shape) and all(
            size in (None, length) for size, length in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype.kind != "f" or not np.isfinite(array).all() or not array.size:
            raise ValueError(f"its {name} are no preview")
    if (
        "surface" in stored_arrays
        and stored_arrays["surface"].shape[0] != stored_arrays["surface"].shape[1]
    ):
        raise ValueError("its surface is no square")
    if stored_arrays["extent"] <= 0:
        raise ValueError("its extent is not positive")
    with target.open("wb") as out:
        np.savez(
            out, allow_pickle=False, **{k: v.astype(np.float32) for k, v in stored_arrays.items()}
        )


# ---- the database -----------------------------------------------------------------------------


def _copy_database(
    archive: zipfile.ZipFile,
    members: dict[str, zipfile.ZipInfo],
    place: Path,
    remarks: list[str],
    progress: Progress,
    share: float,
) -> None:
    scratch = place / "foreign"
    scratch.mkdir()
    try:
        # A folder that was packed while the run trained has its newest rows in the second file.
        for file in ("run.sqlite", "run.sqlite-wal"):
            if file in members:
                if members[file].file_size > MAX_DATABASE_BYTES:
                    raise Refused(f"Its {file} is larger than {MAX_DATABASE_BYTES >> 20:,} MB.")
                with archive.open(members[file]) as source, (scratch / file).open("wb") as out:
                    shutil.copyfileobj(source, out, CHUNK)
        _copy_rows(scratch / "run.sqlite", place / "run.sqlite", remarks, progress, share)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise Refused(f"Its database cannot be read ({_words(error)}).") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _copy_rows(
    foreign: Path, target: Path, remarks: list[str], progress: Progress, share: float
) -> None:
    source, copy = sqlite3.connect(foreign), sqlite3.connect(target)
    try:
        _restrict(source)
        present = _check_tables(source)
        copy.executescript(TABLES)
        copy.execute(f"PRAGMA user_version = {SCHEMA}")
        for name in present:
            rows = _rows(source, name, remarks, lambda message: progress(message, share))
            marks = ", ".join("?" * len(COLUMNS[name]))
            copy.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        copy.commit()
    except sqlite3.IntegrityError as error:
        raise Refused("Its database has two rows where one can be.") from error
    finally:
        source.close()
        copy.close()


def _restrict(db: sqlite3.Connection) -> None:
    """Allow an untrusted database as little as possible."""
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA cell_size_check = ON")
    for limit, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000),
        (sqlite3.SQLITE_LIMIT_COLUMN, 100),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    ):
        db.setlimit(limit, value)


def _check_tables(db: sqlite3.Connection) -> list[str]:
    """Return the tables that are there: plain ones, with the columns that this program writes."""
    if db.execute("PRAGMA user_version").fetchone()[0] > SCHEMA:
        raise Refused(
            "This run was made by a newer version of this program. Update the program to use it."
        )
    present = []
    for name, kind, statement in db.execute("SELECT name, type, sql FROM sqlite_master").fetchall():
        if str(name).startswith("sqlite_"):
            continue
        virtual = re.match(r"\s*CREATE\s+VIRTUAL", str(statement), re.IGNORECASE)
        if kind != "table" or name not in COLUMNS or virtual:
            raise Refused("Its database holds something else than a run's curves: refused.")
        present.append(str(name))
    for name in present:
        columns = db.execute(f"PRAGMA table_xinfo({name})").fetchall()
        if any(column[6] for column in columns):  # hidden, or computed from others
            raise Refused("Its database holds something else than a run's curves: refused.")
        if {column[1] for column in columns} != set(COLUMNS[name]):
            raise Refused(f"Its database cannot be read (the table {name} has other columns).")
    if missing := {"reports", "changes", "facts"} - set(present):
        raise Refused(f"Its database cannot be read (it has no table {min(missing)}).")
    return present


def _rows(
    db: sqlite3.Connection, name: str, remarks: list[str], tell: Callable[[str], None]
) -> Iterator[Sequence[object]]:
    """Yield the checked rows of a table. A bad fact or metric is left out, with a remark."""
    optional = name in ("facts", "metrics")
    check: Callable[[Sequence[object]], Sequence[object]] = {
        "reports": parse_report,
        "changes": _change_row,
        "metrics": parse_metric,
        "facts": _fact_row,
    }[name]
    left_out = 0
    for count, row in enumerate(db.execute(f"SELECT {', '.join(COLUMNS[name])} FROM {name}")):
        if count >= MAX_ROWS[name]:
            raise Refused(f"Its table {name} has more than {MAX_ROWS[name]:,} rows.")
        if count % 5_000 == 0:
            tell(f"Reading {name}")
        try:
            yield check(row)
        except SchemaError as error:
            if not optional:
                raise Refused(
                    f"Its table {name} is damaged in row {count + 1:,}: {error}."
                ) from error
            left_out += 1
            if left_out <= MAX_REMARKS:
                remarks.append(f"One of its {name} is damaged and was left out: {error}.")
    if left_out > MAX_REMARKS:
        remarks.append(f"{left_out - MAX_REMARKS:,} more of its {name} were left out.")


def _change_row(row: Sequence[object]) -> Sequence[object]:
    step, path, before, after = parse_change(row[1:])
    return whole(row[0], "id", 0, 1 << 62), step, path, json.dumps(before), json.dumps(after)


def _fact_row(row: Sequence[object]) -> Sequence[object]:
    key, value = parse_fact(*row)
    if key == "status":  # Nobody trains it here, and it does not come with this program.
        value = _STATUS_HERE.get(value, value)
    if key == "name":  # It is printed on terminals.
        value = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", value).strip()
    return key, value


_STATUS_HERE = {
    "queued": "interrupted",
    "running": "interrupted",
    "paused": "interrupted",
    "shipped": "finished",
}
