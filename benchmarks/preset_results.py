"""The usual result of each preset, for the Presets page: samples and their quality after a fixed number of steps.

    python -m benchmarks.preset_results [--presets quick-mnist toy-ring] [--seeds 0 1 2]

Each preset trains in float32 on one thread, with each seed, and the averaged generator is measured: pictures by the FID of 4,000
samples, points by W₁ of 512 samples and, if the data have modes, by the share of 2,500 samples near a mode and the number of
modes. The page shows the samples of the first seed. Presets whose data are not on this machine are left out.

Writes `pages/ui/presets/measured/NAME.json` and, for pictures, `NAME.webp`. The artwork of the Pokémon sprites is protected, so
no picture of samples like it is stored.
"""

import argparse
from dataclasses import dataclass

from benchmarks.quality import FID_SAMPLES, sample_metrics
from benchmarks.trainings import Sampler, sampler_of
from pages.ui.presets.usual_result import COLUMNS, FOLDER, ROWS, UsualResult
from wgan.config import PRESETS, TrainConfig
from wgan.data import Data, Pictures, as_bytes
from wgan.imaging import encode, tile
from wgan.metrics import ReferenceStats
from wgan.paths import data_root
from wgan.training import Engine, Training

MAX_STEPS = {"paper-wgan": 500, "paper-wgan-gp": 500, "paper-wgan-code": 500, "wgan-lp": 2000}
"""Presets that train for hours are stopped at these steps; all others at 2,000 steps for pictures, and 10,000 for points."""

POINTS = 400
"""Number of points that are stored for the chart."""

WITHOUT_PICTURE = ("pokemon",)

RENAMED = {"modes": "modes_2500", "high_quality": "high_quality_2500"}
"""The full names of metrics, with the number of samples."""


@dataclass
class Trained:
    """The result of a preset with one seed."""

    metrics: dict[str, float]
    sampler: Sampler


def last_step(name: str) -> int:
    """Return the step at which a preset is measured."""
    config = PRESETS[name].config
    usual = 2000 if config.dataset.kind == "pictures" else 10_000
    return min(config.steps, MAX_STEPS.get(name, usual))


def train(config: TrainConfig, steps: int, data: Data, reference: ReferenceStats | None) -> Trained:
    """Train for a number of steps, and measure the averaged generator."""
    engine = Engine("cpu", "float32", 1)
    engine.activate()
    training = Training(config, engine=engine, data=data)
    while training.steps < steps:
        training.step()
    sampler = sampler_of(training.average, config)
    return Trained(sample_metrics(data, reference, sampler), sampler)


def measure(name: str, seeds: list[int]) -> None:
    """Train a preset with each seed, and write its result."""
    changes = {"precision": "float32", "threads": 1, "measure": False}
    config = PRESETS[name].config.changed(changes)
    data = config.dataset.load(data_root())
    reference = ReferenceStats(config.dataset, data) if isinstance(data, Pictures) else None
    steps = last_step(name)
    trained = [train(config.changed({"seed": seed}), steps, data, reference) for seed in seeds]
    metrics = {
        RENAMED.get(key, key): [round(one.metrics[key], 6) for one in trained]
        for key in trained[0].metrics
    }
    floor = metrics.pop("floor")[0]
    floor_count = None
    if reference is not None:
        count = reference.most(FID_SAMPLES)
        floor_count = None if count == FID_SAMPLES else count
        points = None
        if config.dataset.name not in WITHOUT_PICTURE:
            samples = as_bytes(trained[0].sampler(ROWS * COLUMNS)).numpy()
            (FOLDER / f"{name}.webp").write_bytes(encode(tile(samples, COLUMNS)))
    else:
        points = [(round(float(x), 3), round(float(y), 3)) for x, y in trained[0].sampler(POINTS)]
    result = UsualResult(
        config=PRESETS[name].config.model_dump(mode="json"),
        steps=steps,
        seeds=seeds,
        metrics=metrics,
        floor=floor,
        floor_count=floor_count,
        points=points,
    )
    (FOLDER / f"{name}.json").write_text(result.model_dump_json() + "\n")
    print(name, steps, metrics, "real:", floor, flush=True)


def main() -> None:
    """Measure the presets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=[*PRESETS], metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    for name in options.presets:
        if PRESETS[name].config.dataset.present(data_root()):
            measure(name, options.seeds)
        else:
            print(f"{name}: left out, because {PRESETS[name].config.dataset.title} is not here")


if __name__ == "__main__":
    main()
