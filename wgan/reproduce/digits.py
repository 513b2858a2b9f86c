"""Experiments on digits: generators without batch norm, overfitting, Brownlee's sevens."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from wgan.config import CONSTANT_RATES, PRESETS
from wgan.data import Mnist10k, Pictures, as_floats
from wgan.reproduce.base import Bench, Experiment, Row
from wgan.reproduce.pictures import PixelMetrics, make_pictures, train_to_end
from wgan.rng import keyed_rng
from wgan.training import Engine, Training
from wgan.training.engine import cores, might_gain_from_bfloat16

GENERATORS: dict[str, dict[str, object]] = {
    "DCGAN": {"name": "dcgan", "size": "medium"},
    "DCGAN without batch norm": {"name": "dcgan", "size": "medium", "batch_norm": False},
    "MLP 4×512": {"name": "mlp-pictures", "critic_kind": "dcgan"},
}


def _no_batch_norm(bench: Bench) -> list[Row]:
    data = Mnist10k().load()
    metrics = PixelMetrics(data)
    real = data.train[torch.randperm(len(data.train), generator=keyed_rng(bench.seed, "metric"))]
    floor = metrics.frechet(real[:1000])
    rows: list[Row] = []
    for i, (name, network) in enumerate(GENERATORS.items()):
        distances: dict[str, float] = {}
        for j, objective in enumerate(("gan", "wgan-gp")):
            changes: dict[str, object] = {
                "objective": objective,
                "network": network,
                "seed": bench.seed,
                "steps": bench.steps(1000),
                "generator_learning_rate": 1e-3,
                "critic_learning_rate": 2e-3,
            }
            if objective == "gan":
                changes |= {
                    "optimizer": {"name": "adam", "beta1": 0.5, "beta2": 0.999},
                    "generator_learning_rate": 2e-4,
                    "critic_learning_rate": 2e-4,
                }
            config = PRESETS["quick-mnist"].config.changed({**CONSTANT_RATES, **changes})
            training = Training(config, engine=NO_BATCH_NORM.engine(), data=data)
            train_to_end(training, bench.part(2 * i + j, 6), f"{name}, {objective}")
            pictures = make_pictures(training, 1000)
            distances[objective] = metrics.frechet(pictures)
            rows += [
                Row(
                    f"{name}, {objective}: Fréchet distance in pixels, n = 1,000",
                    "fails or collapses" if objective == "gan" and i else "learns",
                    distances[objective],
                    floor=floor,
                    note="50 principal components, compared with 1,000 held-out digits",
                ),
                Row(
                    "– classes with at least 1 % of the samples",
                    "10" if objective != "gan" or not i else "fewer",
                    float(metrics.classes(pictures)),
                    floor=10.0,
                    note="according to the nearest class mean",
                ),
            ]
        ratio = distances["gan"] / distances["wgan-gp"]
        rows.append(
            Row(
                f"{name}: distance of gan ÷ distance of wgan-gp",
                "well above 1, above 1.5" if i else "about 1 or above",
                ratio,
                agrees=ratio > 1.5 if i else None,
                note=_ratio_note(ratio, rows, distances),
            )
        )
    return rows


def _ratio_note(ratio: float, rows: list[Row], distances: dict[str, float]) -> str:
    """Return a note about influences on the ratio other than the generator."""
    first = next((row.measured for row in rows if "÷" in row.quantity), None)
    if first is None:
        return "control: the failure comes from gan's learning rates, a fifth of wgan-gp's"
    short = (
        f"; wgan-gp's own {distances['wgan-gp']:.3g} is far from learned" if ratio <= 1.5 else ""
    )
    return f"with batch norm, at the same learning rates, it is {first:.3g}{short}"


NO_BATCH_NORM = Experiment(
    "no-batch-norm",
    "Generators without batch norm, or without convolutions: the GAN fails, the WGAN learns",
    "Arjovsky et al. 2017, figures 5 to 7, arXiv:1701.07875",
    "mnist-10k, critic: medium DCGAN without batch norm, batch 32, one critic update, 1,000 "
    "steps, averaged generator. gan: Adam(2e-4, 0.5, 0.999), as for DCGAN; wgan-gp: λ = 10, "
    "Adam(1e-3 and 2e-3, 0, 0.9). The paper uses LSUN bedrooms and clipping, and judges by "
    "eye. All cores.",
    _no_batch_norm,
    threads=0,
)


# ---- overfitting ----------------------------------------------------------------------------------


def _memorisation_note(share: float, updates: int) -> str:
    """Return a note whether the critic has memorised its training digits."""
    if share > 0.2:
        return "the critic has memorised its training digits"
    return (
        f"not within {updates:,} critic updates, about {64 * updates // 1000} passes over the digits: "
        "the paper trains far longer, with a larger critic"
    )


@torch.no_grad()
def _gaps(training: Training, data: Pictures) -> tuple[float, float]:
    """Return the critic's gap on training and on held-out digits, with the same weights and fakes.

    The gaps of a report cannot be compared: one is a mean over all updates of a step, the other is taken
    at the last update.
    """
    fake = as_floats(make_pictures(training, 500, averaged=False))
    rng = keyed_rng(training.config.seed, "held-out", training.steps, 1)
    scores = [
        float(training.critic(x).mean())
        for x in (data.batch("train", 500, rng), data.batch("held-out", 500, rng), fake)
    ]
    return scores[0] - scores[2], scores[1] - scores[2]


def _overfitting(bench: Bench) -> list[Row]:
    all_digits = Mnist10k().load()
    order = torch.randperm(len(all_digits.train), generator=keyed_rng(bench.seed, "sample"))
    rows: list[Row] = []
    shares: list[float] = []
    for i, n in enumerate((1_000, 10_000)):
        chosen = order[:n]
        data = Pictures(
            all_digits.train[chosen],
            all_digits.held_out,
            all_digits.train_labels[chosen],
            all_digits.held_out_labels,
            all_digits.names,
        )
        config = PRESETS["quick-mnist"].config.changed(
            {
                **CONSTANT_RATES,
                "network": {"name": "mlp-pictures", "depth": 3},
                "batch_size": 64,
                "n_critic": 5,
                "generator_learning_rate": 5e-4,
                "critic_learning_rate": 5e-4,
                "seed": bench.seed,
                "steps": bench.steps(1300),
            }
        )
        training = Training(config, engine=OVERFITTING.engine(), data=data)
        gaps: list[tuple[float, float]] = []
        while training.steps < config.steps:
            training.step()
            if training.steps % 10 == 0 or training.steps == config.steps:
                bench.report_progress(f"{n:,} digits", (i + training.steps / config.steps) / 2)
            late = training.steps % 5 == 0 and training.steps > 0.75 * config.steps
            if late or training.steps == config.steps:
                gaps.append(_gaps(training, data))
        training.reports()
        training_gap, held_out_gap = (float(np.mean(side)) for side in zip(*gaps, strict=True))
        shares.append((training_gap - held_out_gap) / abs(training_gap))
        first = n == 1_000
        rows += [
            Row(f"{n:,} digits: critic gap on them, last quarter", "–", training_gap),
            Row(
                "– critic gap on held-out digits",
                "below the line above" if first else "near it",
                held_out_gap,
            ),
            Row(
                "– share of the gap that is missing on held-out digits",
                "diverges, above 0.2" if first else "less than with 1,000",
                shares[-1],
                agrees=shares[-1] > 0.2 if first else shares[-1] < shares[0],
                note=_memorisation_note(shares[-1], 5 * training.steps) if first else "",
            ),
        ]
    return rows


OVERFITTING = Experiment(
    "overfitting",
    "With 1,000 digits the critic overfits: the gaps on training and held-out digits differ",
    "Gulrajani et al. 2017, figure 5b, arXiv:1704.00028",
    "The first 1,000 and all 10,000 of mnist-10k in one random order, 1,000 held out; both "
    "networks 3×512 without convolutions, which memorise digits sooner than a DCGAN; wgan-gp "
    "with λ = 10, Adam(5e-4, 0, 0.9), batch 64, 5 critic updates, 1,300 steps; gaps on 500 "
    "digits of each kind and 500 fakes, mean of the last quarter. All cores.",
    _overfitting,
    threads=0,
)


# ---- Brownlee -------------------------------------------------------------------------------------

BROWNLEE_STEPS = 970
PUBLISHED_GAP = 8.9


def _brownlee(bench: Bench) -> list[Row]:
    config = PRESETS["brownlee"].config
    full = config.dataset.present()
    if not full:
        config = config.changed({"dataset": Mnist10k(classes=("7",))})
    config = config.changed({"seed": bench.seed, "steps": bench.steps(BROWNLEE_STEPS)})
    # bfloat16 is twice as fast on CPUs with instructions for it; on others this takes 15 minutes.
    fast = might_gain_from_bfloat16("cpu", "pictures")
    engine = Engine("cpu", "bfloat16" if fast else "float32", cores())
    training = Training(config, engine=engine)
    reports = train_to_end(training, bench.report_progress, "sevens")
    last = reports[-97:]
    gap = float(np.mean([r.critic_gap for r in last]))
    metrics = PixelMetrics(Mnist10k().load())
    pictures = make_pictures(training, 100, averaged=False)
    sevens = Mnist10k(classes=("7",)).load().held_out
    if bench.folder is not None:
        _write_grid(pictures, bench.folder / BROWNLEE.picture)
    data = (
        "6,265 sevens of MNIST"
        if full
        else "the 1,000 sevens of mnist-10k, because MNIST is not on this machine"
    )
    return [
        Row(
            f"critic gap, mean of the last epoch, steps {last[0].step} to {last[-1].step}",
            f"{PUBLISHED_GAP} at step {BROWNLEE_STEPS}",
            gap,
            agrees=None
            if training.steps < BROWNLEE_STEPS
            else abs(gap - PUBLISHED_GAP) < PUBLISHED_GAP / 2,
            note=f"{training.steps} of {BROWNLEE_STEPS} steps, {engine.precision}, on {data}; highest "
            f"{max(r.critic_gap for r in reports):.3g}, last {reports[-1].critic_gap:.3g}. It rises for "
            "as long as the fakes are easy to tell, as only kernels are clipped, and falls when the "
            "generator catches up. With running statistics that keep a share of their start, which "
            "Keras 2.2's did not, the generator catches up later: 116 at step 950",
        ),
        Row(
            "share of 100 samples closer to the mean seven than to the mean of any other digit, %",
            "recognisable sevens",
            100 * float(metrics.shares(pictures)[7]),
            floor=100 * float(metrics.shares(sevens)[7]),
            note="according to the nearest class mean; floor: held-out sevens",
        ),
    ]


def _write_grid(pictures: Tensor, path: Path) -> None:
    """Write 100 pictures as Brownlee does: ten rows of ten, black on white."""
    grid = pictures[:100, 0].reshape(10, 10, 28, 28).permute(0, 2, 1, 3).reshape(280, 280)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(255 - (grid // 16 * 17).numpy()).quantize(16).save(path, optimize=True)


BROWNLEE = Experiment(
    "brownlee",
    "Brownlee's tutorial: sevens from a critic with only its kernels clipped",
    "Brownlee 2019, How to Develop a Wasserstein Generative Adversarial Network (WGAN) From Scratch",
    "Preset brownlee with all its 970 steps: the published gap is that of the last step. It "
    "takes six minutes if the processor has bfloat16, else a quarter of an hour. MNIST in "
    "the folder WGAN_DATA, else the sevens of mnist-10k. All cores.",
    _brownlee,
    threads=0,
    picture="reproduction-brownlee.png",
)
