"""Tasks: long operations that end with a result, such as an evaluation, and run beside trainings."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from wgan.jobs.snapshot import error_message


class TaskProgress(NamedTuple):
    """The progress of a task after one of its steps."""

    message: str
    share: float  # in [0, 1]
    result: Any = None  # the result so far; None if there is nothing to show yet


TaskSteps = Iterator[TaskProgress]
"""The steps of a task: an iterator that does less than about 0.1 s of work before each progress report."""


@dataclass(frozen=True)
class TaskStatus:
    """The immutable state of a task, which pages read."""

    key: str
    title: str
    run: str  # name of the run
    message: str = "Waiting in the queue"
    share: float = 0.0
    result: Any = None
    error: str = ""
    done: bool = False
    cancelled: bool = False
    pauses_training: bool = False  # whether the run's training waits until the task has ended
    version: int = 0


class Task:
    """A long operation that a scheduler runs step by step.

    Args:
        key: Unique key of the task.
        title: Name of the task on screen.
        run: Name of the run that it is about.
        begin: Creates the steps. It is called at the first step.
        pauses_training: Whether the run's training waits until the task has ended.
    """

    def __init__(
        self,
        key: str,
        title: str,
        run: str,
        begin: Callable[[], TaskSteps],
        *,
        pauses_training: bool = False,
    ) -> None:
        self.status = TaskStatus(key, title, run, pauses_training=pauses_training)
        self.seconds_used = 0.0  # of the worker's time, for fair scheduling
        self.pauses_training = pauses_training
        self._begin = begin
        self._work: TaskSteps | None = None
        self._is_cancelled = False
        self._result_share = 0.0  # progress share of the newest result

    @property
    def done(self) -> bool:
        """Whether the task has ended."""
        return self.status.done

    def step(self) -> None:
        """Do one step. A failure ends the task with an error message and is raised again."""
        start = time.perf_counter()
        try:
            if self._work is None:
                self._work = self._begin()
            progress = next(self._work, None)
        except BaseException as error:
            self._show(error=error_message(error), done=True)
            raise
        finally:
            self.seconds_used += time.perf_counter() - start
        if self._is_cancelled:
            self._show(message="Cancelled", done=True, cancelled=True)
        elif progress is None:
            self._show(share=1.0, done=True)
        else:
            share, result = min(max(progress.share, 0.0), 1.0), self.status.result
            if progress.result is not None:
                self._result_share, result = share, progress.result
            self._show(message=progress.message, share=share, result=result)

    def cancel(self) -> None:
        """End the task. Its result so far remains, with the share at which it was obtained."""
        if self.done:
            return
        self._is_cancelled = True  # `step` reads it after the current step
        self._show(message="Cancelled", share=self._result_share, done=True, cancelled=True)

    def _show(self, **values: Any) -> None:
        self.status = replace(self.status, version=self.status.version + 1, **values)
