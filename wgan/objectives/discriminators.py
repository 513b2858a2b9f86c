"""Objectives whose critic classifies real and fake. They do not estimate a Wasserstein distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from wgan.objectives.base import CrossEntropy, Objective
from wgan.objectives.penalties import GradientPenalty, PenaltyAt, PenaltyWeight

if TYPE_CHECKING:
    from torch import Tensor


class Gan(CrossEntropy):
    """The original GAN, for comparison.

    Critic (here a discriminator): −E log σ(f(real)) − E log(1 − σ(f(fake))). Generator,
    non-saturating: −E log σ(f(fake)); minimax: E log(1 − σ(f(fake))).
    """

    name: Literal["gan"] = "gan"
    title = "GAN (cross-entropy)"
    summary = "The original GAN, for comparison. It has no limit on the slope."
    explanation = r"""Critic (here a discriminator), minimised:

$$ -\mathbb{E} \log \sigma(f(\mathrm{real})) - \mathbb{E} \log(1 - \sigma(f(\mathrm{fake}))) $$

Generator, minimised:

| loss | formula |
|---|---|
| non-saturating | $-\mathbb{E} \log \sigma(f(\mathrm{fake}))$ |
| minimax | $\mathbb{E} \log(1 - \sigma(f(\mathrm{fake})))$ |

The gradient of the minimax loss vanishes when the discriminator recognises all fakes. Nothing
limits the slope of $f$. A discriminator that is too good therefore gives the generator no useful
gradient, and modes are often lost."""
    source = "Goodfellow et al. 2014, section 3, arXiv:1406.2661"
    generator: Literal["non-saturating", "minimax"] = Field(
        "non-saturating",
        title="Generator loss",
        description="Non-saturating: the gradient stays strong when the discriminator recognises all "
        "fakes. Minimax: the loss of the original game; its gradient then vanishes.",
        json_schema_extra={"source": "Goodfellow et al. 2014, section 3"},
    )

    def generator_loss(self, *, real: Tensor | None = None, fake: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        if self.generator == "minimax":
            return -softplus(fake).mean()
        return super().generator_loss(fake=fake)

    def generator_text(self) -> str:
        minimax = "E log(1 − σ(f(fake)))"
        return minimax if self.generator == "minimax" else self.generator_formula


class LsGan(Objective):
    """Least-squares GAN: the critic learns to score real samples 1 and fakes 0.

    Critic: ½ E(f(real) − 1)² + ½ E f(fake)². Generator: ½ E(f(fake) − 1)².
    """

    name: Literal["lsgan"] = "lsgan"
    title = "LSGAN (least squares)"
    summary = "GAN with squared errors: the critic learns to score real samples 1 and fakes 0."
    explanation = r"""Critic, minimised:

$$ \tfrac{1}{2}\,\mathbb{E} (f(\mathrm{real}) - 1)^2 + \tfrac{1}{2}\,\mathbb{E} f(\mathrm{fake})^2 $$

Generator, minimised:

$$ \tfrac{1}{2}\,\mathbb{E} (f(\mathrm{fake}) - 1)^2 $$

A fake that the critic accepts as real still gets a gradient if its score is far from 1."""
    critic_formula = "½ E(f(real) − 1)² + ½ E f(fake)²"
    generator_formula = "½ E(f(fake) − 1)²"
    reading = (
        "A critic that cannot tell real from fake gives every sample the score ½. Its loss "
        "is then 0.25, and the generator's is 0.125. The curves do not show how good the "
        "samples are."
    )
    source = "Mao et al. 2017, eq. 9, arXiv:1611.04076"

    def real_loss(self, real: Tensor) -> Tensor:
        return (real - 1).square().mean() / 2

    def fake_loss(self, fake: Tensor) -> Tensor:
        return fake.square().mean() / 2

    def generator_loss(self, *, real: Tensor | None = None, fake: Tensor) -> Tensor:
        return (fake - 1).square().mean() / 2


class Hinge(Objective):
    """Hinge loss: samples that the critic scores right by a margin of 1 cost nothing.

    Critic: E max(0, 1 − f(real)) + E max(0, 1 + f(fake)). Generator: −E f(fake).
    """

    name: Literal["hinge"] = "hinge"
    title = "Hinge GAN"
    summary = (
        "GAN with the hinge loss: a sample that is scored right by a margin of 1 costs the "
        "critic nothing."
    )
    explanation = r"""Critic, minimised:

