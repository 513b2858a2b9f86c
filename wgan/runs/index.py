"""RunIndex: summaries of all runs in a folder; and the trash for deleted runs."""

import contextlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from wgan.config import ConfigError, TrainConfig
from wgan.metrics import METRICS
from wgan.runs.database import SHIPPED_WORDS
from wgan.runs.files import is_webp, size_below
from wgan.runs.lock import RunLock
from wgan.runs.migrations import database_schema, report_selection
from wgan.runs.previews import THUMB
from wgan.runs.records import Measured, Parent, RunError, Status, StoredReport, training_seconds
from wgan.runs.run import Run, list_runs
from wgan.runs.tables import best_of, measured
from wgan.schema import parse_change, parse_fact

TRASH = ".trash"


@dataclass(frozen=True)
class RunSummary:
    """A summary of a run, for tables and menus. `problem` says why a run cannot be read."""

    run: str
    status: Status
    config: TrainConfig | None = None  # at the start of the run
    name: str = ""
    note: str = ""
    star: bool = False
    step: int = 0
    seconds: float = 0.0
    created: str = ""  # ISO 8601
    parent: Parent | None = None
    best: MappingProxyType[str, Measured] = field(default_factory=lambda: MappingProxyType({}))
    size: int = 0
    thumb: bytes | None = None  # WebP
    problem: str = ""

    @property
    def title(self) -> str:
        """See `run_title`."""
        if self.config is None:
            return self.name or self.run
        return run_title(self.name, self.config, self.parent, began(self.run, self.created))


def run_title(name: str, config: TrainConfig, parent: Parent | None, start: str) -> str:
    """Return the title of a run: its name, else data set, objective, where a fork begins, and `start`.

    Args:
        name: The name that the user gave the run, or "".
        config: Its config.
        parent: The run and step from which it was forked.
        start: Its start time for readers, from `began`, or "".
    """
    fork = f"fork at step {parent.step:,}" if parent is not None else ""
    return name or " · ".join(part for part in (config.title, fork, start) if part)


def began(run: str, created: str = "") -> str:
    """Return the start time of a run for readers: 22 Nov 14:05."""
    with contextlib.suppress(ValueError):
        when = datetime.fromisoformat(created) if created else _in_name(run)
        return f"{when.day} {when:%b %H:%M}"
    return ""


def _in_name(run: str) -> datetime:
    return datetime.strptime(run[:15], "%Y%m%d-%H%M%S")


class RunIndex:
    """Summaries of the runs in a folder. A summary is read again only after a change of its run."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._known: dict[str, tuple[tuple[float, ...], RunSummary]] = {}

    def summaries(self) -> list[RunSummary]:
        """Return a summary of each run, newest first."""
        summaries = []
        for run in list_runs(self.runs_dir):
            at = change_token(run)
            remembered = self._known.get(run.id)
            if remembered is None or remembered[0] != at:
                remembered = (at, _read(run))
                self._known[run.id] = remembered
            summaries.append(remembered[1])
        names = {summary.run for summary in summaries}
        for gone in self._known.keys() - names:
            del self._known[gone]
        return summaries


def change_token(run: Run) -> tuple[float, ...]:
    """Return a value that changes whenever the run's folder changes."""
    at: list[float] = []
    folder = str(run.folder)
    # Ignore the folder's own time: reading the database creates and deletes a file in it.
    for name in ("config.json", "run.sqlite", "run.sqlite-wal", "previews", "lock"):
        try:
            stat = os.stat(os.path.join(folder, name))
            at += [stat.st_mtime_ns, stat.st_size]
        except OSError:
            at.append(0.0)
    return (*at, float(run.alive()))


def _read(run: Run) -> RunSummary:
    try:
        described = run.metadata()
        config = run.config()
        parent = run.parent()
        with run.database.checked(), run.database.reading() as db:
            facts = dict(parse_fact(*row) for row in db.execute("SELECT key, value FROM facts"))
            for change in db.execute("SELECT step, path, before, after FROM changes"):
                parse_change(change)
            row = db.execute(
                f"SELECT {report_selection(db)} FROM reports ORDER BY step DESC LIMIT 1"
            ).fetchone()
            last = StoredReport.from_row(row) if row else None
            best = _best(db)
        status = Status(facts.get("status", Status.INTERRUPTED))
        if status.active and not run.alive():
            status = Status.INTERRUPTED
        return RunSummary(
            run.id,
            status,
            config,
            name=facts.get("name", ""),
            note=facts.get("note", ""),
            star=facts.get("star") == "1",
            step=max([last.report.step if last else 0, *run.checkpoints.steps()[-1:]]),
            seconds=training_seconds(last, facts),
            created=described["created"],
            parent=parent,
            best=MappingProxyType(best),
            size=run.size(),
            thumb=_thumb(run),
        )
    except RunError as error:
        return RunSummary(run.id, Status.INTERRUPTED, size=run.size(), problem=str(error))


