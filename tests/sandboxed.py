"""Functions that misbehave, for the child process of `wgan.sandbox`."""

import ctypes
import os
import time
from pathlib import Path
from typing import Any

from wgan.sandbox import Progress, Refused


def echo(progress: Progress, **values: Any) -> dict[str, Any]:
    progress("Echoing", 0.5)
    print("What a library prints is no message.")
    return values


def refuse(progress: Progress) -> None:
    raise Refused("This is not a run.")


def fail(progress: Progress) -> None:
    raise IndexError("list index\nout of range")


def allocate(progress: Progress, megabytes: int) -> int:
    return len(bytearray(megabytes << 20))


def spin(progress: Progress) -> None:
    while True:
        pass


def sleep(progress: Progress, pid_file: str) -> None:
    Path(pid_file).write_text(str(os.getpid()))
    time.sleep(600)


def crash(progress: Progress) -> None:
    ctypes.string_at(0)


def write(progress: Progress, path: str, megabytes: int) -> None:
    Path(path).write_bytes(bytes(megabytes << 20))


def flood(progress: Progress) -> str:
    return "x" * (100 << 20)
