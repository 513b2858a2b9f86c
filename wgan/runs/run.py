"""Run: one run's folder."""

import contextlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from wgan.arrays import F64
from wgan.config import TrainConfig
from wgan.metrics import better, metric_of
from wgan.runs.checkpoints import read_checkpoint, read_config, unresumable, write_checkpoint
from wgan.runs.files import is_preview, versions, write
from wgan.runs.lock import RunLock, is_alive
from wgan.runs.migrations import database_schema, migrate_database, migrate_described
from wgan.runs.order import created_at
from wgan.runs.records import (
    CLOCK,
    COLUMNS,
    Change,
    Measured,
    Parent,
    RunError,
    RunTakenOver,
    Status,
    StoredNeighbours,
    StoredReport,
)
from wgan.schema import (
    MAX_TEXT,
    SCHEMA,
    TABLES,
    SchemaError,
    parse_change,
    parse_engines,
    parse_fact,
    parse_json,
    parse_metric,
    parse_neighbours,
    parse_protocol,
    parse_replay,
    parse_starred,
    parse_status,
    whole,
)
from wgan.training import Engine, State

KEEP_PREVIEWS = 500
THUMB = "thumb.webp"
NEIGHBOURS = "neighbours.webp"
MAX_VALUE_BYTES = 16 << 20
"""The longest text that is read of a database: whatever is longer was not written by this program."""


