"""One example in the networks: the gradient of its score, and the activations of each layer."""

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import F32
from wgan.critic.scores import chunks, score_of
from wgan.latent import Models
from wgan.networks.modules import Score
from wgan.objectives.layers import MaxMin


def grid(extent: float, side: int) -> F32:
    """Return a square grid of points over [−extent, extent]², row by row upwards: (side², 2)."""
    axis = np.linspace(-extent, extent, side, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel()], axis=1)


@dataclass(frozen=True)
class Saliency:
    """The score of a picture, and its gradient with respect to the pixels."""

    score: float
    gradient: F32  # (C, H, W), ∂f/∂ pixel: above 0 where a lighter pixel raises the score

    @property
    def slope(self) -> float:
        """‖∇f‖ at the picture."""
        return float(np.linalg.norm(self.gradient))


def saliency(models: Models, picture: F32, label: int | None = None) -> Saliency:
    """Return the score of a picture, and its gradient with respect to the pixels.

    Args:
        models: The networks.
        picture: (C, H, W), floats in [−1, 1].
        label: Its class, if the critic is class-conditional.

    Reference:
        Simonyan et al. 2013, section 3, arXiv:1312.6034.
    """
    ((x, label_row),) = chunks(models, picture[None], None if label is None else np.array([label]))
    x = x.requires_grad_()
    with torch.enable_grad():
        score = score_of(models.critic, x, label_row)
        (gradient,) = torch.autograd.grad(score.sum(), x)
    return Saliency(float(score.detach()), gradient[0].float().numpy())


UPHILL_STEP = 1.0
"""Length of a step uphill, in units of pixel distance, before it is shortened."""

MAX_HALVINGS = 8


def step_uphill(models: Models, picture: F32, label: int | None = None) -> F32 | None:
    """Move a picture one step along the gradient of the critic's score, so that the score rises.

    The step has the length UPHILL_STEP. It is halved until the score rises, at most MAX_HALVINGS times.

    Args:
        models: The networks.
        picture: (C, H, W), floats in [−1, 1].
        label: Its class, if the critic is class-conditional.

    Returns:
        The new picture, (C, H, W), in [−1, 1]; None if no step raises the score.
    """
    start = saliency(models, picture, label)
    if not start.slope > 0:
        return None
    direction = start.gradient / start.slope
    for halvings in range(MAX_HALVINGS + 1):
        step = UPHILL_STEP / 2**halvings * direction
        moved: F32 = (picture + step).clip(-1, 1).astype(np.float32)
        if saliency(models, moved, label).score > start.score:
            return moved
    return None


@dataclass(frozen=True)
class Activation:
    """The output of one layer for one input."""

    name: str
    values: F32  # (K, h, w): K feature maps; (K,): K units


def activations(models: Models, picture: F32, label: int | None = None) -> list[Activation]:
    """Return each layer's output for one example, (C, H, W) or (2,), from the first layer to the last."""
    ((x, label_row),) = chunks(models, picture[None], None if label is None else np.array([label]))
    layers = _outputs(models.critic, x, label_row)
    return [Activation(name, values[0].numpy()) for name, values in layers if values.dim() > 1]


def units(models: Models, extent: float, layer: int, side: int = 32) -> Activation:
    """Return the output of each unit of a layer over the plane [−extent, extent]².

    Args:
        models: The networks, trained on points.
        extent: Half the side of the square.
        layer: Index of the layer in the list that `activations` returns.
        side: Points along each side.

    Returns:
        Values of shape (K, side, side), row = y upwards.
    """
    points = torch.from_numpy(grid(extent, side))
    outputs = [(name, values) for name, values in _outputs(models.critic, points, None)]
    name, values = [(n, v) for n, v in outputs if v.dim() > 1][layer]
    return Activation(name, values.T.reshape(-1, side, side).numpy())


MAX_KERNELS, MAX_SIDE = 64, 512
"""Kernels, and rows and columns of a matrix, that are kept for display: networks can be large."""


@dataclass(frozen=True)
class Layer:
    """One layer of a network, with its output for one input.

    Weights are None for a layer without kernels or matrix. Of a convolution they are its first MAX_KERNELS kernels
    for the first input channel, (K, h, w); of a linear layer, the first MAX_SIDE rows and columns of its
    matrix, (1, outputs, inputs).
    """

    name: str
    parameters: int
    values: F32  # (K, h, w): K feature maps; (K,): K units
    weights: F32 | None


