"""A run's folder: create, record, read, lock.

`config.json`, `run.sqlite` (reports, changes, facts), `previews/`, `step_XXXXXXXX.safetensors` and
a lock. Files are written under a temporary name, flushed and then renamed; the database commits a
batch of rows at a time. So a run killed at any moment keeps all that was flushed, and no half file.
"""

import contextlib
import json
import os
import platform
import re
import shutil
import socket
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from wgan.config import ConfigError, TrainConfig
from wgan.training import Engine, Report, State

SCHEMA = 1
KEEP_PREVIEWS = 500
DEAD_AFTER = 60.0
"""Seconds without a heartbeat after which a run on another machine counts as interrupted."""

CLOCK = ("seconds", "time")
COLUMNS = (*Report._fields, "images", *CLOCK)
"""A report as it is stored: the numbers that repeat, then the clock's."""


class RunError(Exception):
    """A run cannot be read or written; the message says what is wrong and what to do."""


class Status(StrEnum):
    """How a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SHIPPED = "shipped"

    @property
    def active(self) -> bool:
        """Whether a live process owns the run."""
        return self in (Status.QUEUED, Status.RUNNING, Status.PAUSED)


@dataclass(frozen=True)
class Change:
    """A hyperparameter changed in mid-run: it acts from the step after `step` on."""

    step: int
    path: str
    before: Any
    after: Any


@dataclass(frozen=True)
class StoredReport:
    """A report with its clock."""

    report: Report
    images: int  # real examples shown to the critic so far
    seconds: float  # training time so far
    time: float  # seconds since the epoch

    @classmethod
    def from_row(cls, row: Sequence[float]) -> "StoredReport":
        """Return the report of a row in the order of COLUMNS."""
        step, *values, images, seconds, when = row
        return cls(Report(int(step), *values), int(images), float(seconds), float(when))


class Run:
    """One run's folder. Reading needs no lock; writing belongs to whoever holds `lock()`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "config.json").is_file():
            raise RunError(f"{folder} is not a run: it has no config.json.")

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    # ---- making and finding -------------------------------------------------------------------

    @classmethod
    def create(cls, config: TrainConfig, runs_dir: Path) -> "Run":
        """Make the folder of a new run. Raises RunError where that is not possible."""
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        name = f"{stamp}-{config.dataset.name}-{config.objective.name}-s{config.seed}"
        try:
            runs_dir.mkdir(parents=True, exist_ok=True)
            for suffix in ["", *(f"-{i}" for i in range(2, 1000))]:
                folder = runs_dir / (name + suffix)
                with contextlib.suppress(FileExistsError):
                    folder.mkdir()
                    break
            (folder / "previews").mkdir()
            described = {
                "schema": SCHEMA,
                "config": config.model_dump(mode="json"),
                "versions": _versions(),
                "created": datetime.now().astimezone().isoformat(timespec="seconds"),
            }
            run = cls.__new__(cls)
            run.folder = folder
            with run._database(write=True) as db:
                db.executescript(_TABLES)
                db.execute("INSERT INTO facts VALUES ('status', ?)", (Status.QUEUED,))
            # Last, because a folder with a config counts as a run: others may look at any moment.
            _write(folder / "config.json", json.dumps(described, indent=1).encode())
            return run
        except OSError as error:
            raise RunError(
                f"No run can be made in {runs_dir} ({error.strerror or error}). Choose a folder "
                "that can be written, with space left."
            ) from error

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

    def _described(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / "config.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"The config of run {self.id} cannot be read: {error}.") from error
        if not isinstance(found, dict) or found.get("schema") != SCHEMA:
            raise RunError(f"Run {self.id} was made by another version of this program.")
        return found

    def config(self) -> TrainConfig:
        """Return the config the run was started with; `changes()` tells what came after."""
        try:
            return TrainConfig.parse(self._described()["config"])
        except (KeyError, ConfigError) as error:
            raise RunError(f"The config of run {self.id} is damaged: {error}") from error

    def set_engine(self, engine: Engine) -> None:
        """Record what the run trains on from now on."""
        known = json.loads(self.fact("engines", "[]"))
        if not known or known[-1] != engine.as_dict():
            self.set_fact("engines", json.dumps([*known, engine.as_dict()]))

    def engine(self) -> Engine | None:
        """Return what the run was last trained on."""
        known = json.loads(self.fact("engines", "[]"))
        return Engine(**known[-1]) if known else None

    def fact(self, key: str, default: str = "") -> str:
        """Return a named fact: status, error, name, note, target …"""
        rows = self._rows("SELECT value FROM facts WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else default

    def set_fact(self, key: str, value: str) -> None:
        """Record a named fact."""
        with self._database(write=True) as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))

    def status(self) -> Status:
        """Return how the run stands; one whose process has died is interrupted."""
        status = Status(self.fact("status", Status.INTERRUPTED))
        return Status.INTERRUPTED if status.active and not self.alive() else status

    # ---- reports and changes ------------------------------------------------------------------

    def add(self, reports: Iterable[StoredReport], changes: Iterable[Change] = ()) -> None:
        """Record reports and changes in one transaction. Rows of a step seen before are replaced.

        A resumed run makes its last steps again, with the same numbers.
        """
        rows = [(*stored.report, stored.images, stored.seconds, stored.time) for stored in reports]
        with self._database(write=True) as db:
            marks = ", ".join("?" * len(COLUMNS))
            db.executemany(f"INSERT OR REPLACE INTO reports VALUES ({marks})", rows)
            db.executemany(
                "INSERT INTO changes (step, path, before, after) VALUES (?, ?, ?, ?)",
                [(c.step, c.path, json.dumps(c.before), json.dumps(c.after)) for c in changes],
            )

    def reports(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return every report, an array a column; see COLUMNS."""
        rows = self._rows(f"SELECT {', '.join(COLUMNS)} FROM reports ORDER BY step")
        table = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
        return {name: table[:, i] for i, name in enumerate(COLUMNS)}

    def curves(self, points: int = 1000) -> dict[str, npt.NDArray[np.float64]]:
        """Return the curves in at most about `points` means over equal widths of steps."""
        rows = self._rows("SELECT min(step), max(step), count(*) FROM reports")
        low, high, count = rows[0] if rows else (None, None, 0)
        if not count:
            return {name: np.empty(0) for name in COLUMNS}
        width = 1
        while count / width > points:
            width *= 2
        width *= max(1, round((high - low) / max(1, count - 1)))
        means = ", ".join(f"avg({name})" for name in COLUMNS[1:])
        rows = self._rows(
            f"SELECT max(step), {means} FROM reports GROUP BY (step - 1) / ? ORDER BY step",
            (width,),
        )
        table = np.array(rows, dtype=np.float64)
        return {name: table[:, i] for i, name in enumerate(COLUMNS)}

    def last(self) -> StoredReport | None:
        """Return the newest report."""
        return self.at(sys.maxsize)

    def at(self, step: int) -> StoredReport | None:
        """Return the newest report at or before a step."""
        rows = self._rows(
            f"SELECT {', '.join(COLUMNS)} FROM reports WHERE step <= ? ORDER BY step DESC LIMIT 1",
            (step,),
        )
        return StoredReport.from_row(rows[0]) if rows else None

    def changes(self) -> list[Change]:
        """Return every change made in mid-run, in order."""
        rows = self._rows("SELECT step, path, before, after FROM changes ORDER BY step, id")
        return [Change(s, p, json.loads(b), json.loads(a)) for s, p, b, a in rows]

    # ---- previews -----------------------------------------------------------------------------

    def add_preview(self, step: int, suffix: str, content: bytes) -> None:
        """Keep a preview (suffix webp or npz), thinning to every second when there are too many."""
        path = self.folder / "previews" / f"{step:08d}.{suffix}"
        _write(path, content, durable=False)
        steps = self.preview_steps()
        if len(steps) > KEEP_PREVIEWS:
            for i, old in enumerate(steps[:-1]):
                if i % 2:
                    (self.folder / "previews" / f"{old:08d}.{suffix}").unlink(missing_ok=True)

    def preview_steps(self) -> list[int]:
        """Return the steps of all previews kept."""
        with contextlib.suppress(OSError):
            names = os.listdir(self.folder / "previews")
            return sorted(int(n[:8]) for n in names if re.fullmatch(r"\d{8}\.(webp|npz)", n))
        return []

    def preview(self, step: int) -> tuple[str, bytes] | None:
        """Return a preview's suffix and content; None where it has been thinned away."""
        for suffix in ("webp", "npz"):
            with contextlib.suppress(OSError):
                return suffix, (self.folder / "previews" / f"{step:08d}.{suffix}").read_bytes()
        return None

    # ---- checkpoints --------------------------------------------------------------------------

    def add_checkpoint(self, state: State, keep: int, **facts: float) -> Path:
        """Write a state as one safetensors file and thin the older ones to about `keep`."""
        for name, tensor in state.tensors.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise RunError(f"{name} is not finite at step {state.step}: not saved.")
        path = self.folder / f"step_{state.step:08d}.safetensors"
        metadata = {
            "schema": str(SCHEMA),
            "step": str(state.step),
            "critic_updates": str(state.critic_updates),
            "counts": json.dumps(state.counts),
            "config": state.config.model_dump_json(),
            "engine": json.dumps(state.engine.as_dict()),
            "facts": json.dumps(facts),
        }
        tensors = {k: v.contiguous() for k, v in state.tensors.items()}
        _write(path, save(tensors, metadata))
        steps = self.checkpoint_steps()
        if len(steps) > max(2, keep):
            # Every second goes, so that the rest still spans the whole training.
            for old in steps[1:-1:2]:
                (self.folder / f"step_{old:08d}.safetensors").unlink(missing_ok=True)
        return path

    def checkpoint_steps(self) -> list[int]:
        """Return the steps of all checkpoints."""
        with contextlib.suppress(OSError):
            names = os.listdir(self.folder)
            found = (re.fullmatch(r"step_(\d{8})\.safetensors", name) for name in names)
            return sorted(int(match[1]) for match in found if match)
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
        path = self.folder / f"step_{step:08d}.safetensors"
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            critic_counts, generator_counts = json.loads(metadata["counts"])
            state = State(
                TrainConfig.parse(json.loads(metadata["config"])),
                Engine(**json.loads(metadata["engine"])),
                int(metadata["step"]),
                int(metadata["critic_updates"]),
                (critic_counts, generator_counts),
                tensors,
            )
            return state, json.loads(metadata["facts"])
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise RunError(f"The checkpoint {path.name} of run {self.id} is damaged.") from error

    # ---- lock ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Own the run while writing. Raises RunError where a live process owns it."""
        if self.alive():
            raise RunError(f"Run {self.id} is being trained by another process. Stop it there.")
        for half in self.folder.rglob("*.part"):
            half.unlink(missing_ok=True)  # What a killed process was writing.
        self.beat()
        try:
            yield
        finally:
            (self.folder / "lock").unlink(missing_ok=True)

    def beat(self) -> None:
        """Tell other processes that the run is alive: host, process and time of the last beat."""
        owner = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": _process_start(os.getpid()),
            "beat": time.time(),
        }
        _write(self.folder / "lock", json.dumps(owner).encode(), durable=False)

    def alive(self) -> bool:
        """Tell whether the process that holds the lock still lives."""
        try:
            owner = json.loads((self.folder / "lock").read_text("utf-8"))
            started = _process_start(owner["pid"])
            if owner["host"] != socket.gethostname() or started == "unknown":
                return bool(time.time() - owner["beat"] < DEAD_AFTER)
            return bool(started is not None and started == owner["started"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def delete(self) -> None:
        """Remove the whole folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- database -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _database(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        path = self.folder / "run.sqlite"
        if not write and not path.exists():
            raise RunError(f"Run {self.id} has no run.sqlite: its curves are lost.")
        try:
            db = sqlite3.connect(path, timeout=10)
            try:
                if write:
                    # Write-ahead: readers never wait, and kill −9 loses no committed batch.
                    db.execute("PRAGMA journal_mode = WAL")
                    db.execute("PRAGMA synchronous = NORMAL")
                with db:
                    yield db
            finally:
                db.close()
        except sqlite3.Error as error:
            raise RunError(f"The curves of run {self.id} cannot be used: {error}.") from error

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._database() as db:
            return db.execute(query, values).fetchall()


_TABLES = f"""
CREATE TABLE reports (step INTEGER PRIMARY KEY, {", ".join(f"{c} REAL" for c in COLUMNS[1:])});
CREATE TABLE changes (id INTEGER PRIMARY KEY, step INTEGER, path TEXT, before TEXT, after TEXT);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT);
"""


def list_runs(runs_dir: Path) -> list[Run]:
    """Return all runs of a folder, the newest first."""
    try:
        folders = [entry for entry in runs_dir.iterdir() if (entry / "config.json").is_file()]
    except OSError:
        return []
    return [Run(folder) for folder in sorted(folders, key=lambda f: f.name, reverse=True)]


def pack_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return arrays as the bytes of an npz."""
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def unpack_arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an npz; nothing in it is ever unpickled."""
    with np.load(BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _write(path: Path, content: bytes, *, durable: bool = True) -> None:
    half = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with half.open("wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise RunError(
            f"{path.name} could not be written to {path.parent} ({error.strerror or error}). Free "
            "some space or make the folder writable."
        ) from error


def _process_start(pid: int) -> str | None:
    """Return when a live process began, which tells it from a later one of the same number.

    None if it is dead; "unknown" where the system does not tell.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None if sys.platform == "linux" else "unknown"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("torch", "torchvision", "numpy", "streamlit", "plotly", "pydantic"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
