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
    """The first Wasserstein GAN: it keeps the critic Lipschitz by clipping its weights.

    Critic: E f(fake) − E f(real), every weight clipped to [−c, c] after each update. Generator:
    −E f(fake).
    """

    name: Literal["wgan"] = "wgan"
    slope_limit = "clipping"
    title = "WGAN (weight clipping)"
    summary = "The first Wasserstein GAN. It limits the critic's slope by clipping its weights."
    explanation = r"""Critic, minimised:

$$ \mathbb{E}\,f(\mathrm{fake}) - \mathbb{E}\,f(\mathrm{real}) $$

After each update of the critic, every weight $w$ is clipped to $-c \le w \le c$.

Generator, minimised:

$$ -\mathbb{E}\,f(\mathrm{fake}) $$

Clipping is simple and robust, but it pushes most weights to $\pm c$. The critic can then represent
only simple functions."""
    suits_momentum = False
    source = "Arjovsky et al. 2017, algorithm 1, arXiv:1701.07875"
    clip_value: Annotated[float, Field(ge=1e-4, le=1.0)] = Field(
        0.01,
        title="Clip value c",
        description="Every critic weight is clipped to [−c, c] after each critic update. With a larger "
        "c, the critic is steeper and takes longer to train. With a smaller c, gradients "
        "vanish.",
        json_schema_extra={"source": "Arjovsky et al. 2017, algorithm 1", "log": True},
    )
    clipped: Literal["all", "kernels"] = Field(
        "all",
        title="Clip which weights",
        description="All: weights and biases of every layer, except the scales of normalisation layers. "
        "Kernels: only the kernels of convolutions; the other weights have no limit.",
        json_schema_extra={"source": "kernels: Brownlee 2019, WGAN tutorial", "advanced": True},
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
    summary = (
        "WGAN with a gradient penalty, which pulls the critic's slope to 1 between real and "
        "fake samples."
    )
    explanation = r"""Critic, minimised:

$$ \mathbb{E}\,f(\mathrm{fake}) - \mathbb{E}\,f(\mathrm{real}) + \lambda\,\mathbb{E} \left( \lVert \nabla f(\hat{x}) \rVert - 1 \right)^2 $$

Here $\hat{x} = \varepsilon\,\mathrm{real} + (1 - \varepsilon)\,\mathrm{fake}$ lies between a real
and a fake sample, and $\varepsilon$ is drawn from $U(0, 1)$ for each sample.

Generator, minimised:

$$ -\mathbb{E}\,f(\mathrm{fake}) $$

The penalty does not limit the weights, so this critic can be more complex than a clipped one."""
    two_sided = True
    source = "Gulrajani et al. 2017, eq. 3, arXiv:1704.00028"
    one_sided: bool = Field(
        False,
        title="One-sided",
        description="On: only slopes above 1 are penalised. Off: slopes below 1 are penalised, too.",
        json_schema_extra={"source": "Gulrajani et al. 2017, section 4", "advanced": True},
    )

    def deviation(self, norm: Tensor) -> Tensor:
        from torch.nn.functional import relu

        excess = norm - 1
        return relu(excess).square() if self.one_sided else excess.square()


class WganLp(GradientPenalty, Wasserstein):
    """WGAN with a Lipschitz penalty: only slopes above 1 are penalised, as in the theory.

    Critic: E f(fake) − E f(real) + λ E max(0, ‖∇f(x̂)‖ − 1)². Generator: −E f(fake).
    """

    name: Literal["wgan-lp"] = "wgan-lp"
    title = "WGAN-LP (Lipschitz penalty)"
    summary = "WGAN with a penalty only on slopes above 1, as the theory requires."
    explanation = r"""Critic, minimised:

$$ \mathbb{E}\,f(\mathrm{fake}) - \mathbb{E}\,f(\mathrm{real}) + \lambda\,\mathbb{E} \max\left(0, \lVert \nabla f(\hat{x}) \rVert - 1\right)^2 $$

Here $\hat{x} = \varepsilon\,\mathrm{real} + (1 - \varepsilon)\,\mathrm{fake}$ lies between a real
and a fake sample, and $\varepsilon$ is drawn from $U(0, 1)$ for each sample.

Generator, minimised:

$$ -\mathbb{E}\,f(\mathrm{fake}) $$

Training is smoother than with WGAN-GP, and depends less on the choice of $\lambda$."""
    source = "Petzka et al. 2018, eq. 8, arXiv:1709.08894"

    def deviation(self, norm: Tensor) -> Tensor:
        from torch.nn.functional import relu

        return relu(norm - 1).square()


class WganDiv(GradientPenalty, Wasserstein):
    """The Wasserstein divergence: no Lipschitz bound; the penalty grows quickly with the slope.

    Critic: E f(fake) − E f(real) + k E ‖∇f(x̂)‖^p with k = 2, p = 6. Generator: −E f(fake).
    """

    name: Literal["wgan-div"] = "wgan-div"
    title = "WGAN-div (Wasserstein divergence)"
    summary = (
        "A WGAN that has no fixed limit on the critic's slope: steep slopes cost more and more."
    )
    explanation = r"""Critic, minimised:

$$ \mathbb{E}\,f(\mathrm{fake}) - \mathbb{E}\,f(\mathrm{real}) + k\,\mathbb{E} \lVert \nabla f(\hat{x}) \rVert^p $$

with $k = 2$ and $p = 6$ in the paper.

Generator, minimised:

$$ -\mathbb{E}\,f(\mathrm{fake}) $$

The critic approximates the Wasserstein divergence instead of the distance. According to the paper,
it works for any choice of the points $\hat{x}$."""
    source = "Wu et al. 2018, eq. 7, arXiv:1712.01026"
    penalty_weight: PenaltyWeight = Field(
        2.0,
        title="Penalty weight k",
        description="How strongly steep slopes are penalised.",
        json_schema_extra={"source": "Wu et al. 2018, section 4: k = 2", "log": True},
    )
    power: Annotated[float, Field(ge=1.0, le=12.0)] = Field(
        6.0,
        title="Power p",
        description="The exponent of the slope in the penalty: with a larger p, steep slopes cost more.",
        json_schema_extra={"source": "Wu et al. 2018, section 4: p = 6"},
    )

    def deviation(self, norm: Tensor) -> Tensor:
        return norm.pow(self.power)


class WganSn(Wasserstein):
    """WGAN with spectral normalisation: each layer's weight is divided by its largest singular value.

    Critic: E f(fake) − E f(real), every layer's matrix W replaced by W / σ(W), where one power
    iteration per update estimates σ. Generator: −E f(fake). A convolution's kernel is treated as a
    matrix with one row for each output channel, as published, so its true norm may be above 1.
    """

    name: Literal["wgan-sn"] = "wgan-sn"
    slope_limit = "layers"
    title = "WGAN-SN (spectral norm)"
    summary = "WGAN that divides each weight matrix of the critic by its largest singular value."
    explanation = r"""Critic, minimised:

$$ \mathbb{E}\,f(\mathrm{fake}) - \mathbb{E}\,f(\mathrm{real}) $$

Each weight matrix $W$ of the critic is replaced by $W / \sigma(W)$, where $\sigma(W)$ is its
largest singular value. So each layer has a slope of at most 1. A power iteration estimates
$\sigma(W)$.

Generator, minimised:

$$ -\mathbb{E}\,f(\mathrm{fake}) $$

As in the paper, the kernel of a convolution counts as a matrix with one row for each output
channel. The true slope of a convolution may therefore be somewhat above 1."""
    source = "Miyato et al. 2018, section 2, arXiv:1802.05957"
    power_iterations: Annotated[int, Field(ge=1, le=20)] = Field(
        1,
        title="Power iterations",
        description="Iterations per critic update that estimate the largest singular value. More: more "
        "exact, slower.",
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
    """A critic that is 1-Lipschitz by construction: orthonormal layers, and sorting instead of ReLU.

    Critic: E f(fake) − E f(real), each layer's matrix orthonormal (all singular values 1), and
    GroupSort, which sorts pairs of units and so keeps the slope. Generator: −E f(fake).
    """

    name: Literal["wgan-groupsort"] = "wgan-groupsort"
    slope_limit = "layers"
    title = "WGAN-GroupSort (1-Lipschitz)"
    summary = (
        "WGAN whose critic never has a slope above 1: orthonormal layers, and sorting instead "
        "of ReLU."
    )
    explanation = r"""Critic, minimised:

$$ \mathbb{E}\,f(\mathrm{fake}) - \mathbb{E}\,f(\mathrm{real}) $$

Each weight matrix of the critic is orthonormal: all its singular values are 1. The activation is
GroupSort: it sorts the values of each pair of units, which does not change the length of the
gradient.

Generator, minimised:

$$ -\mathbb{E}\,f(\mathrm{fake}) $$

The critic needs no penalty and no clipping, and its critic gap is always a lower bound of the
Wasserstein distance between the two sets of samples."""
    class_conditional = False
    source = "Anil et al. 2019, sections 3–4, arXiv:1811.05381"
    orthonormal: Literal["bjorck", "cayley"] = Field(
        "bjorck",
        title="Orthonormal by",
        description="How weight matrices are made orthonormal. Björck: iterations that move all singular "
        "values towards 1. Cayley: an exact formula that solves a linear system.",
        json_schema_extra={
            "source": "Björck and Bowie 1971; Trockman and Kolter 2021, arXiv:2104.07167",
            "live": False,
        },
    )
    iterations: Annotated[int, Field(ge=1, le=100)] = Field(
        15,
        title="Björck iterations",
        description="More: closer to orthonormal, but slower. The slope is never above 1.",
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
            return (
                "GroupSort sorts pairs of units, so each hidden layer of the critic needs an "
                "even width"
            )
        if any(isinstance(part, NORMS) for part in critic.modules()):
            return (
                "GroupSort needs a critic without normalisation layers, because they can "
                "make the slope larger than 1"
            )
        supported = (nn.Sequential, nn.Flatten, nn.Linear, nn.Conv2d, nn.ReLU, nn.LeakyReLU)
        others = [part for part in critic.modules() if not isinstance(part, supported)]
        if any(next(part.parameters(recurse=False), None) is not None for part in others):
            return "the critic has layers that cannot be made orthonormal"
        if any(getattr(part, "adds", False) for part in critic.modules()):
            return (
                "GroupSort needs a critic without residual blocks, because they add up slopes "
                "beyond 1"
            )
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
