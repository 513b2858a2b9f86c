"""The generator's file for the browser: read back and run with torch, it makes the same samples."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from wgan.config import TrainConfig
from wgan.export import EXAMPLES, browser_generator
from wgan.export.browser_generator import MAX_BYTES, float16_weights, pack_generator
from wgan.latent import Models, draw_z
from wgan.networks import NETWORKS
from wgan.paths import shipped_runs
from wgan.rng import keyed_rng
from wgan.runs import Run

CONFIGS: dict[str, dict[str, Any]] = {
    "mlp": {"dataset": "ring-8", "network": "mlp"},
    "mlp, leaky": {"dataset": "ring-8", "network": {"name": "mlp", "activation": "leaky-relu"}},
    "mlp of pictures": {"dataset": "mnist-10k", "network": {"name": "mlp-pictures", "width": 64}},
    "dcgan": {"dataset": "mnist-10k", "network": "dcgan"},
    "dcgan, by class": {
        "dataset": "mnist-10k",
        "network": {"name": "dcgan", "size": "medium"},
        "conditional": True,
    },
    "dcgan, resized, without batch norm": {
        "dataset": "mnist-10k",
        "network": {"name": "dcgan", "upsampling": "resize", "batch_norm": False},
    },
    "dcgan, colours": {"dataset": {"name": "stacked-mnist"}, "network": "dcgan"},
    "resnet": {"dataset": "mnist-10k", "network": "resnet"},
    "brownlee": {
        "dataset": "mnist-10k",
        "network": "brownlee",
        "objective": "wgan",
        "latent_dim": 50,
    },
}


def models_of(name: str) -> Models:
    """Models with random weights of a usual size, also in the statistics of batch norm."""
    config = TrainConfig.parse(CONFIGS[name])
    generator, critic = config.networks(keyed_rng(0, "init"))
    rng = torch.Generator().manual_seed(1)
    for part in generator.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            fan_in = part.weight[0].numel()
            nn.init.normal_(part.weight, std=1.4 / fan_in**0.5, generator=rng)
            if part.bias is not None:
                nn.init.normal_(part.bias, std=0.1, generator=rng)
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            nn.init.normal_(part.running_mean, std=0.3, generator=rng)
            nn.init.uniform_(part.running_var, 0.5, 2.0, generator=rng)
            nn.init.normal_(part.weight, mean=1.0, std=0.2, generator=rng)
            nn.init.normal_(part.bias, std=0.2, generator=rng)
    weights = {f"average.{k}": v for k, v in generator.state_dict().items()}
    weights |= {f"critic.{k}": v for k, v in critic.state_dict().items()}
    return Models(config, weights, 0)


class Reader:
    """Runs a file with torch, layer by layer. Maps are (N, C, H, W) here."""

    def __init__(self, content: bytes) -> None:
        self.header, weights = float16_weights(content)
        self._weights = torch.from_numpy(weights.astype(np.float32))
        self._used = 0
        vectors = self._read(self.header["classes"], self.header["classLength"])
        self.vectors = vectors
        self._layers = [self._loaded(layer) for layer in self.header["layers"]]
        assert self._used == len(self._weights)

    def _read(self, *shape: int) -> Tensor:
        n = int(np.prod(shape))
        self._used += n
        return self._weights[self._used - n : self._used].view(shape)

    def _loaded(self, layer: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
        n_in, n_out = layer.get("in", 0), layer.get("out", 0)
        match layer["kind"]:
            case "linear":
                return layer, [self._read(n_in, n_out), self._read(n_out)]
            case "affine":
                return layer, [self._read(layer["channels"]), self._read(layer["channels"])]
            case "conv":
                size = layer["size"]
                return layer, [self._read(size, size, n_in, n_out), self._read(n_out)]
            case "conv_transpose":
                parts = self._read(2, 2, 2, 2, n_in, n_out)
                kernel = torch.zeros(4, 4, n_in, n_out)
                for a in range(2):
                    for b in range(2):
                        for s in range(2):
                            for t in range(2):
                                # Output row 2 m + a gets input row m − 1 + a + s by this place.
                                place = 3 - 2 * s - a, 3 - 2 * t - b
                                kernel[place] = parts[a, b, s, t]
                return layer, [kernel, self._read(n_out)]
            case "residual":
                ways = [[self._loaded(each) for each in layer[name]] for name in ("way", "short")]
                return layer, ways
            case _:
                return layer, []

    def __call__(self, x: Tensor) -> Tensor:  # (N, latent_dim + classLength)
        return self._run(self._layers, x)

    def _run(self, layers: list[tuple[dict[str, Any], list[Any]]], x: Tensor) -> Tensor:
        for layer, values in layers:
            match layer["kind"]:
                case "linear":
                    x = x.flatten(1) @ values[0] + values[1]
                case "reshape":
                    x = x.view(len(x), layer["height"], layer["width"], layer["channels"])
                    x = x.permute(0, 3, 1, 2)
                case "affine":
                    x = x * values[0].view(-1, 1, 1) + values[1].view(-1, 1, 1)
                case "conv":
                    weight = values[0].permute(3, 2, 0, 1)
                    x = functional.conv2d(x, weight, values[1], padding=layer["size"] // 2)
                case "conv_transpose":
                    weight = values[0].permute(2, 3, 0, 1)
                    x = functional.conv_transpose2d(x, weight, values[1], stride=2, padding=1)
                case "leaky_relu":
                    x = functional.leaky_relu(x, layer["slope"])
                case "tanh":
                    x = x.tanh()
                case "upsample":
                    x = functional.interpolate(x, scale_factor=2)
                case "residual":
                    x = self._run(values[0], x) + self._run(values[1], x)
        return x


def inputs(models: Models, reader: Reader, n: int = 100) -> tuple[np.ndarray, list[int], Tensor]:
    """n z, their classes, and the input of the network."""
    z = draw_z(3, n, models.config.latent_dim)
    classes = reader.header["classes"]
    labels = [i % classes for i in range(n)] if classes else []
    x = torch.from_numpy(z)
    return z, labels, torch.cat([x, reader.vectors[labels]], dim=1) if classes else x


@pytest.mark.parametrize("name", CONFIGS)
def test_the_file_makes_the_samples_of_the_generator(name: str):
    models = models_of(name)
    content = pack_generator(models)
    assert content is not None and len(content) <= MAX_BYTES
    reader = Reader(content)
    z, labels, x = inputs(models, reader)
    expected = models.raw(z, labels or None)
    # float16 rounds each weight by up to 2⁻¹¹ of its size. The errors of a sum have mixed signs, so a
    # layer adds about that share of its output, and there are at most eight layers with weights.
    error = (reader(x).view_as(expected) - expected).abs()
    scale = expected.abs().mean() if expected.ndim == 2 else 1.0
    assert float(error.mean()) < 8 * 2**-11 * float(scale)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if "ring" not in name])
def test_float16_changes_the_pictures_of_examples_by_less_than_a_grey_level(name: str):
    state, _ = Run(shipped_runs() / name).checkpoints.read()
    models = Models(state.config, state.tensors, state.step)
    content = pack_generator(models)
    assert content is not None
    reader = Reader(content)
    z, labels, x = inputs(models, reader)
    change = (reader(x) - models.raw(z, labels or None)).abs() * 127.5
    assert float(change.max()) < 1.0


def test_a_generator_that_is_too_large_stays_on_the_server(monkeypatch: pytest.MonkeyPatch):
    models = models_of("dcgan")
    content = pack_generator(models)
    assert content is not None
    _, weights = float16_weights(content)
    monkeypatch.setattr(browser_generator, "MAX_BYTES", 2 * len(weights) - 1)
    assert pack_generator(models) is None


def test_every_network_is_among_those_that_are_tested():
    tested = {TrainConfig.parse(values).network.name for values in CONFIGS.values()}
    assert tested == NETWORKS.keys()


def test_an_unknown_layer_is_named():
    models = models_of("mlp")
    models.generator = nn.Sequential(nn.LSTM(2, 2))
    with pytest.raises(NotImplementedError, match="LSTM"):
        pack_generator(models)
