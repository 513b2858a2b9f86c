"""Two hours with visitors who come and go: memory, threads and file descriptors of the server.

    python -m benchmarks.soak [--minutes 120] [--visitors 20] [--stay 30 300]
    python -m benchmarks.soak --waves 3       # all come and leave at the same time: what stays in memory?

Starts the app and a training. The visitors use Streamlit's protocol: each opens a page, requests its live
fragments at their intervals, and leaves after a random time; then another one comes. Every page is opened in
turn. When a run ends, the next one is started. Memory, threads and descriptors of the server are read every
ten seconds. Their slopes are those of the second half of the time, with 95 % intervals from a bootstrap of
blocks of five minutes, because successive values depend on each other.

With `--waves`, no run trains. All visitors come, open one page after the other, and leave. The resources are read
while they are there, and again when Streamlit has forgotten their sessions. What then remains is what the process keeps:
caches, and memory that Python has not returned to the system.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from benchmarks.audience import Visitor, start_training
from benchmarks.live import serve
from wgan.paths import shipped_runs

PAGES = ("", "tour", "runs", "compare", "datasets", "presets", "latent", "critic", "wasserstein",
         "stability")  # fmt: skip
SAMPLE_S = 10.0
FORGOTTEN_S = 150.0  # Streamlit keeps a session for two minutes after its visitor has left
WAVE_PAGE_S = 12.0  # for which a visitor of a wave stays on a page
BLOCK_S = 300.0


@dataclass(frozen=True)
class Sample:
    """The resources of the server at a time."""

    seconds: float
    memory_mb: float
    threads: int
    descriptors: int
    kinds: dict[str, int]  # descriptors by what they are


def sample(pid: int, seconds: float) -> Sample:
    """Read the resources of a process from /proc."""
    status = Path(f"/proc/{pid}/status").read_text()
    kinds: Counter[str] = Counter()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = os.readlink(descriptor)
            kinds[re.sub(r":\[.*|.*/|\d+", "", target) or target] += 1
    values = dict(line.split(":", 1) for line in status.splitlines())
    memory, threads = (int(values[key].split()[0]) for key in ("VmRSS", "Threads"))
    return Sample(seconds, memory / 1000, threads, sum(kinds.values()), dict(kinds))


async def come_and_go(
    url: str,
    stay: tuple[float, float],
    rng: random.Random,
    end: asyncio.Event,
    counts: Counter[str],
) -> None:
    """Visit the pages one after the other, each for a random time."""
    while not end.is_set():
        page = rng.choice(PAGES)
        visitor, leave = Visitor(url, "", page), asyncio.Event()
        task = asyncio.create_task(visitor.watch(asyncio.Semaphore(1), leave))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), rng.uniform(*stay))
        leave.set()
        try:
            await task
            counts["visits"] += 1
            counts["updates"] += len(visitor.updates)
            counts["faults"] += visitor.faults
        except Exception as error:
            counts[f"{page or 'train'}: {type(error).__name__}"] += 1


async def soak(
    url: str, pid: int, minutes: float, visitors: int, stay: tuple[float, float]
) -> list[Sample]:
    """Let visitors come and go; return the samples."""
    end, counts = asyncio.Event(), Counter[str]()
    tasks = [
        asyncio.create_task(come_and_go(url, stay, random.Random(i), end, counts))
        for i in range(visitors)
    ]
    samples, start = [], time.monotonic()
    while (now := time.monotonic() - start) < 60 * minutes:
        samples.append(sample(pid, now))
        if len(samples) % 6 == 1:
            print(json.dumps(asdict(samples[-1]) | {"counts": counts}), file=sys.stderr, flush=True)
        await asyncio.sleep(SAMPLE_S)
    end.set()
    await asyncio.gather(*tasks)
    print(json.dumps({"counts": counts}), file=sys.stderr)
    return samples


async def waves(url: str, pid: int, count: int, visitors: int) -> list[tuple[str, Sample]]:
    """Let all visitors come and leave at the same time, `count` times; return what was read before, during and after."""

    async def look_around(i: int) -> None:
        for k in range(len(PAGES)):
            visitor, leave = Visitor(url, "", PAGES[(i + k) % len(PAGES)]), asyncio.Event()
            task = asyncio.create_task(visitor.watch(asyncio.Semaphore(1), leave))
            await asyncio.sleep(WAVE_PAGE_S)
            leave.set()
            await task

    start = time.monotonic()
    samples = [("before", sample(pid, 0.0))]
    for wave in range(1, count + 1):
        await asyncio.gather(*(look_around(i) for i in range(visitors)))
        samples.append((f"wave {wave}", sample(pid, time.monotonic() - start)))
        await asyncio.sleep(FORGOTTEN_S)
        samples.append((f"after wave {wave}", sample(pid, time.monotonic() - start)))
        print(samples[-2:], file=sys.stderr, flush=True)
    return samples


def slope_per_hour(seconds: "list[float]", values: "list[float]") -> tuple[float, float, float]:
    """Return the least-squares slope per hour, and its 95 % interval from a bootstrap of blocks."""
    x, y = np.array(seconds) / 3600, np.array(values, float)
    slope, offset = np.polyfit(x, y, 1)
    residuals = y - slope * x - offset
    size = max(1, min(len(x) // 2, round(BLOCK_S / SAMPLE_S)))
    rng = np.random.default_rng(0)
    slopes = []
    for _ in range(2000):
        starts = rng.integers(0, len(x) - size + 1, -(-len(x) // size))
        drawn = np.concatenate([residuals[i : i + size] for i in starts])[: len(x)]
        slopes.append(np.polyfit(x, slope * x + offset + drawn, 1)[0])
    low, high = np.quantile(slopes, (0.025, 0.975))
    return float(slope), float(low), float(high)


def main() -> None:
    """Print the result as a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--stay", type=float, nargs=2, default=(30.0, 300.0), metavar="SECONDS")
    parser.add_argument(
        "--waves", type=int, default=0, help="let all come and leave this many times"
    )
    options = parser.parse_args()
    runs = Path(tempfile.mkdtemp())
    for example in shipped_runs().glob("example-*"):
        shutil.copytree(example, runs / example.name)
    process, url = serve(runs)
    try:
        if options.waves:
            read_at = asyncio.run(waves(url, process.pid, options.waves, options.visitors))
            print("| | memory, MB | threads | descriptors |\n|---|---|---|---|")
            for name, s in read_at:
                print(f"| {name} | {s.memory_mb:.0f} | {s.threads} | {s.descriptors} |")
            return
        start_training(url, "quick-mnist", runs, "/?setup=" + quote('{"steps":10000000}'))
        samples = asyncio.run(
            soak(url, process.pid, options.minutes, options.visitors, tuple(options.stay))
        )
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(runs, ignore_errors=True)
    second_half = samples[len(samples) // 2 :]
    print(f"{options.minutes:g} minutes, {options.visitors} visitors, {os.cpu_count()} cores\n")
    print("| | start | middle | end | per hour in the second half (95 %) |")
    print("|---|---|---|---|---|")
    read: dict[str, Callable[[Sample], float]] = {
        "memory, MB": lambda s: s.memory_mb,
        "threads": lambda s: s.threads,
        "descriptors": lambda s: s.descriptors,
    }
    for name, value in read.items():
        values = [value(s) for s in samples]
        slope, low, high = slope_per_hour(
            [s.seconds for s in second_half], [value(s) for s in second_half]
        )
        print(
            f"| {name} | {values[0]:.0f} | {values[len(values) // 2]:.0f} | {values[-1]:.0f} "
            f"| {slope:+.1f} ({low:+.1f} to {high:+.1f}) |"
        )
    print(f"\ndescriptors at the end: {samples[-1].kinds}")


if __name__ == "__main__":
    main()
