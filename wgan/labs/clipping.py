"""Clipped critics, penalised critics and one with GroupSort: surfaces, gradients, weights."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import F32, F64
from wgan.data import DATASETS, Points
from wgan.jobs import TaskProgress, TaskSteps
from wgan.labs.toys import new_critic_trainer, score_surface
from wgan.networks import Mlp
from wgan.objectives import Objective, Wgan, WganGp, WganGroupSort, WganLp
from wgan.rng import keyed_rng
from wgan.training.critic_trainer import CriticTrainer
from wgan.training.diagnostics import at_clip

CLIPPING = "Clipping"

SETS: dict[str, dict[str, float]] = {
    # Scales of the paper's script.
    "ring-8": {"scale": 2 / 1.414, "sigma": 0.02 / 1.414},
    "grid-25": {"scale": 4 / 2.828, "sigma": 0.05 / 2.828},
    "swiss-roll": {"scale": 4.5 * math.pi / 7.5, "noise": 0.25 / 7.5},
}
"""Data sets and their parameters; the fakes are other real points with noise of N(0, I) added."""

EXTENT = 3.0
CLIP_VALUES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

FLAT, DEEP = Mlp(width=128, depth=3), Mlp(width=64, depth=12)
BATCH = 256
FLAT_UPDATES, DEEP_UPDATES = 300, 100
MEASURE_EVERY_UPDATES = 20
"""Updates between two snapshots of a surface."""

BINS = 41


@dataclass(frozen=True)
class ConstrainedCritic:
    """A flat and a deep critic with one kind of constraint, at the current state of their training."""

    key: str
    title: str
    clip_value: float | None  # c, if weights are clipped
    updates: int  # made so far by both critics together
    total: int
    surface: F32 | None = None  # (S, S), row = y: scores of the critic 3×128 over [−3, 3]²
    depth: F64 | None = None  # (12,), ‖∂ critic loss / ∂ output‖ of each hidden layer
    edges: F64 | None = None  # (B + 1,), of the deep critic's weights, rising
    shares: F64 | None = None  # (B,)
    clip_saturation: float | None = None  # share of the deep critic's weights at ±c

    @property
    def done(self) -> bool:
        """Whether both critics are trained."""
        return self.updates >= self.total

    @property
    def growth(self) -> float:
        """Factor by which the gradient's norm changes from one layer to the one before; 1 is constant.

        It comes from a line fitted to the logarithms. NaN while fewer than two layers have a
        gradient.
        """
        if self.depth is None:
            return math.nan
        is_positive = np.isfinite(self.depth) & (self.depth > 0)
        if is_positive.sum() < 2:
            return math.nan
        layers = np.arange(len(self.depth), dtype=np.float64)[is_positive]
        return float(10 ** -np.polyfit(layers, np.log10(self.depth[is_positive]), 1)[0])


@dataclass(frozen=True)
class Clipping:
    """Critics with different constraints, trained on one toy problem."""

    name: str
    real: F32  # (N, 2)
    fake: F32  # (N, 2)
    critics: tuple[ConstrainedCritic, ...]

    @property
    def clipped(self) -> tuple[ConstrainedCritic, ...]:
        """The clipped critics, by rising c."""
        return tuple(
            sorted(
                (a for a in self.critics if a.clip_value is not None),
                key=lambda a: a.clip_value or 0,
            )
        )

    def critic(self, key: str) -> ConstrainedCritic | None:
        """Return a critic by its key; None if its training has not begun."""
        return next((a for a in self.critics if a.key == key), None)


UNCLIPPED: dict[str, tuple[str, Objective, Objective]] = {
    # key: title, objective of the critic with the surface, objective of the deep critic (as in the
    # paper)
    "gp": ("GP", WganGp(penalty_weight=0.1), WganGp(penalty_weight=10.0)),
    "lp": ("LP", WganLp(penalty_weight=0.1), WganLp(penalty_weight=10.0)),
    "groupsort": ("GroupSort", WganGroupSort(), WganGroupSort()),
}
"""The critics that clipping is compared with."""


def key_of(clip: float) -> str:
    """Return the key of the critic that is clipped to ±c."""
    return f"clip-{clip:g}"


def _objectives(key: str) -> tuple[str, Objective, Objective]:
    if key in UNCLIPPED:
        return UNCLIPPED[key]
    clip = float(key.removeprefix("clip-"))
    return f"c = {clip:g}", Wgan(clip_value=clip), Wgan(clip_value=clip)


def _data(name: str) -> Points:
    if name not in SETS:
        raise ValueError(f"There is no set {name!r} here: choose one of {', '.join(SETS)}.")
    loaded = DATASETS[name](**SETS[name]).load()
    assert isinstance(loaded, Points)
    return loaded


def noisy_batch(data: Points, seed: int, n: int, step: int) -> tuple[Tensor, Tensor]:
    """Return n real points and n fakes, (n, 2) each: other real points with N(0, I) added.

    Each step draws new points.
    """
    real, clean = (data.sample(n, keyed_rng(seed, "data", step, draw)) for draw in (0, 1))
    return real, clean + torch.randn(n, 2, generator=keyed_rng(seed, "z", step))


def by_depth(critic: nn.Module, objective: Objective, real: Tensor, fake: Tensor) -> F64:
    """Return the norms of the critic loss' gradient at each hidden layer's output, (L,), first to last.

    The penalty is left out.

    Args:
        critic: The critic.
        objective: Its loss.
        real: Real examples, (N, 2).
        fake: Fakes, (N, 2).

    Reference:
        Gulrajani et al. 2017, figure 1b, arXiv:1704.00028.
    """
    outputs: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        outputs.append(output)

    layers = [part for part in critic.modules() if isinstance(part, nn.Linear)]
    hooks = [layer.register_forward_hook(keep) for layer in layers[:-1]]
    scores = critic(torch.cat([real, fake]))
    for hook in hooks:
        hook.remove()
    real_score, fake_score = torch.chunk(scores, 2)
    loss = objective.critic_loss(real=real_score, fake=fake_score)
    # In double precision: squares of tiny gradients would be 0 in float32.
    return np.array([float(g.double().norm()) for g in torch.autograd.grad(loss, outputs)])


def compare(
    name: str = "swiss-roll",
    clip: float = 0.01,
    *,
    earlier: Clipping | None = None,
    seed: int = 0,
    updates: tuple[int, int] = (FLAT_UPDATES, DEEP_UPDATES),
) -> TaskSteps:
    """Train a critic clipped to ±c and the critics it is compared with, as a task.

    Each constraint has two critics: ReLU 3×128 for the surface, and 12×64 for gradients and weights. The
    fakes are real + N(0, I). Clipped critics: RMSprop 5e-4. Others: Adam(1e-3, 0.5, 0.9) and λ = 0.1; for
    the deep ones Adam(5e-4) and λ = 10.

    Args:
        name: A key of `SETS`.
        clip: The clip value c.
        earlier: An earlier result: critics that it has are not trained again.
        seed: Seed of all draws.
        updates: Critic updates of the flat and of the deep critic.

    Yields:
        Progress; its results are `Clipping`.

    Raises:
        ValueError: There is no such data set.
    """
    data = _data(name)
    if earlier is None or earlier.name != name:
        real, fake = (x.numpy() for x in noisy_batch(data, seed, 256, 10**6))
        earlier = Clipping(name, real, fake, ())
    keys = [key_of(clip), *UNCLIPPED]
    trained = tuple(critic for critic in earlier.critics if critic.done)
    missing_keys = [key for key in keys if not any(critic.key == key for critic in trained)]
    result = replace(earlier, critics=trained)
    total = max(1, len(missing_keys) * sum(updates))
    yield TaskProgress("Ready", 0.0 if missing_keys else 1.0, result)
    for i, key in enumerate(missing_keys):
        critic = None
        for critic in _train(key, data, seed, updates):
            title = "Clipping to ±" + f"{clip:g}" if key.startswith("clip") else UNCLIPPED[key][0]
            share = (i * sum(updates) + critic.updates) / total
            snapshot = replace(result, critics=(*result.critics, critic))
            is_look = critic.updates % MEASURE_EVERY_UPDATES == 0 or critic.done
            yield TaskProgress(
                f"{title}: critic update {critic.updates:,} of {critic.total:,}",
                share,
                snapshot if is_look else None,
            )
        assert critic is not None
        result = replace(result, critics=(*result.critics, critic))


def _train(
    key: str, data: Points, seed: int, updates: tuple[int, int]
) -> Iterator[ConstrainedCritic]:
    title, flat, deep = _objectives(key)
    clip = flat.clip_value if isinstance(flat, Wgan) else None
    critic = ConstrainedCritic(key, title, clip, 0, sum(updates))
    rate = 5e-4 if clip is not None else 1e-3
    trainer = new_critic_trainer(FLAT, flat, rate, seed)
    for done in range(1, updates[0] + 1):
        _update(trainer, data, seed)
        critic = replace(critic, updates=done)
        if done % MEASURE_EVERY_UPDATES == 0 or done == updates[0]:
            critic = replace(critic, surface=score_surface(trainer.critic, EXTENT))
        yield critic
    trainer = new_critic_trainer(DEEP, deep, 5e-4, seed)
    for done in range(1, updates[1] + 1):
        _update(trainer, data, seed)
        critic = replace(critic, updates=updates[0] + done)
        if done % MEASURE_EVERY_UPDATES == 0 or done == updates[1]:
            critic = _measured(critic, trainer, data, seed)
        yield critic


def _update(trainer: CriticTrainer, data: Points, seed: int) -> None:
    real, fake = noisy_batch(data, seed, BATCH, trainer.updates)
    trainer.update(real=real, fake=fake)


def _measured(
    critic: ConstrainedCritic, trainer: CriticTrainer, data: Points, seed: int
) -> ConstrainedCritic:
    real, fake = noisy_batch(data, seed, BATCH, 10**6)
    layers = [part for part in trainer.critic.modules() if isinstance(part, nn.Linear)]
    # For orthonormal layers these are the orthonormal weights.
    values = torch.cat([part.weight.detach().flatten() for part in layers]).double().numpy()
    reach = critic.clip_value or float(np.quantile(np.abs(values), 0.999)) or 1.0
    shares, edges = np.histogram(values.clip(-reach, reach), bins=BINS, range=(-reach, reach))
    clipped_share = at_clip(trainer.critic, trainer.objective)
    return replace(
        critic,
        depth=by_depth(trainer.critic, trainer.objective, real, fake),
        edges=edges.astype(np.float64),
        shares=shares / len(values),
        clip_saturation=None if clipped_share is None else float(clipped_share),
    )
