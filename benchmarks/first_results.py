"""The step at which a preset shows its first result, such as readable digits: `Preset.first_result`.

    python -m benchmarks.first_results [--presets quick-mnist toy-ring] [--seeds 0 1 2]

Each preset trains in float32 on one thread, so that the numbers do not depend on the machine. Samples are
measured every 25 steps (points: every 100), until they are good enough: pictures by the FID of 4,000 samples, points by the
share within three standard deviations of a mode, with all modes found. Prints the steps of all seeds and their median.
"""

import argparse
import statistics

from benchmarks.quality import sample_metrics
from benchmarks.trainings import sampler_of
from wgan.config import PRESETS
from wgan.data import Pictures
from wgan.metrics import ReferenceStats
from wgan.training import Engine, Training

MAX_FID = {
    "quick-mnist": 5.0,
    "quick-mnist-60k": 5.0,
    "quick-fashion": 8.0,
}
"""The FID below which the samples of a preset show its first result, as judged by eye."""

MIN_HIGH_QUALITY = 0.5
"""The share of points near a mode from which modes can be told apart."""


def first_step(name: str, seed: int) -> int | None:
    """Return the step of a preset's first result; None if its training ends before."""
    changes = {"seed": seed, "precision": "float32", "threads": 1, "measure": False}
    config = PRESETS[name].config.changed(changes)
    engine = Engine("cpu", "float32", 1)
    engine.activate()
    data = config.dataset.load()
    training = Training(config, engine=engine, data=data)
    reference = ReferenceStats(config.dataset, data) if isinstance(data, Pictures) else None
    modes = None if isinstance(data, Pictures) or data.means is None else len(data.means)
    every = 100 if reference is None else 25
    while training.steps < config.steps:
        training.step()
        if training.steps % every:
            continue
        metrics = sample_metrics(data, reference, sampler_of(training.average, config))
        if modes is None:
            good = metrics["fid64_4k"] <= MAX_FID[name]
        else:
            good = metrics["modes"] == modes and metrics["high_quality"] >= MIN_HIGH_QUALITY
        if good:
            return training.steps
    return None


def main() -> None:
    """Print the steps of each preset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*MAX_FID, "toy-ring", "toy-grid"]
    parser.add_argument("--presets", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    for name in options.presets:
        steps = [first_step(name, seed) for seed in options.seeds]
        reached = [step for step in steps if step is not None]
        median = statistics.median(reached) if len(reached) == len(steps) else None
        print(f"{name}: {steps}, median {median}", flush=True)


if __name__ == "__main__":
    main()
