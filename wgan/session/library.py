"""RunLibrary: the folder of runs for pages, with its checkpoints, trash and imports."""

import threading
import time
from pathlib import Path
from typing import IO

from wgan.background import BackgroundTask
from wgan.config import TrainConfig
from wgan.data import Progress
from wgan.export import copy_examples, import_zip, missing_examples
from wgan.jobs import StoredPreview
from wgan.runs import (
    Run,
    RunError,
    RunIndex,
    RunSummary,
    TrashedRun,
    empty_trash,
    restore,
    trash,
    trash_title,
)
from wgan.session.permissions import ForVisitors, Permissions, StoredItem, require

SUMMARY_CACHE_S = 0.3
"""Seconds for which the list of runs is cached: a page requests it several times while it is drawn."""


class RunLibrary(ForVisitors):
    """All runs in a folder, whichever process created them. All methods are thread-safe."""

    def __init__(self, runs_dir: Path, permissions: Permissions) -> None:
        self.runs_dir, self.permissions = runs_dir, permissions
        self._index = RunIndex(runs_dir)
        self._lock = threading.Lock()
        self._cache: list[tuple[float, list[RunSummary]]] = []  # the newest list and its time

    def summaries(self) -> list[RunSummary]:
        """Return a summary of every run, the newest first."""
        with self._lock:
            now = time.monotonic()
            if not self._cache or now - self._cache[0][0] > SUMMARY_CACHE_S:
                self._cache[:] = [(now, self._index.summaries())]
            return self._cache[0][1]

    def stored(self) -> list[StoredItem]:
        """Return the sizes of all runs, also of those in the trash."""
        runs: list[RunSummary | TrashedRun] = [*self.summaries(), *self.trash()]
        return [StoredItem("run", run.run, run.size) for run in runs]

    def invalidate(self) -> None:
        """Invalidate the cached list of runs after a change of the folder."""
        with self._lock:
            self._cache.clear()

    def run(self, name: str) -> Run:
        """Return a run for reading. Raises RunError."""
        return Run.named(name, self.runs_dir)

    def config_at(self, name: str, step: int) -> TrainConfig:
        """Return the config that a run had at a checkpoint. Raises RunError."""
        return self.run(name).checkpoints.config_at(step)

    def preview(self, name: str, step: int) -> StoredPreview | None:
        """Return a stored preview of a run; None if there is none at this step. Raises RunError."""
        content = self.run(name).previews.read(step)
        return StoredPreview(step, *content) if content else None

    def star_checkpoint(self, name: str, step: int, starred: bool) -> None:
        """Protect a checkpoint from automatic deletion, or end its protection. Raises RunError."""
        require(self.permissions.refusal_to_change("run", name))
        self.run(name).star(step, starred)
        self.permissions.record("star checkpoint", name, step=step, starred=starred)

    def import_run(self, file: IO[bytes], title: str) -> BackgroundTask:
        """Import a run from a ZIP file. The result is the run's name, and remarks about it.

        A member's run may use the rest of the member's disk space.
        """
        require(self.permissions.refusal_to_store())

        def work(progress: Progress) -> tuple[str, list[str]]:
            free_bytes = self.permissions.free_bytes()
            run, remarks = import_zip(file, self.runs_dir, progress, free_bytes=free_bytes)
            self.permissions.own("run", run.id)
            self.permissions.record("import", run.id)
            self.invalidate()
            return run.id, remarks

        return self.permissions.begin_background(f"Importing {title}", work)

    def missing_examples(self) -> list[str]:
        """Return the trained examples that are not in the folder of runs."""
        return missing_examples(self.runs_dir)

    def add_examples(self) -> None:
        """Copy the missing examples into the folder of runs. Raises RunError."""
        require(self.permissions.refusal_to_add())
        copy_examples(self.runs_dir)
        self.permissions.record("add examples", "")
        self.invalidate()

    def trash(self) -> list[TrashedRun]:
        """Return the deleted runs."""
        return trash(self.runs_dir)

    def trash_title(self, trashed: TrashedRun) -> str:
        """Return the name of a deleted run, or its data set and objective; "" if it cannot be read."""
        return trash_title(self.runs_dir, trashed)

    def refusal_to_restore(self, trashed: TrashedRun) -> str:
        """Say why the visitor may not restore or delete a run in the trash; "" if it is allowed."""
        return self.permissions.refusal_to_change("run", trashed.run)

    def restore(self, key: str) -> str:
        """Restore a deleted run and return its name. Raises RunError."""
        trashed = next((trashed for trashed in self.trash() if trashed.key == key), None)
        if trashed is None:
            raise RunError("This run is no longer in the trash.")
        require(self.refusal_to_restore(trashed))
        name = restore(self.runs_dir, key).id
        self.permissions.record("restore", name)
        self.invalidate()
        return name

    def empty_trash(self) -> int:
        """Delete the visitor's runs in the trash permanently; return the bytes freed.

        An administrator deletes the runs of all.
        """
        require(self.permissions.refusal_to_add())
        own = [trashed for trashed in self.trash() if not self.refusal_to_restore(trashed)]
        freed = empty_trash(self.runs_dir, [trashed.key for trashed in own])
        kept = {trashed.run for trashed in self.trash()} | {s.run for s in self.summaries()}
        for trashed in own:
            self.permissions.record("delete permanently", trashed.run)
            if trashed.run not in kept:
                self.permissions.owners.set("run", trashed.run, None)
        return freed
