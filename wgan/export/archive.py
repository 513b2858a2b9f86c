"""Export of a run as a ZIP file, and import with checks of everything that it contains."""

import contextlib
import hashlib
import json
import re
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import IO, Any

from wgan.config import ConfigError, TrainConfig
from wgan.export.tables import write_csv
from wgan.runs import Run, RunError, read_checkpoint, trash
from wgan.runs.checkpoints import write_checkpoint
from wgan.runs.files import versions, write
from wgan.sandbox import Limits, Progress, call_limited
from wgan.untrusted.run_members import DIGESTS

IMPORT_LIMITS = Limits(memory=768 << 20, cpu_s=600, wall_s=1_800.0, file_bytes=2 << 30)
UNPACKING_SHARE = 0.8
"""Share of an import's progress for the unpacking; the rest is for checking the weights."""
CHUNK = 1 << 20

_FILES = re.compile(
    r"thumb\.webp|neighbours\.webp|error\.log|previews/\d{8}\.(webp|npz)|step_\d{8}\.safetensors"
)
_PACKED = (".json", ".sqlite", ".log", ".npz")
REPORTS_IN_BUNDLE = 200


def export_zip(run: Run, out: Path) -> dict[str, object]:
    """Write a whole run as a ZIP file; return its number of files.

    A live run is exported in its current state. The last member lists the SHA-256 of all others in
    the format of `sha256sum`; an import checks them.
    """
    digests: dict[str, str] = {}
    half = out.with_name(f"{out.name}.part")
    try:
        with zipfile.ZipFile(half, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, content in _content(run):
                packed = zipfile.ZIP_DEFLATED if name.endswith(_PACKED) else zipfile.ZIP_STORED
                archive.writestr(f"{run.id}/{name}", content, compress_type=packed)
                digests[name] = hashlib.sha256(content).hexdigest()
            lines = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
            archive.writestr(f"{run.id}/{DIGESTS}", lines)
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)
    return {"files": len(digests)}


def _content(run: Run) -> Iterator[tuple[str, bytes]]:
    yield "config.json", (run.folder / "config.json").read_bytes()
    yield "run.sqlite", _snapshot(run)
    for path in run.files():
        name = path.relative_to(run.folder).as_posix()
        if _FILES.fullmatch(name):
            # Skip a file that was thinned out after the listing.
            with contextlib.suppress(FileNotFoundError):
                yield name, path.read_bytes()


