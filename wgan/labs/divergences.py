"""Distances between two shapes at an offset, and the gradients of a discriminator and a critic there."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import erf
from torch import Tensor

from wgan import transport
from wgan.arrays import F64, Real
from wgan.jobs.task import TaskProgress
from wgan.labs.toys import mean_generator_gradient, new_critic_trainer
from wgan.networks import Mlp
from wgan.objectives import Gan, WganGp
from wgan.rng import keyed_rng
from wgan.training.critic_trainer import CriticTrainer

FARTHEST = 4.0
"""Largest |θ|."""

DISTANCES = ("W₁", "JS", "KL", "TV")


@dataclass(frozen=True)
class SlidDistances:
    """Four distances between a shape and its copy at offset θ, and their derivatives by θ.

    The rows are those of DISTANCES: W₁ in units of length, JS and KL in nats, TV in [0, 1].
    Derivatives that do not exist are NaN.
    """

    theta: F64  # (T,)
    values: F64  # (4, T)
    slopes: F64  # (4, T)


def boxes(theta: F64) -> SlidDistances:
    """Return the distances of two boxes of width 1: W₁ = |θ|, JS = min(|θ|, 1) log 2, TV = min(|θ|, 1).

    KL = ∞ for θ ≠ 0, because a part of one box lies where the other has no density.

    Args:
        theta: Offsets, (T,).
    """
    distance, sign = np.abs(theta), np.sign(theta)
    apart, moves = np.minimum(distance, 1), np.where(distance < 1, sign, 0.0)
    values = np.stack([distance, math.log(2) * apart, _endless(theta), apart])
    none = np.full_like(theta, np.nan)
    slopes = np.stack([sign, math.log(2) * moves, none, moves])
    slopes[:, theta == 0] = np.nan  # all have a kink there
    slopes[1::2, distance == 1] = np.nan
    return SlidDistances(theta, values, slopes)


def lines(theta: F64) -> SlidDistances:
    """Return the distances of two parallel lines: W₁ = |θ|, JS = log 2, KL = ∞, TV = 1; all 0 at θ = 0.

    Args:
        theta: Offsets, (T,).

    Reference:
        Arjovsky et al. 2017, example 1 and figure 1, arXiv:1701.07875.
    """
    apart = (theta != 0).astype(np.float64)
    flat, none = np.zeros_like(theta), np.full_like(theta, np.nan)
    values = np.stack([np.abs(theta), math.log(2) * apart, _endless(theta), apart])
    slopes = np.stack([np.sign(theta), flat, none, flat])
    slopes[:, theta == 0] = np.nan
    return SlidDistances(theta, values, slopes)


def gaussians(theta: F64, spread: float = 0.5) -> SlidDistances:
    """Return the distances of N(0, σ²) and N(θ, σ²): W₁ = |θ|, KL = θ² / 2σ², TV = erf(|θ| / √8 σ).

    JS and its gradient by quadrature: ∂JS/∂θ = ½ ∫ ∂q/∂θ log(q/m) dx, m = (p + q) / 2.
    """
    distance, sign = np.abs(theta), np.sign(theta)
    x = np.linspace(theta.min(initial=0) - 9 * spread, theta.max(initial=0) + 9 * spread, 4001)
    step = x[1] - x[0]
    # Use logarithms: far from the means, both densities underflow.
    log_p = _log_normal(x, spread)  # (X,)
    log_q = _log_normal(x - theta[:, None], spread)  # (T, X)
    log_m = np.logaddexp(log_p, log_q) - math.log(2)
    p, q = np.exp(log_p), np.exp(log_q)
    js = (p * (log_p - log_m) + q * (log_q - log_m)).sum(axis=1) * step / 2
    moving = q * (x - theta[:, None]) / spread**2
    js_slope = (moving * (log_q - log_m)).sum(axis=1) * step / 2
    near = np.exp(-(theta**2) / (8 * spread**2)) / (math.sqrt(2 * math.pi) * spread)
    values = np.stack(
        [distance, js, theta**2 / (2 * spread**2), erf(distance / (math.sqrt(8) * spread))]
    )
    kink = np.where(theta == 0, np.nan, sign)
    slopes = np.stack([kink, js_slope, theta / spread**2, kink * near])
    return SlidDistances(theta, values, slopes)


def _log_normal(x: Real, spread: float) -> F64:
    density: F64 = -((x / spread) ** 2) / 2 - math.log(spread * math.sqrt(2 * math.pi))
    return density


def _endless(theta: F64) -> F64:
    return np.where(theta == 0, 0.0, np.inf)


SHAPES: dict[str, tuple[str, Callable[[F64], SlidDistances]]] = {
    "boxes": ("Boxes", boxes),
    "gaussians": ("Gaussians", gaussians),
    "lines": ("Parallel lines", lines),
}
"""The shapes: title, and the function that returns their distances."""


def curves(shape: str) -> SlidDistances:
    """Return the distances of a shape over −FARTHEST … FARTHEST, including θ = 0. Raises KeyError."""
    return SHAPES[shape][1](np.linspace(-FARTHEST, FARTHEST, 321))


def computed_lines(theta: float, points: int = 40) -> tuple[float, float, float, float]:
    """Return W₁, JS, KL and TV of two parallel lines, computed from points without a formula.

    W₁ is an exact assignment; the others are computed on the union of the supports.

    Args:
        theta: Distance of the lines.
        points: Points on each line: (0, h) and (θ, h) at as many heights h.
    """
    heights = (np.arange(points) + 0.5) / points
    left = np.stack([0 * heights, heights], axis=1)
    w1 = transport.assignment(left, left + np.array([theta, 0.0]))
    even = np.full(points, 1 / points)
    empty = np.zeros(points if theta else 0)
    p, q = np.concatenate([even, empty]), np.concatenate([empty, even])
    return w1, transport.js(p, q), transport.kl(p, q), transport.tv(p, q)


# ---- two Gaussians: the discriminator against the critic ----------------------------------------

SPREAD = 1.0
"""Standard deviation of both Gaussians, so that distances are in σ."""

NETWORK = Mlp(width=64, depth=3)

UPDATES = 500

BATCH = 256

RATE = 1e-3

HELD_OUT_FAKES = 1024
"""Fakes at which gradients are measured; no update sees them."""

MEASURE_EVERY_UPDATES = 25

PENALTY_WEIGHT = 50.0
"""λ of the critic: its optimal slope is 1 + W₁ / 2λ, so a large λ keeps it near 1."""


@dataclass(frozen=True)
class ExpectedGradients:
    """Mean sizes of the generator's gradient at fakes from N(μ, σ²), with real examples from N(0, σ²)."""

    minimax: F64  # |∂ log(1 − D*)/∂x| = D* |μ| / σ²
    non_saturating: F64  # |∂ log D*/∂x| = (1 − D*) |μ| / σ²
    critic: F64  # 1: the slope of an optimal potential; 0 for μ = 0


