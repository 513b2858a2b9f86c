"""Clipped critics for any c beside penalised ones and a sorting one: surfaces, gradients, weights."""

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
from wgan.rng import generator
from wgan.training.critic_trainer import CriticTrainer
from wgan.training.diagnostics import at_clip

CLIPPING = "Clipping"

SETS: dict[str, dict[str, float]] = {
    # At the scale of the paper's script.
    "ring-8": {"scale": 2 / 1.414, "sigma": 0.02 / 1.414},
    "grid-25": {"scale": 4 / 2.828, "sigma": 0.05 / 2.828},
    "swiss-roll": {"scale": 4.5 * math.pi / 7.5, "noise": 0.25 / 7.5},
}
"""Real points; the fakes are others of them with noise of N(0, I) added."""

EXTENT = 3.0
CLIP_VALUES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

FLAT, DEEP = Mlp(width=128, depth=3), Mlp(width=64, depth=12)
BATCH = 256
FLAT_UPDATES, DEEP_UPDATES = 300, 100
LOOK = 20
"""Updates from one look at a surface to the next."""

BINS = 41


@dataclass(frozen=True)
class Arm:
    """One way to hold the critic, as far as its training has come."""

    key: str
    title: str
    clip: float | None  # c, where weights are clipped
    updates: int  # of both critics together
    total: int
    surface: F32 | None = None  # (S, S), row = y: scores of the critic 3×128 over [−3, 3]²
    depth: F64 | None = None  # (12,), ‖∂ critic loss / ∂ output‖ of each hidden layer
    edges: F64 | None = None  # (B + 1,), of the deep critic's weights, rising
    shares: F64 | None = None  # (B,)
    stuck: float | None = None  # share of the deep critic's weights at ±c

    @property
    def done(self) -> bool:
        """Whether both of its critics are trained."""
        return self.updates >= self.total

    @property
    def growth(self) -> float:
        """How many times the gradient's norm grows with each layer towards the input.

        From a line fitted to its logarithm; 1: flat. NaN until there is one, and where nothing is left
        to be fitted.
        """
        if self.depth is None:
            return math.nan
        kept = np.isfinite(self.depth) & (self.depth > 0)
        if kept.sum() < 2:
            return math.nan
        at = np.arange(len(self.depth), dtype=np.float64)[kept]
        return float(10 ** -np.polyfit(at, np.log10(self.depth[kept]), 1)[0])


@dataclass(frozen=True)
class Clipping:
    """Critics trained on one toy problem, each held in its own way."""

    name: str
    real: F32  # (N, 2)
    fake: F32  # (N, 2)
    arms: tuple[Arm, ...]

    @property
    def clipped(self) -> tuple[Arm, ...]:
        """The clipped ones, by c."""
        return tuple(
            sorted((a for a in self.arms if a.clip is not None), key=lambda a: a.clip or 0)
        )

    def arm(self, key: str) -> Arm | None:
        """Return an arm by its key; None where it has not begun."""
        return next((a for a in self.arms if a.key == key), None)


HELD: dict[str, tuple[str, Objective, Objective]] = {
    # key: title, objective of the surface's critic, and of the deep one, as the paper has them
    "gp": ("GP", WganGp(penalty_weight=0.1), WganGp(penalty_weight=10.0)),
    "lp": ("LP", WganLp(penalty_weight=0.1), WganLp(penalty_weight=10.0)),
    "groupsort": ("GroupSort", WganGroupSort(), WganGroupSort()),
}
"""What clipping is compared with."""


def key_of(clip: float) -> str:
    """Return the key of the arm that clips to ±c."""
    return f"clip-{clip:g}"


def _objectives(key: str) -> tuple[str, Objective, Objective]:
    if key in HELD:
        return HELD[key]
    clip = float(key.removeprefix("clip-"))
    return f"c = {clip:g}", Wgan(clip_value=clip), Wgan(clip_value=clip)


def _data(name: str) -> Points:
    if name not in SETS:
        raise ValueError(f"There is no set {name!r} here: choose one of {', '.join(SETS)}.")
    loaded = DATASETS[name](**SETS[name]).load()
    assert isinstance(loaded, Points)
    return loaded


def sides(data: Points, seed: int, n: int, step: int) -> tuple[Tensor, Tensor]:
    """Return n real points and n fakes: other real points with N(0, I) added, fresh at each step."""
    real, other = (data.sample(n, generator(seed, "data", step, draw)) for draw in (0, 1))
    return real, other + torch.randn(n, 2, generator=generator(seed, "z", step))


