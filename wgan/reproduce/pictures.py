"""Experiments on digits: curves, generators without batch norm, overfitting, Brownlee's sevens."""

import math
from pathlib import Path

import numpy as np
import scipy  # loads its parts when they are first used
import torch
from PIL import Image
from torch import Tensor

from wgan.arrays import Real
from wgan.config import PRESETS, TrainConfig
from wgan.data import Mnist10k, Pictures, Stack, as_bytes, as_floats
from wgan.metrics import emd
from wgan.reproduce.base import Bench, Experiment, Row, Tell
from wgan.rng import keyed_rng
from wgan.training import Diverged, Engine, Report, Training
from wgan.training.engine import cores, might_gain_from_bfloat16

COMPONENTS = 50


class Ruler:
    """Measures pictures in their own pixels: no network that would have to be trusted.

    `frechet` is the Fréchet distance of Gaussians fitted to the first 50 principal components of
    the training pictures; `classes` counts those to whose mean at least 1 % of samples are nearest.
    """

    def __init__(self, data: Pictures) -> None:
        flat = _flat(data.train)  # (N, 784)
        self._mean = flat.mean(axis=0)
        covariance = np.cov(flat, rowvar=False)
        self._axes = np.linalg.eigh(covariance)[1][:, -COMPONENTS:]  # (784, 50)
        labels = data.train_labels.numpy()
        self.means = np.stack([flat[labels == k].mean(axis=0) for k in range(len(data.names))])
        self._real = self._fit(_flat(data.held_out))

    def _fit(self, flat: Real) -> tuple[Real, Real]:
        components = (flat - self._mean) @ self._axes
        return components.mean(axis=0), np.cov(components, rowvar=False)

    def frechet(self, pictures: Tensor) -> float:
        """Return the distance of pictures, uint8 (N, C, H, W), to the held-out ones."""
        (mean, covariance), (real_mean, real_covariance) = self._fit(_flat(pictures)), self._real
        values = np.linalg.eigvals(covariance @ real_covariance)
        root = np.sqrt(np.clip(values.real, 0, None)).sum()
        between = ((mean - real_mean) ** 2).sum()
        return float(between + np.trace(covariance) + np.trace(real_covariance) - 2 * root)

    def shares(self, pictures: Stack) -> Real:
        """Return for each class the share of pictures that are nearest to its mean, (K,)."""
        nearest = ((_flat(pictures)[:, None] - self.means) ** 2).sum(axis=2).argmin(axis=1)
        return np.bincount(nearest, minlength=len(self.means)) / len(pictures)

    def classes(self, pictures: Tensor) -> int:
        """Return how many classes hold at least 1 % of the pictures."""
        return int((self.shares(pictures) >= 0.01).sum())


def _flat(pictures: Stack) -> Real:
    """Return pictures, uint8 (N, C, H, W), as numbers in [−1, 1], (N, C·H·W)."""
    return as_floats(pictures[:]).flatten(1).double().numpy()


@torch.no_grad()
def _made(training: Training, n: int, averaged: bool = True) -> Tensor:
    """Return n pictures of the training's generator in inference mode, uint8 (n, C, H, W)."""
    z = torch.randn(
        n, training.config.latent_dim, generator=keyed_rng(training.config.seed, "metric")
    )
    network = training.average if averaged else training.generator
    mode = network.training
    network.eval()
    pictures = torch.cat([as_bytes(network(part)) for part in torch.split(z, 250)])
    network.train(mode)
    return pictures


def _train(training: Training, tell: Tell, words: str) -> list[Report]:
    """Train to the config's end, or to where it diverges, and return the reports."""
    steps, reports = training.config.steps, []
    while training.steps < steps:
        training.step()
        if training.steps % 10 == 0 or training.steps == steps:
            tell(words, training.steps / steps)
            try:
                reports += training.reports()
            except Diverged as lost:
                return reports + lost.reports
    return reports