def expected(mu: Real) -> ExpectedGradients:
    """Return the gradients that an optimal discriminator and an optimal critic give, (T,) each.

    D* = p / (p + q) is σ((μ² − 2μx) / 2σ²), whose logit has slope −μ / σ². Means over the fakes by
    quadrature. Source: Goodfellow et al. 2014, proposition 1.
    """
    mu = np.asarray(mu, np.float64)
    z = np.linspace(-9, 9, 2001)  # x = μ + σ z
    weight = np.exp(_log_normal(z, 1.0)) * (z[1] - z[0])
    x = mu[:, None] + SPREAD * z
    logit = (mu[:, None] ** 2 - 2 * mu[:, None] * x) / (2 * SPREAD**2)
    steep = np.abs(mu) / SPREAD**2
    certain, uncertain = ((weight * _sigmoid(s * logit)).sum(axis=1) for s in (1, -1))
    return ExpectedGradients(certain * steep, uncertain * steep, np.where(mu == 0, 0.0, 1.0))


def best_discriminator(x: Real, mu: float) -> F64:
    """Return D*(x) = p / (p + q) for real N(0, σ²) and fake N(μ, σ²): (N,) → (N,)."""
    return _sigmoid((mu**2 - 2 * mu * np.asarray(x, np.float64)) / (2 * SPREAD**2))


