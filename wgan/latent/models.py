"""Models: a copy of a generator and a critic for analysis; and the z of its samples."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wgan.arrays import F32
from wgan.config import TrainConfig
from wgan.data import as_bytes
from wgan.networks.modules import LabelledGenerator
from wgan.rng import keyed_rng


class Models:
    """A copy of the averaged generator and the critic in eval mode, independent of any training.

    Args:
        config: The config of the networks.
        weights: The tensors of the averaged generator under `average.` and of the critic under
            `critic.`, as in `Training.weights` and in checkpoints.
        step: The step of the weights.

    Raises:
        ValueError: The weights do not fit the config.
    """

    def __init__(self, config: TrainConfig, weights: Mapping[str, Tensor], step: int) -> None:
        self.config, self.step = config, step
        pair = config.networks(keyed_rng(0, "init"))
        for prefix, module in zip(("average.", "critic."), pair, strict=True):
            own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
            try:
                module.load_state_dict(own)
            except RuntimeError as error:
                raise ValueError(f"The weights do not match the networks: {error}") from error
            module.eval().requires_grad_(False)
        self.generator: nn.Module
        self.critic: nn.Module
        self.generator, self.critic = pair

    def make(self, z: F32, labels: Sequence[int] | None = None) -> npt.NDArray[Any]:
        """Return samples of the generator.

        Args:
            z: (N, latent_dim).
            labels: N classes, for a class-conditional generator. Default: all classes in turn.

        Returns:
            Pictures, (N, C, H, W) uint8, or points, (N, 2) float32.

        Raises:
            ValueError: z has another length.
        """
        samples = self.raw(z, labels)
        return (as_bytes(samples) if self.config.dataset.kind == "pictures" else samples).numpy()

    @torch.no_grad()
    def raw(self, z: F32, labels: Sequence[int] | None = None) -> Tensor:
        """Return samples for a critic: pictures, (N, C, H, W), in [−1, 1], or points, (N, 2).

        Arguments and errors are those of `make`.
        """
        if z.ndim != 2 or z.shape[1] != self.config.latent_dim:
            raise ValueError(f"z must be (N, {self.config.latent_dim}), not {z.shape}.")
        whole = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32))
        inputs: tuple[Tensor, ...] = (whole,)
        if self.config.conditional:
            classes = len(self.config.dataset.class_names())
            class_ids = [i % classes for i in range(len(z))] if labels is None else labels
            inputs = whole, torch.tensor(class_ids, dtype=torch.long)
        parts = zip(*(torch.split(x, 256) for x in inputs), strict=True)
        return torch.cat([self.generator(*part) for part in parts]).float()

    @torch.no_grad()
    def blend(self, z: F32, a: int, b: int, t: F32) -> npt.NDArray[Any]:
        """Return samples between two classes, whose vectors are mixed linearly.

        Args:
            z: (N, latent_dim).
            a: Class at t = 0.
            b: Class at t = 1.
            t: Share of class b, (N,), in [0, 1].

        Returns:
            Samples as `make` returns them.

        Raises:
            ValueError: The generator is not class-conditional.
        """
        if not isinstance(self.generator, LabelledGenerator):
            raise ValueError(
                "This generator is not class-conditional, so its classes cannot be mixed."
            )
        vectors = self.generator.classes.weight
        share = torch.from_numpy(np.asarray(t, np.float32))[:, None]
        mixed = (1 - share) * vectors[a] + share * vectors[b]
        inputs = torch.cat([torch.from_numpy(np.asarray(z, np.float32)), mixed], dim=1)
        blended = torch.cat([self.generator.network(part) for part in torch.split(inputs, 256)])
        blended = blended.float()
        return (as_bytes(blended) if self.config.dataset.kind == "pictures" else blended).numpy()

    def with_critic(self, critic: nn.Module) -> "Models":
        """Return the same generator with another critic."""
        other = copy.copy(self)
        other.critic = critic
        return other


def draw_z(seed: int, n: int, latent_dim: int) -> F32:
    """Return n standard normal z: (n, latent_dim)."""
    rng = keyed_rng(seed, "sample")
    return torch.randn(n, latent_dim, generator=rng).numpy()


def preview_z(config: TrainConfig, n: int) -> F32:
    """Return the z of a run's preview images: (n, latent_dim)."""
    rng = keyed_rng(0, "preview", config.preview_seed)
    return torch.randn(n, config.latent_dim, generator=rng).numpy()
