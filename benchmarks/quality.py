"""The quality of samples after some time of training, compared with a textbook loop with the same settings.

    python -m benchmarks.quality                                    # quick-mnist on full MNIST, 10 to 300 s, three seeds
    python -m benchmarks.quality --preset quick-fashion toy-ring toy-grid --seconds 10 30 60
    python -m benchmarks.quality --seconds 30 --ours "" --ours "--batch-size 64 --network.size small"
    python -m benchmarks.quality --seconds 10 30 60 --planned-for 60   # what somebody sees who watches for a minute

Each training is a separate process with an empty cache, so it compiles, chooses threads and warms
up as on first use. Its clock stops during measurements. "Ours" is the job of `python -m wgan train`
with reports, pictures and checkpoints, but without live metrics. "Textbook" uses a DataLoader,
float32, torch's default number of threads, separate passes for real, fake and penalty, and reads
the losses at every step; it knows no classes, its learning rates are constant, and its batches of pictures have 32 examples. The two take
turns for each seed. If the learning rates of "ours" decay, a training for each mark is planned; with `--planned-for`, one training
that is measured at all marks. Pictures are measured by the Fréchet
distance between 4,000 samples and the training set in the 64 features of the shipped network; its
floor is that of 4,000 real pictures. Points are measured by W₁ of 512 samples and its floor,
and by captured modes and the share of high quality of 2,500 samples.
"""

import argparse
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.trainings import ProductTraining, Sampler, SteppedTraining, TextbookTraining
from wgan.config import PRESETS, TrainConfig
from wgan.data import Data, Pictures, as_bytes
from wgan.metrics import PictureInputs, PointInputs, ReferenceStats
from wgan.runs import Status
from wgan.training import planned_steps
from wgan.training.live_metrics import FLOOR_DRAWS

FULL = {"quick-mnist": {"dataset": "mnist"}}
"""Presets that use a part of a data set. Here they use all of it."""

FID_SAMPLES = 4000
"""Number of samples for the FID of pictures."""

TEXTBOOK: dict[str, Any] = {"conditional": False, "decay": "none"}
"""What textbooks and tutorials do not do."""

TEXTBOOK_PICTURES: dict[str, Any] = {
    "generator_learning_rate": 2e-3,
    "critic_learning_rate": 4e-3,
    "batch_size": 32,
    "ema_decay": 0.995,
}
"""Settings for pictures that were found for constant learning rates and without classes."""


def config_of(preset: str, seed: int, changes: dict[str, Any]) -> TrainConfig:
    """Return the config of a preset with changes and without a limit of steps."""
    timed = {"measure": False, "steps": 10_000_000, "seed": seed}
    return PRESETS[preset].config.changed(FULL.get(preset, {}) | timed).changed(changes)


def trainings(
    arm: str,
    config: TrainConfig,
    data: Data,
    folder: Path,
    marks: list[float],
    planned_for: float | None = None,
) -> Iterator[tuple[float, int, Sampler]]:
    """Train with one of the two loops; yield seconds, steps and samples at each mark.

    The clock stops while the caller measures the samples. If the learning rates decay, there is a training for each
    mark, whose number of steps is planned for it; it ends near the mark. With `planned_for`, one training is planned for
    so many seconds; a mark that it does not reach is measured at its end.
    """
    if arm == "textbook":
        yield from measured_at(TextbookTraining(config, data), marks)
    elif config.decay == "none":
        yield from measured_at(ProductTraining(config, folder), marks)
    elif planned_for is not None:
        steps = planned_steps(config, planned_for)
        yield from measured_at(
            ProductTraining(config.changed({"steps": steps}), folder), marks, steps
        )
    else:
        for mark in marks:
            steps = planned_steps(config, mark)
            training = ProductTraining(config.changed({"steps": steps}), folder)
            start = time.perf_counter()
            while training.steps < steps:
                training.step()
            yield time.perf_counter() - start, steps, training.sampler()
            training.job.finish(Status.FINISHED)


def measured_at(
    training: SteppedTraining, marks: list[float], last_step: float = math.inf
) -> Iterator[tuple[float, int, Sampler]]:
    """Train until each mark in turn, but not beyond the last step; yield seconds, steps and samples."""
    seconds = 0.0
    for mark in marks:
        while seconds < mark and training.steps < last_step:
            start = time.perf_counter()
            training.step()
            seconds += time.perf_counter() - start
        yield seconds, training.steps, training.sampler()


# ---- measuring ----------------------------------------------------------------------------------


def sample_metrics(
    data: Data, reference_stats: ReferenceStats | None, make: Sampler
) -> dict[str, float]:
    """Return the metrics of samples, and the floor of the first one: what real examples score.

    The floor of points is a mean over several draws, because that of 512 points depends on the draw. The
    floor of pictures is stored with the network for 4,000 real pictures; if it is not, all held-out pictures
    take their place, up to 4,000.
    """
    if isinstance(data, Pictures):
        assert reference_stats is not None
        sides = PictureInputs(as_bytes(make(FID_SAMPLES)), reference_stats)
        if FID_SAMPLES in reference_stats.floors:
            floor, _ = reference_stats.floors[FID_SAMPLES]
        else:
            floor = reference_stats.real(FID_SAMPLES).fid()
        return {"fid64_4k": sides.fid(), "floor": floor}
    points = PointInputs(make(2500).numpy(), data)
    real_sets = [
        PointInputs(points.fake, data, draw).first(512).other for draw in range(FLOOR_DRAWS)
    ]
    metrics = {
        "emd_512": points.first(512).emd(),
        "floor": statistics.fmean(real.emd() for real in real_sets),
    }
    if data.means is not None:
        metrics |= {"modes": points.modes[0], "high_quality": points.modes[1]}
    return metrics


