"""Objectives whose critic estimates a Wasserstein distance or divergence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from wgan.objectives.base import Wasserstein
from wgan.objectives.penalties import GradientPenalty, PenaltyWeight

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from wgan.objectives.layers import Orthonormal


class Wgan(Wasserstein):
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

    def project(self, critic: nn.Module) -> None:
        import torch
        from torch import nn

        from wgan.objectives.layers import NORMS

        with torch.no_grad():
            for part in critic.modules():
                if self.clipped == "kernels":
                    weights = [part.weight] if isinstance(part, nn.Conv2d) else []
                else:
                    weights = (
                        [] if isinstance(part, NORMS) else list(part.parameters(recurse=False))
                    )
                for weight in weights:
                    weight.clamp_(-self.clip_value, self.clip_value)


class WganGp(GradientPenalty, Wasserstein):
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
        from torch.nn.functional import relu

        excess = norm - 1
        return relu(excess).square() if self.one_sided else excess.square()


class WganLp(GradientPenalty, Wasserstein):
    """WGAN with a Lipschitz penalty: only slopes above 1 cost, as the theory asks.

    Critic: E f(fake) − E f(real) + λ E max(0, ‖∇f(x̂)‖ − 1)². Generator: −E f(fake). Smoother than
    the two-sided penalty, and hardly sensitive to λ.
    """

    name: Literal["wgan-lp"] = "wgan-lp"
    title = "WGAN-LP (Lipschitz penalty)"
    source = "Petzka et al. 2018, eq. 8, arXiv:1709.08894"

    def deviation(self, norm: Tensor) -> Tensor:
        from torch.nn.functional import relu

        return relu(norm - 1).square()


class WganDiv(GradientPenalty, Wasserstein):
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


class WganSn(Wasserstein):
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
        # torch draws the initial singular vectors from the global generator, so set its seed from
        # the key.
        import torch
        from torch.nn.utils import parametrizations

        from wgan.objectives.layers import layers_with_matrix

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (), generator=rng)))
            for part in layers_with_matrix(critic):
                parametrizations.spectral_norm(part, n_power_iterations=self.power_iterations)


class WganGroupSort(Wasserstein):
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

    def unused_settings(self) -> tuple[str, ...]:
        return () if self.orthonormal == "bjorck" else ("iterations",)

    @property
    def layers(self) -> str:
        return f"groupsort-{self.orthonormal}-{self.iterations}"

    def unsupported_reason(self, critic: nn.Module) -> str | None:
        from torch import nn

        from wgan.objectives.layers import NORMS, layers_with_matrix, output_width

        hidden = layers_with_matrix(critic)[:-1]
        if any(output_width(part) % 2 for part in hidden):
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
        from torch import Tensor, nn
        from torch.nn.utils import parametrize

        from wgan.objectives.layers import MaxMin, layers_with_matrix

        for part in layers_with_matrix(critic):
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

    def _orthonormal(self, part: nn.Module) -> Orthonormal:
        from torch import nn

        from wgan.objectives.layers import Orthonormal

        overlap = 1
        if isinstance(part, nn.Conv2d):
            # Each pixel lies in this many windows. A convolution whose matrix is orthonormal on
            # patches stretches at most by the square root of this number.
            sides = zip(part.kernel_size, part.stride, strict=True)
            overlap = math.prod(math.ceil(side / stride) for side, stride in sides)
        return Orthonormal(self.orthonormal, self.iterations, 1 / math.sqrt(overlap))
