"""Steps per second of the product, eager and with compiled steps, beside a textbook loop with the same settings.

    python -m benchmarks.step_time [--threads 1 2] [--rounds 5] [--seconds 5]

Trains WGAN-GP on the MNIST digits with the medium DCGAN, without classes and with constant learning rates, which
the textbook loop can do, too. The three take turns for some seconds in each round. The job of the product writes
reports, pictures and checkpoints, but makes no live metrics. Its steps were compiled before. Prints medians over
the rounds, and the median and range of the ratios to the textbook loop of the same round.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.quality import TEXTBOOK, TEXTBOOK_PICTURES, config_of
from benchmarks.trainings import ProductTraining, SteppedTraining, TextbookTraining
from wgan.config import TrainConfig
from wgan.training import Engine
from wgan.training.acceleration import Compiler

WARM_UP_STEPS = 20


def compile_steps(config: TrainConfig, engine: Engine) -> None:
    """Compile the steps of a config into the cache, and wait for it.

    Raises:
        RuntimeError: They could not be compiled.
    """
    compiler = Compiler(config, engine)
    compiler.begin()
    while compiler.working:
        time.sleep(0.5)
    if compiler.failed:
        raise RuntimeError("The steps could not be compiled. Is a C++ compiler installed?")


def speed(training: SteppedTraining, seconds: float) -> float:
    """Train for some seconds, and return the steps per second."""
    start, first = time.perf_counter(), training.steps
    while time.perf_counter() < start + seconds:
        training.step()
    return (training.steps - first) / (time.perf_counter() - start)


def compare(threads: int, rounds: int, seconds: float, folder: Path) -> None:
    """Compare the three trainings on a number of threads, and print the results."""
    config = config_of("quick-mnist", 0, TEXTBOOK | TEXTBOOK_PICTURES | {"threads": threads})
    torch.set_num_threads(threads)
    eager = ProductTraining(config.changed({"compiled": False}), folder / "eager")
    engine = eager.job.training.engine
    compile_steps(config, engine)
    trainings: dict[str, SteppedTraining] = {
        "textbook": TextbookTraining(config, config.dataset.load()),
        "eager": eager,
        "compiled": ProductTraining(config, folder / "compiled"),
    }
    for training in trainings.values():
        for _ in range(WARM_UP_STEPS):
            training.step()
    speeds: dict[str, list[float]] = {name: [] for name in trainings}
    for _ in range(rounds):
        for name, training in trainings.items():
            torch.set_num_threads(threads)
            speeds[name].append(speed(training, seconds))
    print(f"{threads} threads, {engine.precision}, {rounds} rounds of {seconds:g} s each")
    for name, values in speeds.items():
        ratios = [value / base for value, base in zip(values, speeds["textbook"], strict=True)]
        print(
            f"{name:9} {statistics.median(values):6.1f} steps/s, {statistics.median(ratios):.2f} times "
            f"({min(ratios):.2f} to {max(ratios):.2f}) as fast as the textbook loop",
            flush=True,
        )


def main() -> None:
    """Compare the trainings on each number of threads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    for threads in options.threads:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
            compare(threads, options.rounds, options.seconds, Path(folder))


if __name__ == "__main__":
    main()
