"""Experiments in which both networks train, on points: mixtures, and penalties compared."""

import math

import numpy as np
import torch

from wgan.config import PRESETS, TrainConfig
from wgan.data import Points
from wgan.metrics import emd, mixture_modes
from wgan.reproduce.base import Bench, Experiment, Row, Tell
from wgan.rng import keyed_rng
from wgan.training import Training

SEEDS = 3

MIXTURES = {
    "ring": ({"name": "ring-8", "scale": 1.0, "sigma": 0.01}, 8),
    "grid": ({"name": "grid-25", "scale": 4.0, "sigma": 0.05}, 25),
}
# Each objective has its optimiser and pace, and steps that take about equal time.
ARMS: dict[str, tuple[dict[str, object], int]] = {
    "gan": (
        {
            "objective": "gan",
            "optimizer": {"name": "adam", "beta1": 0.5, "beta2": 0.999},
            "n_critic": 1,
        },
        15000,
    ),
    "wgan": (
        {
            "objective": {"name": "wgan", "clip_value": 0.1},
            "optimizer": "rmsprop",
            "generator_learning_rate": 5e-4,
            "critic_learning_rate": 5e-4,
            "n_critic": 5,
        },
        6000,
    ),
    "wgan-gp": (
        {
            "objective": {"name": "wgan-gp", "penalty_weight": 0.1},
            "optimizer": {"name": "adam", "beta1": 0.5, "beta2": 0.9},
            "n_critic": 3,
        },
        6000,
    ),
}
PUBLISHED = {("gan", "ring"): (6.3, 0.5), ("gan", "grid"): (17.3, 0.8)}


def _mixture(dataset: dict[str, object], arm: str, seed: int, bench: Bench) -> TrainConfig:
    changes, n = ARMS[arm]
    return TrainConfig.parse(
        {
            "dataset": dataset,
            "network": {"name": "mlp", "width": 128, "depth": 2},
            "generator_learning_rate": 1e-3,
            "critic_learning_rate": 1e-3,
            "batch_size": 128,
            "latent_dim": 2,
            "decay": "linear",
            "ema_decay": 0.995,
            "report_every": 100,
            "seed": seed,
            "steps": bench.steps(n),
        }
        | changes
    )


def _mixtures(bench: Bench) -> list[Row]:
    rows: list[Row] = []
    total, done = len(MIXTURES) * len(ARMS) * SEEDS, 0
    for name, (dataset, modes) in MIXTURES.items():
        floor = 0.0
        for arm in ARMS:
            scores: list[tuple[int, float]] = []
            for seed in range(bench.seed, bench.seed + SEEDS):
                training = Training(
                    _mixture(dataset, arm, seed, bench), engine=MIXTURE_TABLE.engine()
                )
                data = training.data
                assert isinstance(data, Points) and data.means is not None
                means = data.means.numpy()
                while training.steps < training.config.steps:
                    if training.steps % 100 == 0:
                        share = training.steps / training.config.steps
                        bench.report_progress(f"{name}, {arm}, seed {seed}", (done + share) / total)
                    training.step()
                training.reports()
                with torch.no_grad():
                    z = torch.randn(2500, 2, generator=keyed_rng(seed, "metric"))
                    fake = training.average(z).numpy()
                scores.append(mixture_modes(fake, means, data.sigma))
                if not floor:
                    real = data.sample(2500, keyed_rng(seed, "metric", draw=1)).numpy()
                    floor = mixture_modes(real, means, data.sigma)[1]
                done += 1
            rows += _rows(name, arm, modes, floor, scores)
    return rows


def _rows(
    name: str, arm: str, modes: int, floor: float, scores: list[tuple[int, float]]
) -> list[Row]:
    captured, captured_error = _mean([float(captured_modes) for captured_modes, _ in scores])
    good, good_error = _mean([100 * share for _, share in scores])
    expected, agrees, note = f"of {modes}; not in the table of PacGAN", None, ""
    if (arm, name) in PUBLISHED:
        mean, error = PUBLISHED[arm, name]
        expected = f"{mean:g} ± {error:g} of {modes}"
        # Two standard errors of the difference.
        agrees = abs(captured - mean) <= 2 * math.hypot(error, captured_error)
        note = (
            "within two standard errors of the difference"
            if agrees
            else "not their networks, optimiser and number of steps, which determine how many "
            "modes a GAN loses; ours decay the learning rate and average the generator"
        )
    hq = "98.2" if (arm, name) == ("gan", "ring") else "not stated"
    return [
        Row(
            f"{name}, {arm}: modes captured",
            expected,
            captured,
            error=captured_error,
            floor=float(modes),
            agrees=agrees,
            note=f"{note}{'; ' if note else ''}by seed {', '.join(str(m) for m, _ in scores)}",
        ),
        Row(
            "– high-quality samples, %",
            hq,
            good,
            error=good_error,
            floor=100 * floor,
            note=_remark(good, 100 * floor),
        ),
    ]


def _remark(good: float, floor: float) -> str:
    """Return a note on how the percentage of high-quality samples affects the number of captured modes."""
    if good < floor / 2:
        return (
            "far from converged: a mode counts with one good sample, so some modes are counted "
            "by chance"
        )
    return (
        "more than the floor: the modes of the samples are too narrow" if good > floor + 0.5 else ""
    )


