"""Directions in latent space that change pictures most, from the generator's first layers."""

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
    """Directions in latent space by descending strength."""

    vectors: F32  # (K, latent_dim), each of length 1
    strength: F32  # (K,), shares of the total, descending


def sefa(models: Models, count: int = 6) -> Directions:
    """Return the directions that the generator's first weight matrix A stretches most.

    They are the eigenvectors of AᵀA: argmax ‖A n‖ over ‖n‖ = 1. No samples are needed. The strength is
    the eigenvalue's share of their sum.

    Args:
        models: The networks.
        count: Most directions to return.

    Raises:
        ValueError: The generator has no linear layer and no convolution.

    Reference:
        Shen and Zhou 2021, arXiv:2007.06600.
    """
    weight = _first_weight(models)
    _, lengths, rows = np.linalg.svd(weight, full_matrices=False)
    return _directions(rows, lengths**2, count)


def ganspace(models: Models, count: int = 6, seed: int = 0) -> Directions:
    """Return the directions of z that move along the principal components of the first activations.

    The principal components are those of the activations of 1,000 z. The directions are fitted by least
    squares: U = argmin ‖X U − Z‖, where X are the coordinates. A class-conditional generator gets all
    classes in turn. The strength is the share of the activations' variance.

    Args:
        models: The networks.
        count: Most directions to return.
        seed: Seed of the z.

    Reference:
        Härkönen et al. 2020, section 2.1, arXiv:2004.02546.
    """
    z = draw_z(7_000 + seed, SAMPLES, models.config.latent_dim)
    activations = _first_activations(models, z)
    activations = activations - activations.mean(0)
    count = min(count, models.config.latent_dim)
    # By the (N, N) matrix of products, because there are more activations than z.
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
            # The weight of a transposed convolution has its inputs first.
            flat = weight.flatten(1).T if isinstance(part, nn.ConvTranspose2d) else weight
            # In a class-conditional generator the class vector follows z.
            return np.asarray(flat.numpy()[:, : models.config.latent_dim], np.float32)
    raise ValueError("This generator has no first weight matrix, so it has no such directions.")


@torch.no_grad()
def _first_activations(models: Models, z: F32) -> Tensor:
    """Return the outputs of the first non-linearity, flattened: (N, D), D at most 4,096."""
    outputs: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        if not outputs or len(outputs[-1]) < len(z):
            outputs.append(
                output.flatten(1)[:, :: max(1, output.flatten(1).shape[1] // 4096)].clone()
            )

    # A copy, because other threads may use these modules at the same time.
    models = copy.copy(models)
    models.generator = copy.deepcopy(models.generator)
    nonlinearity = next(
        (m for m in models.generator.modules() if isinstance(m, nn.ReLU | nn.LeakyReLU)), None
    )
    if nonlinearity is None:
        return torch.from_numpy(z @ _first_weight(models).T)
    # A module may be used at several places: only its first output counts.
    activations: list[Tensor] = []
    for start in range(0, len(z), 250):
        outputs.clear()
        handle = nonlinearity.register_forward_hook(keep)
        try:
            models.raw(z[start : start + 250])
        finally:
            handle.remove()
        activations.append(outputs[0])
    return torch.cat(activations).float()


def _directions(rows: F32, strength: F32, count: int) -> Directions:
    count = min(count, len(rows))
    share = strength / max(float(strength.sum()), 1e-12)
    return Directions(_signed(rows[:count]), np.asarray(share[:count], np.float32))


def _signed(vectors: F32) -> F32:
    """Return directions with the sign that makes the largest entry positive, so that they are unique."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], axis=1)
    return np.asarray(vectors * np.where(largest < 0, -1, 1), dtype=np.float32)
