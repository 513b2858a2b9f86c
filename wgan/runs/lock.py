"""RunLock: at most one process writes to a run's folder.

On one machine, and on network file systems that support it, the operating system enforces this: the
process holds `flock` on the file `lock` while the run is trained. The system releases it when the
process ends for any reason. On file systems where `flock` does not work across machines, the owner
touches the file regularly, and writes its own token into the run's database (see `Run.lock`).
"""

import contextlib
import fcntl
import json
import os
import secrets
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from wgan.runs.files import process_start
from wgan.runs.records import RunError

DEAD_AFTER_S = 60.0
"""Seconds without a heartbeat after which a run on another machine counts as interrupted."""


class RunLock:
    """The lock of a run's folder, held from construction until `release`.

    Args:
        folder: The run's folder.

    Raises:
        RunError: Another process holds the lock, or the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.token = secrets.token_hex(8)
        self._path = folder / "lock"
        self._file = self._take()

    def _take(self) -> int:
        """Lock the file, write our identity into it, and return its descriptor. Raises RunError."""
        file = None
        try:
            file = _open_locked(self._path)
            owner = {
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "started": process_start(os.getpid()),
                "token": self.token,
            }
            os.ftruncate(file, 0)
            os.pwrite(file, json.dumps(owner).encode(), 0)
            return file
        except OSError as error:
            if file is not None:
                os.close(file)
            raise RunError(
                f"The lock file of run {self._path.parent.name} cannot be written "
                f"({error.strerror or error}). Free some space or make the folder writable."
            ) from error

    def take_again(self) -> None:
        """Lock the current file of the folder, after the folder was deleted and recreated. Raises
        RunError.
        """
        before, self._file = self._file, self._take()
        os.close(before)

    def beat(self) -> None:
        """Update the file's modification time, which tells other machines that the owner is alive.

        Raises:
            OSError: The file system refuses.
        """
        os.utime(self._file)

    def is_current(self) -> bool:
        """Return whether the file in the folder is the one that is held."""
        return _is_same_file(self._file, self._path)

    def release(self) -> None:
        """Delete the file, so that another process can lock the run."""
        if self.is_current():
            with contextlib.suppress(OSError):
                self._path.unlink()
        with contextlib.suppress(OSError):
            os.close(self._file)


def _open_locked(path: Path) -> int:
    """Lock the file and return its descriptor. Raises RunError if another process holds the lock."""
    run = path.parent.name
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise RunError(
                f"Run {run} is being trained by another process. Stop it there."
            ) from None
        except OSError:
            # This file system has no locks. Rely on heartbeat and token.
            pass
        if not _is_same_file(file, path):  # the previous owner deleted it between the two calls
            os.close(file)
            continue
        owner = _owner(path)
        if owner and owner.get("host") != socket.gethostname() and is_alive(path):
            os.close(file)
            raise RunError(
                f"Run {run} is being trained on the machine {owner.get('host')}. Stop it there."
            )
        return file


def _is_same_file(file: int, path: Path) -> bool:
    with contextlib.suppress(OSError):
        held, at_path = os.fstat(file), os.stat(path)
        return (held.st_dev, held.st_ino) == (at_path.st_dev, at_path.st_ino)
    return False


def _owner(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        owner = json.loads(path.read_text("utf-8"))
        if isinstance(owner, dict):
            return owner
    return {}


def is_alive(path: Path) -> bool:
    """Return whether the process that wrote a lock file is alive.

    On the same machine, this checks the process. For another machine, the file must have been
    touched within `DEAD_AFTER` seconds, by the clock of the file system, so that wrong clocks of
    the machines do not matter. A time in the future counts by its distance.
    """
    owner = _owner(path)
    pid = owner.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool):
        return False
    started = process_start(pid)
    if owner.get("host") == socket.gethostname() and started != "unknown":
        return started is not None and started == owner.get("started")
    try:
        return abs(_now_of_file_system(path.parent) - path.stat().st_mtime) < DEAD_AFTER_S
    except OSError:
        return False


_clock_offsets: dict[int, tuple[float, float]] = {}
"""For each file system: when its clock was read, and its offset from `time.monotonic`."""

CLOCK_VALID_S = 30.0


def _now_of_file_system(folder: Path) -> float:
    """Return the current time by a file system's clock; by our clock if the folder is read-only."""
    now, device = time.monotonic(), folder.stat().st_dev
    read_at, offset = _clock_offsets.get(device, (-CLOCK_VALID_S, 0.0))
    if now - read_at >= CLOCK_VALID_S:
        try:
            with tempfile.TemporaryFile(dir=folder) as probe:
                offset = os.fstat(probe.fileno()).st_mtime - now
        except OSError:
            offset = time.time() - now
        _clock_offsets[device] = now, offset
    return now + offset
