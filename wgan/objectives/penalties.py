"""GradientPenalty: a term in the critic's loss that constrains its slope."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from wgan.objectives.base import Objective
from wgan.rng import WHOLE, Rows

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from wgan.objectives.base import Scorer

PenaltyAt = Literal["interpolates", "real", "fake", "noise", "both"]
PenaltyWeight = Annotated[float, Field(ge=0.0, le=1000.0)]


class GradientPenalty(Objective):
    """Adds λ E d(‖∇f(x̂)‖). Subclasses define d (`deviation`); `penalty_at` chooses the points x̂."""

    slope_limit = "penalty"
    allows_batch_norm = False
    penalty_weight: PenaltyWeight = Field(
        10.0,
        title="Penalty weight λ",
        description="How strongly the penalty controls the critic's slope. Too small: the critic loss "
        "explodes. Too large: the critic learns little except the right slope.",
        json_schema_extra={"source": "Gulrajani et al. 2017, algorithm 1", "log": True},
    )
    penalty_at: PenaltyAt = Field(
        "interpolates",
        title="Penalty at",
        description="The points at which the slope is penalised. Interpolates: x̂ = ε real + (1 − ε) "
        "fake, with ε drawn from U(0, 1) for each sample. Noise: real examples with added "
        "Gaussian noise. Both: the sum of the penalties at real examples and at fakes.",
        json_schema_extra={"source": "Kodali et al. 2017; Wu et al. 2018", "advanced": True},
    )
    noise_scale: Annotated[float, Field(gt=0.0, le=10.0)] = Field(
        0.5,
        title="Noise added to real",
        description="Standard deviation of the noise, as a multiple of the real batch's standard "
        "deviation. Only used if the penalty is at noise.",
        json_schema_extra={"source": "Kodali et al. 2017, their code", "advanced": True},
    )
    penalty_every: Annotated[int, Field(ge=1, le=64)] = Field(
        1,
        title="Penalty every",
        description="Compute the penalty only at every k-th critic update, and multiply it by k. This is "
        "faster, and the average penalty is the same.",
        json_schema_extra={
            "source": "Karras et al. 2020, appendix B, arXiv:1912.04958",
            "unit": "critic updates",
            "advanced": True,
        },
    )

    def unused_settings(self) -> tuple[str, ...]:
        return () if self.penalty_at == "noise" else ("noise_scale",)

    @abstractmethod
    def deviation(self, norm: Tensor) -> Tensor:
        """Return the penalty of each gradient norm without the factor λ: (N,) → (N,)."""

    def penalise(self, critic: Scorer, points: Tensor) -> Tensor:
        from wgan.objectives.gradients import gradient_norm

        norm = gradient_norm(critic, points, create_graph=True)
        mean: Tensor = self.deviation(norm).mean()
        # `mean` is over real examples and fakes; the penalty is the sum of both means.
        num_means = 2 if self.penalty_at == "both" else 1
        weighted: Tensor = self.penalty_weight * self.penalty_every * num_means * mean
        return weighted

    def penalty_points(
        self,
        *,
        real: Tensor,
        fake: Tensor,
        rng: torch.Generator,
        update: int = 0,
        rows: Rows = WHOLE,
    ) -> Tensor | None:
        import torch

        if update % self.penalty_every:
            return None
        if self.penalty_at == "interpolates":
            n = len(real)
            whole = torch.rand(n * rows.size, generator=rng, device=real.device, dtype=real.dtype)
            epsilon = whole[rows.part(len(whole))]
            return torch.lerp(fake, real, epsilon.view(n, *[1] * (real.dim() - 1)))
        if self.penalty_at == "noise":
            whole = torch.cat([real] * rows.size) if rows.size > 1 else real
            noise = torch.empty_like(whole).normal_(generator=rng)[rows.part(len(whole))]
            return real + self.noise_scale * real.std(unbiased=False) * noise
        if self.penalty_at == "both":
            return torch.cat([real, fake])
        return real if self.penalty_at == "real" else fake
