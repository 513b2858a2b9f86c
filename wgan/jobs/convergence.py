"""Train a run's critic alone against a fixed generator, to see how much of the exact distance it proves."""

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.spatial.distance
import torch

from wgan.arrays import F64, I64
from wgan.critic import (
    COMPARED,
    RealFakeBatch,
    Surfaces,
    bounds_the_distance,
    examples_of,
    floor,
    scores,
    surfaces,
    with_fakes,
)
from wgan.data import Data, Points
from wgan.jobs.task import TaskProgress, TaskSteps
from wgan.latent import Models
from wgan.rng import keyed_rng
from wgan.training.critic_trainer import CriticTrainer
from wgan.training.diagnostics import at_clip
from wgan.training.state import optimizer_of
from wgan.transport import assignment, kantorovich, lower_bound

CONVERGENCE = "Critic to convergence"

UPDATES = {"pictures": 400, "points": 2_000}
"""Default number of critic updates."""

BATCHES = 25
"""Draw number of the batches, in the random stream of the metrics."""

NUM_MEASUREMENTS = 60
"""Number of evenly spaced measurements of the bound."""

SURFACE_EVERY = 5
"""Measurements between two surfaces."""


@dataclass(frozen=True)
class CriticConvergence:
    """Measurements of a critic that is trained against a fixed generator, at K updates so far."""

    step: int  # step of the run from which the weights come
    samples: int  # number of real examples, and of fakes
    exact: float  # W₁ between these samples, Euclidean ground cost
    floor: float  # W₁ between as many real and held-out examples
    rate: float  # learning rate of the critic
    batch: int
    total: int  # updates in the whole training
    dual: bool  # whether the critic loss is minus the gap, so that training raises the bound
    updates: I64  # (K,), rising
    bounds: F64  # (K,), lower bounds of `exact` that the critic proves
    gaps: F64  # (K,), E f(real) − E f(fake)
    slopes: F64  # (K,), steepest slope from a real example to a fake
    clip_saturation: F64 | None  # (K,), share of the clipped weights at ±c; None without clipping
    surfaces: Surfaces | None  # the newest one; only for points
    note: str = ""  # why the training ended early

    @property
    def best(self) -> float:
        """The highest bound so far, at least 0, which a constant critic proves."""
        return max(0.0, float(self.bounds.max()))

    @property
    def share(self) -> float:
        """Share of the exact distance that is proved, in [0, 1]."""
        return self._share_of(self.best)

    @property
    def share_now(self) -> float:
        """Share of the exact distance that the critic proves now, in [0, 1]."""
        return self._share_of(float(self.bounds[-1]))

    @property
    def range_of_late(self) -> tuple[float, float]:
        """The smallest and largest share that it proved in the last quarter of the updates."""
        late = self.bounds[self.updates >= 0.75 * self.updates[-1]]
        return self._share_of(float(late.min())), self._share_of(float(late.max()))

    def _share_of(self, bound: float) -> float:
        return min(1.0, max(0.0, bound / self.exact)) if self.exact > 0 else 1.0

    @property
    def rising(self) -> bool:
        """Whether the last quarter of the updates raised the bound by more than 1 % of the distance."""
        early = self.bounds[self.updates <= 0.75 * self.updates[-1]]
        return self.best - max(0.0, float(early.max())) > 0.01 * self.exact


