"""Threads that a training chooses by itself beside each fixed number, with and without other work on the cores.

    python -m benchmarks.threads [--preset quick-mnist toy-ring] [--busy 0 1 2] [--rounds 4] [--seconds 10]

Three trainings of one config (one per fixed number of threads, one that chooses) take turns of so many
seconds under the same load, a number of processes that do nothing but compute; the first round, in which the
third makes up its mind, does not count. Steps a second, medians, and the share of the better fixed choice.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from wgan.bench import spell
from wgan.config import PRESETS
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status
from wgan.training.engine import cores


def measured(preset: str, busy: int, rounds: int, seconds: float) -> dict[str, float]:
    """Return the median rate of each choice under a load."""
    choices = {str(n): n for n in (1, cores())} | {"chosen": 0}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"  # nothing is remembered
        jobs = {}
        for name, threads in choices.items():
            given = {"threads": threads, "measure": False, "compiled": False, "steps": 10_000_000}
            config = PRESETS[preset].config.changed(given)
            jobs[name] = TrainingJob(Run.create(config, Path(folder) / "runs"))
            jobs[name].prepare()
        load = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
        try:
            rates: dict[str, list[float]] = {name: [] for name in jobs}
            for turn in range(1 + rounds):
                for name, job in jobs.items():
                    steps, spent = spell(job.step, lambda: None, "cpu", seconds)
                    if turn:
                        rates[name].append(steps / spent)
        finally:
            for process in load:
                process.kill()
                process.wait()
        found = {name: statistics.median(values) for name, values in rates.items()}
        found["threads"] = jobs["chosen"].training.engine.threads
        for job in jobs.values():
            job.finish(Status.STOPPED)
    return found


def main() -> None:
    """Print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", nargs="+", default=["quick-mnist", "toy-ring"])
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    most = str(cores())
    print(f"| preset | busy processes | 1 thread | {most} threads | chosen | of the better |")
    print("|---|---|---|---|---|---|")
    rows = []
    for preset in given.preset:
        for busy in given.busy:
            found = measured(preset, busy, given.rounds, given.seconds)
            share = found["chosen"] / max(found["1"], found[most])
            rows.append({"preset": preset, "busy": busy, "share": share, **found})
            print(f"| {preset} | {busy} | {found['1']:.1f} | {found[most]:.1f} "
                  f"| {found['chosen']:.1f} ({found['threads']:.0f}) | {100 * share:.0f} % |", flush=True)  # fmt: skip
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
