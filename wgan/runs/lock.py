"""RunLock: at most one process writes to a run's folder.

On one machine, and on network file systems that support it, the operating system decides: `flock` on the
file `lock`, held open for as long as the run is trained. It is released when the process ends, however it
ends. For file systems on which `flock` does not reach other machines, the owner touches the file now and
then, and every owner writes a token of its own into the run's database (see `Run.lock`).
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

DEAD_AFTER = 60.0
"""Seconds without a heartbeat after which a run on another machine counts as interrupted."""


class RunLock:
    """The lock of one run's folder, held from construction until `release`.

    Args:
        folder: the run's folder.

    Raises:
        RunError: if another process holds the lock, or the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.token = secrets.token_hex(8)
        self._path = folder / "lock"
        self._file = self._take()

    def _take(self) -> int:
        """Return a descriptor of the file, locked and with our name in it. Raises RunError."""
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
                f"The lock of run {self._path.parent.name} cannot be written ({error.strerror or error}). "
                "Free some space or make the folder writable."
            ) from error

    def take_again(self) -> None:
        """Lock the file that is in the folder now, as after the folder was deleted. Raises RunError."""
        before, self._file = self._file, self._take()
        os.close(before)

    def beat(self) -> None:
        """Set the file's time of change, which tells other machines that the owner is alive.

        Raises OSError if the file system refuses.
        """
        os.utime(self._file)

    def is_current(self) -> bool:
        """Return whether the file in the folder is still the one that is held."""
        return _is_same_file(self._file, self._path)

    def release(self) -> None:
        """Remove the file and let another process take the run."""
        if self.is_current():
            with contextlib.suppress(OSError):
                self._path.unlink()
        with contextlib.suppress(OSError):
            os.close(self._file)


def _open_locked(path: Path) -> int:
    """Return a descriptor of the lock's file, locked. Raises RunError if somebody holds it."""
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
            # This file system knows no locks. Heartbeat and token are what remains.
            pass
        if not _is_same_file(file, path):  # The owner before removed it between the two calls.
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
    """Return whether the process that wrote a lock's file still lives.

    On the same machine the process itself is looked for. Of another machine, the file must have been touched
    within `DEAD_AFTER` seconds. Both times are the file system's, so that a clock which is wrong on
    either machine does not matter; a time in the future counts by its distance.
    """
    owner = _owner(path)
    pid = owner.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool):
        return False
    started = process_start(pid)
    if owner.get("host") == socket.gethostname() and started != "unknown":
        return started is not None and started == owner.get("started")
    try:
        return abs(_now_of_file_system(path.parent) - path.stat().st_mtime) < DEAD_AFTER
    except OSError:
        return False


_clock_offsets: dict[int, tuple[float, float]] = {}
"""For each file system: when its clock was read, and how far it was ahead of `time.monotonic`."""

CLOCK_VALID_S = 30.0


def _now_of_file_system(folder: Path) -> float:
    """Return the present time by the clock that stamps files in a folder, or ours if it is read-only."""
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
