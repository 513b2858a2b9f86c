"""Problems: what goes wrong beside a training, and does not end it."""

import contextlib
import traceback
from collections.abc import Callable, Iterator

from wgan.jobs.snapshot import in_words
from wgan.runs import Run, RunError, RunTakenOver
from wgan.training import Diverged


class Problems:
    """Collects warnings, which the next success of the same operation takes back, and lasting notices.

    Args:
        run: the run whose log receives the traces.
        current_step: returns the step of the training, for the log.
    """

    def __init__(self, run: Run, current_step: Callable[[], int]) -> None:
        self._run, self._current_step = run, current_step
        self.notices: list[str] = []
        self.warnings: dict[str, str] = {}  # by the operation that failed
        self.last_write_error = ""

    @property
    def losses(self) -> str:
        """What could not be written or computed, in sentences; empty if nothing is lost."""
        return " ".join(self.warnings.values())

    @property
    def message(self) -> str:
        """Notices and warnings, in sentences."""
        return " ".join([*self.notices, *self.warnings.values()])

    def add_notice(self, sentence: str) -> None:
        """Keep a sentence for good, once."""
        if sentence not in self.notices:
            self.notices.append(sentence)

    @contextlib.contextmanager
    def writing(self, operation: str, consequence: str = "") -> Iterator[None]:
        """Turn a failure to write into a warning.

        Raises RunTakenOver: then nothing more may be written.
        """
        try:
            yield
        except RunTakenOver:
            raise
        except (RunError, OSError) as error:
            self.last_write_error = in_words(error)
            self.warnings[operation] = f"{self.last_write_error} {consequence}".rstrip()
        else:
            self.warnings.pop(operation, None)

    @contextlib.contextmanager
    def computing(self, operation: str, title: str) -> Iterator[None]:
        """Turn any failure of an operation beside the training into a warning, and log its trace.

        Raises RunTakenOver, and Diverged, which ends the training.
        """
        try:
            yield
        except (RunTakenOver, Diverged):
            raise
        except Exception as error:
            self.log_trace(title)
            self.warnings[operation] = f"{title}: {in_words(error)} Training goes on."
        else:
            self.warnings.pop(operation, None)

    def log_trace(self, title: str) -> None:
        """Append the exception that is being handled to the run's log."""
        self._run.log(f"step {self._current_step()}: {title}: {traceback.format_exc()}")