def converge(
    models: Models,
    *,
    updates: int | None = None,
    faster: float = 1.0,
    root: Path | None = None,
    data: Data | None = None,
) -> TaskSteps:
    """Train a copy of a run's critic further against the fixed generator, as a task.

    Objective, optimiser and batch size are those of the run, but the optimiser has no state at
    first. Batches are drawn with replacement from fixed real examples and fakes, whose W₁ is known
    exactly.

    Args:
        models: The networks of the run.
        updates: Critic updates. Default: `UPDATES`.
        faster: Factor on the run's learning rate of the critic.
        root: The data folder.
        data: The data, if they are loaded already.

    Yields:
        Progress; its results are `CriticConvergence`.

    Raises:
        DataError: The data set cannot be loaded.
        ValueError: The critic's scores are not finite.
    """
    yield TaskProgress("Loading the data", 0.0)
    config = models.config
    data = data if data is not None else config.dataset.load(root)
    n = COMPARED[config.dataset.kind]
    examples = with_fakes(models, examples_of(data, n))
    yield TaskProgress("Computing the exact distance", 0.01)
    flat = examples.real.reshape(n, -1), examples.fake.reshape(n, -1)
    cost, exact = scipy.spatial.distance.cdist(*flat), assignment(*flat)
    trainer = _critic_trainer(models, faster)
    copied = models.with_critic(trainer.critic)
    look = _BoundMeasurements(copied, examples, cost, exact, data)
    total = updates or UPDATES[config.dataset.kind]
    batch = min(config.batch_size, n)
    marks = set(np.linspace(0, total, NUM_MEASUREMENTS, dtype=int).tolist())
    # Measure more often at the start, where the critic changes most.
    marks |= set(np.geomspace(1, total, NUM_MEASUREMENTS // 3).round().astype(int).tolist())
    common = {
        "step": models.step,
        "samples": n,
        "exact": exact,
        "floor": floor(examples),
        "rate": trainer.optimizer.param_groups[0]["lr"],
        "batch": batch,
        "total": total,
        "dual": bounds_the_distance(config.objective),
    }
    yield TaskProgress("Training the critic", 0.02, look(0, last=False, **common))
    for done in range(1, total + 1):
        _update(trainer, examples, batch, config.conditional)
        result = look(done, last=done == total, **common) if done in marks else None
        share = 0.02 + 0.98 * done / total
        yield TaskProgress(f"Critic update {done:,} of {total:,}", share, result)
        if result is not None and result.note:
            return


def _critic_trainer(models: Models, faster: float) -> CriticTrainer:
    config = models.config
    critic = copy.deepcopy(models.critic).requires_grad_(True).train()
    optimizer = optimizer_of(config, critic, "critic")
    for group in optimizer.param_groups:
        group["lr"] *= faster
    return CriticTrainer(
        critic, config.objective, optimizer, config.seed, apart=config.split_updates
    )


def _update(trainer: CriticTrainer, examples: RealFakeBatch, batch: int, conditional: bool) -> None:
    n = len(examples.real)
    rng = keyed_rng(trainer.seed, "metric", trainer.updates, BATCHES)
    real = torch.randint(n, (batch,), generator=rng)
    # With classes, a real example and its fake share one, because the penalty acts between them.
    fake = real if conditional else torch.randint(n, (batch,), generator=rng)
    trainer.critic.train()
    trainer.update(
        real=torch.from_numpy(examples.real)[real],
        fake=torch.from_numpy(examples.fake)[fake],
        label=torch.from_numpy(examples.labels)[real] if conditional else None,
    )


class _BoundMeasurements:
    """Measures a critic at some updates, and collects the measurements."""

    def __init__(
        self, models: Models, examples: RealFakeBatch, cost: F64, exact: float, data: Data
    ) -> None:
        self._models, self._examples, self._cost, self._exact = models, examples, cost, exact
        self._extent = data.extent if isinstance(data, Points) else 0.0
        self._potential = kantorovich(examples.real, examples.fake) if self._extent else None
        self._surfaces: Surfaces | None = None
        self._rows: list[tuple[float, ...]] = []

    def __call__(self, update: int, *, last: bool, **common: Any) -> CriticConvergence:
        models, examples = self._models, self._examples
        models.critic.eval()
        real, fake = (scores(models, x, examples.labels) for x in (examples.real, examples.fake))
        note = ""
        if np.isfinite(real).all() and np.isfinite(fake).all():
            gap = float(np.mean(real, dtype=np.float64) - np.mean(fake, dtype=np.float64))
            clipped_share = at_clip(models.critic, models.config.objective)
            row = (update, *lower_bound(real, fake, self._cost), gap)
            self._rows.append((*row, math.nan if clipped_share is None else float(clipped_share)))
            if self._potential is not None and (last or len(self._rows) % SURFACE_EVERY == 1):
                self._surfaces = surfaces(models, examples, self._extent, potential=self._potential)
        else:
            note = f"The critic's scores were no longer finite at update {update:,}."
            if not self._rows:
                raise ValueError(
                    "The critic's scores are not finite, so there is nothing to compare."
                )
        table = np.array(self._rows, dtype=np.float64)
        return CriticConvergence(
            updates=table[:, 0].astype(np.int64),
            bounds=table[:, 1],
            slopes=table[:, 2],
            gaps=table[:, 3],
            clip_saturation=None if np.isnan(table[0, 4]) else table[:, 4],
            surfaces=self._surfaces,
            note=note,
            **common,
        )
