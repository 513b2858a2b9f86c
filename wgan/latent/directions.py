"""Directions of latent space that change pictures most: found in the generator's first layers."""

import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import F32
from wgan.latent.models import Models, draw_z

Way = Literal["ganspace", "sefa"]
SAMPLES = 1_000


@dataclass(frozen=True)
class Directions:
    """Directions of z, the strongest first, each of length 1, and how strong each is."""

    vectors: F32  # (K, latent_dim)
    strength: F32  # (K,), shares of the whole, falling


def sefa(models: Models, count: int = 6) -> Directions:
    """Return the directions that the generator's first weight A stretches most.

    The eigenvectors of AᵀA, in closed form: argmax ‖A n‖ over ‖n‖ = 1. Needs no sample. Strength: the
    share of its eigenvalue. Shen and Zhou 2021, arXiv:2007.06600. Raises ValueError where the
    generator does not begin with a linear layer or a convolution.
    """
    weight = _first_weight(models)
    _, lengths, rows = np.linalg.svd(weight, full_matrices=False)
    return _directions(rows, lengths**2, count)


def ganspace(models: Models, count: int = 6, seed: int = 0) -> Directions:
    """Return the principal directions of the generator's first activations.

    Activations of 1,000 z, (N, D), have principal components; the directions of z that move along them
    are fitted by least squares: U = argmin ‖X U − Z‖, X the coordinates. Told a class, the generator is
    told all in turn. Strength: the share of the activations' variance. Härkönen et al. 2020,
    arXiv:2004.02546, section 2.1.
    """
    z = draw_z(7_000 + seed, SAMPLES, models.config.latent_dim)
    activations = _first_activations(models, z)
    activations = activations - activations.mean(0)
    count = min(count, models.config.latent_dim)
    # By their products, (N, N): there are more activations than z.
    variance, axes = torch.linalg.eigh((activations @ activations.T).double())
    variance, axes = variance.flip(0).clamp_min(0), axes.flip(1)
    coordinates = (axes[:, :count] * variance[:count].sqrt()).numpy()  # (N, K)
    fitted, *_ = np.linalg.lstsq(coordinates, z.astype(np.float64), rcond=None)  # (K, latent_dim)
    fitted /= np.maximum(np.linalg.norm(fitted, axis=1, keepdims=True), 1e-12)
    share = variance[:count] / variance.sum().clamp_min(1e-12)
    return Directions(_signed(fitted), np.asarray(share.numpy(), np.float32))


WAYS = {"ganspace": ganspace, "sefa": sefa}


def _first_weight(models: Models) -> F32:
    for part in models.generator.modules():
        if isinstance(part, nn.Linear | nn.ConvTranspose2d):
            weight = part.weight.detach().float()
            # A transposed convolution keeps its inputs in front.
            flat = weight.flatten(1).T if isinstance(part, nn.ConvTranspose2d) else weight
            # Beside z stands the class's vector, where it is told.
            return np.asarray(flat.numpy()[:, : models.config.latent_dim], np.float32)
    raise ValueError("This generator has no first weight to look at.")


@torch.no_grad()
def _first_activations(models: Models, z: F32) -> Tensor:
    """Return what leaves the first non-linearity, flattened: (N, D), D at most 4,096."""
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        if not kept or len(kept[-1]) < len(z):
            kept.append(output.flatten(1)[:, :: max(1, output.flatten(1).shape[1] // 4096)].clone())

    # A copy of its own: others may make pictures with these modules at the same time.
    models = copy.copy(models)
    models.generator = copy.deepcopy(models.generator)
    bend = next(
        (m for m in models.generator.modules() if isinstance(m, nn.ReLU | nn.LeakyReLU)), None
    )
    if bend is None:
        return torch.from_numpy(z @ _first_weight(models).T)
    # One module may be used at several places: only what it first gives counts.
    first: list[Tensor] = []
    for start in range(0, len(z), 250):
        kept.clear()
        handle = bend.register_forward_hook(keep)
        try:
            models.raw(z[start : start + 250])
        finally:
            handle.remove()
        first.append(kept[0])
    return torch.cat(first).float()


def _directions(rows: F32, strength: F32, count: int) -> Directions:
    count = min(count, len(rows))
    share = strength / max(float(strength.sum()), 1e-12)
    return Directions(_signed(rows[:count]), np.asarray(share[:count], np.float32))


def _signed(vectors: F32) -> F32:
    """A direction has no sign: the largest entry is made positive, so that it is the same each time."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], axis=1)
    return np.asarray(vectors * np.where(largest < 0, -1, 1), dtype=np.float32)