class Run:
    """One run's folder. Reading needs no lock; writing belongs to whoever holds `lock()`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: RunLock | None = None
        self._is_claimed = False  # whether the lock's token stands in the database
        if not (folder / "config.json").is_file():
            raise RunError(f"{folder} is not a run: it has no config.json.")

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    # ---- making and finding -------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        config: TrainConfig,
        runs_dir: Path,
        *,
        parent: Parent | None = None,
        of: "Run | None" = None,
    ) -> "Run":
        """Make the folder of a new run. Raises RunError where that is not possible.

        Of a fork, `parent` and `of` are the run it comes from; its config and its own parents are
        kept too, so that the fork can be made again when they are gone.
        """
        lineage = None
        if parent is not None and of is not None:
            described = of.described()
            lineage = asdict(parent) | {name: described[name] for name in ("config", "parent")}
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        name = f"{stamp}-{config.dataset.name}-{config.objective.name}-s{config.seed}"
        described = {
            "schema": SCHEMA,
            "config": config.model_dump(mode="json"),
            "parent": lineage,
            "versions": versions(),
            "created": datetime.now().astimezone().isoformat(timespec="milliseconds"),
        }
        folder: Path | None = None
        try:
            runs_dir.mkdir(parents=True, exist_ok=True)
            folder = _new_folder(runs_dir, name)
            run = cls.__new__(cls)
            run.folder, run._lock, run._is_claimed = folder, None, False
            run.build(described)
            return run
        except (OSError, RunError) as error:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise RunError(
                f"No run can be made in {runs_dir} ({reason}). Choose a folder that can be written, with "
                "space left."
            ) from error

    def build(self, described: Mapping[str, Any]) -> None:
        """Make what a run's folder has: also of one that was deleted while the run trained."""
        (self.folder / "previews").mkdir(parents=True, exist_ok=True)
        with self._database(write=True) as db:
            db.executescript(TABLES)
            db.execute("INSERT OR IGNORE INTO facts VALUES ('status', ?)", (Status.QUEUED,))
        # Last, because a folder with a config counts as a run: others may look at any moment.
        write(self.folder / "config.json", json.dumps(described, indent=1).encode())

    @classmethod
    def find(cls, name: str, runs_dir: Path) -> "Run":
        """Return a run by its folder, its name in `runs_dir`, or `last` for the newest."""
        if name == "last":
            runs = list_runs(runs_dir)
            if not runs:
                raise RunError(f"There is no run in {runs_dir} yet.")
            return runs[0]
        for folder in (runs_dir / name, Path(name)):
            if (folder / "config.json").is_file():
                return cls(folder)
        raise RunError(f"There is no run {name!r} in {runs_dir}.")

    # ---- config and facts ---------------------------------------------------------------------

    def described(self) -> dict[str, Any]:
        """Return what config.json says: schema, config, parent, versions, created. Raises RunError."""
        try:
            with (self.folder / "config.json").open(encoding="utf-8") as file:
                described = parse_json(file.read(MAX_TEXT + 1), "config.json")
        except (OSError, ValueError) as error:
            raise RunError(f"The config of run {self.id} cannot be read: {error}.") from error
        if not isinstance(described, dict):
            raise RunError(f"The config of run {self.id} cannot be read: it is no JSON object.")
        return migrate_described(described, f"Run {self.id}")

    def config(self) -> TrainConfig:
        """Return the config the run was started with; `changes()` tells what came after."""
        try:
            return TrainConfig.parse(self.described()["config"])
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise RunError(f"The config of run {self.id} is damaged: {error}") from error

    def parent(self) -> Parent | None:
        """Return where the run was forked from. Raises RunError."""
        parent = self.described()["parent"]
        return None if parent is None else Parent(parent["run"], parent["step"])

    def set_engine(self, engine: Engine) -> None:
        """Record what the run trains on from now on."""
        engines: list[dict[str, Any]] = []
        with contextlib.suppress(RunError):  # A damaged list begins anew.
            engines = self.engines()
        if not engines or engines[-1] != engine.as_dict():
            self.set_fact("engines", json.dumps([*engines, engine.as_dict()]))

    def engine(self) -> Engine | None:
        """Return what the run was last trained on. Raises RunError."""
        engines = self.engines()
        return Engine(**engines[-1]) if engines else None

    def engines(self) -> list[dict[str, Any]]:
        """Return everything the run was trained on, in order. Raises RunError."""
        with self.checked():
            return parse_engines(self.fact("engines", "[]"))

    def fact(self, key: str, default: str = "") -> str:
        """Return a named fact: status, error, name, note, target … Raises RunError."""
        rows = self._rows("SELECT value FROM facts WHERE key = ?", (key,))
        with self.checked():
            return parse_fact(key, rows[0][0])[1] if rows else default

    def facts(self) -> dict[str, str]:
        """Return all named facts. Raises RunError."""
        with self.checked():
            return dict(parse_fact(*row) for row in self._rows("SELECT key, value FROM facts"))

    def set_fact(self, key: str, value: str) -> None:
        """Record a named fact."""
        with self._database(write=True) as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))

    def status(self) -> Status:
        """Return how the run stands; one whose process has died is interrupted. Raises RunError."""
        with self.checked():
            status = Status(parse_status(self.fact("status", Status.INTERRUPTED)))
        return Status.INTERRUPTED if status.active and not self.alive() else status

    # ---- reports and changes ------------------------------------------------------------------

    def add(
        self,
        reports: Iterable[StoredReport],
        changes: Iterable[Change] = (),
        replay: Iterable[Change] | None = None,
    ) -> None:
        """Record reports and changes in one transaction, and what is left to `replay` if it is given."""
        rows = [(*stored.report, stored.images, stored.seconds, stored.time) for stored in reports]
        with self._database(write=True) as db:
            marks = ", ".join("?" * len(COLUMNS))
            db.executemany(f"INSERT OR REPLACE INTO reports VALUES ({marks})", rows)
            _insert_changes(db, changes)
            if replay is not None:
                db.execute("INSERT OR REPLACE INTO facts VALUES ('replay', ?)", (_rows_of(replay),))

    def reports(self) -> dict[str, F64]:
        """Return every report, an array a column; see COLUMNS. Raises RunError."""
        rows = self._rows(f"SELECT {', '.join(COLUMNS)} FROM reports ORDER BY step")
        with self.checked():
            table = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
            _check_clock(table)
        return {name: table[:, i] for i, name in enumerate(COLUMNS)}

    def curves(self, points: int = 1000) -> dict[str, F64]:
        """Return the curves in at most about `points` means over equal widths of steps."""
        means = ", ".join(f"avg({name})" for name in COLUMNS[1:])
        # The average of text is 0; but text and blobs are larger than every number.
        largest = ", ".join(f"max({name})" for name in COLUMNS[1:])
        with self.checked(), self._database() as db:
            low, high = db.execute(
                "SELECT (SELECT min(step) FROM reports), (SELECT max(step) FROM reports)"
            ).fetchone()
            if low is None:
                return {name: np.empty(0) for name in COLUMNS}
            low, high = whole(low, "step"), whole(high, "step")
            count = db.execute("SELECT count(*) FROM reports").fetchone()[0]
            width = 1
            while count / width > points:
                width *= 2
            width *= max(1, round((high - low) / max(1, count - 1)))
            # One range a point: grouping by an expression would sort the whole table, which takes
            # four times as long for a million reports.
            rows = [
                db.execute(
                    f"SELECT max(step), {means}, {largest} FROM reports "
                    "WHERE step > ? AND step <= ?",
                    (key * width, (key + 1) * width),
                ).fetchone()
                for key in range((low - 1) // width, (high - 1) // width + 1)
            ]
            recorded_rows = [row for row in rows if row[0] is not None]
            if any(isinstance(value, str | bytes) for row in recorded_rows for value in row):
                raise SchemaError("its reports have values that are not numbers")
            table = np.array([row[: len(COLUMNS)] for row in recorded_rows], dtype=np.float64)
            _check_clock(table)
        return {name: table[:, i] for i, name in enumerate(COLUMNS)}

    def reports_after(self, step: int, limit: int = 20_000) -> list[StoredReport]:
        """Return the reports after a step, in order, at most `limit` of them."""
        rows = self._rows(
            f"SELECT {', '.join(COLUMNS)} FROM reports WHERE step > ? ORDER BY step LIMIT ?",
            (step, limit),
        )
        with self.checked():
            return [StoredReport.from_row(row) for row in rows]

    def last(self) -> StoredReport | None:
        """Return the newest report."""
        return self.at(sys.maxsize)

    def at(self, step: int) -> StoredReport | None:
        """Return the newest report at or before a step."""
        rows = self._rows(
            f"SELECT {', '.join(COLUMNS)} FROM reports WHERE step <= ? ORDER BY step DESC LIMIT 1",
            (step,),
        )
        with self.checked():
            return StoredReport.from_row(rows[0]) if rows else None

    def changes(self) -> list[Change]:
        """Return every change made in mid-run, in order."""
        rows = self._rows("SELECT step, path, before, after FROM changes ORDER BY step, id")
        with self.checked():
            return [Change(*parse_change(row)) for row in rows]

    def add_metrics(self, measured: Iterable[Measured]) -> None:
        """Record measured metrics; a value of the same step and name is replaced."""
        with self._database(write=True) as db:
            db.executemany(
                "INSERT OR REPLACE INTO metrics VALUES (?, ?, ?)",
                [(m.step, m.name, m.value) for m in measured],
            )

    def set_protocol(self, protocol: Mapping[str, Any]) -> None:
        """Record what the run's metrics were measured with: only equal ones can be compared."""
        self.set_fact("protocol", json.dumps(dict(protocol)))

    def protocol(self) -> dict[str, Any]:
        """Return what the run's metrics were measured with, or nothing. Raises RunError."""
        with self.checked():
            return parse_protocol(self.fact("protocol", "{}"))

    def rewind(self, step: int, changes: Iterable[Change], replay: Iterable[Change]) -> None:
        """Remove all that was recorded after a checkpoint, from which the run is trained again.

        Args:
            step: the checkpoint's step.
            changes: the changes that led to the checkpoint; all others are removed.
            replay: changes to be made again when their step comes; see `replay`.
        """
        facts = {"replay": _rows_of(replay), "forgotten": secrets.token_hex(8)}
        with contextlib.suppress(RunError):
            near = self.neighbours()
            if near is not None and near.step > step:
                facts["neighbours"] = "null"
                (self.folder / NEIGHBOURS).unlink(missing_ok=True)
        facts["starred"] = json.dumps(sorted(s for s in self.starred() if s <= step))
        with self._database(write=True) as db:
            db.execute("DELETE FROM reports WHERE step > ?", (step,))
            db.execute("DELETE FROM metrics WHERE step > ?", (step,))
            db.execute("DELETE FROM changes")
            _insert_changes(db, changes)
            db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())
        for preview in self.preview_steps():
            if preview > step:
                for suffix in ("webp", "npz"):
                    self._preview_path(preview, suffix).unlink(missing_ok=True)
        for checkpoint in self.checkpoint_steps():
            if checkpoint > step:  # damaged, or the newest would have been taken
                self._checkpoint_path(checkpoint).unlink(missing_ok=True)

    def replay(self) -> list[Change]:
        """Return the changes that a resumed run has still to make again. Raises RunError."""
        with self.checked():
            return [Change(*row) for row in parse_replay(self.fact("replay", "[]"))]

    def drop_engines_after(self, engine: Engine) -> None:
        """Forget the engines of a continuation that was given up: the last is `engine` again."""
        engines = self.engines()
        places = [i for i, each in enumerate(engines) if each == engine.as_dict()]
        if places and places[-1] < len(engines) - 1:
            self.set_fact("engines", json.dumps(engines[: places[-1] + 1]))

    def metrics(self) -> list[Measured]:
        """Return every measured metric, in the order of steps."""
        with self.checked(), self._database() as db:
            if database_schema(db) < 2:
                return []
            rows = db.execute("SELECT step, name, value FROM metrics ORDER BY step, name")
            return measured(rows.fetchall())

    def metrics_after(self, row: int) -> tuple[int, list[Measured]]:
        """Return the table's last row, and what was recorded after a row; all, where there are fewer by now."""
        with self.checked(), self._database() as db:
            if database_schema(db) < 2:
                return 0, []
            last = db.execute("SELECT coalesce(max(rowid), 0) FROM metrics").fetchone()[0]
            rows = db.execute(
                "SELECT rowid, step, name, value FROM metrics WHERE rowid > ? ORDER BY step, name",
                (row if row <= last else 0,),
            ).fetchall()
            return max((r[0] for r in rows), default=last), measured(r[1:] for r in rows)

    def copy_history(self, other: "Run", step: int) -> None:
        """Take what another run recorded up to a step: reports, changes, metrics, previews.

        A change made at that very step acts after it, and so is not the fork's.
        """
        old = {m for m in other.metrics() if m.step <= step}
        with self._database(write=True) as db:
            address = (other.folder / "run.sqlite").resolve().as_uri()
            db.commit()  # No database can be attached within a transaction.
            db.execute("ATTACH ? AS parent", (f"{address}?mode=ro",))
            names = ", ".join(COLUMNS)
            db.execute(
                f"INSERT INTO reports SELECT {names} FROM parent.reports WHERE step <= ?", (step,)
            )
            db.execute(
                "INSERT INTO changes SELECT * FROM parent.changes WHERE step < ? ORDER BY id",
                (step,),
            )
        self.add_metrics(old)
        for preview in other.preview_steps():
            picture = other.preview(preview) if preview <= step else None
            if picture is not None:
                write(self._preview_path(preview, picture[0]), picture[1], durable=False)

    # ---- previews -----------------------------------------------------------------------------

    def add_preview(self, step: int, suffix: str, content: bytes) -> None:
        """Keep a preview (suffix webp or npz), thinning to every second when there are too many."""
        write(self._preview_path(step, suffix), content, durable=False)
        steps = self.preview_steps()
        if len(steps) > KEEP_PREVIEWS:
            for i, old in enumerate(steps[:-1]):
                if i % 2:
                    self._preview_path(old, suffix).unlink(missing_ok=True)

    def _preview_path(self, step: int, suffix: str) -> Path:
        return self.folder / "previews" / f"{step:08d}.{suffix}"

    def preview_steps(self) -> list[int]:
        """Return the steps of all previews kept."""
        with contextlib.suppress(OSError):
            names = os.listdir(self.folder / "previews")
            return sorted(int(n[:8]) for n in names if re.fullmatch(r"\d{8}\.(webp|npz)", n))
        return []

    def moments(self, most: int) -> list[int]:
        """Return the steps of at most `most` previews, evenly chosen, first and last among them."""
        steps = self.preview_steps()
        chosen = np.linspace(0, len(steps) - 1, most) if steps else ()
        return sorted({steps[round(i)] for i in chosen})

    def preview(self, step: int) -> tuple[str, bytes] | None:
        """Return a preview's suffix and content; None if it has been thinned away, or is damaged."""
        for suffix in ("webp", "npz"):
            with contextlib.suppress(OSError):
                content = self._preview_path(step, suffix).read_bytes()
                return (suffix, content) if is_preview(suffix, content) else None
        return None

    def set_thumb(self, picture: bytes) -> None:
        """Keep a very small picture (WebP) of what the generator makes, for tables of runs."""
        if picture:
            write(self.folder / THUMB, picture, durable=False)

    def set_neighbours(self, found: StoredNeighbours) -> None:
        """Keep shown samples above the training pictures nearest to them; the newest only."""
        write(self.folder / NEIGHBOURS, found.content, durable=False)
        facts = {"step": found.step, "distances": found.distances, "copies": found.copies}
        self.set_fact("neighbours", json.dumps(facts))

    def neighbours(self) -> StoredNeighbours | None:
        """Return those; None where they were not looked for. Raises RunError."""
        with self.checked(), contextlib.suppress(OSError):
            facts = parse_neighbours(self.fact("neighbours", "null"))
            if facts is not None:
                content = (self.folder / NEIGHBOURS).read_bytes()
                return StoredNeighbours(facts[0], content, facts[1], facts[2])
        return None

    # ---- checkpoints --------------------------------------------------------------------------

    def add_checkpoint(self, state: State, facts: Mapping[str, float]) -> Path:
        """Write a state as one safetensors file, and then keep what is worth keeping (`prune`)."""
        self._refuse_to_write_if_taken_over()
        path = self._checkpoint_path(state.step)
        write_checkpoint(path, state, dict(facts))
        # A damaged database does not tell which checkpoints are precious: then all are kept.
        with contextlib.suppress(RunError, OSError):
            self.prune(state.config.keep_checkpoints)
        return path

    def _refuse_to_write_if_taken_over(self) -> None:
        if self._lock is not None and self._is_claimed:
            owner = self._lock.token
            with contextlib.suppress(RunError):
                owner = self.fact("owner", owner)
            if owner != self._lock.token:
                raise RunTakenOver(TAKEN_OVER_WORDS.format(run=self.id))

    def prune(self, keep: int) -> None:
        """Delete checkpoints that are neither new, nor first, nor best, nor starred.

        The newest `keep` stay; of the older ones about as many, spread over the whole run, so that
        there is a place to go back to everywhere.
        """
        steps = self.checkpoint_steps()
        old = steps[1:-keep]
        if len(old) <= keep:
            return
        precious = self.starred() | set(self.best_steps().values())
        for step in old[::2]:
            if step not in precious:
                self._checkpoint_path(step).unlink(missing_ok=True)

    def _checkpoint_path(self, step: int) -> Path:
        return self.folder / f"step_{step:08d}.safetensors"

    def best_steps(self) -> dict[str, int]:
        """Return the step of the checkpoint with the best value, for each metric measured."""
        steps = set(self.checkpoint_steps())
        best = best_of(measured for measured in self.metrics() if measured.step in steps)
        return {name: measured.step for name, measured in best.items()}

    def starred(self) -> set[int]:
        """Return the steps of the checkpoints that are never deleted by themselves."""
        with contextlib.suppress(ValueError, RunError):
            return set(parse_starred(self.fact("starred", "[]")))
        return set()

    def star(self, step: int, starred: bool) -> None:
        """Keep a checkpoint for good, or no longer."""
        steps = self.starred() | {step} if starred else self.starred() - {step}
        self.set_fact("starred", json.dumps(sorted(steps)))

    def checkpoint_steps(self) -> list[int]:
        """Return the steps of all checkpoints."""
        with contextlib.suppress(OSError):
            names = os.listdir(self.folder)
            matches = (re.fullmatch(r"step_(\d{8})\.safetensors", name) for name in names)
            return sorted(int(match[1]) for match in matches if match)
        return []

    def checkpoint(self, step: int | None = None) -> tuple[State, dict[str, float]]:
        """Return a checkpoint's state and facts (default: the newest that can be read).

        Raises RunError where there is none or it is damaged.
        """
        steps = self.checkpoint_steps()
        if not steps:
            raise RunError(f"Run {self.id} has no checkpoint yet.")
        if step is None:
            for candidate in reversed(steps[1:]):
                with contextlib.suppress(RunError):
                    return self.checkpoint(candidate)
            step = steps[0]
        if step not in steps:
            here = ", ".join(map(str, steps))
            raise RunError(f"Run {self.id} has no checkpoint at step {step}: it has {here}.")
        try:
            return read_checkpoint(self._checkpoint_path(step))
        except RunError as error:
            earlier = [s for s in steps if s < step]
            if not earlier:
                raise
            raise RunError(
                f"{error} The one before it is of step {earlier[-1]:,}: choose that."
            ) from error

    def newest_checkpoint(self) -> tuple[State, dict[str, float], list[str]]:
        """Return the newest checkpoint that a training can go on from, and why newer ones cannot be used.

        Raises RunError if there is none.
        """
        reasons: list[str] = []
        for step in reversed(self.checkpoint_steps()):
            path = self._checkpoint_path(step)
            try:
                state, facts = read_checkpoint(path)
            except RunError as error:
                reasons.append(str(error))
                continue
            if problem := unresumable(state, facts):
                reasons.append(f"{path.name} cannot be trained on: {problem}")
                continue
            return state, facts, reasons
        if reasons:
            raise RunError(" ".join(reasons))
        raise RunError(f"Run {self.id} has no checkpoint yet.")

    def config_at(self, step: int) -> TrainConfig:
        """Return the config the run had at a checkpoint. Raises RunError."""
        return read_config(self._checkpoint_path(step))

    def resume_point(self) -> tuple[TrainConfig, int]:
        """Return the config and step from which the run goes on: its newest checkpoint, or its start.

        A run that was killed before its first checkpoint begins again. Raises RunError.
        """
        if not self.checkpoint_steps():
            return self.config(), 0
        state, _, _ = self.newest_checkpoint()
        return state.config, state.step

    # ---- lock ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Own the run while writing. Raises RunError if a live process owns it.

        The owner's token is written to the database. If another process takes the run all the same, as on a
        file system without locks, the next write of this one raises RunTakenOver instead of mixing both.
        """
        is_shipped = False
        with contextlib.suppress(
            RunError
        ):  # A damaged database is repaired by whoever has the lock.
            is_shipped = self.fact("status") == Status.SHIPPED
        if is_shipped:
            raise RunError(SHIPPED_WORDS.format(run=self.id))
        lock = self._lock = RunLock(self.folder)
        try:
            for path in self.files():
                if path.suffix == ".part":  # A killed process was writing it.
                    path.unlink(missing_ok=True)
            self._claim()
            yield
        finally:
            lock.release()
            if self._lock is lock:
                self._lock, self._is_claimed = None, False

    def _claim(self) -> None:
        """Write the lock's token to the database. A database that cannot be written is left as it is."""
        assert self._lock is not None
        self._is_claimed = False
        with contextlib.suppress(RunError):
            self.set_fact("owner", self._lock.token)
            self._is_claimed = True

    def beat(self) -> None:
        """Tell other machines that the run is alive. For the owner of the lock.

        Takes the lock again if the folder was deleted and made again. Raises RunError if another process
        has the run by now.
        """
        if self._lock is None:
            return
        if not self._lock.is_current():
            self._lock.take_again()
            self._claim()
        try:
            self._lock.beat()
        except OSError as error:
            raise RunError(
                f"The lock of run {self.id} cannot be written ({error.strerror or error})."
            ) from error

    def alive(self) -> bool:
        """Return whether a live process owns the run."""
        return is_alive(self.folder / "lock")

    def log(self, words: str) -> None:
        """Append to the run's log of what went wrong; never raises."""
        with (
            contextlib.suppress(OSError),
            (self.folder / "error.log").open("a", encoding="utf-8") as log,
        ):
            log.write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {words}\n")

    def files(self) -> list[Path]:
        """Return the paths of all files in the folder, sorted.

        Another process may delete files and folders meanwhile. `Path.rglob` raises FileNotFoundError then,
        before Python 3.13; `os.walk` goes on.
        """
        return sorted(
            Path(folder, name) for folder, _, names in os.walk(self.folder) for name in names
        )

    def size(self) -> int:
        """Return the bytes the run takes on disk."""
        total = 0
        for path in self.files():
            with contextlib.suppress(OSError):
                total += path.stat().st_size
        return total

    def delete(self) -> None:
        """Remove the whole folder, for good."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- database -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _database(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        path = self.folder / "run.sqlite"
        if not write and not path.exists():
            raise RunError(f"Run {self.id} has no run.sqlite: its curves are lost.")
        try:
            with contextlib.ExitStack() as stack:
                if write:
                    db = sqlite3.connect(path.resolve().as_uri(), timeout=10, uri=True)
                    stack.callback(db.close)
                    _refuse_if_shipped(db, self.id)
                    self._refuse_if_taken_over(db)
                    # Write-ahead: readers never wait, and kill −9 loses no committed batch.
                    db.execute("PRAGMA journal_mode = WAL")
                    db.execute("PRAGMA synchronous = NORMAL")
                    if database_schema(db) < SCHEMA:
                        migrate_database(db)
                else:
                    db = stack.enter_context(_opened_to_read(path))
                    # A folder may come from anywhere: nothing in it acts, and no value is huge.
                    db.execute("PRAGMA trusted_schema = OFF")
                    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
                with db:
                    yield db
        except sqlite3.Error as error:
            raise RunError(
                f"The curves of run {self.id} cannot be used: {_trouble(error)}."
            ) from error

    def _refuse_if_taken_over(self, db: sqlite3.Connection) -> None:
        if self._lock is None or not self._is_claimed:
            return
        with contextlib.suppress(sqlite3.OperationalError):  # a database that is being made
            row = db.execute("SELECT value FROM facts WHERE key = 'owner'").fetchone()
            if row is not None and row[0] != self._lock.token:
                raise RunTakenOver(TAKEN_OVER_WORDS.format(run=self.id))

    @contextlib.contextmanager
    def checked(self) -> Iterator[None]:
        """Raise RunError for stored values that are not what the schema says."""
        try:
            yield
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise RunError(f"What run {self.id} recorded is damaged: {error}.") from error

    def reading(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Open the database for several queries. Raises RunError."""
        return self._database()

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._database() as db:
            return db.execute(query, values).fetchall()


