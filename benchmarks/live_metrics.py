"""The cost of live metrics: a training with measurements and one without take turns.

    python -m benchmarks.live_metrics [--presets quick-mnist-60k toy-ring] [--pairs 6] [--seconds 10]

Both have the same config and seed and are trained in one process for some seconds each in turn. The
order alternates, so that the machine's drift affects both. Finally their reports must be equal,
because measurements change no number. The cost of the first measurement (imports, the reference,
the floors) is reported separately. Budget: at most 0.5 s of one core per measurement, and at most 5
% of the training time in total.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wgan.config import PRESETS
from wgan.jobs import TrainingJob
from wgan.runs import COLUMNS, Run, Status

REPEATS = 5
LONGEST, MAX_MEASURING_SHARE = 0.5, 0.05
"""Budget: seconds of one core per measurement, and share of the training's time."""


@dataclass(frozen=True)
class Measurement:
    """The wall-clock time of one call of the live evaluator, and its CPU time in all threads."""

    group: str
    seconds: float
    core: float


def watched(job: TrainingJob, measurements: list[Measurement]) -> None:
    """Append the time of every call of a job's live evaluator to `measurements`."""
    live_evaluator: Any = job.live_evaluator
    names = [group.__name__ for group in live_evaluator._groups]

    def timed(call: Callable[..., Any], name: Callable[[], str]) -> Callable[..., Any]:
        def wrapper(*arguments: Any) -> Any:
            group, start, core = name(), time.perf_counter(), time.process_time()
            result = call(*arguments)
            measurements.append(
                Measurement(group, time.perf_counter() - start, time.process_time() - core)
            )
            return result

        return wrapper

    def turn() -> str:
        preparing = live_evaluator._preparing is not None
        return "once" if preparing else str(names[live_evaluator._turn % len(names)])

    live_evaluator.measure = timed(live_evaluator.measure, turn)
    live_evaluator.at_checkpoint = timed(live_evaluator.at_checkpoint, lambda: "checkpoint")


def rate(job: TrainingJob, seconds: float) -> float:
    """Train for some seconds, and return the steps per second."""
    start, before = time.perf_counter(), job.training.steps
    while time.perf_counter() - start < seconds:
        job.step()
    return (job.training.steps - before) / (time.perf_counter() - start)


def same(a: Run, b: Run) -> int:
    """Return the number of reports that both runs have. Exits if one of them differs."""
    left, right = a.reports(), b.reports()
    n = min(len(left["step"]), len(right["step"]))
    for name in COLUMNS:
        if name not in ("seconds", "time") and not np.array_equal(
            left[name][:n], right[name][:n], equal_nan=True
        ):
            sys.exit(f"Measuring has changed {name}.")
    return n


def two_jobs(preset: str, seed: int, folder: Path) -> dict[bool, TrainingJob]:
    """Return two trainings with the same config and seed: with measurements (True) and without (False)."""
    jobs = {}
    for measures in (True, False):
        config = PRESETS[preset].config.changed(
            {"seed": seed, "steps": 10_000_000, "measure": measures}
        )
        jobs[measures] = TrainingJob(Run.create(config, folder))
        jobs[measures].prepare()
    return jobs


def warm_up(jobs: dict[bool, TrainingJob]) -> None:
    """Train until torch has warmed up and all one-time values for measurements are computed."""
    end = time.perf_counter() + 60
    live_evaluator: Any = jobs[True].live_evaluator
    while live_evaluator._preparing is not None and time.perf_counter() < end:
        rate(jobs[True], 1.0)
    rate(jobs[False], 3.0)


