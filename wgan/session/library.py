"""RunLibrary: the folder of runs for pages, with its checkpoints, trash and imports."""

import threading
import time
from pathlib import Path
from typing import IO

from wgan.background import BackgroundTask
from wgan.config import TrainConfig
from wgan.data import Progress
from wgan.export import import_zip
from wgan.jobs import StoredPreview
from wgan.runs import (
    Run,
    RunIndex,
    RunSummary,
    TrashedRun,
    empty_trash,
    restore,
    trash,
)

SUMMARY_CACHE_S = 0.3
"""Seconds for which the list of runs is cached: a page requests it several times while it is drawn."""


class RunLibrary:
    """All runs in a folder, whichever process created them. All methods are thread-safe."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._index = RunIndex(runs_dir)
        self._lock = threading.Lock()
        self._summaries: tuple[float, list[RunSummary]] | None = None

    def summaries(self) -> list[RunSummary]:
        """Return a summary of every run, the newest first."""
        with self._lock:
            now = time.monotonic()
            if self._summaries is None or now - self._summaries[0] > SUMMARY_CACHE_S:
                self._summaries = (now, self._index.summaries())
            return self._summaries[1]

    def invalidate(self) -> None:
        """Invalidate the cached list of runs after a change of the folder."""
        with self._lock:
            self._summaries = None

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
        self.run(name).star(step, starred)

    def import_run(self, file: IO[bytes], title: str) -> BackgroundTask:
        """Import a run from a ZIP file. The result is the run's name, and remarks about it."""

        def work(progress: Progress) -> tuple[str, list[str]]:
            run, remarks = import_zip(file, self.runs_dir, progress)
            self.invalidate()
            return run.id, remarks

        return BackgroundTask(f"Importing {title}", work)

    def trash(self) -> list[TrashedRun]:
        """Return the deleted runs."""
        return trash(self.runs_dir)

    def restore(self, key: str) -> str:
        """Restore a deleted run and return its name. Raises RunError."""
        name = restore(self.runs_dir, key).id
        self.invalidate()
        return name

    def empty_trash(self) -> int:
        """Delete the runs in the trash permanently; return the bytes freed."""
        return empty_trash(self.runs_dir)
