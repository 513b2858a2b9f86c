"""RecordBuffer: reports and changes of a training that have not been written to its database."""

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wgan.runs import Change, Run, StoredReport
from wgan.training import State


class RecordBuffer:
    """Collects reports and changes, and writes them in one transaction. After a failure it tries again."""

    def __init__(self, run: Run, changes: Iterable[Change] = ()) -> None:
        self._run = run
        self.changes: list[Change] = list(changes)
        """All changes of the run, written or not."""
        self.unwritten_reports: list[StoredReport] = []
        self._unwritten_changes: list[Change] = []
        self.replay: deque[Change] = deque()
        """Changes that a resumed run makes again when their step comes."""
        self._replay_is_written = True

    def add_change(self, change: Change) -> None:
        """Record a change."""
        self.changes.append(change)
        self._unwritten_changes.append(change)

    def next_replayed(self, step: int) -> Change | None:
        """Remove and return the next change to be repeated at this step; None if there is none."""
        if not self.replay or self.replay[0].step > step:
            return None
        self._replay_is_written = False
        return self.replay.popleft()

    def cancel_replay(self, paths: Iterable[str]) -> None:
        """Cancel the repetition of changes of these hyperparameters: the user has set other values."""
        remaining = deque(change for change in self.replay if change.path not in paths)
        if len(remaining) != len(self.replay):
            self.replay, self._replay_is_written = remaining, False

    def write(self) -> None:
        """Write everything that has not been written. Raises RunError."""
        if self.unwritten_reports or self._unwritten_changes or not self._replay_is_written:
            replay = None if self._replay_is_written else self.replay
            self._run.add(self.unwritten_reports, self._unwritten_changes, replay)
            self.forget_unwritten()
            self._replay_is_written = True

    def forget_unwritten(self) -> None:
        """Drop reports and changes that have been written in another way."""
        self.unwritten_reports.clear()
        self._unwritten_changes.clear()

    def rewind(
        self, waiting: Sequence[Change], state: State, new_values: Mapping[str, Any]
    ) -> None:
        """Keep the changes up to a checkpoint, and schedule the later ones to be repeated.

        Args:
            waiting: Changes that the run still had to repeat when it ended.
            state: The checkpoint.
            new_values: Values that the user sets for the resumed run, by path. They override
                recorded changes.
        """
        step, engine = state.step, state.engine.as_dict()
        values = {path: json.dumps(value) for path, value in state.config.flat().items()}
        at_step = {change.path: change for change in self.changes if change.step == step}

        def led_here(change: Change) -> bool:
            if change.step != step:
                return change.step < step
            if change.path == "engine":
                return bool(change.after == engine)
            # A change at the step of the checkpoint may have been made after it was written.
            return json.dumps(at_step[change.path].after) == values.get(change.path)

        later = [c for c in self.changes if not led_here(c) and c.path != "engine"]
        again = [c for c in (*later, *waiting) if c.path not in new_values]
        self.changes = [change for change in self.changes if led_here(change)]
        self.replay = deque(sorted(again, key=lambda change: change.step))
