"""Snapshots: the current state of every run, for pages."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from wgan.config import TrainConfig, differences
from wgan.diagnosis import Finding, examine
from wgan.jobs import RunReader, RunSnapshot
from wgan.runs import Change, Run, RunError, Status, change_token, list_runs


@dataclass(frozen=True)
class Request:
    """A change of a run's config that its training has not made yet."""

    config: TrainConfig
    changes: tuple[Change, ...]


class Snapshots:
    """The newest snapshot of each run: published by its training, or read from its folder.

    Args:
        runs_dir: The folder of runs.
        before_new_status: Called before a snapshot with another status is published.
    """

    def __init__(
        self, runs_dir: Path, before_new_status: Callable[[], None] = lambda: None
    ) -> None:
        self.runs_dir, self._before_new_status = runs_dir, before_new_status
        self._requests: dict[str, list[Request]] = {}  # by run, the oldest first
        self._being_made: dict[str, Request] = {}  # by run
        self._lock = threading.Lock()
        self._live: dict[str, RunSnapshot] = {}
        self._stored: dict[str, tuple[tuple[float, ...], RunReader, RunSnapshot]] = {}
        self._reading = threading.Lock()
        self._findings: dict[str, tuple[int, list[Finding]]] = {}
        self._examining = threading.Lock()

    def publish(self, snapshot: RunSnapshot) -> None:
        """Store the newest snapshot of a run that is trained here."""
        before, _ = self.live(snapshot.run)
        if before is None or before.status is not snapshot.status:
            self._before_new_status()
        with self._lock:
            self._live[snapshot.run] = snapshot
            # This snapshot contains the change. Drop its request at the same moment, so that no reader
            # sees the change twice or not at all.
            self._drop(snapshot.run, self._being_made.get(snapshot.run))

    def request(self, run: str, config: TrainConfig) -> Request:
        """Show a config in the run's snapshots until its training has made the change."""
        with self._lock:
            requests = self._requests.setdefault(run, [])
            live = self._live.get(run)
            base = requests[-1].config if requests else live.config if live is not None else config
            step = live.step if live is not None else 0
            changes = tuple(Change(step, *each) for each in differences(config, base))
            requests.append(Request(config, changes))
            return requests[-1]

    @contextlib.contextmanager
    def making(self, run: str, request: Request) -> Iterator[None]:
        """While the training makes a requested change: its next snapshot ends the request."""
        with self._lock:
            self._being_made[run] = request
        try:
            yield
        finally:
            with self._lock:
                self._being_made.pop(run, None)
                self._drop(run, request)

    def drop_requests(self, run: str) -> None:
        """Drop all requested changes of a run, because its training has ended."""
        with self._lock:
            self._requests.pop(run, None)

    def _drop(self, run: str, request: Request | None) -> None:
        requests = self._requests.get(run, [])
        if request in requests:
            requests.remove(request)

    def live(self, run: str) -> tuple[RunSnapshot | None, tuple[Request, ...]]:
        """Return the newest published snapshot of a run, and the requests that its training has not made."""
        with self._lock:
            return self._live.get(run), tuple(self._requests.get(run, ()))

    def published(self, run: str) -> RunSnapshot | None:
        """Return the newest published snapshot with the requested config, without reading the folder."""
        snapshot, requests = self.live(run)
        return (
            snapshot
            if snapshot is None or not requests
            else replace(snapshot, config=requests[-1].config)
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
        run = Run.named(name, self.runs_dir)
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
