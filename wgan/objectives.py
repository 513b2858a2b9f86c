"""What critic and generator minimise, and what keeps the critic Lipschitz.

One class and one line of OBJECTIVES for each variant. The loop calls the same methods of every
one, so a new variant changes nothing else. Signs are those of the WGAN papers: the critic scores
real samples high.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import relu, softplus
from torch.nn.utils import parametrizations, parametrize

from wgan.rng import WHOLE, Rows

Scorer = Callable[[Tensor], Tensor]
"""A critic as penalties see it: (N, …) → (N,), one score for each sample."""

NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
"""Layers whose weights are scales of a normalisation, not of the critic's function."""


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
    """May the critic's layers couple samples, as batch norm does? Not where each sample's own
    gradient is asked for."""

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
        """Return what is added to the critic's loss to keep it Lipschitz: a scalar, here 0.

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


# ---- losses -------------------------------------------------------------------------------------


class _CrossEntropy(Objective):
    """The losses of a discriminator that says real or fake, from its logits."""

    critic_formula = "−E log σ(f(real)) − E log(1 − σ(f(fake)))"
    generator_formula = "−E log σ(f(fake))"
    reading = (
        "Both are cross-entropies in nats. A critic that cannot tell real from fake has a loss of "
        "2 log 2 ≈ 1.39, and the generator then has log 2 ≈ 0.69. Neither curve says how good the "
        "samples are."
    )

    def real_loss(self, real: Tensor) -> Tensor:
        return softplus(-real).mean()

    def fake_loss(self, fake: Tensor) -> Tensor:
        return softplus(fake).mean()

    def generator_loss(self, *, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()


class _Wasserstein(Objective):
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


# ---- gradient penalties -------------------------------------------------------------------------


PenaltyAt = Literal["interpolates", "real", "fake", "noise"]
PenaltyWeight = Annotated[float, Field(ge=0.0, le=1000.0)]


class _GradientPenalty(Objective):
    """λ E d(‖∇f(x̂)‖), with a deviation d of the slope and points x̂ that the variant chooses."""

    couples = False
    penalty_weight: PenaltyWeight = Field(
        10.0,
        title="Penalty weight λ",
        description="How strongly the critic's slope is held. Too small: the critic explodes. Too "
        "large: it learns only its slope.",
        json_schema_extra={"source": "Gulrajani et al. 2017, algorithm 1", "log": True},
    )
    penalty_at: PenaltyAt = Field(
        "interpolates",
        title="Penalty at",
        description="Where the slope is held. Interpolates: at x̂ = ε real + (1 − ε) fake, ε from "
        "U(0, 1), one for each sample. Noise: at real examples with Gaussian noise added.",
        json_schema_extra={"source": "Kodali et al. 2017; Wu et al. 2018", "advanced": True},
    )
    noise_scale: Annotated[float, Field(gt=0.0, le=10.0)] = Field(
        0.5,
        title="Noise around real",
        description="Standard deviation of that noise, in standard deviations of the real batch. "
        "Used where the penalty is at noise.",
        json_schema_extra={"source": "Kodali et al. 2017, their code", "advanced": True},
    )
    penalty_every: Annotated[int, Field(ge=1, le=64)] = Field(
        1,
        title="Penalty every",
        description="The penalty is taken at every k-th critic update only, k times as strong. "
        "Cheaper, and on average the same.",
        json_schema_extra={
            "source": "Karras et al. 2020, appendix B, arXiv:1912.04958",
            "unit": "critic updates",
            "advanced": True,
        },
    )

    @abstractmethod
    def deviation(self, norm: Tensor) -> Tensor:
        """Return what each sample's gradient norm, (N,), costs before λ: (N,)."""

    def penalise(self, critic: Scorer, points: Tensor) -> Tensor:
        norm = gradient_norm(critic, points, create_graph=True)
        mean: Tensor = self.deviation(norm).mean()
        weighted: Tensor = self.penalty_weight * self.penalty_every * mean
        return weighted

    def points(
        self,
        *,
        real: Tensor,
        fake: Tensor,
        rng: torch.Generator,
        update: int = 0,
        rows: Rows = WHOLE,
    ) -> Tensor | None:
        if update % self.penalty_every:
            return None
        if self.penalty_at == "interpolates":
            n = len(real)
            whole = torch.rand(n * rows.of, generator=rng, device=real.device, dtype=real.dtype)
            epsilon = whole[rows.part(len(whole))]
            return torch.lerp(fake, real, epsilon.view(n, *[1] * (real.dim() - 1)))
        if self.penalty_at == "noise":
            whole = torch.cat([real] * rows.of) if rows.of > 1 else real
            noise = torch.empty_like(whole).normal_(generator=rng)[rows.part(len(whole))]
            return real + self.noise_scale * real.std(unbiased=False) * noise
        return real if self.penalty_at == "real" else fake