def _part(bench: Bench, done: int, of: int) -> Tell:
    return lambda words, share: bench.tell(words, (done + share) / of)


# ---- figures 3 and 4 ------------------------------------------------------------------------------

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
    rows: list[Row] = []
    data = Mnist10k().load()
    real = _flat(data.held_out[:256])
    floor = emd(
        _flat(
            data.train[
                torch.randperm(len(data.train), generator=keyed_rng(bench.seed, "metric", draw=1))[
                    :256
                ]
            ]
        ),
        real,
    )
    for i, (name, changes) in enumerate(CURVES.items()):
        config = TrainConfig.parse(
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
        training = Training(config, engine=W_AND_JS_CURVES.engine(), data=data)
        reports: list[Report] = []
        distances: list[float] = []
        while training.steps < config.steps:
            training.step()
            for report in training.reports():
                share = training.steps / config.steps
                bench.tell(name, (i + share) / len(CURVES))
                reports.append(report)
                distances.append(emd(_flat(_made(training, 256, averaged=False)), real))
        if name == "wgan":
            estimate = np.array([r.critic_gap for r in reports])
            correlation = _rank(estimate, distances)
            rows += [
                Row(
                    "wgan: rank correlation of the critic's estimate with exact W₁ of the samples",
                    "positive, above 0.5: it falls as samples improve",
                    correlation,
                    agrees=correlation > 0.5,
                    note=f"{len(reports)} moments; the estimate went {estimate.max():.3g} at its "
                    f"highest → {estimate[-1]:.3g}",
                ),
                Row(
                    "– exact W₁ of the samples in pixels at the end, n = 256",
                    "falls",
                    distances[-1],
                    floor=floor,
                    note=f"from {distances[0]:.3g} at the first report; {_BLUR}",
                ),
            ]
            continue
        estimate = np.array([math.log(2) - r.critic_loss / 2 for r in reports])
        late = float(estimate[len(estimate) // 2 :].mean())
        rows += [
            Row(
                "gan: estimate of JS, mean of the last half",
                "near log 2 = 0.693, above 0.6",
                late,
                agrees=late > 0.6,
                note="log 2 − loss / 2, a lower bound of JS",
            ),
            Row(
                "– rank correlation of it with exact W₁ of the samples",
                "not positive: it tells nothing",
                _rank(estimate, distances),
                agrees=_rank(estimate, distances) < 0.3,
                note=f"W₁ went {distances[0]:.3g} → {distances[-1]:.3g}",
            ),
        ]
    return rows


_BLUR = "in pixels blurred samples can lie nearer to digits than digits do, so below this floor"


def _rank(a: Real, b: list[float]) -> float:
    correlation = float(scipy.stats.spearmanr(a, b).statistic) if len(b) > 2 else 0.0
    return correlation if math.isfinite(correlation) else 0.0


W_AND_JS_CURVES = Experiment(
    "w-and-js-curves",
    "The critic's estimate follows the samples, the discriminator's does not",
    "Arjovsky et al. 2017, figures 3 and 4, arXiv:1701.07875",
    "mnist-10k, small DCGAN, batch 64, 5 critic updates, 400 steps. wgan: c = 0.01, RMSprop 2e-4, 50 "
    "updates in each of the first 5 steps; gan: Adam(2e-4, 0.5, 0.999). W₁: exact, in pixels, 256 "
    "samples against 256 held-out digits, every 20 steps. All cores.",
    _w_and_js_curves,
    threads=0,
)


# ---- figures 5 to 7 -------------------------------------------------------------------------------

GENERATORS: dict[str, dict[str, object]] = {
    "DCGAN": {"name": "dcgan", "size": "medium"},
    "DCGAN without batch norm": {"name": "dcgan", "size": "medium", "batch_norm": False},
    "MLP 4×512": {"name": "mlp-pictures", "critic_kind": "dcgan"},
}


def _no_batch_norm(bench: Bench) -> list[Row]:
    data = Mnist10k().load()
    ruler = Ruler(data)
    real = data.train[torch.randperm(len(data.train), generator=keyed_rng(bench.seed, "metric"))]
    floor = ruler.frechet(real[:1000])
    rows: list[Row] = []
    for i, (name, network) in enumerate(GENERATORS.items()):
        values: dict[str, float] = {}
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
            config = PRESETS["quick-mnist"].config.changed(changes)
            training = Training(config, engine=NO_BATCH_NORM.engine(), data=data)
            _train(training, _part(bench, 2 * i + j, 6), f"{name}, {objective}")
            pictures = _made(training, 1000)
            values[objective] = ruler.frechet(pictures)
            rows += [
                Row(
                    f"{name}, {objective}: Fréchet distance in pixels, n = 1,000",
                    "fails or collapses" if objective == "gan" and i else "learns",
                    values[objective],
                    floor=floor,
                    note="50 principal components, against 1,000 held-out digits",
                ),
                Row(
                    "– classes with at least 1 % of the samples",
                    "10" if objective != "gan" or not i else "fewer",
                    float(ruler.classes(pictures)),
                    floor=10.0,
                    note="by the nearest class mean",
                ),
            ]
        ratio = values["gan"] / values["wgan-gp"]
        rows.append(
            Row(
                f"{name}: distance of gan ÷ distance of wgan-gp",
                "well above 1, above 1.5" if i else "about 1 or above",
                ratio,
                agrees=ratio > 1.5 if i else None,
                note=_compared(ratio, rows, values),
            )
        )
    return rows


def _compared(ratio: float, rows: list[Row], found: dict[str, float]) -> str:
    """Say what else than the generator decides the ratio."""
    first = next((row.measured for row in rows if "÷" in row.quantity), None)
    if first is None:
        return "the control: here it comes from gan's learning rates, a fifth of wgan-gp's"
    short = f"; wgan-gp's own {found['wgan-gp']:.3g} is far from learned" if ratio <= 1.5 else ""
    return f"with batch norm, at the same learning rates, it is {first:.3g}{short}"


NO_BATCH_NORM = Experiment(
    "no-batch-norm",
    "Generators without batch norm, or without convolutions: the GAN fails, the WGAN learns",
    "Arjovsky et al. 2017, figures 5 to 7, arXiv:1701.07875",
    "mnist-10k, critic: medium DCGAN without batch norm, batch 32, one critic update, 1,000 steps, averaged "
    "generator. gan: Adam(2e-4, 0.5, 0.999), DCGAN's; wgan-gp: λ = 10, Adam(1e-3 and 2e-3, 0, 0.9). "
    "The paper has LSUN bedrooms, clipping, and judges by eye. All cores.",
    _no_batch_norm,
    threads=0,
)


# ---- overfitting ----------------------------------------------------------------------------------


def _learned(share: float, updates: int) -> str:
    """Say whether the critic knows its digits by heart."""
    if share > 0.2:
        return "the critic knows its training digits by heart"
    return (
        f"not within {updates:,} critic updates, about {64 * updates // 1000} passes over the digits: "
        "the paper trains far longer, with a larger critic"
    )


@torch.no_grad()
def _gaps(training: Training, data: Pictures) -> tuple[float, float]:
    """Return the critic's gap on training and on held-out digits, by the same critic and fakes.

    Not the reports' two: one is a mean over all updates of a step, the other taken at its last.
    """
    fake = as_floats(_made(training, 500, averaged=False))
    rng = keyed_rng(training.config.seed, "held-out", training.steps, 1)
    scores = [
        float(training.critic(x).mean())
        for x in (data.batch("train", 500, rng), data.batch("held-out", 500, rng), fake)
    ]
    return scores[0] - scores[2], scores[1] - scores[2]


def _overfitting(bench: Bench) -> list[Row]:
    whole = Mnist10k().load()
    order = torch.randperm(len(whole.train), generator=keyed_rng(bench.seed, "sample"))
    rows: list[Row] = []
    shares: list[float] = []
    for i, n in enumerate((1_000, 10_000)):
        kept = order[:n]
        data = Pictures(
            whole.train[kept],
            whole.held_out,
            whole.train_labels[kept],
            whole.held_out_labels,
            whole.names,
        )
        config = PRESETS["quick-mnist"].config.changed(
            {
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
                bench.tell(f"{n:,} digits", (i + training.steps / config.steps) / 2)
            late = training.steps % 5 == 0 and training.steps > 0.75 * config.steps
            if late or training.steps == config.steps:
                gaps.append(_gaps(training, data))
        training.reports()
        seen, held = (float(np.mean(side)) for side in zip(*gaps, strict=True))
        shares.append((seen - held) / abs(seen))
        first = n == 1_000
        rows += [
            Row(f"{n:,} digits: critic gap on them, last quarter", "–", seen),
            Row("– critic gap on held-out digits", "below it" if first else "near it", held),
            Row(
                "– share of the gap that held-out digits do not have",
                "diverges, above 0.2" if first else "less than with 1,000",
                shares[-1],
                agrees=shares[-1] > 0.2 if first else shares[-1] < shares[0],
                note=_learned(shares[-1], 5 * training.steps) if first else "",
            ),
        ]
    return rows


OVERFITTING = Experiment(
    "overfitting",
    "With 1,000 digits the critic overfits: training and held-out gap part",
    "Gulrajani et al. 2017, figure 5b, arXiv:1704.00028",
    "The first 1,000 and all 10,000 of mnist-10k in one random order, 1,000 held out; both "
    "networks 3×512 without convolutions, which know a digit by heart sooner than a DCGAN's; wgan-gp with "
    "λ = 10, Adam(5e-4, 0, 0.9), batch 64, 5 critic updates, 1,300 steps; gaps on 500 digits of either kind "
    "and 500 fakes, mean of the last quarter. All cores.",
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
    # Twice as fast where the processor has instructions for it, and without it 15 minutes in all.
    fast = might_gain_from_bfloat16("cpu", "pictures")
    engine = Engine("cpu", "bfloat16" if fast else "float32", cores())
    training = Training(config, engine=engine)
    reports = _train(training, bench.tell, "sevens")
    last = reports[-97:]
    gap = float(np.mean([r.critic_gap for r in last]))
    ruler = Ruler(Mnist10k().load())
    pictures = _made(training, 100, averaged=False)
    sevens = Mnist10k(classes=("7",)).load().held_out
    if bench.folder is not None:
        _grid(pictures, bench.folder / BROWNLEE.picture)
    data = (
        "6,265 sevens of MNIST" if full else "the 1,000 sevens of mnist-10k, as MNIST is not here"
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
            "share of 100 samples nearer to the mean seven than to any other digit's, %",
            "recognisable sevens",
            100 * float(ruler.shares(pictures)[7]),
            floor=100 * float(ruler.shares(sevens)[7]),
            note="by the nearest class mean; floor: held-out sevens",
        ),
    ]


def _grid(pictures: Tensor, path: Path) -> None:
    """Write 100 pictures as Brownlee does: ten rows of ten, black on white."""
    sides = pictures[:100, 0].reshape(10, 10, 28, 28).permute(0, 2, 1, 3).reshape(280, 280)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(255 - (sides // 16 * 17).numpy()).quantize(16).save(path, optimize=True)


BROWNLEE = Experiment(
    "brownlee",
    "Brownlee's tutorial: sevens from a critic that only its kernels hold",
    "Brownlee 2019, How to Develop a Wasserstein Generative Adversarial Network (WGAN) From Scratch",
    "Preset brownlee, all its 970 steps: the published gap is that of the last, so this one takes six "
    "minutes where the processor has bfloat16, and a quarter of an hour where it has not. MNIST below "
    "the environment's WGAN_DATA, else the sevens of mnist-10k. All cores.",
    _brownlee,
    threads=0,
    picture="reproduction-brownlee.png",
)
