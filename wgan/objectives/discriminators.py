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
    non-saturating: −E log σ(f(fake)); minimax: E log(1 − σ(f(fake))), whose gradient vanishes once
    the discriminator is sure. Nothing keeps f Lipschitz, so a discriminator that is too good gives
    the generator no direction, and modes are easily lost.
    """

    name: Literal["gan"] = "gan"
    title = "GAN (cross-entropy)"
    source = "Goodfellow et al. 2014, section 3, arXiv:1406.2661"
    generator: Literal["non-saturating", "minimax"] = Field(
        "non-saturating",
        title="Generator's loss",
        description="Non-saturating: a strong gradient where the discriminator is sure. Minimax: the "
        "game as first written, whose gradient vanishes there.",
        json_schema_extra={"source": "Goodfellow et al. 2014, section 3"},
    )

    def generator_loss(self, *, fake: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        if self.generator == "minimax":
            return -softplus(fake).mean()
        return super().generator_loss(fake=fake)

    def generator_text(self) -> str:
        minimax = "E log(1 − σ(f(fake)))"
        return minimax if self.generator == "minimax" else self.generator_formula


class LsGan(Objective):
    """Least-squares GAN: scores are drawn to 1 for real and to 0 for fake.

    Critic: ½ E(f(real) − 1)² + ½ E f(fake)². Generator: ½ E(f(fake) − 1)². The gradient does not
    vanish for samples that are judged right but far away.
    """

    name: Literal["lsgan"] = "lsgan"
    title = "LSGAN (least squares)"
    critic_formula = "½ E(f(real) − 1)² + ½ E f(fake)²"
    generator_formula = "½ E(f(fake) − 1)²"
    reading = (
        "A critic that cannot tell real from fake says ½ everywhere: its loss is then 0.25, and the "
        "generator's 0.125. Neither curve says how good the samples are."
    )
    source = "Mao et al. 2017, eq. 9, arXiv:1611.04076"

    def real_loss(self, real: Tensor) -> Tensor:
        return (real - 1).square().mean() / 2

    def fake_loss(self, fake: Tensor) -> Tensor:
        return fake.square().mean() / 2

    def generator_loss(self, *, fake: Tensor) -> Tensor:
        return (fake - 1).square().mean() / 2


class Hinge(Objective):
    """Hinge loss: the critic stops caring for samples that it scores right by a margin of 1.

    Critic: E max(0, 1 − f(real)) + E max(0, 1 + f(fake)). Generator: −E f(fake).
    """

    name: Literal["hinge"] = "hinge"
    title = "Hinge GAN"
    critic_formula = "E max(0, 1 − f(real)) + E max(0, 1 + f(fake))"
    generator_formula = "−E f(fake)"
    reading = (
        "The critic's loss is between 0, where every sample is scored right by a margin of 1, and 2 "
        "where the critic says 0 everywhere; it is above 2 where it is wrong. The generator's loss has "
        "no fixed level: the critic's scores may drift."
    )
    source = "Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eqs. 16–17, arXiv:1802.05957"

    def real_loss(self, real: Tensor) -> Tensor:
        from torch.nn.functional import relu

        return relu(1 - real).mean()

    def fake_loss(self, fake: Tensor) -> Tensor:
        from torch.nn.functional import relu

        return relu(1 + fake).mean()

    def generator_loss(self, *, fake: Tensor) -> Tensor:
        return -fake.mean()


class Dragan(GradientPenalty, CrossEntropy):
    """DRAGAN: a GAN whose discriminator's slope is pulled to 1 around the real data.

    Critic: −E log σ(f(real)) − E log(1 − σ(f(fake))) + λ E (‖∇f(x̂)‖ − 1)², with x̂ near real
    examples. Generator: −E log σ(f(fake)).
    """

    name: Literal["dragan"] = "dragan"
    title = "DRAGAN"
    two_sided = True
    source = "Kodali et al. 2017, eq. 1, arXiv:1705.07215"
    penalty_at: PenaltyAt = Field(
        "noise",
        title="Penalty at",
        description="Where the slope is held; DRAGAN: at real examples with noise added.",
        json_schema_extra={"source": "Kodali et al. 2017, eq. 1", "advanced": True},
    )

    def deviation(self, norm: Tensor) -> Tensor:
        return (norm - 1).square()


class R1(GradientPenalty, CrossEntropy):
    """R1: a GAN whose discriminator is held flat at the real data.

    Critic: −E log σ(f(real)) − E log(1 − σ(f(fake))) + γ/2 E ‖∇f(real)‖². Generator:
    −E log σ(f(fake)). With it the training converges near the solution, which a GAN and a WGAN
    with few critic updates need not.
    """

    name: Literal["r1"] = "r1"
    title = "R1 (GAN, flat at real data)"
    source = "Mescheder et al. 2018, eq. 9, arXiv:1801.04406"
    penalty_weight: PenaltyWeight = Field(
        10.0,
        title="Penalty weight γ",
        description="How flat the discriminator is held; half of it multiplies the squared slope.",
        json_schema_extra={"source": "Mescheder et al. 2018, section 4.1: 10", "log": True},
    )
    penalty_at: PenaltyAt = Field(
        "real",
        title="Penalty at",
        description="Where the slope is held; R1: at real examples, R2: at fakes.",
        json_schema_extra={"source": "Mescheder et al. 2018, eqs. 9 and 10", "advanced": True},
    )

    def deviation(self, norm: Tensor) -> Tensor:
        return norm.square() / 2
