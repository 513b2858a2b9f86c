"""A child process can cost no more than its limits, and ends with a sentence whatever happens to it."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from wgan.sandbox import Limits, call_limited


class Unreadable(Exception):
    pass


def call(name: str, progress: Any = None, limits: Limits | None = None, **arguments: Any) -> Any:
    return call_limited(
        f"tests.sandboxed:{name}",
        arguments,
        limits=limits or Limits(memory=256 << 20, wall_s=60),
        failure=Unreadable,
        subject="This file",
        progress=progress,
    )


def test_a_call_returns_its_result_and_tells_its_progress():
    events = []
    assert call("echo", lambda *now: events.append(now), a=[1, "ü"]) == {"a": [1, "ü"]}
    assert ("Echoing", 0.5) in events


@pytest.mark.parametrize(
    ("name", "arguments", "pattern"),
    [
        ("refuse", {}, r"^This is not a run\.$"),
        ("fail", {}, r"damaged and cannot be read \(IndexError: list index out of range\)\.$"),
        ("crash", {}, "the process that read it crashed"),
        ("flood", {}, "crashed"),
        ("missing", {}, "crashed"),
    ],
)
def test_a_failure_is_one_sentence(name: str, arguments: dict[str, Any], pattern: str):
    with pytest.raises(Unreadable, match=pattern) as caught:
        call(name, **arguments)
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces RLIMIT_AS")
def test_memory_is_limited_beyond_what_the_imports_take():
    assert call("allocate", megabytes=100) == 100 << 20
    with pytest.raises(Unreadable, match="more than 256 MB of memory"):
        call("allocate", megabytes=300)


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on CPU time")
def test_processor_time_is_limited():
    with pytest.raises(Unreadable, match="longer than 1 seconds"):
        call("spin", limits=Limits(cpu_s=1, wall_s=60))


def test_time_is_limited(tmp_path: Path):
    with pytest.raises(Unreadable, match="longer than 1 seconds"):
        call("sleep", limits=Limits(wall_s=1), pid_file=str(tmp_path / "pid"))


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on files")
def test_the_size_of_a_written_file_is_limited(tmp_path: Path):
    with pytest.raises(Unreadable, match="File too large"):
        call("write", limits=Limits(file_bytes=1 << 20), path=str(tmp_path / "f"), megabytes=2)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX process numbers")
def test_an_exception_in_progress_kills_the_child(tmp_path: Path):
    pid_file = tmp_path / "pid"

    class Cancelled(Exception):
        pass

    def progress(message: str, share: float) -> None:
        if pid_file.exists() and pid_file.read_text():
            raise Cancelled

    with pytest.raises(Cancelled):
        call("sleep", progress, pid_file=str(pid_file))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX process numbers")
def test_the_child_ends_with_its_parent(tmp_path: Path):
    pid_file = tmp_path / "pid"

    program = f"from tests.test_sandbox import call\ncall('sleep', pid_file={str(pid_file)!r})\n"
    process = subprocess.Popen([sys.executable, "-c", program])
    while not (pid_file.exists() and pid_file.read_text()):
        time.sleep(0.05)
    process.kill()
    process.wait()
    child = int(pid_file.read_text())
    for _ in range(200):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("The child outlived its parent.")