def measured(rows: Iterable[Sequence[object]]) -> list[Measured]:
    """Return the metrics of rows of step, name and value, without NaN. Raises SchemaError."""
    checked = map(parse_metric, rows)
    return [Measured(*row) for row in checked if not np.isnan(row[2])]


def _check_clock(table: F64) -> None:
    """Raise SchemaError for steps, images, seconds or times that no training can have; (N, columns)."""
    for name in ("step", "images", *CLOCK):
        column = table[:, COLUMNS.index(name)]
        if not bool((np.isfinite(column) & (column >= 0) & (column < 1 << 62)).all()):
            raise SchemaError(f"{name} must be a number of a training")


def best_of(metrics: Iterable[Measured]) -> dict[str, Measured]:
    """Return the best value of each headline metric, the first where several are.

    Step 0 is left out: an untrained generator makes one cloud, which may lie on a mode by luck.
    """
    best: dict[str, Measured] = {}
    for measured in metrics:
        metric = metric_of(measured.name)
        if metric is None or not metric.headline or measured.step == 0:
            continue
        best_so_far = best.get(measured.name)
        if best_so_far is None or better(measured.name, measured.value, best_so_far.value):
            best[measured.name] = measured
    return best


def _insert_changes(db: sqlite3.Connection, changes: Iterable[Change]) -> None:
    db.executemany(
        "INSERT INTO changes (step, path, before, after) VALUES (?, ?, ?, ?)",
        [(c.step, c.path, json.dumps(c.before), json.dumps(c.after)) for c in changes],
    )