# ---- the variants -------------------------------------------------------------------------------


class Gan(_CrossEntropy):
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
        "no level of its own: the critic's scores may drift."
    )
    source = "Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eqs. 16–17, arXiv:1802.05957"

    def real_loss(self, real: Tensor) -> Tensor:
        return relu(1 - real).mean()

    def fake_loss(self, fake: Tensor) -> Tensor:
        return relu(1 + fake).mean()

    def generator_loss(self, *, fake: Tensor) -> Tensor:
        return -fake.mean()


class Wgan(_Wasserstein):
    """The first Wasserstein GAN: the critic is kept Lipschitz by clipping its weights.

    Critic: E f(fake) − E f(real), every weight clipped to [−c, c] after each update. Generator:
    −E f(fake). Simple and robust, but clipping pushes weights to ±c and critics to simple surfaces.
    """

    name: Literal["wgan"] = "wgan"
    title = "WGAN (weight clipping)"
    suits_momentum = False
    source = "Arjovsky et al. 2017, algorithm 1, arXiv:1701.07875"
    clip_value: Annotated[float, Field(ge=1e-4, le=1.0)] = Field(
        0.01,
        title="Clip value c",
        description="Every critic weight is clipped to [−c, c] after each critic update. Larger: "
        "a steeper critic that takes longer to train. Smaller: gradients vanish.",
        json_schema_extra={"source": "Arjovsky et al. 2017, algorithm 1", "log": True},
    )
    clipped: Literal["all", "kernels"] = Field(
        "all",
        title="What is clipped",
        description="All: weights and biases of every layer; the scales of normalisation layers "
        "are left alone. Kernels: those of convolutions only, so that nothing bounds the rest.",
        json_schema_extra={"source": "kernels: Brownlee 2019, his WGAN tutorial", "advanced": True},
    )

    @torch.no_grad()
    def project(self, critic: nn.Module) -> None:
        for part in critic.modules():
            if self.clipped == "kernels":
                clipped = [part.weight] if isinstance(part, nn.Conv2d) else []
            else:
                clipped = [] if isinstance(part, NORMS) else list(part.parameters(recurse=False))
            for weight in clipped:
                weight.clamp_(-self.clip_value, self.clip_value)


class WganGp(_GradientPenalty, _Wasserstein):
    """WGAN with gradient penalty: the critic's slope is pulled towards 1 between real and fake.

    Critic: E f(fake) − E f(real) + λ E (‖∇f(x̂)‖ − 1)², with x̂ = ε real + (1 − ε) fake and ε from
    U(0, 1), one for each sample. Generator: −E f(fake).
    """

    name: Literal["wgan-gp"] = "wgan-gp"
    title = "WGAN-GP (gradient penalty)"
    two_sided = True
    source = "Gulrajani et al. 2017, eq. 3, arXiv:1704.00028"
    one_sided: bool = Field(
        False,
        title="One-sided",
        description="On: only slopes above 1 cost. Off: slopes below 1 cost as well.",
        json_schema_extra={"source": "Gulrajani et al. 2017, section 4", "advanced": True},
    )

    def deviation(self, norm: Tensor) -> Tensor:
        excess = norm - 1
        return relu(excess).square() if self.one_sided else excess.square()


class WganLp(_GradientPenalty, _Wasserstein):
    """WGAN with a Lipschitz penalty: only slopes above 1 cost, as the theory asks.

    Critic: E f(fake) − E f(real) + λ E max(0, ‖∇f(x̂)‖ − 1)². Generator: −E f(fake). Smoother than
    the two-sided penalty, and hardly sensitive to λ.
    """

    name: Literal["wgan-lp"] = "wgan-lp"
    title = "WGAN-LP (Lipschitz penalty)"
    source = "Petzka et al. 2018, eq. 8, arXiv:1709.08894"

    def deviation(self, norm: Tensor) -> Tensor:
        return relu(norm - 1).square()


class WganDiv(_GradientPenalty, _Wasserstein):
    """The Wasserstein divergence: no Lipschitz bound, steep slopes just cost more and more.

    Critic: E f(fake) − E f(real) + k E ‖∇f(x̂)‖^p with k = 2, p = 6. Generator: −E f(fake). Works
    wherever x̂ is taken.
    """

    name: Literal["wgan-div"] = "wgan-div"
    title = "WGAN-div (Wasserstein divergence)"
    source = "Wu et al. 2018, eq. 7, arXiv:1712.01026"
    penalty_weight: PenaltyWeight = Field(
        2.0,
        title="Penalty weight k",
        description="How much steep slopes cost.",
        json_schema_extra={"source": "Wu et al. 2018, section 4: k = 2", "log": True},
    )
    power: Annotated[float, Field(ge=1.0, le=12.0)] = Field(
        6.0,
        title="Power p",
        description="How fast the cost grows with the slope.",
        json_schema_extra={"source": "Wu et al. 2018, section 4: p = 6"},
    )

    def deviation(self, norm: Tensor) -> Tensor:
        return norm.pow(self.power)


