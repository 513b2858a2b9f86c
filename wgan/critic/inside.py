"""One example inside a critic: what its score hangs on, and what each layer makes of it."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import F32
from wgan.critic.scores import parts_of, score_of
from wgan.latent import Models


def grid(extent: float, side: int) -> F32:
    """Return a square grid of points over [−extent, extent]², row by row upwards: (side², 2)."""
    axis = np.linspace(-extent, extent, side, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel()], axis=1)


@dataclass(frozen=True)
class Saliency:
    """What one picture's score hangs on."""

    score: float
    gradient: F32  # (C, H, W), ∂f/∂ pixel: how the score rises when the pixel gets lighter

    @property
    def slope(self) -> float:
        """‖∇f‖ at the picture."""
        return float(np.linalg.norm(self.gradient))


def saliency(models: Models, picture: F32, label: int | None = None) -> Saliency:
    """Return a picture's score and its gradient: (C, H, W) in [−1, 1], and the class it is told.

    Source: Simonyan et al. 2013, section 3, arXiv:1312.6034.
    """
    ((x, label_row),) = parts_of(
        models, picture[None], None if label is None else np.array([label])
    )
    x = x.requires_grad_()
    with torch.enable_grad():
        score = score_of(models.critic, x, label_row)
        (gradient,) = torch.autograd.grad(score.sum(), x)
    return Saliency(float(score.detach()), gradient[0].float().numpy())


@dataclass(frozen=True)
class Activation:
    """What one layer makes of an input."""

    name: str
    values: F32  # (K, h, w): K maps, or (K,): K units


def activations(models: Models, picture: F32, label: int | None = None) -> list[Activation]:
    """Return what each layer makes of one example, (C, H, W) or (2,), from the first to the last."""
    ((x, label_row),) = parts_of(
        models, picture[None], None if label is None else np.array([label])
    )
    layers = _outputs(models.critic, x, label_row)
    return [Activation(name, values[0].numpy()) for name, values in layers if values.dim() > 1]


def units(models: Models, extent: float, layer: int, side: int = 32) -> Activation:
    """Return what each unit of a layer says over the plane [−extent, extent]².

    `layer` counts as `activations` does. The values are (K, side, side), row = y upwards.
    """
    at = torch.from_numpy(grid(extent, side))
    outputs = [(name, values) for name, values in _outputs(models.critic, at, None)]
    name, values = [(n, v) for n, v in outputs if v.dim() > 1][layer]
    return Activation(name, values.T.reshape(-1, side, side).numpy())


@torch.no_grad()
def _outputs(critic: nn.Module, x: Tensor, label: Tensor | None) -> list[tuple[str, Tensor]]:
    """Return each layer's output in the order of the computation, with a name to show."""
    critic = copy.deepcopy(critic)  # hooks on the reader's own would be seen by other threads
    outputs: list[tuple[str, Tensor]] = []

    def keep(part: nn.Module, _: object, output: Tensor) -> None:
        outputs.append((f"{len(outputs) + 1}. {title_of(part)}", output.float()))

    for part in _layers(critic):
        part.register_forward_hook(keep)
    score_of(critic, x, label)
    return outputs


_SILENT = ("Flatten", "Score", "Sequential", "Embedding", "_Classes")
_KINDS = {
    "LeakyReLU": "LeakyReLU",
    "ReLU": "ReLU",
    "MaxMin": "GroupSort",
    "_DebiasedBatchNorm": "Batch norm",
    "BatchNorm2d": "Batch norm",
    "AvgPool2d": "Mean of 2×2",
    "AdaptiveAvgPool2d": "Mean over the map",
}


def _layers(critic: nn.Module) -> list[nn.Module]:
    """Return the parts of a critic whose output is worth a look."""
    inside = {
        id(own)
        for part in critic.modules()
        if isinstance(own_modules := getattr(part, "parametrizations", None), nn.Module)
        for own in own_modules.modules()
    }
    return [
        part
        for part in critic.modules()
        if id(part) not in inside
        and (isinstance(part, nn.Linear | nn.Conv2d) or not any(part.children()))
        and _kind(part) not in _SILENT
    ]


def _kind(part: nn.Module) -> str:
    # A parametrised layer is of a class that torch makes, named after the layer's own.
    return type(part).__name__.removeprefix("Parametrized")


def title_of(part: nn.Module) -> str:
    """Return what a layer is, in words."""
    if isinstance(part, nn.Conv2d):
        return (
            f"Convolution {part.kernel_size[0]}×{part.kernel_size[1]}, "
            f"{part.in_channels} → {part.out_channels}"
        )
    if isinstance(part, nn.Linear):
        return f"Linear {part.in_features} → {part.out_features}"
    if isinstance(part, nn.Embedding):
        return f"Classes, {part.num_embeddings} × {part.embedding_dim}"
    return _KINDS.get(_kind(part), _kind(part))
