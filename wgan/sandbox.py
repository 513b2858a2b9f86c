"""Call a function in a child process with limits on memory, CPU time, wall-clock time and files.

Foreign files are decoded here: a malicious file can crash the child but not the app. The child is a
new interpreter (`python -m wgan.sandbox`), so a function that imports neither torch nor pydantic
starts within half a second. The child can be killed at any time.
"""

import contextlib
import importlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

Progress = Callable[[str, float], None]
"""Called with a text and the share that is done, in [0, 1]."""

MAX_LINE_BYTES = 1 << 20
MAX_OUTPUT_BYTES = 64 << 20
PROGRESS_INTERVAL_S = 0.1
POLL_INTERVAL_S = 0.1
"""Interval between two calls of `progress`, which may cancel."""


@dataclass(frozen=True)
class Limits:
    """Limits on one call."""

    memory: int = 512 << 20
    """bytes of address space beyond those mapped after the child's imports (not on macOS)"""
    cpu_s: int = 300
    wall_s: float = 900.0
    file_bytes: int = 1 << 30
    """Size of the largest file that the child may write."""


class Refused(Exception):
    """Raised by the called function for input that it does not accept; the message is for users."""


def call_limited(
    function: str,
    arguments: Mapping[str, Any],
    *,
    limits: Limits,
    failure: type[Exception],
    subject: str,
    progress: Progress | None = None,
    scratch: Path | None = None,
) -> Any:
    """Call a function in a limited child process and return its result.

    Args:
        function: Its module and name, such as `"wgan.untrusted.run_zip:unpack_run"`. It is called with
            a `Progress` as its first argument.
        arguments: Its keyword arguments, as JSON can hold them; so must be its result.
        failure: The class of the exception that is raised when the call fails.
        subject: What the input is called in sentences, such as `"This ZIP file"`.
        progress: Called at least every tenth of a second. An exception that it raises kills the child.
        scratch: A folder that the child deletes if the caller is killed.

    Raises:
        failure: With a sentence, when the function refuses its input, fails, or exceeds a limit.
    """
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "wgan.sandbox"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # OpenBLAS threads would map memory, and the work is not arithmetic.
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,  # the caller receives Ctrl+C and kills the child
    )
    assert process.stdin is not None and process.stdout is not None
    messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
    reader = threading.Thread(target=_read_messages, args=(process.stdout, messages), daemon=True)
    reader.start()
    try:
        request = {
            "function": function,
            "arguments": dict(arguments),
            "limits": asdict(limits),
            "scratch": None if scratch is None else str(scratch.absolute()),
        }
        with contextlib.suppress(OSError):  # a child that has already ended is reported below
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        outcome = _wait_for_outcome(messages, limits.wall_s, progress)
        if outcome is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5.0)
            outcome = {"ended": process.poll()}
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
        with contextlib.suppress(OSError):
            process.stdin.close()
    return result_of(outcome, limits=limits, failure=failure, subject=subject)


def _read_messages(stream: IO[bytes], messages: "queue.Queue[dict[str, Any] | None]") -> None:
    """Forward the child's messages, then None at the end; stop at a line that is not a valid message."""
    left = MAX_OUTPUT_BYTES
    with contextlib.suppress(OSError, ValueError, RecursionError):
        while line := stream.readline(min(left, MAX_LINE_BYTES) + 1):
            left -= len(line)
            if left < 0 or not line.endswith(b"\n"):
                break
            message = json.loads(line)
            if isinstance(message, dict):
                messages.put(message)
    messages.put(None)


def _wait_for_outcome(
    messages: "queue.Queue[dict[str, Any] | None]", wall_s: float, progress: Progress | None
) -> dict[str, Any] | None:
    """Return the child's last message; None if it ended without one."""
    end = time.monotonic() + wall_s
    message_shown, share = "Reading", 0.0
    while True:
        if progress is not None:
            progress(message_shown, share)
        if time.monotonic() > end:
            return {"failed": "Timeout"}
        try:
            message = messages.get(timeout=POLL_INTERVAL_S)
        except queue.Empty:
            continue
        if message is None or "progress" not in message:
            return message
        with contextlib.suppress(TypeError, ValueError):
            new_message, at = message["progress"]
            message_shown, share = str(new_message)[:200], float(at)


