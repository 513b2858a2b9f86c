"""Operations, rates and memory of pieces of work on one device."""

import contextlib
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from wgan.training import Training
from wgan.training.engine import Precision, wait

Row = dict[str, Any]
"""One row of results, as `wgan bench --json` prints it."""

MATRIX_SIDES = {"cpu": 1024, "cuda": 4096, "mps": 2048}
"""Number of rows of the square matrices: enough to occupy a device fully."""

MATRIX_PRODUCT_S = 0.15
"""Duration of one measurement of the matrix product."""


class _NoModuleTracker(contextlib.nullcontext[None]):
    """Replaces the counter's module tracker, which fails on the inner gradient of a penalty."""

    parents = frozenset({"Global"})


def count_operations(work: Callable[[], object]) -> int:
    """Return the floating-point operations of the products and convolutions in `work`."""
    counter = FlopCounterMode(display=False)
    tracker: Any = _NoModuleTracker()
    counter.mod_tracker = tracker
    with counter:
        work()
    return int(counter.get_total_flops())


def step_flops(training: Training) -> int:
    """Run one step, and return its floating-point operations."""
    return count_operations(training.step)


def matrix_rate_meter(device: str, precision: Precision) -> Callable[[], float]:
    """Return a function that measures the rate of a matrix product, in operations per second."""
    side = MATRIX_SIDES.get(device, 1024)
    a, b = (torch.randn(side, side).to(device, getattr(torch, precision)) for _ in range(2))

    def measure() -> float:
        wait(device)
        n, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < MATRIX_PRODUCT_S or not n:
            for _ in range(4):
                a @ b
            wait(device)
            n += 4
        return n * 2 * side**3 / elapsed

    return measure


def run_steps(
    step: Callable[[], object], fetch: Callable[[], object], device: str, seconds: float
) -> tuple[int, float]:
    """Run at least two steps, for about `seconds`. Return their number and their duration in seconds.

    A GPU runs ahead of the CPU. There, `fetch` and the synchronisation come only after every ten steps.
    """
    steps_per_fetch = 1 if device == "cpu" else 10
    wait(device)
    n, start = 0, time.perf_counter()
    while True:
        for _ in range(steps_per_fetch):
            step()
        fetch()
        wait(device)
        n += steps_per_fetch
        if (elapsed := time.perf_counter() - start) >= seconds and n >= 2:
            return n, elapsed


def steps_per_second(training: Training, seconds: float) -> float:
    """Return the steps per second of a training, measured for about `seconds`."""
    n, elapsed = run_steps(training.step, training.reports, training.device.type, seconds)
    return n / elapsed


@contextlib.contextmanager
def peak_memory(device: str) -> Iterator[dict[str, int]]:
    """Measure the maximum memory in use inside the `with` block.

    On CUDA this is the memory that torch allocated in addition to what it held before. Elsewhere it is the
    resident memory of the process, including Python and torch. Linux can reset that maximum at the start of
    the block; on other systems it counts from the start of the process.

    Yields:
        A dict that is empty inside the block. Afterwards its entry "bytes" holds the maximum.
    """
    gc.collect()
    peak_bytes: dict[str, int] = {}
    before = 0
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    else:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    yield peak_bytes
    if device == "cuda":
        peak_bytes["bytes"] = torch.cuda.max_memory_allocated() - before
    else:
        peak_bytes["bytes"] = _resident_peak()


def _resident_peak() -> int:
    """Return the maximum resident memory of the process in bytes; 0 if it is unknown."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return 0
    import resource

    # In bytes on a Mac, in kilobytes elsewhere.
    max_resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return max_resident if sys.platform == "darwin" else max_resident * 1024


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Return the median ratio of two measurements that were made in turn."""
    return statistics.median(a / b for a, b in zip(numerators, denominators, strict=True))
