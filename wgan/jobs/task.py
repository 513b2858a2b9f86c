"""Work beside the trainings that ends with a result: an evaluation, a critic trained to its end."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from wgan.jobs.snapshot import in_words


class TaskProgress(NamedTuple):
    """What work says after each small share of itself."""

    words: str
    share: float  # in [0, 1]
    result: Any = None  # so far; None: nothing to show yet


TaskSteps = Iterator[TaskProgress]
"""A generator: it does a little, at best under a tenth of a second, and says so."""


@dataclass(frozen=True)
class TaskStatus:
    """The state of a task, immutable; pages read it."""

    key: str
    title: str
    run: str  # the run it is about
    words: str = "Waiting for its turn"
    share: float = 0.0
    result: Any = None
    error: str = ""
    done: bool = False
    cancelled: bool = False
    holds: bool = False  # the run's training waits until it has ended
    version: int = 0


class Task:
    """One such work as a job: `begin` makes its iterator when its turn comes.

    Where it `holds` its run, that run's training waits until the task has ended.
    """

    def __init__(
        self, key: str, title: str, run: str, begin: Callable[[], TaskSteps], *, holds: bool = False
    ) -> None:
        self.status = TaskStatus(key, title, run, holds=holds)
        self.seconds_used = 0.0  # of the worker, for fair shares
        self.holds = holds
        self._begin = begin
        self._work: TaskSteps | None = None
        self._is_cancelled = False
        self._result_share = 0.0  # share at which the newest result was shown

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return self.status.done

    def step(self) -> None:
        """Do a small share; what goes wrong ends the task with a sentence."""
        start = time.perf_counter()
        try:
            if self._work is None:
                self._work = self._begin()
            progress = next(self._work, None)
        except BaseException as error:
            self._show(error=in_words(error), done=True)
            raise
        finally:
            self.seconds_used += time.perf_counter() - start
        if self._is_cancelled:
            self._show(words="Cancelled", done=True, cancelled=True)
        elif progress is None:
            self._show(share=1.0, done=True)
        else:
            share, result = min(max(progress.share, 0.0), 1.0), self.status.result
            if progress.result is not None:
                self._result_share, result = share, progress.result
            self._show(words=progress.words, share=share, result=result)

    def cancel(self) -> None:
        """End it; what it has found so far stays to be seen, and the share is of that."""
        if self.done:
            return
        self._is_cancelled = True  # `step` reads it at the end of the share that it does now.
        self._show(words="Cancelled", share=self._result_share, done=True, cancelled=True)

    def _show(self, **values: Any) -> None:
        self.status = replace(self.status, version=self.status.version + 1, **values)