def _mean(values: list[float]) -> tuple[float, float]:
    """Return the mean and its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values)))


MIXTURE_TABLE = Experiment(
    "mixtures",
    "Modes captured of 8 and of 25 Gaussians",
    "Srivastava et al. 2017 (VEEGAN), arXiv:1705.07761; Lin et al. 2018 (PacGAN), arXiv:1712.04086",
    "Ring of radius 1, σ 0.01; grid of ±4 in steps of 2, σ 0.05. 2,500 samples, of high quality within "
    f"3σ of the nearest mean, a mode captured with one. {SEEDS} seeds, mean ± standard error. ReLU "
    "networks 2×128, z of 2, batch 128, learning rates falling linearly to 0, averaged generator "
    "(0.995). gan: Adam(1e-3, 0.5, 0.999), 15,000 steps; wgan: c = 0.1, RMSprop 5e-4, 5 critic updates, "
    "6,000 steps; wgan-gp: λ = 0.1, Adam(1e-3, 0.5, 0.9), 3 critic updates, 6,000 steps. Floor: true "
    "samples. One thread.",
    _mixtures,
)


# ---- the penalties compared -----------------------------------------------------------------------


WEIGHTS = (1.0, 10.0, 100.0)
"""λ of both penalties."""

PENALTIES = ("wgan-lp", "wgan-gp")


def _lp_against_gp(bench: Bench) -> list[Row]:
    rows: list[Row] = []
    swings: dict[tuple[str, float], float] = {}
    levels: dict[tuple[str, float], float] = {}
    pairs = [(name, weight) for weight in WEIGHTS for name in PENALTIES]
    for i, (name, weight) in enumerate(pairs):
        report_progress = bench.part(i, len(pairs))
        config = _penalised(name, weight, bench)
        distances, floor = _distances_while_training(
            config, report_progress, f"{name}, λ = {weight:g}"
        )
        late = np.array(distances[len(distances) // 2 :])
        # Differences remove the slow decrease and leave the swings.
        swings[name, weight] = float(np.diff(late).std()) if len(late) > 2 else 0.0
        levels[name, weight] = float(late.mean())
        rows += [
            Row(
                f"{name}, λ = {weight:g}: swings of exact W₁",
                "smooth for every λ" if name == "wgan-lp" else "swings at λ = 10",
                swings[name, weight],
                note="standard deviation of its change in 5 steps, last half",
            ),
            Row(
                "– exact W₁, n = 512, mean of the last half", "–", levels[name, weight], floor=floor
            ),
        ]
    return rows + _comparisons(swings, levels)


def _penalised(name: str, weight: float, bench: Bench) -> TrainConfig:
    """Return the config of a training with a penalty of weight λ."""
    return PRESETS["wgan-lp"].config.changed(
        {
            "objective": {"name": name, "penalty_weight": weight},
            "network.width": 128,
            "generator_learning_rate": 2e-4,
            "critic_learning_rate": 2e-4,
            "n_critic": 5,
            "warmup_steps": 5,
            "warmup_updates": 20,
            "seed": bench.seed,
            "steps": bench.steps(500),
            "report_every": 1,
        }
    )


def _distances_while_training(
    config: TrainConfig, report_progress: Tell, label: str
) -> tuple[list[float], float]:
    """Train, and return the exact W₁ of the samples every 5 steps, and that of real points."""
    training = Training(config, engine=LP_AGAINST_GP.engine())
    data = training.data
    assert isinstance(data, Points)
    real, other = (
        data.sample(512, keyed_rng(config.seed, "metric", draw=draw)).numpy() for draw in (1, 2)
    )
    z = torch.randn(512, config.latent_dim, generator=keyed_rng(config.seed, "metric"))
    distances: list[float] = []
    while training.steps < config.steps:
        training.step()
        if training.steps % 5 == 0 or training.steps == config.steps:
            report_progress(label, training.steps / config.steps)
            with torch.no_grad():
                distances.append(emd(training.generator(z).numpy(), real))
    training.reports()
    return distances, emd(other, real)


def _comparisons(
    swings: dict[tuple[str, float], float], levels: dict[tuple[str, float], float]
) -> list[Row]:
    """Return how the two penalties compare, by penalty and λ."""
    rows = []
    for weight in (10.0, 100.0):
        ratio = swings["wgan-gp", weight] / max(swings["wgan-lp", weight], 1e-12)
        rows.append(
            Row(f"swings of GP ÷ swings of LP, λ = {weight:g}", "above 1", ratio, agrees=ratio > 1)
        )
    ranges = {
        name: float(np.ptp([levels[name, weight] for weight in WEIGHTS])) for name in PENALTIES
    }
    rows.append(
        Row(
            "difference of W₁ among the three λ, LP",
            f"less than GP's {ranges['wgan-gp']:.3g}",
            ranges["wgan-lp"],
            agrees=ranges["wgan-lp"] < ranges["wgan-gp"],
            note="how much the choice of λ matters",
        )
    )
    return rows


LP_AGAINST_GP = Experiment(
    "lp-against-gp",
    "The one-sided penalty trains smoothly; with the two-sided penalty, W₁ swings",
    "Petzka et al. 2018, section 6.1, arXiv:1709.08894",
    "Swiss roll; preset wgan-lp with networks 3×128, learning rates 2e-4, 5 critic updates, 5 steps of "
    "20 updates and 500 steps in place of 3×512, 5e-5, 10, 25 of 100 and 20,000, so that it ends in two minutes; "
    "W₁ of the unaveraged generator with the same z every 5 steps. One seed. One thread.",
    _lp_against_gp,
)
