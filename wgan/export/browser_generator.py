"""A generator as one compact file that the browser runs: a list of layers, and weights as float16.

The file contains, in this order:

1. the length of the header in bytes, as an unsigned 32-bit integer, little-endian;
2. the header: JSON, padded with spaces to a multiple of 4 bytes;
3. all weights as float16, little-endian, in the order of the layers.

`pages/ui/widgets/generator/generator.js` reads it. The weights are in the order in which that program
uses them: the output channel comes last. Maps are (H, W, C). Batch norm uses its running statistics, so it
multiplies and shifts each channel. The weights of a layer directly before it include this.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wgan.latent import Models
from wgan.networks.modules import LabelledGenerator, UpBlock

FORMAT = 1

MAX_BYTES = 2_000_000
"""Maximum size of a file. The server makes the samples of larger generators."""


@dataclass
class _Layer:
    """One layer: its entry in the header, and its weights.

    The weights of layers with a kernel are (…, in, out), and those with `bias` have it as the second tensor.
    """

    entry: dict[str, Any]
    tensors: list[Tensor] = field(default_factory=list)
    way: list["_Layer"] = field(default_factory=list)  # of a residual block
    short: list["_Layer"] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return str(self.entry["kind"])

    def header(self) -> dict[str, Any]:
        if self.kind != "residual":
            return self.entry
        way, short = ([layer.header() for layer in part] for part in (self.way, self.short))
        return {**self.entry, "way": way, "short": short}

    def weights(self) -> list[Tensor]:
        inner = [t for layer in (*self.way, *self.short) for t in layer.weights()]
        return [*self.tensors, *inner]


def pack_generator(models: Models) -> bytes | None:
    """Return the averaged generator as a file for the browser; None if it is too large.

    Raises:
        NotImplementedError: The generator has a layer that the browser's program lacks.
    """
    generator = models.generator
    vectors = []
    if isinstance(generator, LabelledGenerator):
        vectors = [generator.classes.weight]
        generator = generator.network
    layers: list[_Layer] = []
    _add(layers, generator)
    header = {
        "format": FORMAT,
        "latentDim": models.config.latent_dim,
        "classes": len(vectors[0]) if vectors else 0,
        "classLength": vectors[0].shape[1] if vectors else 0,
        "layers": [layer.header() for layer in layers],
    }
    weights = [*vectors, *(tensor for layer in layers for tensor in layer.weights())]
    if sum(tensor.numel() for tensor in weights) * 2 > MAX_BYTES:
        return None
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    parts = [tensor.detach().cpu().float().numpy().astype("<f2").tobytes() for tensor in weights]
    return len(text).to_bytes(4, "little") + text + b"".join(parts)


def _add(layers: list[_Layer], module: nn.Module) -> None:
    """Append a module to the layers, or make it a part of the last one."""
    match module:
        case nn.Sequential():
            for part in module:
                _add(layers, part)
        case nn.Linear():
            entry = {"kind": "linear", "in": module.in_features, "out": module.out_features}
            layers.append(_Layer(entry, [module.weight.t(), _bias(module)]))
        case nn.Unflatten():
            _add_reshape(layers, module.unflattened_size)
        case nn.BatchNorm2d():
            _add_batch_norm(layers, module)
        case nn.ConvTranspose2d():
            layers.append(_conv_transpose(module))
        case nn.Conv2d():
            layers.append(_conv(module))
        case nn.ReLU():
            layers.append(_Layer({"kind": "leaky_relu", "slope": 0.0}))
        case nn.LeakyReLU():
            layers.append(_Layer({"kind": "leaky_relu", "slope": module.negative_slope}))
        case nn.Tanh():
            layers.append(_Layer({"kind": "tanh"}))
        case nn.Upsample() if module.scale_factor == 2 and module.mode == "nearest":
            layers.append(_Layer({"kind": "upsample"}))
        case UpBlock():
            block = _Layer({"kind": "residual"})
            _add(block.way, module.way)
            _add(block.short, module.short)
            layers.append(block)
        case _:
            raise NotImplementedError(f"The browser cannot run a layer of type {type(module)}.")


def _bias(module: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    outputs = module.out_features if isinstance(module, nn.Linear) else module.out_channels
    return torch.zeros(outputs) if module.bias is None else module.bias


def _add_reshape(layers: list[_Layer], size: Sequence[int]) -> None:
    """Append the change of a vector to a map. torch's vector is (C, H, W), the browser's (H, W, C)."""
    channels, height, width = size
    linear = next(layer for layer in reversed(layers) if layer.kind == "linear")
    order = torch.arange(channels * height * width).view(channels, height, width)
    order = order.permute(1, 2, 0).flatten()
    linear.tensors = [tensor[..., order] for tensor in linear.tensors]
    entry = {"kind": "reshape", "height": height, "width": width, "channels": channels}
    layers.append(_Layer(entry))


def _add_batch_norm(layers: list[_Layer], module: nn.BatchNorm2d) -> None:
    """Include batch norm in the weights of a layer directly before it; if there is none, append a layer."""
    mean, variance = module.running_mean, module.running_var
    assert mean is not None and variance is not None
    scale = module.weight / torch.sqrt(variance + module.eps)
    shift = module.bias - mean * scale
    before = layers[-1] if layers else None
    if before is not None and before.kind == "reshape" and layers[-2].kind == "linear":
        # The vector has the channels of each pixel beside each other.
        before = layers[-2]
        pixels = before.entry["out"] // len(scale)
        scale, shift = scale.repeat(pixels), shift.repeat(pixels)
    elif before is None or before.kind not in ("conv", "conv_transpose"):
        layers.append(_Layer({"kind": "affine", "channels": len(scale)}, [scale, shift]))
        return
    weight, bias = before.tensors
    before.tensors = [weight * scale, bias * scale + shift]


def _conv(module: nn.Conv2d) -> _Layer:
    """Return a convolution with stride 1 that keeps the side of the map: weights (k, k, in, out)."""
    size = module.kernel_size[0]
    if module.stride != (1, 1) or module.padding != (size // 2, size // 2) or size % 2 == 0:
        raise NotImplementedError(f"The browser cannot run {module}.")
    entry = {"kind": "conv", "in": module.in_channels, "out": module.out_channels, "size": size}
    return _Layer(entry, [module.weight.permute(2, 3, 1, 0), _bias(module)])


TAPS = ((3, 1), (2, 0))
"""For even and odd positions of the output: the two places of a 4-wide kernel that contribute, in the order of
the pixels of the input. With padding 1, place k of the kernel leads from pixel i to 2i − 1 + k."""


def _conv_transpose(module: nn.ConvTranspose2d) -> _Layer:
    """Return a 4×4 transposed convolution with stride 2: weights (2, 2, 2, 2, in, out).

    The first two axes are the parity of the row and column of the output, the next two the row and
    column among the 2×2 pixels of the input that contribute.
    """
    if (module.kernel_size, module.stride, module.padding) != ((4, 4), (2, 2), (1, 1)):
        raise NotImplementedError(f"The browser cannot run {module}.")
    taps = torch.tensor(TAPS)
    weight = module.weight.permute(2, 3, 0, 1)  # (4, 4, in, out)
    rows = weight[taps]  # (parity, tap, 4, in, out)
    both = rows[:, :, taps]  # (row parity, row tap, column parity, column tap, in, out)
    entry = {"kind": "conv_transpose", "in": module.in_channels, "out": module.out_channels}
    return _Layer(entry, [both.permute(0, 2, 1, 3, 4, 5), _bias(module)])


def float16_weights(content: bytes) -> tuple[dict[str, Any], np.ndarray[Any, np.dtype[np.float16]]]:
    """Return the header and all weights of a file, as float16, (N,)."""
    length = int.from_bytes(content[:4], "little")
    return json.loads(content[4 : 4 + length]), np.frombuffer(content[4 + length :], "<f2")
