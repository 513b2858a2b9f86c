"""What measuring in passing costs a training: one that is measured and one that is not take turns.

    python -m benchmarks.live_metrics [--presets quick-mnist-60k toy-ring] [--pairs 6] [--seconds 10]

Both have the same config and seed and are trained in one process, so many seconds each in turn, the first
of a pair alternating, so that the machine's drift hits both. At the end the reports of both must be equal:
measuring changes no number. What the first measurement needs once (imports, the reference, the floors) is
told apart. Budget: at most 0.5 s of one core a measurement, at most 5 % of training in all.
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
LONGEST, SHARE = 0.5, 0.05
"""Budget: seconds of one core a measurement, share of the training's time."""


@dataclass(frozen=True)
class Measurement:
    """One call of the gauge: by the clock, and of the processor's time in all threads."""

    group: str
    seconds: float
    core: float


def watched(job: TrainingJob, found: list[Measurement]) -> None:
    """Note what every call of a job's gauge takes."""
    live_evaluator: Any = job.live_evaluator
    names = [group.__name__ for group in live_evaluator._groups]

    def timed(call: Callable[..., Any], name: Callable[[], str]) -> Callable[..., Any]:
        def wrapper(*given: Any) -> Any:
            said, start, core = name(), time.perf_counter(), time.process_time()
            made = call(*given)
            found.append(Measurement(said, time.perf_counter() - start, time.process_time() - core))
            return made

        return wrapper

    def turn() -> str:
        preparing = live_evaluator._preparing is not None
        return "once" if preparing else str(names[live_evaluator._turn % len(names)])

    live_evaluator.measure = timed(live_evaluator.measure, turn)
    live_evaluator.at_checkpoint = timed(live_evaluator.at_checkpoint, lambda: "checkpoint")


def rate(job: TrainingJob, seconds: float) -> float:
    """Train for so long and return steps a second."""
    begun, before = time.perf_counter(), job.training.steps
    while time.perf_counter() - begun < seconds:
        job.step()
    return (job.training.steps - before) / (time.perf_counter() - begun)


def same(a: Run, b: Run) -> int:
    """The number of reports that both have, all equal. Exits where one is not."""
    left, right = a.reports(), b.reports()
    n = min(len(left["step"]), len(right["step"]))
    for name in COLUMNS:
        if name not in ("seconds", "time") and not np.array_equal(
            left[name][:n], right[name][:n], equal_nan=True
        ):
            sys.exit(f"Measuring has changed {name}.")
    return n


def measure(preset: str, pairs: int, seconds: float, seed: int) -> dict[str, Any]:
    """Train both in turn."""
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory() as folder:
        jobs = {}
        for kind in (True, False):
            config = PRESETS[preset].config.changed(
                {"seed": seed, "steps": 10_000_000, "measure": kind}
            )
            jobs[kind] = TrainingJob(Run.create(config, Path(folder)))
            jobs[kind].prepare()
        watched(jobs[True], found)
        # Unmeasured first steps: torch warms up; and what is needed once is computed.
        end = time.perf_counter() + 60
        live_evaluator: Any = jobs[True].live_evaluator
        while live_evaluator._preparing is not None and time.perf_counter() < end:
            rate(jobs[True], 1.0)
        rate(jobs[False], 3.0)
        once = [each for each in found if each.group == "once"]
        before, skipped = jobs[True].seconds, len(found)
        rates: dict[bool, list[float]] = {True: [], False: []}
        for i in range(pairs):
            for kind in (True, False) if i % 2 == 0 else (False, True):
                rates[kind].append(rate(jobs[kind], seconds))
        measured = found[skipped:]
        trained = jobs[True].seconds - before
        counted = live_evaluator._spent / jobs[True].seconds
        # Each group some times more, past the pace: of some there are few in a minute.
        del found[:]
        for i in range(REPEATS * len(live_evaluator._groups)):
            live_evaluator._turn = i
            live_evaluator.measure(jobs[True].seconds)
        aside = list(found)
        for job in jobs.values():
            job.finish(Status.STOPPED)
        equal = same(jobs[True].run, jobs[False].run)
    ratios = [a / b for a, b in zip(rates[True], rates[False], strict=True)]
    every = measured + aside
    groups = {
        name: {
            "count": sum(each.group == name for each in every),
            "median_core_s": statistics.median(e.core for e in every if e.group == name),
            "longest_s": max(each.seconds for each in every if each.group == name),
            "longest_core_s": max(each.core for each in every if each.group == name),
        }
        for name in dict.fromkeys(each.group for each in every)
    }
    return {
        "preset": preset,
        "pairs": pairs,
        "seconds": seconds,
        "steps_per_second_measured": statistics.median(rates[True]),
        "steps_per_second_alone": statistics.median(rates[False]),
        "ratio": statistics.median(ratios),
        "ratio_from": min(ratios),
        "ratio_to": max(ratios),
        "share": sum(each.seconds for each in measured) / trained,
        "gauge_share": counted,
        "measured": len(measured),
        "longest_s": max(each.seconds for each in every),
        "longest_core_s": max(each.core for each in every),
        "groups": groups,
        "once_s": sum(each.seconds for each in once),
        "once_longest_core_s": max((each.core for each in once), default=0.0),
        "equal_reports": equal,
    }


def main() -> None:
    """Print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    full = PRESETS["quick-mnist-60k"].config.dataset.present()
    default = ["quick-mnist-60k" if full else "quick-mnist", "toy-ring"]
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=default, metavar="NAME")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for preset in given.presets:
        found = measure(preset, given.pairs, given.seconds, given.seed)
        print(
            f"{preset}: {given.pairs} pairs of {given.seconds:g} s, load {os.getloadavg()[0]:.1f}"
        )
        print(
            f"  steps a second, medians: {found['steps_per_second_measured']:.2f} measured, "
            f"{found['steps_per_second_alone']:.2f} not; ratio {found['ratio']:.3f} "
            f"({found['ratio_from']:.3f} to {found['ratio_to']:.3f})"
        )
        print(
            f"  share of training: {100 * found['share']:.1f} % (at most {100 * SHARE:g}), as the "
            f"gauge counts it {100 * found['gauge_share']:.1f} %; {found['measured']} measurements"
        )
        print(
            f"  longest measurement: {found['longest_core_s']:.2f} s of one core (at most {LONGEST:g}), "
            f"{found['longest_s']:.2f} s by the clock"
        )
        for name, group in found["groups"].items():
            print(
                f"    {name}: {group['count']} times, median {group['median_core_s']:.2f} s, longest "
                f"{group['longest_core_s']:.2f} s of one core, {group['longest_s']:.2f} s by the clock"
            )
        print(
            f"  once: {found['once_s']:.1f} s, the longest part {found['once_longest_core_s']:.2f} s "
            f"of one core; {found['equal_reports']} reports of both are equal"
        )
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
