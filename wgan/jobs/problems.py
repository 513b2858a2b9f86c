"""Problems: failures during a training that do not end it."""

import contextlib
import traceback
from collections.abc import Callable, Iterator

from wgan.jobs.snapshot import error_message
from wgan.runs import Run, RunError, RunTakenOver
from wgan.training import Diverged


class Problems:
    """Collects warnings, which the next success of the same operation removes, and permanent notices.

    Args:
        run: The run whose log receives the tracebacks.
        current_step: Returns the step of the training, for the log.
    """

    def __init__(self, run: Run, current_step: Callable[[], int]) -> None:
        self._run, self._current_step = run, current_step
        self.notices: list[str] = []
        self.warnings: dict[str, str] = {}  # by the name of the operation that failed
        self.last_write_error = ""

    @property
    def data_loss_message(self) -> str:
        """The consequences of failures, in sentences; empty if nothing was lost."""
        return " ".join(self.warnings.values())

    @property
    def message(self) -> str:
        """All notices and warnings, in sentences."""
        return " ".join([*self.notices, *self.warnings.values()])

    def add_notice(self, sentence: str) -> None:
        """Add a sentence for good, unless it was added before."""
        if sentence not in self.notices:
            self.notices.append(sentence)

    @contextlib.contextmanager
    def writing(self, operation: str, consequence: str = "") -> Iterator[None]:
        """Turn a failed write into a warning.

        Raises:
            RunTakenOver: Another process has the run, so nothing more may be written.
        """
        try:
            yield
        except RunTakenOver:
            raise
        except (RunError, OSError) as error:
            self.last_write_error = error_message(error)
            self.warnings[operation] = f"{self.last_write_error} {consequence}".rstrip()
        else:
            self.warnings.pop(operation, None)

    @contextlib.contextmanager
    def computing(self, operation: str, title: str) -> Iterator[None]:
        """Turn any failure of an operation into a warning, and log its traceback.

        Raises:
            RunTakenOver: Another process has the run.
            Diverged: The training has diverged, which ends it.
        """
        try:
            yield
        except (RunTakenOver, Diverged):
            raise
        except Exception as error:
            self.log_trace(title)
            self.warnings[operation] = f"{title}: {error_message(error)} The training continues."
        else:
            self.warnings.pop(operation, None)

    def log_trace(self, title: str) -> None:
        """Append the current exception to the run's log."""
        self._run.log(f"step {self._current_step()}: {title}: {traceback.format_exc()}")
