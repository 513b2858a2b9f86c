"""A run as one ZIP, and back: what comes in is checked before it counts as a run."""

import contextlib
import json
import re
import shutil
import sqlite3
import stat
import tempfile
import zipfile
from collections.abc import Mapping
from io import BytesIO, StringIO
from pathlib import Path
from typing import IO

from PIL import Image

from wgan.export.tables import write_csv
from wgan.runs import COLUMNS, Run, RunError, Status, read_checkpoint, unpack_arrays
from wgan.runs.files import versions

MOST_FILES = 3_000
MOST_BYTES = 4 << 30
MOST_RATIO = 200
"""How many times larger than packed an archive may be; runs are at most ten."""
MOST_PREVIEW = 8 << 20

_NAMES = re.compile(
    r"(?P<run>[A-Za-z0-9][\w.+-]{0,119})/"
    r"(config\.json|run\.sqlite|thumb\.webp|error\.log|previews/\d{8}\.(webp|npz)"
    r"|step_\d{8}\.safetensors)"
)
_PACKED = (".json", ".sqlite", ".log", ".npz")
_TABLES = {"reports", "changes", "metrics", "facts"}
REPORTS_IN_BUNDLE = 200


def export_zip(run: Run, out: Path) -> dict[str, object]:
    """Write the whole run as a ZIP; return how many files it has. A live run is a moment of it."""
    count = 0
    half = out.with_name(f"{out.name}.part")
    try:
        with zipfile.ZipFile(half, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, content in _content(run):
                packed = zipfile.ZIP_DEFLATED if name.endswith(_PACKED) else zipfile.ZIP_STORED
                archive.writestr(f"{run.id}/{name}", content, compress_type=packed)
                count += 1
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)
    return {"files": count}


def _content(run: Run):  # type: ignore[no-untyped-def]
    yield "config.json", (run.folder / "config.json").read_bytes()
    yield "run.sqlite", _snapshot(run)
    for path in sorted(run.folder.rglob("*")):
        name = path.relative_to(run.folder).as_posix()
        if _NAMES.fullmatch(f"run/{name}") and name not in ("config.json", "run.sqlite"):
            # Thinned away since it was listed: the archive is whole without it.
            with contextlib.suppress(FileNotFoundError):
                yield name, path.read_bytes()


