"""The automatic choice of threads compared with each fixed number, with and without other load.

    python -m benchmarks.threads [--preset quick-mnist toy-ring] [--busy 0 1 2] [--rounds 4] [--seconds 10]
    python -m benchmarks.threads --arrives --preset quick-mnist --busy 1 2

Three trainings of one config (one for each fixed number of threads, and an automatic one) take
turns of some seconds under the same load, which is a number of processes that only compute. The
first round, in which the automatic one makes its choice, does not count. The results are median
steps per second, and the ratio to the better fixed number.

With `--arrives`, the automatic training first runs alone, then the load begins. The result is its
speed in each stretch of 5 s since then, relative to that of one thread under the same load.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from wgan.bench import run_steps
from wgan.config import PRESETS
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status
from wgan.training.engine import cores

ALONE, STRETCH = 40.0, 5.0  # seconds


def compare_rates(preset: str, busy: int, rounds: int, seconds: float) -> dict[str, float]:
    """Return the median steps per second of each number of threads under a load."""
    with trainings(preset, (1, cores(), 0)) as jobs, loaded(busy):
        rates: dict[int, list[float]] = {threads: [] for threads in jobs}
        for turn in range(1 + rounds):
            for threads, job in jobs.items():
                if turn:
                    rates[threads].append(rate(job, seconds))
                else:
                    rate(job, seconds)
        medians = {str(threads): statistics.median(values) for threads, values in rates.items()}
        return medians | {"chosen": medians.pop("0"), "threads": jobs[0].training.engine.threads}


def after_arrival(preset: str, busy: int, turns: int = 12) -> tuple[int, int, list[float]]:
    """Return the threads before and after a load begins, and the speed relative to one thread in
    each stretch.
    """
    with trainings(preset, (1, 0)) as jobs:
        for job in jobs.values():
            rate(job, ALONE)
        before = jobs[0].training.engine.threads
        with loaded(busy):
            shares = [rate(jobs[0], STRETCH) / rate(jobs[1], STRETCH) for _ in range(turns)]
        return before, jobs[0].training.engine.threads, shares


@contextlib.contextmanager
def trainings(preset: str, threads: Sequence[int]) -> Iterator[dict[int, TrainingJob]]:
    """Prepare a training for each number of threads. 0 is automatic, without an earlier measurement."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        jobs = {}
        for n in threads:
            changes = {"threads": n, "measure": False, "compiled": False, "steps": 10_000_000}
            config = PRESETS[preset].config.changed(changes)
            jobs[n] = TrainingJob(Run.create(config, Path(folder) / "runs"))
            jobs[n].prepare()
        yield jobs
        for job in jobs.values():
            job.finish(Status.STOPPED)


@contextlib.contextmanager
def loaded(busy: int) -> Iterator[None]:
    """Keep some processes busy."""
    load = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        yield
    finally:
        for process in load:
            process.kill()
            process.wait()


def rate(job: TrainingJob, seconds: float) -> float:
    """Train for some seconds, and return the steps per second."""
    steps, spent = run_steps(job.step, lambda: None, "cpu", seconds)
    return steps / spent


def main() -> None:
    """Print the results as a table and as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", nargs="+", default=["quick-mnist", "toy-ring"])
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--arrives", action="store_true", help="the load begins in mid-training")
    options = parser.parse_args()
    if options.arrives:
        print(
            f"| preset | busy processes | threads before, after | % of one thread's rate, each {STRETCH:g} s |"
        )
        print("|---|---|---|---|")
        for preset in options.preset:
            for busy in options.busy:
                before, after, shares = after_arrival(preset, busy)
                print(
                    f"| {preset} | {busy} | {before}, {after} "
                    f"| {' '.join(f'{100 * share:.0f}' for share in shares)} |",
                    flush=True,
                )
        return
    all_cores = str(cores())
    print(f"| preset | busy processes | 1 thread | {all_cores} threads | chosen | of the better |")
    print("|---|---|---|---|---|---|")
    rows = []
    for preset in options.preset:
        for busy in options.busy:
            medians = compare_rates(preset, busy, options.rounds, options.seconds)
            share = medians["chosen"] / max(medians["1"], medians[all_cores])
            rows.append({"preset": preset, "busy": busy, "share": share, **medians})
            print(
                f"| {preset} | {busy} | {medians['1']:.1f} | {medians[all_cores]:.1f} "
                f"| {medians['chosen']:.1f} ({medians['threads']:.0f}) | {100 * share:.0f} % |",
                flush=True,
            )
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
