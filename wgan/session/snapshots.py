"""Snapshots: the current state of every run, for pages."""

import contextlib
import threading
from dataclasses import replace
from pathlib import Path

from wgan.config import TrainConfig
from wgan.diagnosis import Finding, examine
from wgan.jobs import RunReader, RunSnapshot
from wgan.runs import Run, RunError, Status, change_token, list_runs


class Snapshots:
    """The newest snapshot of each run: published by its training, or read from its folder.

    Args:
        runs_dir: The folder of runs.
    """

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._requested: dict[str, TrainConfig] = {}  # not used by the training yet, by run
        self._lock = threading.Lock()
        self._live: dict[str, RunSnapshot] = {}
        self._stored: dict[str, tuple[tuple[float, ...], RunReader, RunSnapshot]] = {}
        self._reading = threading.Lock()
        self._findings: dict[str, tuple[int, list[Finding]]] = {}
        self._examining = threading.Lock()

    def publish(self, snapshot: RunSnapshot) -> None:
        """Store the newest snapshot of a run that is trained here."""
        with self._lock:
            self._live[snapshot.run] = snapshot

    def request(self, run: str, config: TrainConfig) -> None:
        """Show a config in the run's snapshots until `settle` is called."""
        with self._lock:
            self._requested[run] = config

    def settle(self, run: str, config: TrainConfig | None = None) -> None:
        """Show the training's config again; with `config`, only if that is still the requested one."""
        with self._lock:
            if config is None or self._requested.get(run) is config:
                self._requested.pop(run, None)

    def live(self, run: str) -> tuple[RunSnapshot | None, TrainConfig | None]:
        """Return the newest published snapshot of a run, and the requested config."""
        with self._lock:
            return self._live.get(run), self._requested.get(run)

    def published(self, run: str) -> RunSnapshot | None:
        """Return the newest published snapshot with the requested config, without reading the folder."""
        snapshot, requested = self.live(run)
        return (
            snapshot
            if snapshot is None or requested is None
            else replace(snapshot, config=requested)
        )

    def forget(self, run: str) -> None:
        """Drop the snapshots and findings of a deleted run."""
        with self._lock:
            for cache in (self._live, self._stored, self._findings):
                cache.pop(run, None)

    def snapshot(self, run: str) -> RunSnapshot:
        """Return the snapshot of a run: live, just ended, or read from its folder. Raises RunError.

        It contains a requested config even before the training uses it.
        """
        snapshot = self.published(run)
        if snapshot is not None and snapshot.status.active:
            return snapshot
        # If the folder of an ended run was deleted, only its last snapshot is left.
        if snapshot is not None and not (self.runs_dir / run / "config.json").is_file():
            return snapshot
        try:
            return self._from_folder(run)
        except RunError:
            if snapshot is None:
                raise
            return snapshot  # its folder is being deleted at this moment

    def _from_folder(self, name: str) -> RunSnapshot:
        run = Run.find(name, self.runs_dir)
        # Reading continues after the last row, so one thread reads while the others wait.
        with self._reading:
            token = change_token(run)
            with self._lock:
                cached = self._stored.get(run.id)
            if cached is not None and cached[0] == token:
                return cached[2]
            reader = cached[1] if cached is not None else RunReader(run)
            snapshot = reader.snapshot()
            if snapshot.is_trained_by_other_process and cached is not None:
                snapshot = replace(snapshot, steps_per_second=_rate(cached[2], snapshot))
            snapshot = replace(snapshot, version=hash(token))
            with self._lock:
                self._stored[run.id] = (token, reader, snapshot)
        return snapshot

    def diagnosis(self, run: str) -> list[Finding]:
        """Return the result of every rule for a run, including those without a problem. Raises RunError."""
        snapshot = self.snapshot(run)
        with self._examining:  # one thread computes; the others wait and use its result
            cached = self._findings.get(run)
            if cached is None or cached[0] != snapshot.version:
                cached = self._findings[run] = (snapshot.version, examine(snapshot.evidence))
        return cached[1]

    def newest(self, *, example: bool = False) -> str | None:
        """Return the user's newest readable run; without one, and with `example`, the first example."""
        examples = []
        for run in list_runs(self.runs_dir):
            with contextlib.suppress(RunError):
                if self.snapshot(run.id).status is not Status.SHIPPED:
                    return run.id
                examples.append(run.id)
        return min(examples) if example and examples else None


def _rate(before: RunSnapshot, now: RunSnapshot) -> float:
    """Return the speed between two snapshots of a run that another process trains, in steps/s."""
    seconds = now.seconds - before.seconds
    return (now.step - before.step) / seconds if seconds > 0 else before.steps_per_second