class WganSn(_Wasserstein):
    """WGAN with spectral normalisation: each layer's weight is divided by its largest singular value.

    Critic: E f(fake) − E f(real), every layer's matrix W replaced by W / σ(W), σ found by a power
    iteration an update. Generator: −E f(fake). A convolution's kernel is taken as a matrix of its
    output channels, as published, so its true norm may be somewhat above 1.
    """

    name: Literal["wgan-sn"] = "wgan-sn"
    title = "WGAN-SN (spectral norm)"
    source = "Miyato et al. 2018, section 2, arXiv:1802.05957"
    power_iterations: Annotated[int, Field(ge=1, le=20)] = Field(
        1,
        title="Power iterations",
        description="How well the singular value is followed at each update.",
        json_schema_extra={"source": "Miyato et al. 2018: 1", "live": False, "advanced": True},
    )

    @property
    def layers(self) -> str:
        return f"spectral-{self.power_iterations}"

    def prepare(self, critic: nn.Module, rng: torch.Generator) -> None:
        # torch draws the first singular vectors from the global generator: give it a keyed seed.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (), generator=rng)))
            for part in _weighted(critic):
                parametrizations.spectral_norm(part, n_power_iterations=self.power_iterations)


class WganGroupSort(_Wasserstein):
    """A critic that is 1-Lipschitz by construction: orthonormal layers and sorting in place of ReLU.

    Critic: E f(fake) − E f(real), each layer's matrix orthonormal (all singular values 1), and
    GroupSort, which sorts pairs of units and so loses no slope. Generator: −E f(fake). No penalty,
    no clipping: the critic gap is a lower bound of the Wasserstein distance at every moment.
    """

    name: Literal["wgan-groupsort"] = "wgan-groupsort"
    title = "WGAN-GroupSort (1-Lipschitz)"
    class_conditional = False
    source = "Anil et al. 2019, sections 3–4, arXiv:1811.05381"
    orthonormal: Literal["bjorck", "cayley"] = Field(
        "bjorck",
        title="Orthonormal layers by",
        description="Björck: an iteration that pulls all singular values to 1. Cayley: a closed "
        "form, exact at the price of solving a linear system.",
        json_schema_extra={
            "source": "Björck and Bowie 1971; Trockman and Kolter 2021, arXiv:2104.07167",
            "live": False,
        },
    )
    iterations: Annotated[int, Field(ge=1, le=100)] = Field(
        15,
        title="Björck iterations",
        description="More: closer to orthonormal, slower. Never above 1-Lipschitz.",
        json_schema_extra={"source": "Anil et al. 2019, appendix", "live": False, "advanced": True},
    )

    @property
    def layers(self) -> str:
        return f"groupsort-{self.orthonormal}-{self.iterations}"

    def unsupported_reason(self, critic: nn.Module) -> str | None:
        hidden = _weighted(critic)[:-1]
        if any(_width(part) % 2 for part in hidden):
            return "GroupSort sorts pairs of units: give the critic an even width"
        if any(isinstance(part, NORMS) for part in critic.modules()):
            return (
                "a critic with normalisation layers is not 1-Lipschitz, whatever its other layers"
            )
        supported = (nn.Sequential, nn.Flatten, nn.Linear, nn.Conv2d, nn.ReLU, nn.LeakyReLU)
        others = [part for part in critic.modules() if not isinstance(part, supported)]
        if any(next(part.parameters(recurse=False), None) is not None for part in others):
            return "the critic has layers that cannot be made orthonormal"
        if any(getattr(part, "adds", False) for part in critic.modules()):
            return "a critic with residual blocks adds up its slopes and is not 1-Lipschitz"
        return None

    def prepare(self, critic: nn.Module, rng: torch.Generator) -> None:
        for part in _weighted(critic):
            weight = part.weight
            assert isinstance(weight, Tensor)
            if self.orthonormal == "bjorck":
                nn.init.orthogonal_(weight, generator=rng)
            else:
                nn.init.normal_(weight, std=1 / math.sqrt(weight[0].numel()), generator=rng)
            parametrize.register_parametrization(part, "weight", self._orthonormal(part))
        for part in list(critic.modules()):
            for name, child in part.named_children():
                if isinstance(child, nn.ReLU | nn.LeakyReLU):
                    setattr(part, name, MaxMin())

    def _orthonormal(self, part: nn.Module) -> "Orthonormal":
        overlap = 1
        if isinstance(part, nn.Conv2d):
            # A pixel lies in that many windows, so a convolution by an orthonormal matrix of its
            # patches stretches by at most the root of that number.
            sides = zip(part.kernel_size, part.stride, strict=True)
            overlap = math.prod(math.ceil(side / stride) for side, stride in sides)
        return Orthonormal(self.orthonormal, self.iterations, 1 / math.sqrt(overlap))


