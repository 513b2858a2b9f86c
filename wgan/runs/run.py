"""Run: the folder of one run."""

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from wgan.config import TrainConfig
from wgan.runs.checkpoints import Checkpoints, write_checkpoint
from wgan.runs.database import SHIPPED_WORDS, TAKEN_OVER_WORDS
from wgan.runs.files import files_below, size_below, versions, write
from wgan.runs.lock import RunLock, is_alive
from wgan.runs.migrations import migrate_described
from wgan.runs.order import created_at
from wgan.runs.previews import Previews
from wgan.runs.records import (
    Change,
    Parent,
    RunError,
    RunTakenOver,
    Status,
    StoredNeighbours,
)
from wgan.runs.tables import RunTables, best_of, dump_changes
from wgan.schema import MAX_TEXT, SCHEMA, TABLES, parse_json, parse_neighbours, parse_status
from wgan.training import State

NEIGHBOURS = "neighbours.webp"


RUN_NAME = re.compile(r"[^./\\:\0][^/\\:\0]{0,199}")
"""The name of a folder, which is not hidden."""
MAX_NAME_BYTES = 255
"""Most file systems refuse longer names."""


class Run(RunTables):
    """The folder of one run: its tables, previews and checkpoints.

    Reading needs no lock. Only the process that holds `lock()` may write.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "config.json").is_file():
            raise RunError(f"{folder} is not a run: it has no config.json.")
        self._assign(folder)

    def _assign(self, folder: Path) -> None:
        super().__init__(folder)
        self.previews, self.checkpoints = Previews(folder), Checkpoints(folder, folder.name)
        self._lock: RunLock | None = None

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
        """Create the folder of a new run.

        Args:
            config: The config.
            runs_dir: The folder of runs.
            parent: For a fork, where it begins.
            of: For a fork, the run that it continues. Its config and ancestors are stored, so that
                the fork can be repeated even after they are deleted.

        Raises:
            RunError: The folder cannot be created.
        """
        lineage = None
        if parent is not None and of is not None:
            metadata = of.metadata()
            lineage = asdict(parent) | {name: metadata[name] for name in ("config", "parent")}
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        name = f"{stamp}-{config.dataset.name}-{config.objective.name}-s{config.seed}"
        metadata = {
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
            run._assign(folder)
            run.build(metadata)
            return run
        except (OSError, RunError) as error:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise RunError(
                f"No run can be created in {runs_dir} ({reason}). Choose a writable folder "
                "with free space."
            ) from error

    def build(self, metadata: Mapping[str, Any]) -> None:
        """Create the content of a run's folder, also after it was deleted during training."""
        (self.folder / "previews").mkdir(parents=True, exist_ok=True)
        with self.database.writing() as db:
            db.executescript(TABLES)
            db.execute("INSERT OR IGNORE INTO facts VALUES ('status', ?)", (Status.QUEUED,))
        # Write config.json last: other processes treat a folder with a config as a run.
        write(self.folder / "config.json", json.dumps(metadata, indent=1).encode())

    @classmethod
    def find(cls, name: str, runs_dir: Path) -> "Run":
        """Return a run by its folder, its name in `runs_dir`, or `last` for the newest. Raises RunError."""
        if name == "last":
            runs = list_runs(runs_dir)
            if not runs:
                raise RunError(f"There are no runs in {runs_dir} yet.")
            return runs[0]
        for folder in (runs_dir / name, Path(name)):
            if _is_run(folder):
                return cls(folder)
        raise RunError(f"There is no run {name!r} in {runs_dir}.")

    @classmethod
    def named(cls, name: str, runs_dir: Path) -> "Run":
        """Return a run by its name in `runs_dir`. Raises RunError.

        For names that come from outside, such as from an address: no name leads out of the folder.
        """
        length = len(name.encode("utf-8", "surrogatepass"))
        if not RUN_NAME.fullmatch(name) or length > MAX_NAME_BYTES:
            shown = name if len(name) <= 60 else f"{name[:60]}…"
            raise RunError(f"{shown!r} is not a valid name of a run.")
        if not _is_run(runs_dir / name):
            raise RunError(f"There is no run {name!r} in {runs_dir}.")
        return cls(runs_dir / name)

    # ---- config and facts ---------------------------------------------------------------------

    def metadata(self) -> dict[str, Any]:
        """Return the content of config.json: schema, config, parent, versions, created. Raises RunError."""
        try:
            with (self.folder / "config.json").open(encoding="utf-8") as file:
                metadata = parse_json(file.read(MAX_TEXT + 1), "config.json")
        except (OSError, ValueError) as error:
            raise RunError(f"The config of run {self.id} cannot be read: {error}.") from error
        if not isinstance(metadata, dict):
            raise RunError(f"The config of run {self.id} cannot be read: it is not a JSON object.")
        return migrate_described(metadata, f"Run {self.id}")

    def config(self) -> TrainConfig:
        """Return the initial config of the run; `changes()` returns later changes. Raises RunError."""
        try:
            return TrainConfig.parse(self.metadata()["config"])
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise RunError(f"The config of run {self.id} is damaged: {error}") from error

    def parent(self) -> Parent | None:
        """Return where the run was forked from; None if it is no fork. Raises RunError."""
        parent = self.metadata()["parent"]
        return None if parent is None else Parent(parent["run"], parent["step"])

    def status(self) -> Status:
        """Return the status. A run whose process has died is interrupted. Raises RunError."""
        with self.database.checked():
            status = Status(parse_status(self.fact("status", Status.INTERRUPTED)))
        return Status.INTERRUPTED if status.active and not self.alive() else status

    # ---- history ------------------------------------------------------------------------------

    def rewind(self, step: int, changes: Iterable[Change], replay: Iterable[Change]) -> None:
        """Delete all records after a checkpoint, from which the training continues.

        Args:
            step: Step of the checkpoint.
            changes: The changes that led to the checkpoint; all others are deleted.
            replay: The changes to repeat at their steps; see the method `replay`.
        """
        facts = {
            "replay": dump_changes(replay),
            "forgotten": secrets.token_hex(8),
            "seconds": "0.0",
        }
        with contextlib.suppress(RunError):
            neighbours = self.neighbours()
            if neighbours is not None and neighbours.step > step:
                facts["neighbours"] = "null"
                (self.folder / NEIGHBOURS).unlink(missing_ok=True)
        facts["starred"] = json.dumps(sorted(s for s in self.starred() if s <= step))
        self.forget_after(step, changes, facts)
        self.previews.remove_after(step)
        for later in self.checkpoints.steps():
            # Any newer checkpoints are damaged or incomplete.
            if later > step:
                self.checkpoints.path(later).unlink(missing_ok=True)

    def copy_history(self, other: "Run", step: int) -> None:
        """Copy the reports, changes, metrics and previews of another run up to a step.

        A change at that step takes effect after it, so it is not copied.
        """
        self.copy_tables(other, step)
        for preview in other.previews.steps():
            picture = other.previews.read(preview) if preview <= step else None
            if picture is not None:
                self.previews.write(preview, *picture)

    # ---- nearest training pictures ------------------------------------------------------------

    def set_neighbours(self, neighbours: StoredNeighbours) -> None:
        """Store samples with their nearest training pictures, in place of older ones."""
        write(self.folder / NEIGHBOURS, neighbours.content, durable=False)
        facts = {
            "step": neighbours.step,
            "distances": neighbours.distances,
            "copies": neighbours.copies,
        }
        self.set_fact("neighbours", json.dumps(facts))

    def neighbours(self) -> StoredNeighbours | None:
        """Return the stored neighbours; None if they were never computed. Raises RunError."""
        with self.database.checked(), contextlib.suppress(OSError):
            facts = parse_neighbours(self.fact("neighbours", "null"))
            if facts is not None:
                content = (self.folder / NEIGHBOURS).read_bytes()
                return StoredNeighbours(facts[0], content, facts[1], facts[2])
        return None

    # ---- checkpoints --------------------------------------------------------------------------

    def add_checkpoint(self, state: State, facts: Mapping[str, float]) -> Path:
        """Write a checkpoint, then delete checkpoints that are no longer needed (see `prune`)."""
        self._refuse_to_write_if_taken_over()
        path = self.checkpoints.path(state.step)
        write_checkpoint(path, state, dict(facts))
        # If the database is damaged, keep all checkpoints: it is unknown which ones are starred or
        # best.
        with contextlib.suppress(RunError, OSError):
            self.prune(state.config.keep_checkpoints)
        return path

    def _refuse_to_write_if_taken_over(self) -> None:
        token = self.database.owner_token
        if token is not None:
            owner = token
            with contextlib.suppress(RunError):
                owner = self.fact("owner", token)
            if owner != token:
                raise RunTakenOver(TAKEN_OVER_WORDS.format(run=self.id))

    def prune(self, keep: int) -> None:
        """Delete some of the old checkpoints, but never the first, best or starred ones.

        The newest `keep` remain, and about `keep` older ones, spread over the whole run.
        """
        steps = self.checkpoints.steps()
        old = steps[1:-keep]
        if len(old) <= keep:
            return
        precious = self.starred() | set(self.best_steps().values())
        for step in old[::2]:
            if step not in precious:
                self.checkpoints.path(step).unlink(missing_ok=True)

    def best_steps(self) -> dict[str, int]:
        """Return the step of the checkpoint with the best value of each metric."""
        steps = set(self.checkpoints.steps())
        best = best_of(metric for metric in self.metrics() if metric.step in steps)
        return {name: metric.step for name, metric in best.items()}

    def resume_point(self) -> tuple[TrainConfig, int]:
        """Return the config and step from which the run resumes: its newest checkpoint, or its start.

        A run that was killed before its first checkpoint begins again. Raises RunError.
        """
        if not self.checkpoints.steps():
            return self.config(), 0
        state, _, _ = self.checkpoints.newest_resumable()
        return state.config, state.step

    # ---- lock ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Own the run while writing. Raises RunError if a live process owns it.

        The lock's token is written to the database. If another process takes over the run
        nevertheless, as is possible on a file system without locks, the next write of this process
        raises RunTakenOver.
        """
        is_shipped = False
        # The process that holds the lock repairs a damaged database.
        with contextlib.suppress(RunError):
            is_shipped = self.fact("status") == Status.SHIPPED
        if is_shipped:
            raise RunError(SHIPPED_WORDS.format(run=self.id))
        lock = self._lock = RunLock(self.folder)
        try:
            for path in self.files():
                if path.suffix == ".part":  # left by a killed process
                    path.unlink(missing_ok=True)
            self._claim()
            yield
        finally:
            lock.release()
            if self._lock is lock:
                self._lock = self.database.owner_token = None

    def _claim(self) -> None:
        """Write the lock's token to the database. If that fails, the database remains unchanged."""
        assert self._lock is not None
        self.database.owner_token = None
        with contextlib.suppress(RunError):
            self.set_fact("owner", self._lock.token)
            self.database.owner_token = self._lock.token

    def refresh_lock(self) -> None:
        """Refresh the owner's lock, which tells other machines that the run is alive.

        If the folder was deleted and recreated, the lock is acquired again.

        Raises:
            RunError: Another process holds the lock, or it cannot be written.
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
                f"The lock file of run {self.id} cannot be written ({error.strerror or error})."
            ) from error

    def alive(self) -> bool:
        """Return whether a live process owns the run."""
        return is_alive(self.folder / "lock")

    def log(self, message: str) -> None:
        """Append a message to the run's error log. Never raises."""
        with (
            contextlib.suppress(OSError),
            (self.folder / "error.log").open("a", encoding="utf-8") as log,
        ):
            log.write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {message}\n")

    def files(self) -> list[Path]:
        """Return the paths of all files in the folder, sorted."""
        return files_below(self.folder)

    def size(self) -> int:
        """Return the size of the run on disk, in bytes."""
        return size_below(self.folder)

    def delete(self) -> None:
        """Delete the whole folder permanently."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _new_folder(runs_dir: Path, name: str) -> Path:
    """Create a folder with a name, adding the first free number if necessary. Raises OSError."""
    for suffix in ["", *(f"-{i}" for i in range(2, 1000))]:
        folder = runs_dir / (name + suffix)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise OSError(f"there are too many runs named {name}")


def list_runs(runs_dir: Path) -> list[Run]:
    """Return all runs in a folder, newest first, with the shipped examples at the end.

    Folders whose names begin with a dot are not runs: they hold the trash and unfinished imports.
    """
    try:
        names = [name for name in os.listdir(runs_dir) if not name.startswith(".")]
    except OSError:
        return []
    created = {name: created_at(runs_dir / name / "config.json") for name in names}
    names = [name for name in names if created[name] is not None]
    # Runs created in the same second have a number at the end of the name: sort by its length, too.
    names.sort(
        key=lambda name: (not name.startswith("example-"), created[name], len(name), name),
        reverse=True,
    )
    runs = []
    for name in names:
        with contextlib.suppress(RunError):  # deleted since it was listed
            runs.append(Run(runs_dir / name))
    return runs


def _is_run(folder: Path) -> bool:
    """Return whether a folder contains a run; False for a path that no folder can have."""
    try:
        return (folder / "config.json").is_file()
    except (OSError, ValueError):  # too long, or with a null character
        return False
