"""Objective: the losses of a variant, and what pages, command line and training must know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from wgan.rng import WHOLE, Rows

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    Scorer = Callable[[Tensor], Tensor]
    """A critic as penalties see it: (N, …) → (N,), one score for each sample."""


class Objective(BaseModel, ABC):
    """A variant's losses, its regulariser, and its own hyperparameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Any = ""  # each class has its own Literal
    title: ClassVar[str]
    source: ClassVar[str]
    critic_formula: ClassVar[str]
    """The critic's loss without its penalty, as text."""
    generator_formula: ClassVar[str]
    """The generator's loss, as text."""
    reading: ClassVar[str]
    """How to read the two curves, in one or two sentences."""
    suits_momentum: ClassVar[bool] = True
    """Whether a critic trained alone uses Adam; else RMSprop, as momentum makes it unstable."""
    two_sided: ClassVar[bool] = False
    """Whether a penalty pulls the critic's slope to 1 from below, too."""
    class_conditional: ClassVar[bool] = True
    """Whether the critic may be given the class: a projection adds to its slope."""
    couples: ClassVar[bool] = True
    """Whether the critic may have layers that mix samples, such as batch norm. A gradient penalty needs one
    gradient per sample, so with it the critic may not."""

    @abstractmethod
    def real_loss(self, real: Tensor) -> Tensor:
        """Return the part of the critic's loss that real scores, (N,), decide: a scalar."""

    @abstractmethod
    def fake_loss(self, fake: Tensor) -> Tensor:
        """Return the part of the critic's loss that scores of fakes, (N,), decide: a scalar."""

    def critic_loss(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the critic minimises, without penalties, from its scores.

        `real` and `fake` are scores, (N,). The result is a scalar.
        """
        return self.real_loss(real) + self.fake_loss(fake)

    @abstractmethod
    def generator_loss(self, *, fake: Tensor) -> Tensor:
        """Return what the generator minimises, from the critic's scores of its samples, (N,)."""

    def generator_text(self) -> str:
        """Return the generator's loss as text."""
        return self.generator_formula

    def penalty(
        self,
        critic: Scorer,
        *,
        real: Tensor,
        fake: Tensor,
        rng: torch.Generator,
        update: int = 0,
        rows: Rows = WHOLE,
    ) -> Tensor:
        """Return the penalty that keeps the critic Lipschitz, a scalar that is added to its loss; here 0.

        `real` and `fake` are samples, (N, …); `rng` is the draw's own generator; `update` counts
        the critic's updates from 0; `rows` tells which rows of a shared batch these are.
        """
        points = self.points(real=real, fake=fake, rng=rng, update=update, rows=rows)
        return real.new_zeros(()) if points is None else self.penalise(critic, points)

    def points(
        self,
        *,
        real: Tensor,
        fake: Tensor,
        rng: torch.Generator,
        update: int = 0,
        rows: Rows = WHOLE,
    ) -> Tensor | None:
        """Return where the critic's slope is held in this update, (N, …); None: nowhere."""
        return None

    def penalise(self, critic: Scorer, points: Tensor) -> Tensor:
        """Return what the critic's slopes at points, (N, …), add to its loss: a scalar."""
        return points.new_zeros(())

    @property
    def layers(self) -> str:
        """Which layers the critic has: runs can be forked only among objectives with the same."""
        return "plain"

    def unsupported_reason(self, critic: nn.Module) -> str | None:
        """Say why `prepare` cannot change a critic's layers; None if it can."""
        return None

    def prepare(self, critic: nn.Module, rng: torch.Generator) -> None:
        """Change a new critic's layers in place, before training; here nothing."""

    def project(self, critic: nn.Module) -> None:
        """Change the critic's weights in place after its optimiser's step; here nothing."""


class CrossEntropy(Objective):
    """The losses of a discriminator that says real or fake, from its logits."""

    critic_formula = "−E log σ(f(real)) − E log(1 − σ(f(fake)))"
    generator_formula = "−E log σ(f(fake))"
    reading = (
        "Both are cross-entropies in nats. A critic that cannot tell real from fake has a loss of "
        "2 log 2 ≈ 1.39, and the generator then has log 2 ≈ 0.69. Neither curve says how good the "
        "samples are."
    )

    def real_loss(self, real: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        return softplus(-real).mean()

    def fake_loss(self, fake: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        return softplus(fake).mean()

    def generator_loss(self, *, fake: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        return softplus(-fake).mean()


class Wasserstein(Objective):
    """The Kantorovich–Rubinstein dual: the mean score difference, and its generator."""

    critic_formula = "E f(fake) − E f(real)"
    generator_formula = "−E f(fake)"
    reading = (
        "The critic's loss is minus the critic gap: **negative while the critic can tell real from "
        "fake, and rising towards 0** as the samples improve. The generator's loss has an arbitrary "
        "offset, since the critic's scores may drift up or down together: its level means nothing."
    )

    def real_loss(self, real: Tensor) -> Tensor:
        return -real.mean()

    def fake_loss(self, fake: Tensor) -> Tensor:
        return fake.mean()

    def generator_loss(self, *, fake: Tensor) -> Tensor:
        return -fake.mean()
