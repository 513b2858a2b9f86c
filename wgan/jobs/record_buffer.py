"""RecordBuffer: reports and changes of a training that have not been written to its database."""

import contextlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from wgan.config import ConfigError
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
        """Changes to make when their step comes: scheduled ones, and those that a resumed run repeats."""
        self._written_replay_length = 0

    def add_change(self, change: Change) -> None:
        """Record a change."""
        self.changes.append(change)
        self._unwritten_changes.append(change)

    def schedule(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """Add changes to make when their step comes; return all that are waiting, in order."""
        self.replay = deque(sorted([*self.replay, *changes], key=lambda change: change.step))
        return tuple(self.replay)

    def cancel_replay(self, paths: Iterable[str]) -> None:
        """Drop the changes of these hyperparameters from `replay`: the user has given other values."""
        self.replay = deque(change for change in self.replay if change.path not in paths)

    def write(self) -> None:
        """Write everything that has not been written. Raises RunError."""
        replay_is_written = len(self.replay) == self._written_replay_length  # it only gets shorter
        if self.unwritten_reports or self._unwritten_changes or not replay_is_written:
            replay = None if replay_is_written else self.replay
            self._run.add(self.unwritten_reports, self._unwritten_changes, replay)
            self.forget_unwritten()
            self._written_replay_length = len(self.replay)

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
        self._written_replay_length = len(self.replay)  # the caller writes it with `Run.rewind`


def replay_changes(
    changes: deque[Change], step: int, apply: Callable[[Mapping[str, Any]], object]
) -> None:
    """Take the changes whose step has come from `changes`, and apply them again.

    Args:
        changes: changes that are to be made again, in the order of their steps.
        step: number of steps that the training has made.
        apply: changes hyperparameters, by path; a change that the config does not allow is left out.
    """
    while changes and changes[0].step <= step:
        change = changes.popleft()
        with contextlib.suppress(ConfigError):
            apply({change.path: change.after})
