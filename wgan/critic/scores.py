"""A critic's scores of examples, and its slopes at them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wgan.arrays import F32, I64
from wgan.critic.examples import EPSILON, RealFakeBatch
from wgan.latent import Models
from wgan.objectives import Objective
from wgan.objectives.gradients import gradient_norm
from wgan.rng import keyed_rng

CHUNK = 128
"""Examples per forward pass."""


def chunks(models: Models, x: F32, labels: I64 | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield examples in chunks for the critic, with their classes if it is class-conditional.

    Args:
        models: The networks.
        x: Examples, (N, …).
        labels: Their classes, (N,); needed by a class-conditional critic.

    Raises:
        ValueError: The critic is class-conditional, and `labels` is None.
    """
    is_conditional = models.config.conditional
    if is_conditional and labels is None:
        raise ValueError("A class-conditional critic needs labels.")
    for start in range(0, len(x), CHUNK):
        part = torch.from_numpy(np.ascontiguousarray(x[start : start + CHUNK], np.float32))
        label = (
            torch.as_tensor(labels[start : start + CHUNK])
            if is_conditional and labels is not None
            else None
        )
        yield part, label


def score_of(critic: nn.Module, x: Tensor, label: Tensor | None) -> Tensor:
    """Return a critic's scores in float32: examples (N, …) and their classes (N,), if any → (N,)."""
    score: Tensor = critic(x) if label is None else critic(x, label)
    return score.float()


@torch.no_grad()
def scores(models: Models, x: F32, labels: I64 | None = None) -> F32:
    """Return the critic's scores: (N, …) → (N,). A class-conditional critic needs `labels`."""
    parts = [score_of(models.critic, *part) for part in chunks(models, x, labels)]
    return torch.cat(parts).numpy() if parts else np.empty(0, np.float32)


def slopes(models: Models, x: F32, labels: I64 | None = None) -> F32:
    """Return the critic's slope ‖∇f‖ at each example: (N, …) → (N,)."""
    norms = [_slopes(models.critic, *part) for part in chunks(models, x, labels)]
    return torch.cat(norms).numpy()


def _slopes(critic: nn.Module, x: Tensor, label: Tensor | None) -> Tensor:
    return gradient_norm(lambda t: score_of(critic, t, label), x)


def interpolates(batch: RealFakeBatch) -> F32:
    """Return x̂ = ε real + (1 − ε) fake, (N, …), one ε ~ U(0, 1) for each: where WGAN-GP's penalty acts."""
    rng = keyed_rng(0, "metric", draw=EPSILON)
    epsilon = torch.rand(len(batch.real), generator=rng).numpy()
    weight = epsilon.reshape(-1, *[1] * (batch.real.ndim - 1))
    mixed: F32 = (weight * batch.real + (1 - weight) * batch.fake).astype(np.float32)
    return mixed


@dataclass(frozen=True)
class Scores:
    """The critic's scores of real examples, held-out examples and fakes."""

    real: F32  # (N,)
    held_out: F32  # (N,)
    fake: F32  # (N,)

    @property
    def gap(self) -> float:
        """E f(real) − E f(fake) on these examples."""
        return float(self.real.mean() - self.fake.mean())

    @property
    def gap_held_out(self) -> float:
        """E f(held-out) − E f(fake) on these examples."""
        return float(self.held_out.mean() - self.fake.mean())

    @property
    def critic_accuracy(self) -> float:
        """Share of pairs of a real example and a fake in which the real one scores higher."""
        order = np.sort(self.fake)
        below = np.searchsorted(order, self.real, "left") + np.searchsorted(
            order, self.real, "right"
        )
        return float(below.mean() / (2 * len(order)))


def score_batch(models: Models, batch: RealFakeBatch) -> Scores:
    """Return the critic's scores of a batch."""
    return Scores(
        scores(models, batch.real, batch.labels),
        scores(models, batch.held_out, batch.held_out_labels),
        scores(models, batch.fake, batch.labels),
    )


def bounds_the_distance(objective: Objective) -> bool:
    """Return whether an objective's critic loss is minus the gap, E f(real) − E f(fake).

    This holds for the Wasserstein losses; only then is the gap of a 1-Lipschitz critic a lower bound
    of W₁ that training raises. The loss itself is evaluated on two small batches.
    """
    real, fake = torch.tensor([0.7, -1.3]), torch.tensor([2.1, 0.4])
    loss = objective.critic_loss(real=real, fake=fake)
    return bool(torch.isclose(loss, fake.mean() - real.mean()))


@dataclass(frozen=True)
class RankedExamples:
    """Examples from the highest to the lowest score."""

    examples: F32  # (N, …)
    scores: F32  # (N,), falling
    order: npt.NDArray[np.intp]  # (N,), index of each in the original batch


def rank_by_score(examples: F32, scores: F32, *, limit: int | None = None) -> RankedExamples:
    """Return examples by descending score; examples with equal scores keep their order.

    Args:
        examples: (N, …).
        scores: (N,).
        limit: Rank only the first `limit` examples. Default: all.
    """
    order = np.argsort(-scores[:limit], kind="stable")
    return RankedExamples(examples[order], scores[order], order)


@dataclass(frozen=True)
class Slopes:
    """The critic's slopes ‖∇f‖ at each example of a batch."""

    real: F32  # (N,)
    fake: F32  # (N,)
    between: F32  # (N,), at x̂


def steepness(models: Models, batch: RealFakeBatch) -> Slopes:
    """Return the slopes at real examples, at fakes and between them."""
    return Slopes(
        slopes(models, batch.real, batch.labels),
        slopes(models, batch.fake, batch.labels),
        slopes(models, interpolates(batch), batch.labels),
    )