def result_of(
    outcome: Mapping[str, Any], *, limits: Limits, failure: type[Exception], subject: str
) -> Any:
    """Return the result of an outcome (see `attempt`), or raise `failure` with a sentence."""
    if "result" in outcome:
        return outcome["result"]
    if "refused" in outcome:
        raise failure(str(outcome["refused"]))
    failed, ended = str(outcome.get("failed", "")), outcome.get("ended")
    out_of_memory = f"{subject} needs more than {limits.memory >> 20:,} MB of memory."
    if failed == "MemoryError" or ended == -getattr(signal, "SIGKILL", 9):
        raise failure(f"{out_of_memory} It was refused.")
    if failed == "Timeout" or ended == -getattr(signal, "SIGXCPU", 24):
        allowed = limits.wall_s if failed else limits.cpu_s
        raise failure(
            f"{subject} takes longer than {allowed:,.0f} seconds to read. It was refused."
        )
    if ended is not None:
        raise failure(
            f"{subject} was refused, because the process that read it crashed (exit code "
            f"{ended}). It may be damaged or malicious."
        )
    detail = str(outcome.get("detail", ""))
    raise failure(f"{subject} is damaged and cannot be read ({failed}{detail and ': '}{detail}).")


def attempt(function: str, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Call a function in this process, and return its result or error as a message."""
    module, _, name = function.partition(":")
    call = getattr(importlib.import_module(module), name)
    try:
        return {"result": call(progress, **arguments)}
    except Refused as error:
        return {"refused": str(error)}
    except Exception as error:
        detail = " ".join(str(error).split())
        return {"failed": type(error).__name__, "detail": detail[:120]}


# ---- in the child -----------------------------------------------------------------------------


def _serve() -> None:
    """Read one request from stdin, run it under its limits, and write the outcome."""
    out = os.dup(1)
    os.dup2(2, 1)  # redirect what libraries print, so that it does not mix with our messages
    request = json.loads(sys.stdin.buffer.readline())
    importlib.import_module(request["function"].partition(":")[0])
    threading.Thread(target=_end_with_parent, args=[request["scratch"]], daemon=True).start()
    _set_limits(Limits(**request["limits"]))
    last = 0.0

    def send(message: Mapping[str, Any]) -> None:
        os.write(out, json.dumps(message).encode() + b"\n")

    def progress(words: str, share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_INTERVAL_S:
            last = now
            send({"progress": [words, share]})

    outcome = attempt(request["function"], request["arguments"], progress)
    line = memoryview(json.dumps(outcome).encode() + b"\n")
    while line:
        line = line[os.write(out, line) :]
    # The thread that waits for the parent would keep the interpreter alive.
    os._exit(0)


def _end_with_parent(scratch: str | None) -> None:
    """End this process when the parent has ended, which closes the parent's end of the pipe."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdin.buffer.read()
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


def _set_limits(limits: Limits) -> None:
    try:
        import resource
    except ImportError:  # not on Windows: the caller's clock is the only limit
        return

    def limit(kind: int, soft: int, hard: int) -> None:
        # macOS refuses some limits, and does not enforce RLIMIT_AS.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (soft, hard))

    limit(resource.RLIMIT_CORE, 0, 0)
    limit(resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes)
    limit(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1)
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        most = pages * resource.getpagesize() + limits.memory
        limit(resource.RLIMIT_AS, most, most)


if __name__ == "__main__":
    # Import it by name: this module is called __main__ here, and functions raise
    # wgan.sandbox.Refused.
    from wgan.sandbox import _serve as serve

    serve()