def _snapshot(run: Run) -> bytes:
    """Return the database as one file, consistent even while it grows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        copy = sqlite3.connect(path)
        try:
            with run.reading() as db:
                db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
        return path.read_bytes()


def import_zip(file: Path | IO[bytes], runs_dir: Path) -> tuple[Run, list[str]]:
    """Unpack a run into a folder of runs; return it and remarks on what could not be used.

    Nothing outside its own new folder is written, and nothing stays where it is refused. Raises
    RunError that says why.
    """
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=".import-", dir=runs_dir))
    except OSError as error:
        raise RunError(f"Nothing can be written to {runs_dir} ({error.strerror}).") from error
    try:
        with zipfile.ZipFile(file) as archive:
            name = _unpack(archive, place)
        remarks = _check(place)
        for suffix in ["", *(f"-{i}" for i in range(2, 1000))]:
            target = runs_dir / (name + suffix)
            if not target.exists():
                place.rename(target)
                return Run(target), remarks
        raise RunError(f"There are too many runs called {name} already.")
    except zipfile.BadZipFile as error:
        raise RunError(f"This is no ZIP file, or it is damaged or cut off ({error}).") from error
    except (NotImplementedError, EOFError) as error:
        raise RunError(f"This ZIP file cannot be read ({error}).") from error
    except OSError as error:
        raise RunError(f"The run cannot be unpacked ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _unpack(archive: zipfile.ZipFile, place: Path) -> str:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if not entries:
        raise RunError("This ZIP file is empty.")
    if len(entries) > MOST_FILES:
        raise RunError(
            f"This ZIP file has {len(entries):,} files; a run has {MOST_FILES:,} at most."
        )
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if total > MOST_BYTES:
        raise RunError(f"Unpacked, this would take {total / 1e9:.1f} GB: more than a run may.")
    if total > MOST_RATIO * max(packed, 1) and total > 1 << 20:
        raise RunError("This ZIP file unpacks to far more than a run could be packed to: refused.")
    runs = set()
    for entry in entries:
        match = _NAMES.fullmatch(entry.filename)
        if match is None:
            raise RunError(
                f"This is no exported run: {entry.filename[:80]!r} does not belong into one."
            )
        if stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 1:
            raise RunError(f"{entry.filename!r} is a link or encrypted: refused.")
        runs.add(match["run"])
    if len(runs) != 1 or len({entry.filename for entry in entries}) != len(entries):
        raise RunError("This ZIP file does not hold exactly one run.")
    (name,) = runs
    (place / "previews").mkdir()
    for entry in entries:
        target = place / entry.filename.partition("/")[2]
        with archive.open(entry) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
    return name


def _check(place: Path) -> list[str]:
    """Read everything once; what is damaged but not needed is left out, with a remark."""
    for needed in ("config.json", "run.sqlite"):
        if not (place / needed).is_file():
            raise RunError(f"This is no exported run: it has no {needed}.")
    _check_database(place / "run.sqlite")
    run = Run(place)
    try:
        run.config()
        run.parent()
        run.last()
        if run.status().active:
            run.set_fact("status", Status.INTERRUPTED)
    except RunError as error:
        raise RunError(str(error).replace(f"run {place.name}", "this run")) from error
    remarks = []
    for path in sorted(place.glob("step_*.safetensors")):
        try:
            read_checkpoint(path)
        except RunError as error:
            remarks.append(f"{error} It was left out.")
            path.unlink()
    bad = 0
    for path in [*sorted((place / "previews").iterdir()), place / "thumb.webp"]:
        if path.is_file() and not _is_preview(path):
            path.unlink()
            bad += 1
    if bad:
        remarks.append(f"{bad} of its pictures cannot be read and were left out.")
    return remarks


def _check_database(path: Path) -> None:
    """Take only what this program writes: its tables with its columns, nothing that acts."""
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            db.execute("PRAGMA trusted_schema = OFF")
            found = dict(db.execute("SELECT name, type FROM sqlite_master").fetchall())
            names = {name for name in found if not name.startswith("sqlite_autoindex_")}
            if not names <= _TABLES or any(found[name] != "table" for name in names):
                raise RunError("Its database holds something else than a run's curves: refused.")
            if db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise RunError("Its database is damaged.")
            db.execute(f"SELECT {', '.join(COLUMNS)} FROM reports LIMIT 1")
            db.execute("SELECT id, step, path, before, after FROM changes LIMIT 1")
            db.execute("SELECT key, value FROM facts LIMIT 1")
        finally:
            db.close()
    except sqlite3.Error as error:
        raise RunError(f"Its database cannot be read ({error}).") from error


def _is_preview(path: Path) -> bool:
    if path.stat().st_size > MOST_PREVIEW:
        return False
    content = path.read_bytes()
    try:
        if path.suffix == ".webp":
            with Image.open(BytesIO(content), formats=["WEBP"]) as picture:
                if max(picture.size) > 8192:
                    return False
                picture.load()
            return True
        with zipfile.ZipFile(BytesIO(content)) as arrays:
            if sum(entry.file_size for entry in arrays.infolist()) > MOST_PREVIEW:
                return False
        found = unpack_arrays(content)
        return found["points"].ndim == 2 and "extent" in found
    except Exception:  # Whatever a foreign file does to its reader, it is no preview.
        return False


def bug_report(run: Run) -> bytes:
    """Return what helps to understand a failure, as a ZIP: no pictures, no weights, no data.

    Config, versions, engine, facts, changes, the last reports, and the log.
    """
    home = str(Path.home())
    columns = {name: column[-REPORTS_IN_BUNDLE:] for name, column in run.reports().items()}
    reports = StringIO()
    write_csv(columns, reports)
    facts = run.facts()
    changes = [[c.step, c.path, c.before, c.after] for c in run.changes()]
    log = run.folder / "error.log"
    parts: Mapping[str, str] = {
        "config.json": json.dumps(run.described(), indent=1),
        "facts.json": json.dumps({k: v for k, v in facts.items() if k != "note"}, indent=1),
        "changes.json": json.dumps(changes, indent=1),
        "versions_here.json": json.dumps(versions(), indent=1),
        "last_reports.csv": reports.getvalue(),
        "error.log": log.read_text("utf-8", errors="replace") if log.is_file() else "(none)\n",
    }
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(f"bug-report-{run.id}/{name}", text.replace(home, "~"))
    return buffer.getvalue()