def by_depth(critic: nn.Module, objective: Objective, real: Tensor, fake: Tensor) -> F64:
    """Return the norm of the critic loss' gradient at the output of each hidden layer, first to last.

    Without the penalty. Gulrajani et al. 2017, figure 1b, arXiv:1704.00028.
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
    # The squares of what has vanished would vanish once more in float32.
    return np.array([float(g.double().norm()) for g in torch.autograd.grad(loss, outputs)])


def compare(
    name: str = "swiss-roll",
    clip: float = 0.01,
    *,
    before: Clipping | None = None,
    seed: int = 0,
    updates: tuple[int, int] = (FLAT_UPDATES, DEEP_UPDATES),
) -> TaskSteps:
    """Train a critic clipped to ±c, and those it is compared with; a `Clipping` grows.

    Two critics each: ReLU 3×128 for the surface (`updates` of its own), 12×64 for gradients and weights.
    Fixed fakes, real + N(0, I). Clipped: RMSprop 5e-4; else Adam(1e-3, 0.5, 0.9), λ = 0.1, and for the deep
    ones Adam(5e-4), λ = 10. What `before` holds already is not trained again. Raises ValueError.
    """
    data = _data(name)
    if before is None or before.name != name:
        real, fake = (x.numpy() for x in sides(data, seed, 256, 10**6))
        before = Clipping(name, real, fake, ())
    keys = [key_of(clip), *HELD]
    done = tuple(arm for arm in before.arms if arm.done)
    lacking = [key for key in keys if not any(arm.key == key for arm in done)]
    found = replace(before, arms=done)
    total = max(1, len(lacking) * sum(updates))
    yield TaskProgress("Ready", 0.0 if lacking else 1.0, found)
    for i, key in enumerate(lacking):
        arm = None
        for arm in _train(key, data, seed, updates):
            title = "Clipping to ±" + f"{clip:g}" if key.startswith("clip") else HELD[key][0]
            share = (i * sum(updates) + arm.updates) / total
            shown = replace(found, arms=(*found.arms, arm))
            looked = arm.updates % LOOK == 0 or arm.done
            yield TaskProgress(
                f"{title}: critic update {arm.updates:,} of {arm.total:,}",
                share,
                shown if looked else None,
            )
        assert arm is not None
        found = replace(found, arms=(*found.arms, arm))


def _train(key: str, data: Points, seed: int, updates: tuple[int, int]) -> Iterator[Arm]:
    title, flat, deep = _objectives(key)
    clip = flat.clip_value if isinstance(flat, Wgan) else None
    arm = Arm(key, title, clip, 0, sum(updates))
    rate = 5e-4 if clip is not None else 1e-3
    one = new_critic_trainer(FLAT, flat, rate, seed)
    for done in range(1, updates[0] + 1):
        _update(one, data, seed)
        arm = replace(arm, updates=done)
        if done % LOOK == 0 or done == updates[0]:
            arm = replace(arm, surface=score_surface(one.critic, EXTENT))
        yield arm
    one = new_critic_trainer(DEEP, deep, 5e-4, seed)
    for done in range(1, updates[1] + 1):
        _update(one, data, seed)
        arm = replace(arm, updates=updates[0] + done)
        if done % LOOK == 0 or done == updates[1]:
            arm = _opened(arm, one, data, seed)
        yield arm


def _update(one: CriticTrainer, data: Points, seed: int) -> None:
    real, fake = sides(data, seed, BATCH, one.updates)
    one.update(real=real, fake=fake)


def _opened(arm: Arm, one: CriticTrainer, data: Points, seed: int) -> Arm:
    real, fake = sides(data, seed, BATCH, 10**6)
    layers = [part for part in one.critic.modules() if isinstance(part, nn.Linear)]
    # Orthonormal layers show the weights they compute with.
    values = torch.cat([part.weight.detach().flatten() for part in layers]).double().numpy()
    reach = arm.clip or float(np.quantile(np.abs(values), 0.999)) or 1.0
    shares, edges = np.histogram(values.clip(-reach, reach), bins=BINS, range=(-reach, reach))
    clipped_share = at_clip(one.critic, one.objective)
    return replace(
        arm,
        depth=by_depth(one.critic, one.objective, real, fake),
        edges=edges.astype(np.float64),
        shares=shares / len(values),
        stuck=None if clipped_share is None else float(clipped_share),
    )
