"""The dual of optimal transport on a line: functions of slope at most 1, and critics that learn them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import F64, I64, Real
from wgan.jobs.task import TaskProgress
from wgan.labs.toys import new_critic_trainer
from wgan.labs.transport import PLACES, Piles, X
from wgan.networks import Mlp
from wgan.objectives import Objective, Wgan, WganGp
from wgan.rng import keyed_rng
from wgan.training.critic_trainer import CriticTrainer
from wgan.transport import by_cdf
from wgan.verdicts.wasserstein import SAME_PILES

MAX_HEIGHT = 30.0
"""Largest |height| of a function that is bent by hand."""


def projected(f: Real, x: Real = X) -> F64:
    """Return the highest function of slope at most 1 that is nowhere above f: min_j f_j + |x_i − x_j|.

    Args:
        f: Heights, (N,).
        x: Places, (N,).

    Returns:
        Heights, (N,): those of f itself, if its slope is at most 1.

    Reference:
        McShane 1934; Santambrogio 2015, section 1.2.
    """
    f, x = np.asarray(f, np.float64), np.asarray(x, np.float64)
    lowest: F64 = (f + np.abs(x[:, None] - x)).min(axis=1)
    return lowest


def steepest(f: Real, x: Real = X) -> float:
    """Return the steepest slope of f between any two of its points, (N,) each."""
    # Neighbours suffice: a slope over several gaps is a mean of the slopes of the gaps.
    return float(np.abs(np.diff(f) / np.diff(x)).max())


def bound(f: Real, piles: Piles) -> float:
    """Return E f(real) − E f(fake) for heights f at the columns, (PLACES,).

    It is at most W₁ if the slope of f is at most 1.

    Reference:
        Kantorovich and Rubinstein 1958; Villani 2009, particular case 5.16.
    """
    fake, real = piles.shares
    return float(np.asarray(f, np.float64) @ (real - fake))


def percent_proved(lower_bound: float, w1: float) -> float:
    """Return how much of W₁ a bound proves, in percent: 0 for a negative one, 100 if W₁ is 0."""
    return max(100.0 * lower_bound / w1, 0.0) if w1 > SAME_PILES else 100.0


def optimal(piles: Piles) -> F64:
    """Return an optimal f at the columns, (PLACES,), with mean 0: it rises where earth must move right.

    f' = sign(F_fake − F_real), so that ∫ f d(real − fake) = ∫ |F_fake − F_real| dx.
    """
    fake, real = piles.shares
    passes = np.cumsum(fake - real)[:-1]
    slope = np.where(np.abs(passes) < 1e-12, 0.0, np.sign(passes))
    f = np.concatenate([[0.0], np.cumsum(slope * np.diff(X))])
    return np.asarray(f - f.mean())


# ---- critics that learn it ----------------------------------------------------------------------

UPDATES = 600
"""Updates of each critic."""

BATCH = 256

MEASURE_EVERY_UPDATES = 20

WIDTH, DEPTH = 64, 3

_SCALE = 5.0  # places: the networks see (x − 7.5) / 5, a range near ±1.5


@dataclass(frozen=True)
class LearnedDual:
    """Two critics of two piles, at the current state of their training: row 0 is clipped, row 1 penalised.

    Curves are divided by their steepest slope between the columns. The result is 1-Lipschitz, so
    its mean difference is a lower bound of W₁.
    """

    piles: Piles
    w1: float
    total: int
    updates: I64  # (T,)
    lower_bound: F64  # (2, T)
    slopes: F64  # (2,), steepest slopes, by which curves are divided
    curves: F64  # (2, PLACES), of slope at most 1 and mean 0
    clip_saturation: float  # share of the clipped critic's weights at ±c
    clip_value: float = 0.1
    penalty_weight: float = 10.0
    one_sided: bool = True

    @property
    def shares(self) -> tuple[float, float]:
        """Share of W₁ that each critic proves, at least 0; 1 if W₁ is 0."""
        if self.w1 < SAME_PILES:
            return 1.0, 1.0
        clipped, penalised = (max(0.0, float(row[-1]) / self.w1) for row in self.lower_bound)
        return clipped, penalised


def learn(
    piles: Piles,
    *,
    clip_value: float = 0.1,
    penalty_weight: float = 10.0,
    one_sided: bool = True,
    updates: int = UPDATES,
    seed: int = 0,
) -> Iterator[TaskProgress]:
    """Train a clipped critic and a penalised one on two piles, as a task.

    Both are ReLU networks of the same size with the same first weights, and see the same samples of the
    columns.

    Args:
        piles: The two piles.
        clip_value: c of the clipped critic.
        penalty_weight: λ of the penalised critic.
        one_sided: Whether only slopes above 1 are penalised. A two-sided penalty pulls slopes up to 1, too:
            then a critic that must first rise and then fall may long remain a straight line, which has
            no penalty and proves nothing.
        updates: Updates of each critic.
        seed: Seed of all draws.

    Yields:
        Progress; its results are `LearnedDual`.
    """
    yield TaskProgress("Creating both networks", 0.0)
    fake, real = piles.shares
    columns = torch.tensor((X[:, None] - X.mean()) / _SCALE, dtype=torch.float32)
    weights = [torch.tensor(w, dtype=torch.float64) for w in (real, fake)]
    trainers = _trainers(clip_value, penalty_weight, one_sided, seed)
    result = LearnedDual(
        piles,
        by_cdf(fake, real, X),
        updates,
        np.empty(0, np.int64),
        np.empty((2, 0)),
        np.empty(2),
        np.empty((2, PLACES)),
        math.nan,
        clip_value,
        penalty_weight,
        one_sided,
    )
    for done in range(updates + 1):
        if done % MEASURE_EVERY_UPDATES == 0 or done == updates:
            result = _measure(result, done, trainers, columns)
            yield TaskProgress(f"Update {done:,} of {updates:,}", done / updates, result)
        if done == updates:
            return
        rng = keyed_rng(seed, "data", done)
        batch = [columns[torch.multinomial(w, BATCH, True, generator=rng)] for w in weights]
        for trainer in trainers:
            trainer.update(real=batch[0], fake=batch[1])
        yield TaskProgress(f"Update {done + 1:,} of {updates:,}", (done + 1) / updates)


def _trainers(
    clip_value: float, penalty_weight: float, one_sided: bool, seed: int
) -> list[CriticTrainer]:
    network = Mlp(width=WIDTH, depth=DEPTH)
    objectives: tuple[tuple[Objective, float], ...] = (
        (Wgan(clip_value=clip_value), 5e-4),
        (WganGp(penalty_weight=penalty_weight, one_sided=one_sided), 1e-3),
    )
    return [
        new_critic_trainer(network, objective, rate, seed, shape=(1,), clip_first=False)
        for objective, rate in objectives
    ]


def _measure(
    result: LearnedDual, update: int, trainers: Sequence[CriticTrainer], columns: Tensor
) -> LearnedDual:
    """Return the result with one more measurement of both critics."""
    curves, slopes = zip(*(_normalised(t.critic, columns) for t in trainers), strict=True)
    lower_bound = np.array([bound(curve, result.piles) for curve in curves])
    return replace(
        result,
        updates=np.append(result.updates, update),
        lower_bound=np.column_stack([result.lower_bound, lower_bound]),
        slopes=np.array(slopes),
        curves=np.stack(curves),
        clip_saturation=_clip_saturation(trainers[0].critic, result.clip_value),
    )


@torch.no_grad()
def _normalised(critic: nn.Module, columns: Tensor) -> tuple[F64, float]:
    """Return a critic at the columns, divided by its steepest slope and with mean 0, and that slope."""
    scores = critic(columns).double().numpy()
    if not np.isfinite(scores).all():
        raise ValueError(
            "The critic's scores are no longer finite. Train again with another setting."
        )
    slope = steepest(scores)
    curve = scores / max(slope, 1e-12)
    return curve - curve.mean(), slope


def _clip_saturation(critic: nn.Module, clip_value: float) -> float:
    weights = torch.cat([p.detach().flatten() for p in critic.parameters()])
    return float((weights.abs() > clip_value * (1 - 1e-6)).double().mean())
