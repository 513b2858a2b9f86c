"""Snapshots: the state of every run, for pages."""

import contextlib
import threading
from dataclasses import replace
from pathlib import Path

from wgan.config import TrainConfig
from wgan.diagnosis import Finding, examine
from wgan.jobs import RunReader, RunSnapshot
from wgan.runs import Run, RunError, Status, change_token, list_runs


class Snapshots:
    """The newest view of each run: published by its training, or read from its folder.

    Args:
        runs_dir: the folder of runs.
    """

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._requested: dict[str, TrainConfig] = {}  # not trained with yet, by run
        self._lock = threading.Lock()
        self._live: dict[str, RunSnapshot] = {}
        self._stored: dict[str, tuple[tuple[float, ...], RunReader, RunSnapshot]] = {}
        self._reading = threading.Lock()
        self._findings: dict[str, tuple[int, list[Finding]]] = {}
        self._examining = threading.Lock()

    def publish(self, view: RunSnapshot) -> None:
        """Keep the newest view of a run that is trained here."""
        with self._lock:
            self._live[view.run] = view

    def request(self, run: str, config: TrainConfig) -> None:
        """Show a config from now on, until `settle` says that the training uses it."""
        with self._lock:
            self._requested[run] = config

    def settle(self, run: str, config: TrainConfig | None = None) -> None:
        """Show the training's own config again; with `config`, only if no other one was requested since."""
        with self._lock:
            if config is None or self._requested.get(run) is config:
                self._requested.pop(run, None)

    def live(self, run: str) -> tuple[RunSnapshot | None, TrainConfig | None]:
        """Return the newest published view of a run, and the config that was requested for it."""
        with self._lock:
            return self._live.get(run), self._requested.get(run)

    def published(self, run: str) -> RunSnapshot | None:
        """Return the newest published view of a run, with the requested config; its folder is not read."""
        view, requested = self.live(run)
        return view if view is None or requested is None else replace(view, config=requested)

    def forget(self, run: str) -> None:
        """Drop the views and findings of a run that was deleted."""
        with self._lock:
            for cache in (self._live, self._stored, self._findings):
                cache.pop(run, None)

    def view(self, run: str) -> RunSnapshot:
        """Return the state of a run: live, just ended, or read from its folder. Raises RunError.

        A requested config is shown even before the training uses it.
        """
        view = self.published(run)
        if view is not None and view.status.active:
            return view
        # The folder of a run that has ended may be gone; then its last view is all there is.
        if view is not None and not (self.runs_dir / run / "config.json").is_file():
            return view
        try:
            return self._from_folder(run)
        except RunError:
            if view is None:
                raise
            return view  # Its folder is being deleted at this moment.

    def _from_folder(self, name: str) -> RunSnapshot:
        run = Run.find(name, self.runs_dir)
        # Reading goes on from the last row that was read: one thread reads, the others wait.
        with self._reading:
            token = change_token(run)
            with self._lock:
                cached = self._stored.get(run.id)
            if cached is not None and cached[0] == token:
                return cached[2]
            reader = cached[1] if cached is not None else RunReader(run)
            view = reader.view()
            if view.elsewhere and cached is not None:
                view = replace(view, steps_per_second=_rate(cached[2], view))
            view = replace(view, version=hash(token))
            with self._lock:
                self._stored[run.id] = (token, reader, view)
        return view

    def diagnosis(self, run: str) -> list[Finding]:
        """Return the result of every rule for a run, raised or not. Raises RunError."""
        view = self.view(run)
        with self._examining:  # Only one thread computes; the others wait and use its result.
            cached = self._findings.get(run)
            if cached is None or cached[0] != view.version:
                cached = self._findings[run] = (view.version, examine(view.evidence))
        return cached[1]

    def newest(self, *, example: bool = False) -> str | None:
        """Return the user's newest run that can be read; else the first example, if one is wanted."""
        examples = []
        for run in list_runs(self.runs_dir):
            with contextlib.suppress(RunError):
                if self.view(run.id).status is not Status.SHIPPED:
                    return run.id
                examples.append(run.id)
        return min(examples) if example and examples else None


def _rate(before: RunSnapshot, now: RunSnapshot) -> float:
    """Return the speed between two views of a run that another process trains, in steps/s."""
    seconds = now.seconds - before.seconds
    return (now.step - before.step) / seconds if seconds > 0 else before.steps_per_second