def _best(db: sqlite3.Connection) -> dict[str, Measured]:
    if database_schema(db) < 2:
        return {}
    # A run has many metric values, so let SQLite select those of headline metrics.
    names = [key for key, metric in METRICS.items() if metric.headline]
    like = " OR ".join("name LIKE ?" for _ in names)
    rows = db.execute(
        f"SELECT step, name, value FROM metrics WHERE {like} ORDER BY step",
        [f"{k}%" for k in names],
    )
    return best_of(measured(rows))


def _thumb(run: Run) -> bytes | None:
    try:
        content = (run.folder / THUMB).read_bytes()
    except OSError:
        return None
    return content if is_webp(content) else None


# ---- trash ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrashedRun:
    """A run in the trash; `key` names it there."""

    key: str
    run: str
    when: float  # seconds since the epoch
    size: int


def throw_away(run: Run) -> TrashedRun:
    """Move a run to the trash of its folder, from which it can be restored. Raises RunError."""
    if run.alive():
        raise RunError(f"Run {run.id} is being trained. Stop it first.")
    shipped = False
    with contextlib.suppress(RunError):  # damaged runs can be deleted, too
        shipped = run.fact("status") == Status.SHIPPED
    if shipped:
        raise RunError(SHIPPED_WORDS.format(run=run.id))
    when = time.time()
    key = f"{when:.3f}~{run.id}"
    size = run.size()
    lock = _lock_to_move(run)
    try:
        folder = run.folder.parent / TRASH
        folder.mkdir(exist_ok=True)
        run.folder.rename(folder / key)
        (folder / key / "lock").unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"Run {run.id} cannot be moved to the trash ({error.strerror}). Nothing was deleted."
        ) from error
    finally:
        if lock is not None:
            lock.release()
    return TrashedRun(key, run.id, when, size)


def _lock_to_move(run: Run) -> RunLock | None:
    """Lock a run so that no process can train it; None if no lock can be written (on a full disk, say)."""
    try:
        return RunLock(run.folder)
    except RunError as error:
        if isinstance(error.__cause__, OSError):
            return None
        raise


def trash(runs_dir: Path) -> list[TrashedRun]:
    """Return the runs in the trash, the most recently deleted first."""
    trashed = []
    with contextlib.suppress(OSError):
        for entry in (runs_dir / TRASH).iterdir():
            match = re.fullmatch(r"(\d+\.\d{3})~(.+)", entry.name)
            if match and entry.is_dir():
                size = size_below(entry)
                trashed.append(TrashedRun(entry.name, match[2], float(match[1]), size))
    return sorted(trashed, key=lambda run: run.when, reverse=True)


def trash_title(runs_dir: Path, trashed: TrashedRun) -> str:
    """Return the name that the user gave to a run in the trash, or its data set and objective.

    "" if the run cannot be read.
    """
    run = Run(runs_dir / TRASH / trashed.key)
    try:
        return run.fact("name") or f"{run.config().dataset.title} · {run.config().objective.title}"
    except (RunError, ConfigError):
        return ""


def restore(runs_dir: Path, key: str) -> Run:
    """Restore a run from the trash. Raises RunError if it is gone or its name is taken."""
    trashed = next((t for t in trash(runs_dir) if t.key == key), None)
    if trashed is None:
        raise RunError("This run is no longer in the trash.")
    target = runs_dir / trashed.run
    if target.exists():
        raise RunError(f"A run named {trashed.run} already exists. Rename its folder first.")
    try:
        (runs_dir / TRASH / key).rename(target)
    except OSError as error:
        raise RunError(f"Run {trashed.run} cannot be restored ({error.strerror}).") from error
    return Run(target)


def empty_trash(runs_dir: Path, keys: Iterable[str] | None = None) -> int:
    """Delete runs in the trash permanently; return the bytes freed.

    Args:
        runs_dir: The folder of runs.
        keys: Keys of the runs. Default: all.
    """
    wanted_keys = None if keys is None else set(keys)
    freed = 0
    for trashed in trash(runs_dir):
        if wanted_keys is None or trashed.key in wanted_keys:
            shutil.rmtree(runs_dir / TRASH / trashed.key, ignore_errors=True)
            freed += trashed.size
    return freed
