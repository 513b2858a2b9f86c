"""Background tasks that read and write files, such as downloads and the preparation of pictures.

They compute little and no training waits for them, so each runs on its own thread instead of the
worker thread.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from wgan.data import DataError, Progress
from wgan.runs import RunError

log = logging.getLogger(__name__)


class _Cancelled(Exception):
    """Raised inside the work when it reports progress after `cancel`."""


class BackgroundTask:
    """A task on its own thread, with its progress and its outcome.

    `message` and `share` hold the progress; `result` or `error` holds the outcome.

    Args:
        title: The name of the task, shown on screen.
        work: A function that takes a `Progress` and returns the result. After `cancel`, its next
            progress report raises an exception that ends it.
    """

    def __init__(self, title: str, work: Callable[[Progress], Any]) -> None:
        self.title = title
        self.message, self.share = "Begins", 0.0
        self.result: Any = None
        self.error = ""
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work,), name=title, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the task has ended, successfully or not."""
        return not self._thread.is_alive()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` has been called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Cancel the task. Its partial result is discarded."""
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the task has ended, at most `seconds`."""
        self._thread.join(seconds)

    def _tell(self, message: str, share: float) -> None:
        if self._cancelled.is_set():
            raise _Cancelled
        self.message, self.share = message, min(max(share, 0.0), 1.0)

    def _run(self, work: Callable[[Progress], Any]) -> None:
        try:
            self.result = work(self._tell)
        except _Cancelled:
            self.error = "Cancelled. Nothing was saved."
        except (DataError, RunError) as error:
            self.error = str(error)
        except MemoryError:
            self.error = "There is not enough memory. Use fewer or smaller pictures."
        except OSError as error:
            self.error = f"A file cannot be read or written ({error.strerror or error})."
        except Exception as error:
            log.exception("%s failed", self.title)
            self.error = (
                f"An unexpected error occurred. Please report it: {type(error).__name__}: {error}."
            )