$$ \mathbb{E} \max(0, 1 - f(\mathrm{real})) + \mathbb{E} \max(0, 1 + f(\mathrm{fake})) $$

Generator, minimised:

$$ -\mathbb{E}\,f(\mathrm{fake}) $$

The critic learns only from real samples with scores below 1 and fakes with scores above −1."""
    critic_formula = "E max(0, 1 − f(real)) + E max(0, 1 + f(fake))"
    generator_formula = "−E f(fake)"
    reading = (
        "The critic loss is 0 if every sample is scored right by a margin of 1, and 2 if "
        "every score is 0. Above 2, the critic is wrong. The level of the generator loss has "
        "no meaning, because all scores of the critic may drift up or down together."
    )
    source = "Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eqs. 16–17, arXiv:1802.05957"

    def real_loss(self, real: Tensor) -> Tensor:
        from torch.nn.functional import relu

        return relu(1 - real).mean()

    def fake_loss(self, fake: Tensor) -> Tensor:
        from torch.nn.functional import relu

        return relu(1 + fake).mean()

    def generator_loss(self, *, real: Tensor | None = None, fake: Tensor) -> Tensor:
        return -fake.mean()


class Dragan(GradientPenalty, CrossEntropy):
    """DRAGAN: a GAN with a penalty that pulls the discriminator's slope to 1 around the real data.

    Critic: −E log σ(f(real)) − E log(1 − σ(f(fake))) + λ E (‖∇f(x̂)‖ − 1)², with x̂ near real
    examples. Generator: −E log σ(f(fake)).
    """

    name: Literal["dragan"] = "dragan"
    title = "DRAGAN"
    summary = "GAN with a penalty that pulls the discriminator's slope to 1 near real examples."
    explanation = r"""Critic (here a discriminator), minimised:

$$ -\mathbb{E} \log \sigma(f(\mathrm{real})) - \mathbb{E} \log(1 - \sigma(f(\mathrm{fake}))) + \lambda\,\mathbb{E} \left( \lVert \nabla f(\hat{x}) \rVert - 1 \right)^2 $$

Here $\hat{x}$ is a real example with Gaussian noise added.

Generator, minimised:

$$ -\mathbb{E} \log \sigma(f(\mathrm{fake})) $$"""
    two_sided = True
    source = "Kodali et al. 2017, eq. 1, arXiv:1705.07215"
    penalty_at: PenaltyAt = Field(
        "noise",
        title="Penalty at",
        description="The points at which the slope is penalised. DRAGAN uses real examples with added "
        "noise.",
        json_schema_extra={"source": "Kodali et al. 2017, eq. 1", "advanced": True},
    )

    def deviation(self, norm: Tensor) -> Tensor:
        return (norm - 1).square()


class R1(GradientPenalty, CrossEntropy):
    """R1: a GAN with a penalty that keeps the discriminator flat at the real data.

    Critic: −E log σ(f(real)) − E log(1 − σ(f(fake))) + γ/2 E ‖∇f(real)‖². Generator:
    −E log σ(f(fake)).
    """

    name: Literal["r1"] = "r1"
    title = "R1 (GAN, zero slope at real data)"
    summary = "GAN with a penalty that keeps the discriminator flat at real examples."
    explanation = r"""Critic (here a discriminator), minimised:

$$ -\mathbb{E} \log \sigma(f(\mathrm{real})) - \mathbb{E} \log(1 - \sigma(f(\mathrm{fake}))) + \frac{\gamma}{2}\,\mathbb{E} \lVert \nabla f(\mathrm{real}) \rVert^2 $$

Generator, minimised:

$$ -\mathbb{E} \log \sigma(f(\mathrm{fake})) $$

