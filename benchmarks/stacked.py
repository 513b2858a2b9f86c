"""Stacked MNIST: how many of its 1,000 modes several objectives find in equal seconds of training.

    python -m benchmarks.stacked --seconds 300 1200 --seeds 0 1 2
    python -m benchmarks.stacked --seconds 600 --clock process           # on a busy machine
    python -m benchmarks.stacked --arm "r3gan: objective=r3gan" --arm "γ 0.1: objective=r3gan,objective.penalty_weight=0.1"

All objectives train with the settings that the app recommends for Stacked MNIST. Each training is a
separate process with an empty cache, as in `benchmarks.quality`, and the objectives take turns for
each seed. The clock stops during measurements. With `--clock process`, it counts the CPU time of
the process, on one thread, in float32, without compiled steps; otherwise it counts elapsed time,
and the training chooses these settings.

A mode is a combination of three digits, as a digit classifier reads them from the three channels of
26,000 samples. KL is the divergence of their frequencies from equal ones, in nats. The floor is that
of 26,000 held-out pictures.

Metz et al. 2017, arXiv:1611.02163; Lin et al. 2018, arXiv:1712.04086.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from benchmarks.quality import mean_and_deviation, run
from benchmarks.trainings import ProductTraining, Sampler
from wgan.config import TrainConfig, recommended
from wgan.data import Pictures, StackedMnist, as_bytes
from wgan.metrics import find_network
from wgan.metrics.stacked import combinations, stacked_kl, stacked_modes
from wgan.runs import Status

Changes = dict[str, Any]

ARMS: dict[str, Changes] = {name: {"objective": name} for name in ("gan", "wgan-gp", "r3gan")}
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "process": time.process_time}
MEASURABLE: Changes = {"threads": 1, "precision": "float32", "compiled": False}
"""Settings with which the CPU time of the process is the time of the training."""

SAMPLES = 26_000


def config_of(dataset: StackedMnist, changes: Changes, seed: int, clock: str) -> TrainConfig:
    """Return the recommended config with changes and without a limit of steps."""
    timed: Changes = {"measure": False, "steps": 10_000_000, "seed": seed}
    if clock == "process":
        timed |= MEASURABLE
    return recommended(dataset).changed(timed).changed(changes)


def train(
    config: TrainConfig, folder: Path, marks: list[float], clock: Callable[[], float]
) -> Iterator[tuple[float, int, Sampler]]:
    """Train as the app does; yield seconds, steps and averaged generator at each mark."""
    training = ProductTraining(config, folder)
    seconds = 0.0
    for mark in marks:
        start = clock()
        while seconds + clock() - start < mark:
            training.step()
        seconds += clock() - start
        yield seconds, training.steps, training.sampler()
    training.job.finish(Status.STOPPED)


def arm_of(text: str) -> tuple[str, Changes]:
    """Return name and changes of an arm such as "γ 0.1: objective=r3gan,objective.penalty_weight=0.1"."""
    name, _, changes = text.partition(":")
    return name.strip(), dict(
        part.strip().split("=", 1) for part in changes.split(",") if part.strip()
    )


def stacked_metrics(pictures: Tensor) -> dict[str, float]:
    """Return modes and KL of pictures, (N, 3, 28, 28) uint8."""
    digit_triples = combinations(pictures, find_network("mnist", (1, 28, 28)))
    return {"modes": stacked_modes(digit_triples), "kl": stacked_kl(digit_triples)}


def train_arm(arm: dict[str, Any]) -> None:
    """Train one config, and print a line of JSON at each mark."""
    config = TrainConfig.parse(arm["config"])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        marks = [float(mark) for mark in arm["seconds"]]
        trained = train(config, Path(folder) / "runs", marks, CLOCKS[arm["clock"]])
        for mark, (seconds, steps, make) in zip(marks, trained, strict=True):
            metrics = stacked_metrics(as_bytes(make(arm["samples"])))
            print(
                json.dumps({"mark": mark, "seconds": seconds, "steps": steps, **metrics}),
                flush=True,
            )


def table(rows: list[dict[str, Any]], marks: list[float]) -> str:
    """Return a Markdown table: mean ± deviation over seeds."""
    lines = ["| objective | number | " + " | ".join(f"{mark:g} s" for mark in marks) + " |"]
    lines.append("|---|---|" + "---|" * len(marks))
    for arm in dict.fromkeys(row["arm"] for row in rows):
        for key, title in (("modes", "modes of 1,000"), ("kl", "KL"), ("steps", "steps")):
            cells = []
            for mark in marks:
                values = [r[key] for r in rows if r["arm"] == arm and r["mark"] == mark]
                cells.append(
                    f"{statistics.fmean(values):,.0f}"
                    if key == "steps"
                    else mean_and_deviation(values)
                )
            lines.append(f"| {arm} | {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print a line for each training and mark, the floor, and a table of means over seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, nargs="+", default=[300.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument(
        "--bundled", action="store_true", help="stack the digits that come with the app"
    )
    parser.add_argument(
        "--arm",
        action="append",
        metavar="ARM",
        help='an arm instead of the usual ones, as "its name: its changes"; may be repeated',
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        train_arm(json.loads(options.one))
        return
    dataset = StackedMnist(bundled=options.bundled)
    arms = dict(map(arm_of, options.arm or [])) or ARMS
    marks = sorted(options.seconds)
    rows: list[dict[str, Any]] = []
    for seed in options.seeds:
        for name, changes in arms.items():
            config = config_of(dataset, changes, seed, options.clock)
            training = {
                "arm": name,
                "config": config.model_dump(mode="json"),
                "seconds": marks,
                "clock": options.clock,
                "samples": options.samples,
            }
            rows += run(dataset.name, seed, training, module="benchmarks.stacked")
    data = dataset.load()
    assert isinstance(data, Pictures)
    floor = stacked_metrics(data.held_out[: options.samples])
    print(
        f"\nStacked MNIST, seeds {options.seeds}, {options.samples:,} samples, clock: {options.clock}. "
        f"Floor: {floor['modes']:,.0f} modes, KL {floor['kl']:.3g}."
    )
    print(table(rows, marks))


if __name__ == "__main__":
    main()
