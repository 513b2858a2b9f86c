"""What a critic says of examples, and how steep it is there."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wgan.arrays import F32, I64
from wgan.critic.examples import EPSILON, Sides
from wgan.latent import Models
from wgan.objectives import Objective
from wgan.objectives.gradients import gradient_norm
from wgan.rng import generator

CHUNK = 128
"""Examples that go through a critic at once."""


def parts_of(models: Models, x: F32, labels: I64 | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Return examples, and their classes where the critic is told them, in parts to go through it.

    Raises ValueError where it is told and there are none.
    """
    is_conditional = models.config.conditional
    if is_conditional and labels is None:
        raise ValueError("A critic that is told the class needs labels.")
    for start in range(0, len(x), CHUNK):
        part = torch.from_numpy(np.ascontiguousarray(x[start : start + CHUNK], np.float32))
        label = (
            torch.as_tensor(labels[start : start + CHUNK])
            if is_conditional and labels is not None
            else None
        )
        yield part, label


def score_of(critic: nn.Module, x: Tensor, label: Tensor | None) -> Tensor:
    """Return a critic's scores in full precision: (N, …) and, where it is told, (N,) → (N,)."""
    score: Tensor = critic(x) if label is None else critic(x, label)
    return score.float()


@torch.no_grad()
def scores(models: Models, x: F32, labels: I64 | None = None) -> F32:
    """Return the critic's scores: (N, …) → (N,). A critic that is told the class needs `labels`."""
    parts = [score_of(models.critic, *part) for part in parts_of(models, x, labels)]
    return torch.cat(parts).numpy() if parts else np.empty(0, np.float32)


def slopes(models: Models, x: F32, labels: I64 | None = None) -> F32:
    """Return the critic's slope ‖∇f‖ at each example: (N, …) → (N,)."""
    norms = [_slopes(models.critic, *part) for part in parts_of(models, x, labels)]
    return torch.cat(norms).numpy()


def _slopes(critic: nn.Module, x: Tensor, label: Tensor | None) -> Tensor:
    return gradient_norm(lambda t: score_of(critic, t, label), x)


def between(sides: Sides) -> F32:
    """Return x̂ = ε real + (1 − ε) fake, one ε from U(0, 1) for each: where WGAN-GP holds the slope."""
    rng = generator(0, "metric", draw=EPSILON)
    epsilon = torch.rand(len(sides.real), generator=rng).numpy()
    weight = epsilon.reshape(-1, *[1] * (sides.real.ndim - 1))
    mixed: F32 = (weight * sides.real + (1 - weight) * sides.fake).astype(np.float32)
    return mixed


@dataclass(frozen=True)
class Scores:
    """What the critic says of each side."""

    real: F32  # (N,)
    held_out: F32  # (N,)
    fake: F32  # (N,)

    @property
    def gap(self) -> float:
        """E f(real) − E f(fake) on these examples."""
        return float(self.real.mean() - self.fake.mean())

    @property
    def gap_held_out(self) -> float:
        """The same with examples that training never saw."""
        return float(self.held_out.mean() - self.fake.mean())

    @property
    def told_apart(self) -> float:
        """Share of pairs of a real example and a fake in which the real one scores higher."""
        order = np.sort(self.fake)
        below = np.searchsorted(order, self.real, "left") + np.searchsorted(
            order, self.real, "right"
        )
        return float(below.mean() / (2 * len(order)))


def scored(models: Models, sides: Sides) -> Scores:
    """Return the scores of each side."""
    return Scores(
        scores(models, sides.real, sides.labels),
        scores(models, sides.held_out, sides.held_out_labels),
        scores(models, sides.fake, sides.labels),
    )


def bounds_the_distance(objective: Objective) -> bool:
    """Tell whether a critic is asked for a large gap, E f(real) − E f(fake), and for nothing else.

    So it is with the Wasserstein losses, and asked of the loss itself: is it minus the gap?
    """
    real, fake = torch.tensor([0.7, -1.3]), torch.tensor([2.1, 0.4])
    loss = objective.critic_loss(real=real, fake=fake)
    return bool(torch.isclose(loss, fake.mean() - real.mean()))


@dataclass(frozen=True)
class Ranked:
    """Examples from most to least convincing."""

    examples: F32  # (N, …)
    scores: F32  # (N,), falling
    order: npt.NDArray[np.intp]  # (N,), where each stood


def ranked(examples: F32, found: F32, *, most: int | None = None) -> Ranked:
    """Return examples by falling score, the first `most` that are given; equal ones in their order."""
    order = np.argsort(-found[:most], kind="stable")
    return Ranked(examples[order], found[order], order)


@dataclass(frozen=True)
class Slopes:
    """How steep the critic is on each side, ‖∇f‖ of each example."""

    real: F32  # (N,)
    fake: F32  # (N,)
    between: F32  # (N,), at x̂


def steepness(models: Models, sides: Sides) -> Slopes:
    """Return the slopes at real examples, at fakes and between them."""
    return Slopes(
        slopes(models, sides.real, sides.labels),
        slopes(models, sides.fake, sides.labels),
        slopes(models, between(sides), sides.labels),
    )
