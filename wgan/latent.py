"""Walks through latent space, and what a generator makes of it."""

import copy
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wgan.config import TrainConfig
from wgan.data import as_bytes
from wgan.randomness import generator

Method = Literal["slerp", "lerp"]
Floats = npt.NDArray[np.float32]


class Models:
    """A generator and critic of a reader's own, in eval mode: nobody trains them.

    `weights` holds the averaged generator's tensors under `average.` and the critic's under
    `critic.`, as `Training.weights` and a checkpoint give them; `step` stamps them.
    Raises ValueError where they do not fit the config.
    """

    def __init__(self, config: TrainConfig, weights: Mapping[str, Tensor], step: int) -> None:
        self.config, self.step = config, step
        pair = config.networks(generator(0, "init"))
        for prefix, module in zip(("average.", "critic."), pair, strict=True):
            own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
            try:
                module.load_state_dict(own)
            except RuntimeError as error:
                raise ValueError(f"The weights do not fit the networks: {error}") from error
            module.eval().requires_grad_(False)
        self.generator: nn.Module
        self.critic: nn.Module
        self.generator, self.critic = pair

    def make(self, z: Floats, labels: Sequence[int] | None = None) -> npt.NDArray[Any]:
        """Return what the generator makes: (N, latent_dim) → (N, C, H, W) uint8 or (N, 2) float32.

        A generator that is told the class gets `labels`, N of them; without, all classes in turn.
        Raises ValueError for z of another length.
        """
        made = self.raw(z, labels)
        return (as_bytes(made) if self.config.dataset.kind == "pictures" else made).numpy()

    @torch.no_grad()
    def raw(self, z: Floats, labels: Sequence[int] | None = None) -> Tensor:
        """Return what the generator makes as the critic gets it: floats, pictures in [−1, 1].

        Arguments and errors as of `make`.
        """
        if z.ndim != 2 or z.shape[1] != self.config.latent_dim:
            raise ValueError(f"z must be (N, {self.config.latent_dim}), not {z.shape}.")
        whole = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32))
        inputs: tuple[Tensor, ...] = (whole,)
        if self.config.conditional:
            classes = len(self.config.dataset.class_names())
            told = [i % classes for i in range(len(z))] if labels is None else labels
            inputs = whole, torch.tensor(told, dtype=torch.long)
        parts = zip(*(torch.split(x, 256) for x in inputs), strict=True)
        return torch.cat([self.generator(*part) for part in parts]).float()

    def with_critic(self, critic: nn.Module) -> "Models":
        """Return the same generator beside another critic."""
        other = copy.copy(self)
        other.critic = critic
        return other


def draw_z(seed: int, n: int, latent_dim: int) -> Floats:
    """Return n standard normal z: (n, latent_dim)."""
    rng = generator(seed, "sample")
    return torch.randn(n, latent_dim, generator=rng).numpy()


def preview_z(config: TrainConfig, n: int) -> Floats:
    """Return the z of a run's preview grids: (n, latent_dim)."""
    rng = generator(0, "preview", config.preview_seed)
    return torch.randn(n, config.latent_dim, generator=rng).numpy()


def slerp(a: Floats, b: Floats, t: Floats) -> Floats:
    """Go from a to b along a great arc, the length going linearly: (T,) → (T, latent_dim).

    Standard normal z lie near a sphere, so an arc stays where the generator was trained. Shoemake
    1985; White 2016, arXiv:1609.04468. For parallel or zero vectors it is the straight line.
    """
    length_a, length_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if min(length_a, length_b) < 1e-8:
        return lerp(a, b, t)
    cosine = float(np.clip(np.dot(a / length_a, b / length_b), -1.0, 1.0))
    angle = math.acos(cosine)
    if math.sin(angle) < 1e-4:
        return lerp(a, b, t)
    s = np.asarray(t, dtype=np.float64)[:, None]
    direction = (np.sin((1 - s) * angle) * (a / length_a) + np.sin(s * angle) * (b / length_b)) / (
        math.sin(angle)
    )
    return np.asarray(direction * ((1 - s) * length_a + s * length_b), dtype=np.float32)


def lerp(a: Floats, b: Floats, t: Floats) -> Floats:
    """Go from a to b in a straight line: (T,) → (T, latent_dim). It cuts the corner: ‖z‖ shrinks."""
    s = np.asarray(t, dtype=np.float64)[:, None]
    return np.asarray((1 - s) * a + s * b, dtype=np.float32)


def walk(
    waypoints: Floats, frames: int, *, method: Method = "slerp", closed: bool = True
) -> tuple[Floats, tuple[int, ...]]:
    """Return z along a path through waypoints, and each waypoint's frame.

    `waypoints` is (W ≥ 2, latent_dim); a closed path returns to the first without repeating it.
    The result is (about `frames`, latent_dim): each leg gets the same number of frames.
    """
    if len(waypoints) < 2:
        raise ValueError("A walk needs at least two waypoints.")
    between = slerp if method == "slerp" else lerp
    ends = [*waypoints, waypoints[0]] if closed else list(waypoints)
    legs = len(ends) - 1
    each = max(1, round(frames / legs))
    t = np.linspace(0, 1, each, endpoint=False, dtype=np.float32)
    path = [between(a, b, t) for a, b in pairwise(ends)]
    if not closed:
        path.append(np.asarray(ends[-1], dtype=np.float32)[None])
    marks = tuple(i * each for i in range(len(waypoints)))
    return np.concatenate(path), marks


def warped_grid(models: Models, lines: int = 17, reach: float = 2.5) -> list[Floats]:
    """Return a square grid of latent space as the generator bends it into the plane of the data.

    The grid spans the first two latent dimensions in [−reach, reach]; the others are 0. Each line
    is (65, 2).
    """
    along = np.linspace(-reach, reach, 65, dtype=np.float32)
    curves = []
    for axis in (0, min(1, models.config.latent_dim - 1)):
        for fixed in np.linspace(-reach, reach, lines, dtype=np.float32):
            z = np.zeros((65, models.config.latent_dim), dtype=np.float32)
            z[:, axis] = along
            if models.config.latent_dim > 1:
                z[:, 1 - axis] = fixed
            curves.append(models.make(z))
    return curves
