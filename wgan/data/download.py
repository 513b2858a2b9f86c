"""Downloads by torchvision into the data root: one at a time for each folder, with progress."""

import contextlib
import threading
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from wgan.data.base import Progress

PROBE_TIMEOUT_S = 8
"""Longest wait for the first answer of an address."""
PROGRESS_INTERVAL_S = 0.25
"""Time between two calls of `progress` during a wait or a download."""

_LOCKS: dict[Path, threading.Lock] = {}


def download_lock(folder: Path) -> threading.Lock:
    """Return the lock of a folder. Its owner is the only one that downloads files into the folder."""
    return _LOCKS.setdefault(folder.resolve(), threading.Lock())


def acquire(lock: threading.Lock, title: str, progress: Progress | None) -> None:
    """Acquire the lock of a download. `progress` is called during the wait, and may raise to cancel it."""
    while not lock.acquire(timeout=PROGRESS_INTERVAL_S):
        if progress is not None:
            progress(f"{title} is already being downloaded", 0.0)


def responds(url: str) -> bool:
    """Return whether an address sends its first byte within `PROBE_TIMEOUT_S`."""
    request = urllib.request.Request(url, headers={"Range": "bytes=0-0"})
    with contextlib.suppress(OSError):
        urllib.request.urlopen(request, timeout=PROBE_TIMEOUT_S).close()
        return True
    return False


def download(
    urls: Sequence[str],
    fetch: Callable[[], None],
    files: Callable[[], Iterable[Path]],
    total: int,
    title: str,
    progress: Progress | None,
    lock: threading.Lock,
) -> None:
    """Run `fetch` in a thread, and report the size of its files.

    torchvision continues after a cancellation. So the thread releases the lock when it has ended, not
    the caller.

    Args:
        urls: Addresses, of which at least one must respond before the download starts.
        fetch: Downloads and unpacks the files.
        files: Returns the downloaded files that exist so far.
        total: The size of all downloaded files in bytes.
        title: The title of the data set, for messages.
        progress: Called every `PROGRESS_INTERVAL_S`. May raise to cancel.
        lock: The lock of the folder, which the caller has acquired.

    Raises:
        OSError: If no address responds, or if `fetch` fails.
    """
    failure: list[BaseException] = []

    def work() -> None:
        try:
            fetch()
        except Exception as error:
            failure.append(error)
        finally:
            lock.release()

    worker = threading.Thread(target=work, name=f"download {title}", daemon=True)
    try:
        if progress is not None:
            progress(f"Looking for a server with {title}", 0.0)
        # torchvision tries its mirrors without a time limit. So check first that one of them responds.
        if not any(responds(url) for url in urls):
            raise OSError("no server responds")
    except BaseException:
        lock.release()
        raise
    worker.start()
    while worker.is_alive():
        worker.join(PROGRESS_INTERVAL_S)
        if progress is not None:
            downloaded = 0
            for file in files():
                with contextlib.suppress(OSError):  # torchvision deletes archives after unpacking.
                    downloaded += file.stat().st_size
            progress(f"Downloading {title}", min(1.0, downloaded / total))
    if failure:
        raise OSError(str(failure[0])) from failure[0]