With this penalty, training converges near the solution. A plain GAN, or a WGAN with few critic
updates, need not converge."""
    source = "Mescheder et al. 2018, eq. 9, arXiv:1801.04406"
    penalty_weight: PenaltyWeight = Field(
        10.0,
        title="Penalty weight γ",
        description="How strongly slopes at the real examples are penalised. Half of γ multiplies the "
        "squared slope.",
        json_schema_extra={"source": "Mescheder et al. 2018, section 4.1: 10", "log": True},
    )
    penalty_at: PenaltyAt = Field(
        "real",
        title="Penalty at",
        description="The points at which the slope is penalised. R1 uses real examples; the variant R2 "
        "uses fakes.",
        json_schema_extra={"source": "Mescheder et al. 2018, eqs. 9 and 10", "advanced": True},
    )

    def deviation(self, norm: Tensor) -> Tensor:
        return norm.square() / 2


class R3Gan(GradientPenalty, Objective):
    """R3GAN: a relativistic GAN, which compares each fake with a real example, with R1 and R2.

    Critic: E softplus(−(f(real) − f(fake))) + γ/2 (E ‖∇f(real)‖² + E ‖∇f(fake)‖²). Generator:
    E softplus(−(f(fake) − f(real))). Real examples and fakes are paired by their position in the
    batch.
    """

    name: Literal["r3gan"] = "r3gan"
    title = "R3GAN (relativistic, R1 and R2)"
    summary = (
        "GAN that compares each fake with a real example, and has zero-centred penalties at both."
    )
    explanation = r"""Critic (here a discriminator), minimised:

$$ \mathbb{E} \log\left(1 + e^{-(f(\mathrm{real}) - f(\mathrm{fake}))}\right) + \frac{\gamma}{2} \left( \mathbb{E} \lVert \nabla f(\mathrm{real}) \rVert^2 + \mathbb{E} \lVert \nabla f(\mathrm{fake}) \rVert^2 \right) $$

Generator, minimised:

$$ \mathbb{E} \log\left(1 + e^{-(f(\mathrm{fake}) - f(\mathrm{real}))}\right) $$

The expectation is over pairs of a real example and a fake. The critic learns to score the real
example of each pair higher, and the generator to score its fake higher. **It is not a Wasserstein
distance**: the loss is relativistic, and both penalties pull the slope to 0, at real examples (R1)
and at fakes (R2). According to the paper, comparing pairs prevents mode collapse, and the two
penalties together make training converge near the solution."""
    critic_formula = "E softplus(f(fake) − f(real))"
    generator_formula = "E softplus(f(real) − f(fake))"
    reading = (
        "softplus(x) = log(1 + eˣ), and each fake is compared with one real example. If the critic "
        "cannot tell real from fake, both losses are log 2 ≈ 0.69. If the critic is better, its "
        "loss is lower and the generator's is higher. The losses do not estimate a Wasserstein "
        "distance, and the curves do not show how good the samples are."
    )
    source = "Huang et al. 2024, section 2, arXiv:2501.05441"
    relativistic = True
    penalty_weight: PenaltyWeight = Field(
        1.0,
        title="Penalty weight γ",
        description="How strongly slopes at real examples and at fakes are penalised. Half of γ "
        "multiplies the squared slope. Larger pictures need a larger γ.",
        json_schema_extra={
            "source": "Huang et al. 2024, their code: 0.05 for CIFAR-10, 1 for ImageNet at 64×64, "
            "150 for FFHQ at 256×256",
            "log": True,
        },
    )
    penalty_at: PenaltyAt = Field(
        "both",
        title="Penalty at",
        description="The points at which the slope is penalised. R3GAN uses both real examples (R1) and "
        "fakes (R2).",
        json_schema_extra={"source": "Huang et al. 2024, section 2", "advanced": True},
    )

    def deviation(self, norm: Tensor) -> Tensor:
        return norm.square() / 2

    def real_loss(self, real: Tensor) -> Tensor:
        raise ValueError("R3GAN's critic loss has no part that depends on real scores alone.")

    def fake_loss(self, fake: Tensor) -> Tensor:
        raise ValueError("R3GAN's critic loss has no part that depends on fake scores alone.")

    def critic_loss(self, *, real: Tensor, fake: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        return softplus(fake - real).mean()

    def generator_loss(self, *, real: Tensor | None = None, fake: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        if real is None:
            raise ValueError("R3GAN's generator loss needs the scores of real examples.")
        return softplus(real - fake).mean()
