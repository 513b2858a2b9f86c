"""Network: the base class of a pair of generator and critic, with its settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import torch
    from torch import nn


class Network(BaseModel, ABC):
    """A pair of generator and critic, with its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Any = ""  # each class has its own Literal
    kind: ClassVar[Literal["pictures", "points"]]
    title: ClassVar[str]
    summary: ClassVar[str]
    """One line for the user: what the networks are."""
    explanation: ClassVar[str] = ""
    """More about them: Markdown, for a card."""
    uses_batch_norm: ClassVar[bool] = False
    """Whether the critic has layers, such as batch norm, in which samples influence each other."""

    @property
    def generator_uses_batch_norm(self) -> bool:
        """Whether the generator has batch norm."""
        return False

    def incompatibility_reason(self, shape: tuple[int, ...]) -> str | None:
        """Return why the pair does not fit examples of a shape; None if it does."""
        kind = "points" if len(shape) == 1 else "pictures"
        if kind != self.kind:
            return f"the network {self.name} makes {self.kind}, but this data set contains {kind}"
        return None

    @abstractmethod
    def generator(self, shape: tuple[int, ...], latent_dim: int) -> nn.Module:
        """Return an uninitialised generator: (N, latent_dim) → (N, *shape)."""

    @abstractmethod
    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        """Return an uninitialised critic: (N, *shape) → (N,), a score without a sigmoid."""

    @abstractmethod
    def initialise(self, module: nn.Module, rng: torch.Generator) -> None:
        """Draw the initial weights of a module."""

    def build(
        self, shape: tuple[int, ...], latent_dim: int, rng: torch.Generator, classes: int = 0
    ) -> tuple[nn.Module, nn.Module]:
        """Return (generator, critic) on the CPU, with weights drawn from `rng`.

        Args:
            shape: Shape of one example.
            latent_dim: Length of z.
            rng: Random number generator of the weights.
            classes: Number of classes. If it is above 0, both networks take labels, (N,), as a
                second argument.

        Raises:
            ValueError: The pair does not fit the shape; see `incompatibility_reason`.
        """
        import torch
        from torch import nn

        from wgan.networks.modules import ClassEmbedding

        reason = self.incompatibility_reason(shape)
        if reason is not None:
            raise ValueError(reason)
        # Build without storage, because torch's constructors draw weights from the global
        # generator.
        with torch.device("meta"):
            pair = self._pair(shape, latent_dim, classes)
        for module in pair:
            module.to_empty(device="cpu")
            for part in module.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.reset_parameters()
            self.initialise(module, rng)
            for part in module.modules():
                if isinstance(part, ClassEmbedding):
                    nn.init.normal_(part.weight, std=part.std, generator=rng)
        return pair

    def _pair(
        self, shape: tuple[int, ...], latent_dim: int, classes: int
    ) -> tuple[nn.Module, nn.Module]:
        from wgan.networks.modules import LABEL_DIM, LabelledCritic, LabelledGenerator

        if not classes:
            return self.generator(shape, latent_dim), self.critic(shape)
        generator = self.generator(shape, latent_dim + LABEL_DIM)
        return LabelledGenerator(generator, classes), LabelledCritic(self.critic(shape), classes)
