"""Inversion: find the z whose picture is closest to a target, by gradient descent from several starts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from wgan.arrays import F32, U8
from wgan.config import TrainConfig
from wgan.data import as_bytes
from wgan.latent.models import Models, draw_z

RATE = 0.1
"""Learning rate of Adam at the start."""

Z_PENALTY = 1e-3
"""Weight of ‖z‖² / latent_dim beside the squared error: keeps z where the generator was trained."""


@dataclass(frozen=True)
class Search:
    """The pictures that each start has reached so far; the starts are not sorted."""

    target: U8  # (C, H, W)
    update: int
    updates: int
    z: F32  # (R, latent_dim)
    labels: tuple[int, ...] | None  # class of each start, if the generator is class-conditional
    pictures: U8  # (R, C, H, W)
    errors: F32  # (K, R), root mean square error in 0…255 at the updates `at`
    at: tuple[int, ...]
    others: F32  # (B,), smallest error of each held-out picture, inverted in the same way

    @property
    def best(self) -> int:
        """Index of the start with the smallest error."""
        return int(self.errors[-1].argmin())

    @property
    def error(self) -> float:
        """The smallest error."""
        return float(self.errors[-1].min())


def search(
    models: Models,
    target: U8,
    *,
    others: U8 | None = None,
    starts: int = 8,
    updates: int = 200,
    seed: int = 0,
    label: int | None = None,
    looks: int = 40,
) -> Iterator[float | Search]:
    """Search the z whose picture is closest to a target, pixel by pixel.

    Adam on the mean squared error, with a learning rate that falls to 0 (cosine).

    Args:
        models: The networks.
        target: The picture, (C, H, W) uint8.
        others: Held-out pictures, (B, C, H, W), that are inverted at the same time in the same way. Their
            errors are the baseline for pictures that the generator has never seen.
        starts: Number of starts for each picture.
        updates: Updates of z.
        seed: Seed of the starts.
        label: Class of the picture, for a class-conditional generator. Without it every class has at least
            one start, for the held-out pictures, too.
        looks: Number of intermediate results.

    Yields:
        After each update the share that is done, in [0, 1]; and `looks` times, the last time at the end,
        the state of the search.

    Raises:
        ValueError: The picture has another shape than the generator's.

    Reference:
        After Zhu et al. 2016, section 3.1, arXiv:1609.03552.
    """
    config = models.config
    if target.shape != tuple(config.dataset.shape):
        raise ValueError(f"The picture must be {tuple(config.dataset.shape)}, not {target.shape}.")
    goals = target[None] if others is None else np.concatenate([target[None], others])
    class_ids = _class_ids(config, starts, label)
    starts = starts if class_ids is None else len(class_ids)
    inputs = () if class_ids is None else (torch.tensor(class_ids * len(goals)),)
    targets = torch.from_numpy(goals).float() / 127.5 - 1
    targets = targets.repeat_interleave(starts, 0)  # (P·R, C, H, W)
    # All pictures have the same starts, so that none has better ones.
    first_z = np.tile(draw_z(9_000 + seed, starts, config.latent_dim), (len(goals), 1))
    z = torch.from_numpy(first_z).requires_grad_()
    adam = torch.optim.Adam([z], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, updates)
    look_updates = set(
        np.linspace(0, updates, min(looks, updates) + 1).round().astype(int).tolist()
    )
    history: list[F32] = []
    at: list[int] = []
    for update in range(updates + 1):
        images = models.generator(z, *inputs).float()
        errors = (images - targets).square().flatten(1).mean(1)  # (P·R,)
        if update in look_updates:
            rms = (errors.detach().sqrt() * 127.5).numpy().reshape(len(goals), starts)
            history.append(rms[0].astype(np.float32))
            at.append(update)
            yield Search(
                target,
                update,
                updates,
                z.detach()[:starts].numpy().copy(),
                class_ids,
                as_bytes(images.detach()[:starts]).numpy(),
                np.stack(history),
                tuple(at),
                rms[1:].min(1).astype(np.float32),
            )
        if update == updates:
            return
        loss = errors.sum() + Z_PENALTY * (z.square().mean(1)).sum()
        (z.grad,) = torch.autograd.grad(loss, [z])
        adam.step()
        schedule.step()
        yield (update + 1) / (updates + 1)


def _class_ids(config: TrainConfig, starts: int, label: int | None) -> tuple[int, ...] | None:
    """Return the class of each start; None if the generator has no classes."""
    if not config.conditional:
        return None
    if label is not None:
        return (label,) * starts
    classes = len(config.dataset.class_names())
    return tuple(i % classes for i in range(max(starts, classes)))