def _rows_of(changes: Iterable[Change]) -> str:
    return json.dumps(
        [[c.step, c.path, json.dumps(c.before), json.dumps(c.after)] for c in changes]
    )


def _refuse_if_shipped(db: sqlite3.Connection, name: str) -> None:
    with contextlib.suppress(sqlite3.OperationalError):  # a database that is being made
        if db.execute("SELECT 1 FROM facts WHERE key = 'status' AND value = 'shipped'").fetchone():
            raise RunError(SHIPPED_WORDS.format(run=name))


SHIPPED_WORDS = (
    "{run} is an example that comes with the app and stays as it is. Fork it: the fork is yours."
)


def _new_folder(runs_dir: Path, name: str) -> Path:
    """Make a folder of a name, or of the name with the first number that is free. Raises OSError."""
    for suffix in ["", *(f"-{i}" for i in range(2, 1000))]:
        folder = runs_dir / (name + suffix)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise OSError(f"there are too many runs called {name}")


TAKEN_OVER_WORDS = "Another process trains run {run} now, so it ends here."


def list_runs(runs_dir: Path) -> list[Run]:
    """Return all runs of a folder, the one created last first; the examples come at the end.

    A folder whose name begins with a dot is no run: the trash, and what is being imported.
    """
    try:
        names = [name for name in os.listdir(runs_dir) if not name.startswith(".")]
    except OSError:
        return []
    created = {name: created_at(runs_dir / name / "config.json") for name in names}
    names = [name for name in names if created[name] is not None]
    # Of several runs of one second, the later ones have a longer name: their number.
    names.sort(
        key=lambda name: (not name.startswith("example-"), created[name], len(name), name),
        reverse=True,
    )
    runs = []
    for name in names:
        with contextlib.suppress(RunError):  # gone since it was listed
            runs.append(Run(runs_dir / name))
    return runs


