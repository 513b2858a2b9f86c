"""Arjovsky et al. 2017, figures 3 and 4: which estimate follows the quality of the samples."""

import math

import numpy as np
import scipy.stats
import torch

from wgan.arrays import Real
from wgan.config import TrainConfig
from wgan.data import Mnist10k, Pictures
from wgan.metrics import emd
from wgan.reproduce.base import Bench, Experiment, Row, Tell
from wgan.reproduce.pictures import flat_pixels, make_pictures
from wgan.rng import keyed_rng
from wgan.training import Report, Training

CURVES: dict[str, dict[str, object]] = {
    "wgan": {
        "objective": {"name": "wgan", "clip_value": 0.01},
        "optimizer": "rmsprop",
        "generator_learning_rate": 2e-4,
        "critic_learning_rate": 2e-4,
        "warmup_steps": 5,
    },
    "gan": {
        "objective": "gan",
        "optimizer": {"name": "adam", "beta1": 0.5, "beta2": 0.999},
        "generator_learning_rate": 2e-4,
        "critic_learning_rate": 2e-4,
    },
}


def _w_and_js_curves(bench: Bench) -> list[Row]:
    data = Mnist10k().load()
    real = flat_pixels(data.held_out[:256])
    rng = keyed_rng(bench.seed, "metric", draw=1)
    training_digits = data.train[torch.randperm(len(data.train), generator=rng)[:256]]
    floor = emd(flat_pixels(training_digits), real)
    rows: list[Row] = []
    for i, (name, changes) in enumerate(CURVES.items()):
        report_progress = bench.part(i, len(CURVES))
        reports, distances = _distances_at_reports(
            _config(changes, bench), data, real, report_progress, name
        )
        if name == "wgan":
            rows += _critic_rows(reports, distances, floor)
        else:
            rows += _discriminator_rows(reports, distances)
    return rows


def _config(changes: dict[str, object], bench: Bench) -> TrainConfig:
    return TrainConfig.parse(
        {
            "dataset": "mnist-10k",
            "network": {"name": "dcgan", "size": "small"},
            "latent_dim": 64,
            "n_critic": 5,
            "warmup_updates": bench.steps(50),
            "steps": bench.steps(400),
            "report_every": 1 if bench.scale < 0.1 else 20,
            "seed": bench.seed,
        }
        | changes
    )


def _distances_at_reports(
    config: TrainConfig, data: Pictures, real: Real, report_progress: Tell, name: str
) -> tuple[list[Report], list[float]]:
    """Train, and return all reports and the exact W₁ between samples and real digits at each."""
    training = Training(config, engine=W_AND_JS_CURVES.engine(), data=data)
    reports: list[Report] = []
    distances: list[float] = []
    while training.steps < config.steps:
        training.step()
        for report in training.reports():
            report_progress(name, training.steps / config.steps)
            reports.append(report)
            samples = make_pictures(training, 256, averaged=False)
            distances.append(emd(flat_pixels(samples), real))
    return reports, distances


def _critic_rows(reports: list[Report], distances: list[float], floor: float) -> list[Row]:
    estimates = np.array([r.critic_gap for r in reports])
    correlation = _rank_correlation(estimates, distances)
    return [
        Row(
            "wgan: rank correlation of the critic's estimate with exact W₁ of the samples",
            "positive, above 0.5: it falls as the samples improve",
            correlation,
            agrees=correlation > 0.5,
            note=f"{len(reports)} moments; the estimate went {estimates.max():.3g} at its "
            f"highest → {estimates[-1]:.3g}",
        ),
        Row(
            "– exact W₁ of the samples in pixels at the end, n = 256",
            "falls",
            distances[-1],
            floor=floor,
            note=f"from {distances[0]:.3g} at the first report; {_BLUR}",
        ),
    ]


def _discriminator_rows(reports: list[Report], distances: list[float]) -> list[Row]:
    estimates = np.array([math.log(2) - r.critic_loss / 2 for r in reports])
    late = float(estimates[len(estimates) // 2 :].mean())
    correlation = _rank_correlation(estimates, distances)
    return [
        Row(
            "gan: estimate of JS, mean of the last half",
            "near log 2 = 0.693, above 0.6",
            late,
            agrees=late > 0.6,
            note="log 2 − loss / 2, a lower bound of JS",
        ),
        Row(
            "– rank correlation of this estimate with exact W₁ of the samples",
            "not positive: it says nothing about the samples",
            correlation,
            agrees=correlation < 0.3,
            note=f"W₁ went {distances[0]:.3g} → {distances[-1]:.3g}",
        ),
    ]


_BLUR = (
    "in pixels, blurred samples can be closer to digits than other digits are, and so below this "
    "floor"
)


def _rank_correlation(a: Real, b: list[float]) -> float:
    """Return Spearman's correlation; 0 if it is not defined."""
    correlation = float(scipy.stats.spearmanr(a, b).statistic) if len(b) > 2 else 0.0
    return correlation if math.isfinite(correlation) else 0.0


W_AND_JS_CURVES = Experiment(
    "w-and-js-curves",
    "The critic's estimate follows the quality of the samples; the discriminator's does not",
    "Arjovsky et al. 2017, figures 3 and 4, arXiv:1701.07875",
    "mnist-10k, small DCGAN, batch 64, 5 critic updates, 400 steps. wgan: c = 0.01, RMSprop 2e-4, 50 "
    "updates in each of the first 5 steps; gan: Adam(2e-4, 0.5, 0.999). W₁: exact, in pixels, 256 "
    "samples against 256 held-out digits, every 20 steps. All cores.",
    _w_and_js_curves,
    threads=0,
)
