"""Training on few pictures, without and with augmentation, at equal numbers of steps.

    python -m benchmarks.few_pictures [--steps 3000 20000] [--seeds 0 1 2] [--data digits sprites] [--out FILE]

Trains on 500 digits and on the Pokémon sprites, with constant learning rates and without classes. Each training is
measured after each of the numbers of steps, because the effect of augmentation depends on them. FID is that of 4,000
samples of the averaged generator: for digits against the 60,000 digits of MNIST, so that copies of the 500 digits do not
help; for sprites against the training sprites, because there are no others, so read it together with *memorised*, the
share of samples that copy a training picture, and with the value of held-out sprites.

A leak of the augmentation would show in three numbers that a change has and that pictures do not have:

- *Grey square*: share of samples with a square of a quarter of the side in which all pixels are grey: cutout.
- *Border*: share of samples whose outermost pixels are on average more than a tenth of the range away from the
  background: translation, brightness and contrast.
- *Centre*: standard deviation of the centre of the drawing, in pixels: translation. It counts only where *Border* is
  small, because a grey border moves the centre, too.

The rows "training pictures" and "augmented pictures" give the same numbers for unchanged pictures, and for training
pictures that were augmented with the probability 0.8. Each training of 3,000 steps takes one to three minutes of one free core.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from wgan.config import CONSTANT_RATES, PRESETS, TrainConfig
from wgan.data import Mnist10k, Pictures, as_bytes, as_floats, sample_indices
from wgan.metrics import PictureInputs, ReferenceStats
from wgan.rng import keyed_rng
from wgan.training import Engine, Training
from wgan.training.augmentation import augment, draw_parameters, transforms_of

SAMPLES = 4_000
DIGITS = 500
GREY = 13
"""Pixels within ±5 % of the range around its middle are grey, in 0…255."""

OFF_BACKGROUND = 25.5
"""A tenth of the range of pixels."""

CONFIGS = {
    "digits": PRESETS["quick-mnist"].config.changed(
        {**CONSTANT_RATES, "dataset": Mnist10k(subset=DIGITS)}
    ),
    "sprites": PRESETS["quick-pokemon"].config.changed(
        {**CONSTANT_RATES, "generator_learning_rate": 1e-3, "critic_learning_rate": 2e-3}
    ),
}
BACKGROUND = {"digits": 0.0, "sprites": 255.0}
ARMS: dict[str, dict[str, Any]] = {
    "none": {"augmentation": "none"},
    "fixed, 0.8": {"augmentation": "fixed", "augmentation_probability": 0.8},
    "adaptive": {"augmentation": "adaptive"},
    "translation, 0.8": {
        "augmentation": "fixed",
        "augmentation_probability": 0.8,
        "augmentation_cutout": False,
        "augmentation_colour": False,
        "augmentation_flips": False,
    },
}
DEFAULT_ARMS = ("none", "fixed, 0.8", "adaptive")

COLUMNS = {
    "fid": "FID",
    "memorised": "memorised",
    "grey_square": "grey square",
    "border": "border",
    "centre": "centre (px)",
    "probability": "probability",
}


def leaks(pictures: Tensor, background: float) -> dict[str, float]:
    """Return the three numbers in which an augmentation shows.

    Args:
        pictures: (N, C, H, W) uint8.
        background: The usual level of the border, in 0…255.
    """
    x = pictures.float()
    h, w = x.shape[2:]
    is_grey = ((x - 127.5).abs() <= GREY).all(1, keepdim=True).float()
    grey_square = F.avg_pool2d(is_grey, h // 4, stride=1).flatten(1).max(1).values > 0.999
    edge = torch.ones(h, w, dtype=torch.bool)
    edge[1:-1, 1:-1] = False
    border = (x[..., edge].mean((1, 2)) - background).abs() > OFF_BACKGROUND
    ink = (x - background).abs().mean(1)  # (N, H, W)
    mass = ink.sum((1, 2)).clamp_min(1.0)
    down = (ink.sum(2) @ torch.arange(h).float()) / mass
    right = (ink.sum(1) @ torch.arange(w).float()) / mass
    return {
        "grey_square": float(grey_square.float().mean()),
        "border": float(border.float().mean()),
        "centre": float((down.var() + right.var()).div(2).sqrt()),
    }


def augmented_pictures(config: TrainConfig, pictures: Tensor) -> Tensor:
    """Return pictures that were augmented with the default probability, (N, C, H, W) uint8."""
    config = config.changed(ARMS["fixed, 0.8"])
    transforms = transforms_of(config)
    assert transforms is not None
    parameters = draw_parameters(
        len(pictures),
        config.dataset.shape,
        config.augmentation_probability,
        keyed_rng(0, "metric"),
    )
    return as_bytes(augment(as_floats(pictures), parameters, transforms))


@torch.no_grad()
def samples_of(training: Training) -> Tensor:
    """Return samples of the averaged generator, (N, C, H, W) uint8."""
    z = torch.randn(SAMPLES, training.config.latent_dim, generator=keyed_rng(1, "sample"))
    return torch.cat([as_bytes(training.average(part)) for part in torch.split(z, 500)])


def references(name: str, data: Pictures) -> tuple[ReferenceStats, ReferenceStats]:
    """Return the statistics for FID, and those of the pictures that were trained on."""
    own = ReferenceStats(CONFIGS[name].dataset, data)
    if name == "sprites":
        return own, own
    everything = Mnist10k()
    return ReferenceStats(everything, everything.load()), own


def measure(name: str, arm: str, seed: int, marks: list[int]) -> Iterator[dict[str, Any]]:
    """Train once, and yield a row of numbers after each of the numbers of steps."""
    config = CONFIGS[name].changed(ARMS[arm] | {"seed": seed, "steps": max(marks)})
    data = config.dataset.load()
    assert isinstance(data, Pictures)
    training = Training(config, engine=Engine("cpu", "float32", 1), data=data)
    for_fid, own = references(name, data)
    for mark in sorted(marks):
        while training.steps < mark:
            training.step()
            training.reports()
        samples = samples_of(training)
        probability = training.augmentation.probability if arm != "none" else 0.0
        yield {
            "data": name,
            "arm": arm,
            "steps": mark,
            "seed": seed,
            "fid": PictureInputs(samples, for_fid).fid(),
            "memorised": PictureInputs(samples[:1_000], own).memorised(),
            **leaks(samples, BACKGROUND[name]),
            "probability": float(probability),
        }


def reference_rows(name: str) -> list[dict[str, Any]]:
    """Return the numbers of real pictures, and of augmented ones."""
    data = CONFIGS[name].dataset.load()
    assert isinstance(data, Pictures)
    train = data.train[sample_indices(len(data.train), SAMPLES, keyed_rng(0, "metric", draw=1))]
    for_fid, _ = references(name, data)
    # All held-out sprites are few, and FID grows as the number falls.
    held_out = for_fid.real(SAMPLES)
    return [
        {"data": name, "arm": f"held-out pictures ({len(held_out):,})", "fid": held_out.fid()},
        {"data": name, "arm": "training pictures", **leaks(train, BACKGROUND[name])},
        {
            "data": name,
            "arm": "augmented pictures",
            "fid": PictureInputs(augmented_pictures(CONFIGS[name], train), for_fid).fid(),
            **leaks(augmented_pictures(CONFIGS[name], train), BACKGROUND[name]),
        },
    ]


def table(rows: list[dict[str, Any]]) -> str:
    """Return means over the seeds as a Markdown table, with deviations of several seeds."""
    lines = [
        "| data | augmentation | steps | " + " | ".join(COLUMNS.values()) + " |",
        "|---|---|---|" + "---|" * len(COLUMNS),
    ]
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        steps = f"{row['steps']:,}" if "steps" in row else ""
        groups.setdefault((row["data"], row["arm"], steps), []).append(row)
    for (name, arm, steps), group in groups.items():
        cells = [_cell(key, [row[key] for row in group if key in row]) for key in COLUMNS]
        lines.append(f"| {name} | {arm} | {steps} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(key: str, values: list[float]) -> str:
    if not values:
        return ""
    is_share = key in ("memorised", "grey_square", "border")
    scale, digits = (100.0, 1) if is_share else (1.0, 2)
    text = f"{scale * statistics.fmean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {scale * statistics.stdev(values):.{digits}f}"
    return f"{text} %" if is_share else text


def main() -> None:
    """Print a line of JSON for each training, and a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--steps", type=int, nargs="+", default=[3_000, 20_000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", nargs="+", choices=list(CONFIGS), default=list(CONFIGS))
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(DEFAULT_ARMS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for name in options.data:
        rows += reference_rows(name)
        for arm in options.arms:
            for seed in options.seeds:
                for row in measure(name, arm, seed, options.steps):
                    rows.append(row)
                    print(json.dumps(row), flush=True)
                    if options.out is not None:
                        options.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