@contextlib.contextmanager
def _opened_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database to read, also in a folder in which nothing can be written. Raises sqlite3.Error.

    Even a reader makes a file beside the database, which fails on a full disk and in a read-only folder. Then
    database and write-ahead log are copied elsewhere; if that fails too, the log's newest rows are missing.
    """
    with contextlib.ExitStack() as stack:
        db = _open_in_place(path)
        if db is None and path.with_name(f"{path.name}-wal").exists():
            db = _open_copy(path, stack)
        if db is None:
            db = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)
        stack.callback(db.close)
        yield db


def _open_in_place(path: Path) -> sqlite3.Connection | None:
    """Return a connection to a database, or None if SQLite cannot make its file beside it."""
    if not os.access(path.parent, os.W_OK):
        return None
    db = sqlite3.connect(path.resolve().as_uri(), timeout=10, uri=True)
    try:
        db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        if "locked" in str(error):
            raise
        return None
    except sqlite3.Error:
        db.close()
        raise
    return db


def _open_copy(path: Path, stack: contextlib.ExitStack) -> sqlite3.Connection | None:
    """Return a connection to a copy of database and log, which goes with the stack; None for lack of space."""
    memory = Path("/dev/shm")
    try:
        folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in (path.name, f"{path.name}-wal"):
            shutil.copyfile(path.with_name(name), folder / name)
        return sqlite3.connect(folder / path.name)
    except (OSError, sqlite3.Error):
        return None


def _trouble(error: sqlite3.Error) -> str:
    """Return what SQLite complains of, in words that say what to do."""
    words = str(error)
    if "disk I/O" in words or "is full" in words:
        return "the disk is full or has a fault; free some space"
    if "readonly" in words:
        return "the folder cannot be written"
    return words