def train_arm(arm: dict[str, Any]) -> None:
    """Train with one of the two loops, and print a line of JSON at each mark."""
    config = TrainConfig.parse(arm["config"])
    data = config.dataset.load()
    reference_stats = ReferenceStats(config.dataset, data) if isinstance(data, Pictures) else None
    if reference_stats is not None:
        reference_stats.real(FID_SAMPLES).fid()  # before the clock starts
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        marks = [float(mark) for mark in arm["seconds"]]
        planned_for = arm["planned_for"]
        trained = trainings(arm["arm"], config, data, Path(folder) / "runs", marks, planned_for)
        for mark, (seconds, steps, make) in zip(marks, trained, strict=True):
            metrics = sample_metrics(data, reference_stats, make)
            print(
                json.dumps({"mark": mark, "seconds": seconds, "steps": steps, **metrics}),
                flush=True,
            )


def main() -> None:
    """Print a line for each run and mark, and a table of means over seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", nargs="+", default=["quick-mnist"])
    parser.add_argument("--seconds", type=float, nargs="+", default=[10, 20, 30, 60, 120, 300])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--ours",
        action="append",
        metavar="FLAGS",
        help='flags of `python -m wgan train`, or "": the preset itself; may be repeated',
    )
    parser.add_argument(
        "--textbook",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="the textbook loop's last mark (60; 0: none)",
    )
    parser.add_argument(
        "--planned-for",
        type=float,
        metavar="SECONDS",
        help="plan one training for this time, and measure it at all marks",
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        train_arm(json.loads(options.one))
        return
    variants = options.ours or [""]
    arms = [("ours " + flags).strip() for flags in variants]
    arms += ["textbook"] if options.textbook else []
    rows: list[dict[str, Any]] = []
    for preset in options.preset:
        for seed in options.seeds:
            for arm in arms:
                flags = shlex.split(arm.removeprefix("ours")) if arm != "textbook" else []
                named = [flag.removeprefix("--").replace("-", "_") for flag in flags[::2]]
                changes: dict[str, Any] = dict(zip(named, flags[1::2], strict=True))
                if arm == "textbook":
                    is_pictures = PRESETS[preset].config.dataset.kind == "pictures"
                    changes = TEXTBOOK | (TEXTBOOK_PICTURES if is_pictures else {})
                config = config_of(preset, seed, changes)
                longest = options.textbook if arm == "textbook" else max(options.seconds)
                training = {
                    "arm": arm,
                    "config": config.model_dump(mode="json"),
                    "seconds": [mark for mark in options.seconds if mark <= longest],
                    "planned_for": options.planned_for,
                }
                rows += run(preset, seed, training)
    report(rows, options.seconds)


def run(
    preset: str, seed: int, training: dict[str, Any], *, module: str = "benchmarks.quality"
) -> list[dict[str, Any]]:
    """Train with `MODULE --one` in another process, and return its lines."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--one", json.dumps(training)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    rows = []
    for line in done.stdout.splitlines():
        row = {"preset": preset, "seed": seed, "arm": training["arm"], **json.loads(line)}
        rows.append(row)
        print(json.dumps(row | {"load": round(os.getloadavg()[0], 1)}), flush=True)
    return rows


def mean_and_deviation(values: list[float]) -> str:
    """Return "mean ± deviation"; the mean alone for a single value."""
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.4g}{spread}"


def report(rows: list[dict[str, Any]], marks: list[float]) -> None:
    """Print a table for each preset: mean ± deviation over seeds."""
    for preset in dict.fromkeys(row["preset"] for row in rows):
        preset_rows = [row for row in rows if row["preset"] == preset]
        keys = [
            k
            for k in ("fid64_4k", "emd_512", "modes", "high_quality", "steps", "seconds")
            if k in preset_rows[0]
        ]
        print(
            f"\n{preset}, seeds {sorted({row['seed'] for row in preset_rows})}, "
            f"floor {statistics.fmean(row['floor'] for row in preset_rows):.3g}"
        )
        print("| arm | number | " + " | ".join(f"{mark:g} s" for mark in marks) + " |")
        print("|---|---|" + "---|" * len(marks))
        for arm in dict.fromkeys(row["arm"] for row in preset_rows):
            for key in keys:
                cells = []
                for mark in marks:
                    of = [r[key] for r in preset_rows if r["arm"] == arm and r["mark"] == mark]
                    if not of:
                        cells.append("")
                        continue
                    cells.append(
                        f"{statistics.fmean(of):.4g}" if key == "steps" else mean_and_deviation(of)
                    )
                print(f"| {arm} | {key} | " + " | ".join(cells) + " |")
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
