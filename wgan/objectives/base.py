"""Objective: the base class of a variant's losses and constraint, with its texts for users."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from wgan.rng import WHOLE, Rows

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    Scorer = Callable[[Tensor], Tensor]
    """A critic as penalties call it: (N, …) → (N,), one score per sample."""


SlopeLimit = Literal["penalty", "clipping", "layers", ""]


class Objective(BaseModel, ABC):
    """The losses, the constraint and the hyperparameters of a variant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Any = ""  # each class has its own Literal
    title: ClassVar[str]
    summary: ClassVar[str]
    """One line for the user: what the objective is."""
    explanation: ClassVar[str]
    """More about it, with the formulas: Markdown with LaTeX, for a card."""
    source: ClassVar[str]
    critic_formula: ClassVar[str]
    """The critic's loss without its penalty, as text."""
    generator_formula: ClassVar[str]
    """The generator's loss, as text."""
    reading: ClassVar[str]
    """How to read the two curves, in a few sentences."""
    suits_momentum: ClassVar[bool] = True
    """Whether a critic that is trained alone uses Adam. Otherwise it uses RMSprop, because
    momentum makes it unstable.
    """
    slope_limit: ClassVar[SlopeLimit] = ""
    """What limits the critic's slopes; empty if nothing does."""
    two_sided: ClassVar[bool] = False
    """Whether a penalty also pulls slopes below 1 up to 1."""
    class_conditional: ClassVar[bool] = True
    """Whether the critic may be class-conditional: the projection adds to its slope."""
    allows_batch_norm: ClassVar[bool] = True
    """Whether the critic may have layers that mix samples, such as batch norm. A gradient penalty
    needs the gradient of each sample, so it does not allow them.
    """
    relativistic: ClassVar[bool] = False
    """Whether both losses compare the scores of pairs, each of a real example and a fake. The
    generator's update then needs real examples, and the critic's cannot be split into one for real
    examples and one for fakes.
    """

    @abstractmethod
    def real_loss(self, real: Tensor) -> Tensor:
        """Return the part of the critic's loss that depends on real scores, (N,): a scalar.

        Raises:
            ValueError: The objective is relativistic.
        """

    @abstractmethod
    def fake_loss(self, fake: Tensor) -> Tensor:
        """Return the part of the critic's loss that depends on fake scores, (N,): a scalar.

        Raises:
            ValueError: The objective is relativistic.
        """

    def critic_loss(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss without the penalty, a scalar.

        Args:
            real: Scores of real samples, (N,).
            fake: Scores of fakes, (N,).
        """
        return self.real_loss(real) + self.fake_loss(fake)

    @abstractmethod
    def generator_loss(self, *, real: Tensor | None = None, fake: Tensor) -> Tensor:
        """Return the generator's loss, a scalar.

        Args:
            real: Scores of real examples, (N,), which a relativistic objective compares with those
                of the fakes. Other objectives ignore them.
            fake: Scores of fakes, (N,).

        Raises:
            ValueError: The objective is relativistic, and there are no real scores.
        """

    def generator_text(self) -> str:
        """Return the formula of the generator's loss as text."""
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
        """Return the penalty, a scalar that is added to the critic's loss; 0 for most objectives.

        Args:
            critic: The critic.
            real: Real samples, (N, …).
            fake: Fakes, (N, …).
            rng: Random number generator of this draw.
            update: Number of critic updates before this one.
            rows: The rows of a shared batch that these samples are.
        """
        points = self.penalty_points(real=real, fake=fake, rng=rng, update=update, rows=rows)
        return real.new_zeros(()) if points is None else self.penalise(critic, points)

    def penalty_points(
        self,
        *,
        real: Tensor,
        fake: Tensor,
        rng: torch.Generator,
        update: int = 0,
        rows: Rows = WHOLE,
    ) -> Tensor | None:
        """Return the points at which the penalty acts in this update; None for no penalty.

        They are (N, …), one for each pair of a real example and a fake; or (2N, …), all real
        examples followed by all fakes. The arguments are those of `penalty`.
        """
        return None

    def penalise(self, critic: Scorer, points: Tensor) -> Tensor:
        """Return the penalty for the critic's slopes at points, (N, …): a scalar."""
        return points.new_zeros(())

    def unused_settings(self) -> tuple[str, ...]:
        """Return the names of the settings that have no effect with the values of the others."""
        return ()

    @property
    def layers(self) -> str:
        """The kind of the critic's layers. A fork can change the objective only to one of the same kind."""
        return "plain"

    def unsupported_reason(self, critic: nn.Module) -> str | None:
        """Return why `prepare` cannot change the layers of a critic; None if it can."""
        return None

    def prepare(self, critic: nn.Module, rng: torch.Generator) -> None:
        """Change the layers of a new critic in place, before training. Does nothing by default."""

    def project(self, critic: nn.Module) -> None:
        """Change the critic's weights in place after each optimiser step. Does nothing by default."""


class CrossEntropy(Objective):
    """The losses of a discriminator, from its logits."""

    critic_formula = "−E log σ(f(real)) − E log(1 − σ(f(fake)))"
    generator_formula = "−E log σ(f(fake))"
    reading = (
        "Both losses are cross-entropies. A critic that cannot tell real from fake has a "
        "loss of 2 log 2 ≈ 1.39, and the generator then has log 2 ≈ 0.69. The curves do not "
        "show how good the samples are."
    )

    def real_loss(self, real: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        return softplus(-real).mean()

    def fake_loss(self, fake: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        return softplus(fake).mean()

    def generator_loss(self, *, real: Tensor | None = None, fake: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        return softplus(-fake).mean()


class Wasserstein(Objective):
    """The losses of the Kantorovich–Rubinstein dual: the difference of the mean scores."""

    critic_formula = "E f(fake) − E f(real)"
    generator_formula = "−E f(fake)"
    reading = (
        "The critic loss is minus the critic gap. **It is negative while the critic can tell "
        "real from fake, and rises towards 0** as the samples improve. The level of the "
        "generator loss has no meaning, because all scores of the critic may drift up or "
        "down together."
    )

    def real_loss(self, real: Tensor) -> Tensor:
        return -real.mean()

    def fake_loss(self, fake: Tensor) -> Tensor:
        return fake.mean()

    def generator_loss(self, *, real: Tensor | None = None, fake: Tensor) -> Tensor:
        return -fake.mean()
