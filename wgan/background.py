"""Work beside a training that reads and writes files: a download, pictures being prepared.

It computes little and no training waits for it, so it has a thread of its own and not the worker's.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from wgan.data import DataError, Progress
from wgan.runs import RunError

log = logging.getLogger(__name__)


class _Cancelled(Exception):
    """Raised in the work when it reports its progress after `cancel`."""


class BackgroundTask:
    """One such work: `words` and `share` say how far it is, then `result` or `error` how it ended.

    `work` is called with a `Progress`, and ends soon after `cancel` because that raises.
    """

    def __init__(self, title: str, work: Callable[[Progress], Any]) -> None:
        self.title = title
        self.words, self.share = "Begins", 0.0
        self.result: Any = None
        self.error = ""
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work,), name=title, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Has it ended, well or not?"""
        return not self._thread.is_alive()

    @property
    def cancelled(self) -> bool:
        """Was it called off?"""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Call it off; what it has made so far is thrown away."""
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until it has ended."""
        self._thread.join(seconds)

    def _tell(self, message: str, share: float) -> None:
        if self._cancelled.is_set():
            raise _Cancelled
        self.words, self.share = message, min(max(share, 0.0), 1.0)

    def _run(self, work: Callable[[Progress], Any]) -> None:
        try:
            self.result = work(self._tell)
        except _Cancelled:
            self.error = "Cancelled: nothing was kept."
        except (DataError, RunError) as error:
            self.error = str(error)
        except MemoryError:
            self.error = "There is not enough memory for it. Take fewer or smaller pictures."
        except OSError as error:
            self.error = f"A file cannot be read or written ({error.strerror or error})."
        except Exception as error:
            log.exception("%s failed", self.title)
            self.error = f"This went wrong, and is a bug of ours: {type(error).__name__}: {error}."
