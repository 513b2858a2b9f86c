"""Finding the z that makes a picture: gradient descent through the generator, from several starts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from wgan.arrays import F32, U8
from wgan.data import as_bytes
from wgan.latent.models import Models, draw_z

RATE = 0.1
PULL = 1e-3
"""Weight of ‖z‖² / latent_dim beside the squared error: keeps z where the generator was trained."""


@dataclass(frozen=True)
class Search:
    """How well a picture is made so far, from each start; the starts are not sorted."""

    target: U8  # (C, H, W)
    update: int
    updates: int
    z: F32  # (R, latent_dim)
    labels: tuple[int, ...] | None  # the class each start is told
    pictures: U8  # (R, C, H, W)
    errors: F32  # (K, R), root mean square error in 0…255 at the updates `at`
    at: tuple[int, ...]
    others: F32  # (B,), the best error of each held-out picture, found in the same way

    @property
    def best(self) -> int:
        """The start with the smallest error."""
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
    """Search z whose picture is nearest to `target`, pixel by pixel.

    Yields after each update the share that is done, and at `looks` of them, the last among these, how
    it stands.

    `target` is (C, H, W) uint8; `others`, (B, C, H, W), are held-out pictures searched for in the same
    way at the same time: what error is usual for pictures the generator has never seen. Adam on the mean
    squared error, with rates that fall to 0. A generator that is told the class gets `label`; without,
    each class from at least one start, for the held-out pictures too. Raises ValueError for pictures of another shape. After Zhu et al. 2016,
    arXiv:1609.03552, section 3.1.
    """
    config = models.config
    if target.shape != tuple(config.dataset.shape):
        raise ValueError(f"The picture must be {tuple(config.dataset.shape)}, not {target.shape}.")
    goals = target[None] if others is None else np.concatenate([target[None], others])
    class_ids: tuple[int, ...] | None = None
    inputs: tuple[torch.Tensor, ...] = ()
    if config.conditional:
        classes = len(config.dataset.class_names())
        starts = starts if label is not None else max(starts, classes)
        class_ids = tuple(label if label is not None else i % classes for i in range(starts))
        inputs = (torch.tensor(class_ids * len(goals)),)
    targets = torch.from_numpy(goals).float() / 127.5 - 1
    targets = targets.repeat_interleave(starts, 0)  # (P·R, C, H, W)
    # The same starts for every picture: none has better luck than another.
    begin = np.tile(draw_z(9_000 + seed, starts, config.latent_dim), (len(goals), 1))
    z = torch.from_numpy(begin).requires_grad_()
    adam = torch.optim.Adam([z], lr=RATE)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(adam, updates)
    marks = set(np.linspace(0, updates, min(looks, updates) + 1).round().astype(int).tolist())
    history: list[F32] = []
    at: list[int] = []
    for update in range(updates + 1):
        images = models.generator(z, *inputs).float()
        each = (images - targets).square().flatten(1).mean(1)  # (P·R,)
        if update in marks:
            rms = (each.detach().sqrt() * 127.5).numpy().reshape(len(goals), starts)
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
        loss = each.sum() + PULL * (z.square().mean(1)).sum()
        (slope,) = torch.autograd.grad(loss, [z])
        z.grad = slope
        adam.step()
        fall.step()
        yield (update + 1) / (updates + 1)