def compare(preset: str, pairs: int, seconds: float, seed: int) -> dict[str, Any]:
    """Train with and without measurements in turn, and return what the measurements cost."""
    measurements: list[Measurement] = []
    with tempfile.TemporaryDirectory() as folder:
        jobs = two_jobs(preset, seed, Path(folder))
        watched(jobs[True], measurements)
        warm_up(jobs)
        once = [each for each in measurements if each.group == "once"]
        before, skipped = jobs[True].seconds, len(measurements)
        rates: dict[bool, list[float]] = {True: [], False: []}
        for i in range(pairs):
            for measures in (True, False) if i % 2 == 0 else (False, True):
                rates[measures].append(rate(jobs[measures], seconds))
        paced = measurements[skipped:]
        trained = jobs[True].seconds - before
        live_evaluator: Any = jobs[True].live_evaluator
        own_share = live_evaluator._spent / jobs[True].seconds
        # Measure every group some more times without pauses, because some come only a few times a
        # minute.
        del measurements[:]
        for i in range(REPEATS * len(live_evaluator._groups)):
            live_evaluator._turn = i
            live_evaluator.measure(jobs[True].seconds)
        for job in jobs.values():
            job.finish(Status.STOPPED)
        equal = same(jobs[True].run, jobs[False].run)
    ratios = [a / b for a, b in zip(rates[True], rates[False], strict=True)]
    all_measurements = paced + measurements
    return {
        "preset": preset,
        "pairs": pairs,
        "seconds": seconds,
        "steps_per_second_measured": statistics.median(rates[True]),
        "steps_per_second_alone": statistics.median(rates[False]),
        "ratio": statistics.median(ratios),
        "ratio_from": min(ratios),
        "ratio_to": max(ratios),
        "share": sum(each.seconds for each in paced) / trained,
        "gauge_share": own_share,
        "measured": len(paced),
        "longest_s": max(each.seconds for each in all_measurements),
        "longest_core_s": max(each.core for each in all_measurements),
        "groups": by_group(all_measurements),
        "once_s": sum(each.seconds for each in once),
        "once_longest_core_s": max((each.core for each in once), default=0.0),
        "equal_reports": equal,
    }


def by_group(measurements: list[Measurement]) -> dict[str, dict[str, float]]:
    """Return how long the measurements of each group took."""
    times = {}
    for name in dict.fromkeys(each.group for each in measurements):
        group = [each for each in measurements if each.group == name]
        times[name] = {
            "count": len(group),
            "median_core_s": statistics.median(each.core for each in group),
            "longest_s": max(each.seconds for each in group),
            "longest_core_s": max(each.core for each in group),
        }
    return times


def main() -> None:
    """Print the results as a table and as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    full = PRESETS["quick-mnist-60k"].config.dataset.present()
    default = ["quick-mnist-60k" if full else "quick-mnist", "toy-ring"]
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=default, metavar="NAME")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for preset in options.presets:
        costs = compare(preset, options.pairs, options.seconds, options.seed)
        print(
            f"{preset}: {options.pairs} pairs of {options.seconds:g} s, load {os.getloadavg()[0]:.1f}"
        )
        print(
            f"  steps a second, medians: {costs['steps_per_second_measured']:.2f} measured, "
            f"{costs['steps_per_second_alone']:.2f} not; ratio {costs['ratio']:.3f} "
            f"({costs['ratio_from']:.3f} to {costs['ratio_to']:.3f})"
        )
        print(
            f"  share of training: {100 * costs['share']:.1f} % (at most {100 * MAX_MEASURING_SHARE:g}), as the "
            f"gauge counts it {100 * costs['gauge_share']:.1f} %; {costs['measured']} measurements"
        )
        print(
            f"  longest measurement: {costs['longest_core_s']:.2f} s of one core (at most {LONGEST:g}), "
            f"{costs['longest_s']:.2f} s by the clock"
        )
        for name, group in costs["groups"].items():
            print(
                f"    {name}: {group['count']} times, median {group['median_core_s']:.2f} s, longest "
                f"{group['longest_core_s']:.2f} s of one core, {group['longest_s']:.2f} s by the clock"
            )
        print(
            f"  once: {costs['once_s']:.1f} s, the longest part {costs['once_longest_core_s']:.2f} s "
            f"of one core; {costs['equal_reports']} reports of both are equal"
        )
        print(json.dumps(costs), flush=True)


if __name__ == "__main__":
    main()