def _sigmoid(x: Real) -> F64:
    values: F64 = (1 + np.tanh(np.asarray(x, np.float64) / 2)) / 2
    return values


@dataclass(frozen=True)
class OpposedNetworks:
    """A discriminator and a critic of the same two Gaussians, at the current state of their training."""

    mu: float
    total: int
    updates: int
    x: F64  # (X,)
    discriminator: F64  # (X,), D = σ(logit), in [0, 1]
    critic: F64  # (X,), scores, 0 in the middle between the means
    minimax: float  # mean |∂ log(1 − D)/∂x| at fakes, by automatic differentiation
    non_saturating: float  # mean |∂ log D/∂x| at fakes
    slope: float  # mean |∂f/∂x| at fakes: the critic's gradient
    best: float  # 1 + W₁ / 2λ: the optimal slope of a straight penalised critic


def oppose(mu: float, *, updates: int = UPDATES, seed: int = 0) -> Iterator[TaskProgress]:
    """Train a discriminator and a penalised critic on N(0, 1) and N(μ, 1), as a task.

    Both are ReLU networks of the same size with the same first weights, and every update has new samples.

    Args:
        mu: Distance between the means, in σ.
        updates: Updates of each network.
        seed: Seed of all draws.

    Yields:
        Progress; its results are `OpposedNetworks`.

    Reference:
        Arjovsky et al. 2017, figure 2, arXiv:1701.07875.
    """
    yield TaskProgress("Creating both networks", 0.0)
    trainers = [
        new_critic_trainer(NETWORK, objective, RATE, seed, shape=(1,))
        for objective in (Gan(), WganGp(penalty_weight=PENALTY_WEIGHT))
    ]
    held_out_fakes = _sample(seed, 10**6, HELD_OUT_FAKES, mu)[1]
    x = np.linspace(-4 * SPREAD, mu + 4 * SPREAD, 240)
    for done in range(updates + 1):
        if done % MEASURE_EVERY_UPDATES == 0 or done == updates:
            progress = TaskProgress(
                f"Update {done:,} of {updates:,}",
                done / updates,
                _measure(trainers, mu, held_out_fakes, x, done, updates),
            )
            yield progress
        if done == updates:
            return
        real, fake = _sample(seed, done, BATCH, mu)
        for trainer in trainers:
            trainer.update(real=real, fake=fake)
        yield TaskProgress(f"Update {done + 1:,} of {updates:,}", (done + 1) / updates)


def _sample(seed: int, step: int, n: int, mu: float) -> tuple[Tensor, Tensor]:
    noise = SPREAD * torch.randn(2, n, 1, generator=keyed_rng(seed, "data", step))
    return noise[0], mu + noise[1]


def _measure(
    trainers: list[CriticTrainer], mu: float, held_out_fakes: Tensor, x: F64, done: int, total: int
) -> OpposedNetworks:
    line = torch.tensor(x[:, None], dtype=torch.float32)
    with torch.no_grad():
        logits, scores = (t.critic(line).double().numpy() for t in trainers)
    if not (np.isfinite(logits).all() and np.isfinite(scores).all()):
        raise ValueError(
            "The networks' scores are no longer finite. Train again with another setting."
        )
    discriminator, critic = (t.critic for t in trainers)
    return OpposedNetworks(
        mu,
        total,
        done,
        x,
        _sigmoid(logits),
        scores - float(np.interp(mu / 2, x, scores)),
        mean_generator_gradient(discriminator, Gan(generator="minimax"), held_out_fakes),
        mean_generator_gradient(discriminator, Gan(), held_out_fakes),
        mean_generator_gradient(critic, WganGp(), held_out_fakes),
        1 + mu / (2 * PENALTY_WEIGHT),
    )
