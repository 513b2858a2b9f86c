"""Batches: the examples, classes and z of a training, each draw with its own key."""

from typing import Literal

import torch
from torch import Tensor

from wgan.config import TrainConfig
from wgan.data import Data, Pictures
from wgan.rng import Stream, keyed_rng
from wgan.training.distributed import ProcessGroup
from wgan.training.engine import to_layout


class Batches:
    """Draws batches with a generator keyed by (seed, step, draw).

    So no generator state is saved, and each of several processes can take its rows of the same
    batch.

    Args:
        config: The config; `Training.apply` replaces it.
        data: The examples, on the device.
        process_group: The process group. Each method returns this process' rows of a batch.
        device: The device on which random numbers are drawn.
        layout: Memory format of pictures.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: Data,
        process_group: ProcessGroup,
        device: torch.device,
        layout: torch.memory_format,
    ) -> None:
        self.config, self.data, self.process_group = config, data, process_group
        self.device, self.layout = device, layout
        self._epoch: tuple[int, Tensor] | None = None  # number and order of the examples

    def rng(self, stream: Stream, step: int, draw: int = 0) -> torch.Generator:
        """Return the random number generator of one draw."""
        return keyed_rng(self.config.seed, stream, step, draw, device=self.device)

    def lay_out(self, batch: Tensor) -> Tensor:
        """Return a batch in the memory format of the training; only pictures, (N, C, H, W), change."""
        return to_layout(batch, self.layout)

    def z(self, step: int, draw: int, n: int) -> Tensor:
        """Return the first n z of a draw, (n, latent_dim)."""
        shape = (self.config.batch_size, self.config.latent_dim)
        whole = torch.randn(shape, generator=self.rng("z", step, draw), device=self.device)
        return whole[self.process_group.rows.part(n)]

    def real(
        self, step: int, draw: int, n: int, critic_updates: int
    ) -> tuple[Tensor, Tensor | None]:
        """Return the first n real examples of a draw and, for class-conditional networks, their labels.

        Args:
            step: Number of the step.
            draw: Number of the draw in the step.
            n: Number of examples, at most the batch size.
            critic_updates: Number of critic updates before this one. It determines the epoch and
                the position in it.
        """
        own = self.process_group.rows.part(n)
        if not isinstance(self.data, Pictures):
            rng = self.rng("data", step, draw)
            return self.data.batch("train", self.config.batch_size, rng)[own], None
        indices = self._indices(self.data, step, draw, critic_updates)[own]
        pictures, labels = self.data.gather("train", indices)
        return self.lay_out(pictures), labels if self.config.conditional else None

    def generator_real(self, step: int, draw: int) -> tuple[Tensor, Tensor | None]:
        """Return real examples for the generator's own update, (N, …), and their labels as in `real`.

        They are drawn with replacement even if the critic's are not: an epoch counts only the
        critic's examples.
        """
        return self._drawn("train", self.rng("data", step, draw))

    def held_out(self, step: int) -> tuple[Tensor, Tensor | None]:
        """Return a batch of held-out examples and, for class-conditional networks, their labels."""
        return self._drawn("held-out", self.rng("held-out", step))

    def _drawn(
        self, part: Literal["train", "held-out"], rng: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Return a batch drawn with replacement and, for class-conditional networks, its labels."""
        n = self.config.batch_size
        own = self.process_group.rows.part(n)
        if not isinstance(self.data, Pictures):
            return self.data.batch(part, n, rng)[own], None
        indices = self.data.draw_indices(part, n, rng)[own]
        if part == "train":
            self.data.prefetch(indices)
        pictures, labels = self.data.gather(part, indices)
        return self.lay_out(pictures), labels if self.config.conditional else None

    def labels(self, step: int, draw: int) -> Tensor | None:
        """Return classes for the generator's own update, (N,), as frequent as in the data."""
        if not self.config.conditional or not isinstance(self.data, Pictures):
            return None
        labels = self.data.train_labels
        indices = torch.randint(
            len(labels),
            (self.config.batch_size,),
            generator=self.rng("labels", step, draw),
            device=self.device,
        )
        return labels[indices[self.process_group.rows.part(len(indices))]]

    def read_ahead(self, step: int, draws: range, critic_updates: int) -> None:
        """Read the pictures of later draws from their file in the background.

        Args:
            step: Number of the step.
            draws: The draws of that step.
            critic_updates: Number of critic updates before the first of them.
        """
        if not isinstance(self.data, Pictures) or not self.data.mapped:
            return
        halves = 2 if self.config.split_updates else 1
        own = self.process_group.rows.part(self.config.batch_size // halves)
        for i, draw in enumerate(draws):
            self.data.prefetch(self._indices(self.data, step, draw, critic_updates + i)[own])

    def _indices(self, data: Pictures, step: int, draw: int, critic_updates: int) -> Tensor:
        """Return the indices of the pictures of a whole batch, (batch size,)."""
        n = self.config.batch_size
        if self.config.replacement:
            rng = keyed_rng(self.config.seed, "data", step, draw, device=self.device)
            return data.draw_indices("train", n, rng)
        epoch, position = divmod(critic_updates, len(data.train) // n)
        if self._epoch is None or self._epoch[0] != epoch:
            rng = keyed_rng(self.config.seed, "data", 0, 1 + epoch, device=self.device)
            order = torch.randperm(len(data.train), generator=rng, device=self.device)
            self._epoch = epoch, order
        return self._epoch[1][position * n : (position + 1) * n]