def network_layers(
    models: Models, z: F32, label: int | None = None
) -> tuple[list[Layer], list[Layer]]:
    """Return the layers of the generator and of the critic, in the order of computation, for one sample.

    Args:
        models: The networks.
        z: The latent vector of the sample, (latent_dim,).
        label: Its class, if the networks are class-conditional.
    """
    labels = None if label is None else torch.tensor([label])
    sample = models.raw(z[None], None if label is None else [label])
    *generator, last = [
        _layer(*each) for each in _run_layers(models.generator, torch.from_numpy(z[None]), labels)
    ]
    # The last layer of a perceptron has no rows and columns yet.
    generator.append(replace(last, values=sample[0].numpy()))
    return generator, [_layer(*each) for each in _run_layers(models.critic, sample, labels)]


def _layer(name: str, part: nn.Module, output: Tensor) -> Layer:
    weights: F32 | None = None
    if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
        kernels = part.weight.detach().float()
        # A transposed convolution has its input channels first.
        kernels = kernels[0] if isinstance(part, nn.ConvTranspose2d) else kernels[:, 0]
        weights = kernels[:MAX_KERNELS].numpy().copy()
    elif isinstance(part, nn.Linear):
        weights = part.weight.detach().float()[None, :MAX_SIDE, :MAX_SIDE].numpy().copy()
    own = sum(p.numel() for p in part.parameters())
    return Layer(name, own, output[0].numpy().copy(), weights)


def _outputs(critic: nn.Module, x: Tensor, label: Tensor | None) -> list[tuple[str, Tensor]]:
    """Return the name and the output of each layer of a critic, in the order of computation."""
    return [(name, output) for name, _, output in _run_layers(critic, x, label)]


@torch.no_grad()
def _run_layers(
    network: nn.Module, x: Tensor, label: Tensor | None
) -> list[tuple[str, nn.Module, Tensor]]:
    """Return the name, the module and the output of each layer, in the order of computation."""
    network = copy.deepcopy(network)  # other threads would see hooks on the caller's network
    outputs: list[tuple[str, nn.Module, Tensor]] = []

    def keep(layer: nn.Module, _: object, output: Tensor) -> None:
        outputs.append((f"{len(outputs) + 1}. {title_of(layer)}", layer, output.float()))

    for part in _layers(network):
        part.register_forward_hook(keep)
    score_of(network, x, label)
    return outputs


_HELPERS = (nn.Flatten, nn.Unflatten, nn.Sequential, nn.Embedding, Score)
"""Modules without an output of interest. Embeddings turn labels into weights of the score."""

_TITLES: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.LeakyReLU, "LeakyReLU"),
    (nn.ReLU, "ReLU"),
    (MaxMin, "GroupSort"),
    (nn.BatchNorm2d, "Batch norm"),
    (nn.AvgPool2d, "Mean of 2×2"),
    (nn.AdaptiveAvgPool2d, "Mean over the map"),
    (nn.Upsample, "Each pixel 2×2"),
    (nn.Tanh, "Tanh"),
)


def _layers(network: nn.Module) -> list[nn.Module]:
    """Return the layers of a network whose outputs are shown, without containers and helpers."""
    inside = {
        id(own)
        for part in network.modules()
        if isinstance(own_modules := getattr(part, "parametrizations", None), nn.Module)
        for own in own_modules.modules()
    }
    return [
        part
        for part in network.modules()
        if id(part) not in inside
        and (
            isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) or not any(part.children())
        )
        and not isinstance(part, _HELPERS)
    ]


def title_of(part: nn.Module) -> str:
    """Return a layer's title: its kind and sizes."""
    if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
        kind = "Convolution" if isinstance(part, nn.Conv2d) else "Transposed convolution"
        return (
            f"{kind} {part.kernel_size[0]}×{part.kernel_size[1]}, "
            f"{part.in_channels} → {part.out_channels}"
        )
    if isinstance(part, nn.Linear):
        return f"Linear {part.in_features} → {part.out_features}"
    if isinstance(part, nn.Embedding):
        return f"Classes, {part.num_embeddings} × {part.embedding_dim}"
    return next((title for kind, title in _TITLES if isinstance(part, kind)), type(part).__name__)