def _snapshot(run: Run) -> bytes:
    """Return the database as the bytes of one file, consistent even during a training."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        copy = sqlite3.connect(path)
        try:
            with run.database.reading() as db:
                db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
        return path.read_bytes()


def import_zip(
    file: Path | IO[bytes],
    runs_dir: Path,
    progress: Progress | None = None,
    *,
    free_bytes: int | None = None,
) -> tuple[Run, list[str]]:
    """Import a run from a ZIP file into a folder of runs.

    A limited child process reads the ZIP file and writes new files with its valid content; see
    `wgan.untrusted.run_zip`. Then this process checks configs and weights, and writes them again.

    Args:
        file: The ZIP file, or a stream of its bytes.
        runs_dir: The folder of runs. Only a new folder in it is written, and it is deleted after a
            failure.
        progress: Called with the progress. An exception that it raises cancels the import.
        free_bytes: How many bytes the unpacked run may take; None: as many as a run can have.

    Returns:
        The run, and sentences about what could not be used.

    Raises:
        RunError: The ZIP file is refused; the message says why.
    """
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=".import-", dir=runs_dir))
    except OSError as error:
        raise RunError(f"Nothing can be written to {runs_dir} ({error.strerror}).") from error
    try:
        folder = place / "run"
        folder.mkdir()
        archive = file if isinstance(file, Path) else _spooled(file, place / "upload.zip", progress)
        unpacked = call_limited(
            "wgan.untrusted.run_zip:unpack_run",
            {
                "archive": str(archive.resolve()),
                "out": str(folder.resolve()),
                "free_bytes": free_bytes,
            },
            limits=IMPORT_LIMITS,
            failure=RunError,
            subject="This ZIP file",
            progress=progress
            and (lambda message, share: progress(message, share * UNPACKING_SHARE)),
        )
        remarks = [str(remark) for remark in unpacked["remarks"]]
        validate_unpacked_run(folder, remarks, progress)
        names = (str(unpacked["name"]), Path(str(getattr(file, "name", file))).stem)
        return _move_into_runs_dir(folder, runs_dir, names), remarks
    except OSError as error:
        raise RunError(f"The run cannot be unpacked ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _spooled(file: IO[bytes], path: Path, progress: Progress | None) -> Path:
    """Write an upload to a file, because the child process reads files."""
    file.seek(0)
    with path.open("wb") as out:
        while chunk := file.read(CHUNK):
            out.write(chunk)
            if progress is not None:
                progress("Receiving", 0.0)
    return path


def validate_unpacked_run(
    folder: Path, remarks: list[str], progress: Progress | None = None
) -> None:
    """Check the files that `unpack_run` wrote, and write config and checkpoints again.

    Args:
        folder: The folder of the files.
        remarks: Sentences about unusable checkpoints are added to it.
        progress: Called with the progress.

    Raises:
        RunError: The run cannot be used.
    """
    try:
        run = Run(folder)
        described = run.metadata()
        run.config()
        _check_ancestors(described["parent"])
        write(folder / "config.json", json.dumps(described, indent=1).encode())
        run.facts(), run.status(), run.last(), run.curves()
    except RunError as error:
        message = str(error).replace(f"Run {folder.name}", "This run")
        raise RunError(message.replace(f"run {folder.name}", "this run")) from error
    steps = run.checkpoints.steps()
    for i, step in enumerate(steps):
        path = folder / f"step_{step:08d}.safetensors"
        if progress is not None:
            share = UNPACKING_SHARE + (1 - UNPACKING_SHARE) * i / len(steps)
            progress(f"Checking {path.name}", share)
        try:
            state, facts = read_checkpoint(path)
            if state.step != step:
                raise RunError(f"{path.name} contains another step, {state.step:,}.")
        except RunError as error:
            remarks.append(f"{error} It was left out.")
            path.unlink()
        else:
            write_checkpoint(path, state, facts)


def _check_ancestors(parent: Mapping[str, Any] | None) -> None:
    """Check the configs of a run's ancestors. Raises RunError."""
    while parent is not None and "config" in parent:
        try:
            TrainConfig.parse(parent["config"])
        except (ConfigError, ValueError, TypeError, ArithmeticError) as error:
            raise RunError(f"The config of an ancestor of this run is damaged: {error}") from error
        parent = parent.get("parent")


def _move_into_runs_dir(folder: Path, runs_dir: Path, names: Sequence[str]) -> Run:
    """Move a run's folder into the folder of runs, under the first valid name.

    Names of runs in the trash are taken, too: those can be restored, and belong to whoever deleted them.
    """
    plain = [re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-._+")[:120] for name in names]
    name = next(filter(None, plain), "imported-run")
    if name.startswith("example-"):  # reserved for the shipped examples
        name = f"copy-of-{name}"
    for suffix in ["", *(f"-{i}" for i in range(2, 1000))]:
        target = runs_dir / (name + suffix)
        # In this order: a run that is deleted between the two is in the trash then.
        if not target.exists() and all(run.run != target.name for run in trash(runs_dir)):
            folder.rename(target)
            return Run(target)
    raise RunError(f"There are too many runs named {name}. Delete some of them.")


def bug_report(run: Run) -> bytes:
    """Return a ZIP file that helps to understand a failure, without pictures, weights or data.

    It contains config, versions, engine, facts, changes, the last reports, and the log.
    """
    home = str(Path.home())
    columns = {name: column[-REPORTS_IN_BUNDLE:] for name, column in run.reports().items()}
    reports = StringIO()
    write_csv(columns, reports)
    facts = run.facts()
    changes = [[c.step, c.path, c.before, c.after] for c in run.changes()]
    log = run.folder / "error.log"
    parts: Mapping[str, str] = {
        "config.json": json.dumps(run.metadata(), indent=1),
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
