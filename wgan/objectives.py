"""What critic and generator minimise, and what keeps the critic Lipschitz.

One class and one line of OBJECTIVES for each variant. The loop calls the same four methods of every
one, so a new variant changes nothing else. Signs are those of the WGAN papers: the critic scores
real samples high.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import softplus


class Objective(BaseModel, ABC):
    """A variant's losses, its regulariser, and its own hyperparameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Any
    title: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def critic_loss(self, *, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the critic minimises, without penalties, from its scores.

        `real` and `fake` are scores, (N,). The result is a scalar.
        """

    @abstractmethod
    def generator_loss(self, *, fake: Tensor) -> Tensor:
        """Return what the generator minimises, from the critic's scores of its samples, (N,)."""

    def penalty(
        self, critic: nn.Module, *, real: Tensor, fake: Tensor, rng: torch.Generator
    ) -> Tensor:
        """Return what is added to the critic's loss to keep it Lipschitz: a scalar, here 0.

        `real` and `fake` are samples, (N, …); `rng` is the draw's own generator.
        """
        return real.new_zeros(())

    def project(self, critic: nn.Module) -> None:
        """Change the critic's weights in place after its optimiser's step; here nothing."""


class Gan(Objective):
    """The original GAN with the non-saturating generator loss, for comparison.

    Critic (here a discriminator): −E log σ(f(real)) − E log(1 − σ(f(fake))). Generator:
    −E log σ(f(fake)). Nothing keeps f Lipschitz, so a discriminator that is too good gives the
    generator no direction, and modes are easily lost.
    """

    name: Literal["gan"] = "gan"
    title = "GAN (non-saturating)"
    source = "Goodfellow et al. 2014, section 3, arXiv:1406.2661"

    def critic_loss(self, *, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real).mean() + softplus(fake).mean()

    def generator_loss(self, *, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()


class _Wasserstein(Objective):
    """The Kantorovich–Rubinstein dual: the mean score difference, and its generator."""

    def critic_loss(self, *, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator_loss(self, *, fake: Tensor) -> Tensor:
        return -fake.mean()


class Wgan(_Wasserstein):
    """The first Wasserstein GAN: the critic is kept Lipschitz by clipping its weights.

    Critic: E f(fake) − E f(real), every weight clipped to [−c, c] after each update. Generator:
    −E f(fake). Simple and robust, but clipping pushes weights to ±c and critics to simple surfaces.
    """

    name: Literal["wgan"] = "wgan"
    title = "WGAN (weight clipping)"
    source = "Arjovsky et al. 2017, algorithm 1, arXiv:1701.07875"
    clip_value: Annotated[float, Field(ge=1e-4, le=1.0)] = Field(
        0.01,
        title="Clip value c",
        description="Every critic weight is clipped to [−c, c] after each critic update. Larger: "
        "a steeper critic that takes longer to train. Smaller: gradients vanish.",
        json_schema_extra={"source": "Arjovsky et al. 2017, algorithm 1", "log": True},
    )

    @torch.no_grad()
    def project(self, critic: nn.Module) -> None:
        for weight in critic.parameters():
            weight.clamp_(-self.clip_value, self.clip_value)


class WganGp(_Wasserstein):
    """WGAN with gradient penalty: the critic's slope is pulled towards 1 between real and fake.

    Critic: E f(fake) − E f(real) + λ E (‖∇f(x̂)‖ − 1)², with x̂ = ε real + (1 − ε) fake and ε from
    U(0, 1), one for each sample. Generator: −E f(fake).
    """

    name: Literal["wgan-gp"] = "wgan-gp"
    title = "WGAN-GP (gradient penalty)"
    source = "Gulrajani et al. 2017, eq. 3, arXiv:1704.00028"
    penalty_weight: Annotated[float, Field(ge=0.0, le=1000.0)] = Field(
        10.0,
        title="Penalty weight λ",
        description="How strongly the critic's slope is pulled towards 1. Too small: the critic "
        "explodes. Too large: it learns only its slope.",
        json_schema_extra={"source": "Gulrajani et al. 2017, algorithm 1", "log": True},
    )

    def penalty(
        self, critic: nn.Module, *, real: Tensor, fake: Tensor, rng: torch.Generator
    ) -> Tensor:
        n = len(real)
        epsilon = torch.rand(n, generator=rng, device=real.device, dtype=real.dtype)
        x_hat = torch.lerp(fake, real, epsilon.view(n, *[1] * (real.dim() - 1)))
        norm = gradient_norm(critic, x_hat, create_graph=True)  # (N,)
        distance: Tensor = (norm - 1).square().mean()
        weighted: Tensor = self.penalty_weight * distance
        return weighted


def gradient_norm(critic: nn.Module, x: Tensor, *, create_graph: bool = False) -> Tensor:
    """Return ‖∇f(x)‖₂, one norm for each sample.

    `x` is (N, …) and need not require a gradient; the result is (N,), float32. The gradient of the
    norm at 0 is 0, so a flat critic gives no NaN.
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        scores = critic(x)
        (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=create_graph)
    norm: Tensor = torch.linalg.vector_norm(gradient.float().flatten(1), dim=1)
    return norm


OBJECTIVES: dict[str, type[Objective]] = {
    "gan": Gan,
    "wgan": Wgan,
    "wgan-gp": WganGp,
}

if TYPE_CHECKING:
    AnyObjective = Objective
else:
    AnyObjective = Annotated[Union[tuple(OBJECTIVES.values())], Field(discriminator="name")]