class Dragan(_GradientPenalty, _CrossEntropy):
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


class R1(_GradientPenalty, _CrossEntropy):
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


# ---- what they are made of ----------------------------------------------------------------------


def gradient_norm(critic: Scorer, x: Tensor, *, create_graph: bool = False) -> Tensor:
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


def clip_bounds(objective: Objective, critic: nn.Module) -> list[float | None]:
    """Return the c to which each of a critic's parameters is clipped, in their order; None: it is not.

    Which they are is asked of the objective itself: whatever it makes of infinite weights is clipped,
    and the value it makes of them is c.
    """
    bounded = copy.deepcopy(critic)
    with torch.no_grad():
        for weight in bounded.parameters():
            weight.fill_(torch.inf)
    objective.project(bounded)
    return [
        float(weight.detach().max()) if weight.isfinite().all() else None
        for weight in bounded.parameters()
    ]


class MaxMin(nn.Module):
    """GroupSort with groups of two: each pair of units (or channels) in ascending order.

    (N, C, …) → (N, C, …), C even. A permutation for each sample, so it keeps every slope.
    """

    def forward(self, x: Tensor) -> Tensor:
        pairs = x.reshape(len(x), -1, 2, *x.shape[2:])
        low, high = pairs.amin(dim=2), pairs.amax(dim=2)
        return torch.stack([low, high], dim=2).flatten(1, 2)


class Orthonormal(nn.Module):
    """A parametrisation of a layer's weight: rows (or columns, whichever are fewer) orthonormal.

    `scale` multiplies the result.
    """

    def __init__(self, method: str, iterations: int, scale: float) -> None:
        super().__init__()
        self.method, self.iterations, self.scale = method, iterations, scale

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.float().flatten(1)
            tall = matrix if len(matrix) >= len(matrix.T) else matrix.T
            orthonormal = bjorck(tall, self.iterations) if self.method == "bjorck" else cayley(tall)
            orthonormal = orthonormal if tall is matrix else orthonormal.T
            return self.scale * orthonormal.reshape(weight.shape)


def bjorck(matrix: Tensor, iterations: int) -> Tensor:
    """Return a matrix near the closest with orthonormal columns: W ← W(3I − WᵀW)/2, from W/‖W‖.

    `matrix` is (m, n), m ≥ n. No singular value ever exceeds 1.
    """
    # √(‖W‖₁ ‖W‖∞) is never below the largest singular value, and cheap.
    bound = (matrix.abs().sum(0).max() * matrix.abs().sum(1).max()).sqrt()
    matrix = matrix / bound.clamp_min(1e-12)
    for _ in range(iterations):
        matrix = 1.5 * matrix - 0.5 * matrix @ (matrix.T @ matrix)
    return matrix


def cayley(matrix: Tensor) -> Tensor:
    """Return a matrix with orthonormal columns by the Cayley transform of a tall one, (m, n)."""
    n = len(matrix.T)
    top, rest = matrix[:n], matrix[n:]
    identity = torch.eye(n, device=matrix.device, dtype=matrix.dtype)
    skew = top - top.T + rest.T @ rest
    inverse = torch.linalg.inv(identity + skew)
    return torch.cat([inverse @ (identity - skew), -2 * rest @ inverse])


def _weighted(critic: nn.Module) -> list[nn.Module]:
    """Return the layers of a critic that have a matrix, from first to last."""
    kinds = (nn.Linear, nn.Conv2d, nn.Embedding)
    return [part for part in critic.modules() if isinstance(part, kinds)]


def _width(part: nn.Module) -> int:
    return int(getattr(part, "out_features", getattr(part, "out_channels", 2)))


OBJECTIVES: dict[str, type[Objective]] = {
    "wgan-gp": WganGp,
    "wgan": Wgan,
    "wgan-lp": WganLp,
    "wgan-div": WganDiv,
    "wgan-sn": WganSn,
    "wgan-groupsort": WganGroupSort,
    "gan": Gan,
    "lsgan": LsGan,
    "hinge": Hinge,
    "dragan": Dragan,
    "r1": R1,
}

if TYPE_CHECKING:
    AnyObjective = Objective
else:
    AnyObjective = Annotated[Union[tuple(OBJECTIVES.values())], Field(discriminator="name")]
