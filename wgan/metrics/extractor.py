"""Feature networks for pictures: 64 features per picture, from a fixed network with a name.

A Fréchet distance is meaningless without its network: two networks can rank slight blur and slight
noise in opposite order. A small classifier is shipped for MNIST and for Fashion-MNIST (`python -m
wgan train-features` recreates it). Other pictures use fixed random convolutions, which need no
training and know no classes.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from wgan.data import DataError, Pictures, Stack, as_floats, chunks, data_root
from wgan.metrics.feature_distances import Sums, frechet
from wgan.rng import keyed_rng

FEATURES = 64
BATCH = 500
RECIPE = "1"
"""Version of the classifier's architecture and training."""

EPOCHS = 3
SHIFT = 2  # maximum shift of a training picture, in pixels
FLOORS = (1_000, 2_000, 5_000, 10_000)
"""Numbers of real pictures whose distance to the training set is stored with a network."""


class Classifier(nn.Module):
    """A small CNN with 64 features: four 3×3 convolutions with batch norm and 16, 16, 32, 32 channels.

    `forward` maps pictures, (N, C, H, W) uint8, to features, (N, 64); `logits` maps features to
    classes.
    """

    num_features = FEATURES

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels, side, _ = shape
        layers: list[nn.Module] = []
        for before, after in ((channels, 16), (16, 16), (16, 32), (32, 32)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
            if before == after:
                layers.append(nn.MaxPool2d(2))
        self.body = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(32 * (side // 4) ** 2, FEATURES),
            nn.BatchNorm1d(FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        x = as_floats(pictures).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.body(x)
        return features

    def logits(self, features: Tensor) -> Tensor:
        """Return class scores of features, (N, 64) → (N, classes)."""
        logits: Tensor = self.head(features)
        return logits


class RandomFeatures(nn.Module):
    """Fixed random convolutions for pictures without a shipped classifier: (N, C, H, W) uint8 → (N, 64).

    They are three 3×3 convolutions of stride 2 with ReLU and orthogonal weights, the same for every
    data set of a shape. The features are the mean and the standard deviation of each of 32 maps.
    """

    num_features = FEATURES

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        rng = keyed_rng(0, "init", draw=shape[0])
        for before, after in ((shape[0], 16), (16, 32), (32, FEATURES // 2)):
            layer = nn.Conv2d(before, after, 3, stride=2, padding=1)
            nn.init.orthogonal_(layer.weight, gain=2**0.5, generator=rng)
            assert layer.bias is not None
            nn.init.uniform_(layer.bias, -0.3, 0.3, generator=rng)
            layers += [layer, nn.ReLU()]
        self.body = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        maps = self.body(as_floats(pictures)).flatten(2)  # (N, 32, P)
        return torch.cat([maps.mean(2), maps.std(2, correction=0)], dim=1)


@dataclass(frozen=True)
class Network:
    """A feature network with its metadata."""

    name: str
    module: nn.Module
    hash: str
    names: tuple[str, ...] = ()
    """Names of the classes; empty without a classifier."""
    accuracy: float | None = None
    """Share of the test pictures that it classifies correctly."""
    reference: Sums | None = None
    """Moments of the features of its whole training set."""
    reference_name: str = ""
    floors: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Fréchet distance of n real test pictures to the reference, for some n: mean and standard
    deviation.
    """

    @property
    def classifies(self) -> bool:
        """Whether it is a classifier."""
        return bool(self.names)

    @property
    def stem(self) -> str:
        """The part of a metric's name that names the features: `64`, or `_random64` without a
        classifier.
        """
        return f"{FEATURES}" if self.classifies else f"_random{FEATURES}"

    @torch.no_grad()
    def features(self, pictures: Stack) -> Tensor:
        """Return the features of pictures, (N, C, H, W) uint8 → (N, 64) float32."""
        return torch.cat([self.module(part.cpu()) for part in chunks(pictures, BATCH)])

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """Return class probabilities, (N, 64) → (N, K)."""
        assert isinstance(self.module, Classifier)
        return self.module.logits(features).softmax(1)


def find_network(family: str, shape: tuple[int, ...], root: Path | None = None) -> Network:
    """Return the feature network for pictures: a user's own, a shipped one, or random convolutions.

    Args:
        family: Name of the data set's family; empty if no classifier fits it.
        shape: (C, H, W) of the pictures.
        root: The data folder, in which `train-features` writes networks.

    Raises:
        DataError: The file of the network cannot be read.
    """
    name = f"features-{family}.safetensors"
    shipped = resources.files("wgan") / "assets" / name
    own = (root or data_root()) / name
    path = own if own.is_file() else Path(str(shipped))
    if family and path.is_file():
        network = read_network(path)
        if network[1] == shape:
            return network[0]
    module = RandomFeatures(shape).eval().requires_grad_(False)
    return Network("random convolutions", module, _hash(module.state_dict()))


def read_network(path: Path) -> tuple[Network, tuple[int, ...]]:
    """Read a network that `train_features` made, and the shape of its pictures.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["features"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if facts["recipe"] != RECIPE:
            raise ValueError("it was made with another version of the recipe")
        shape, names = tuple(facts["shape"]), tuple(facts["names"])
        weights = {k.removeprefix("w."): v for k, v in tensors.items() if k.startswith("w.")}
        module = Classifier(shape, len(names))
        module.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
        )
        sums = Sums(facts["n"], tensors["reference.total"], tensors["reference.outer"])
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise DataError(
            f"The feature network {path.name} cannot be read ({error}). Delete it, or train "
            "it again with python -m wgan train-features."
        ) from error
    module = module.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return (
        Network(
            facts["family"],
            module,
            _hash(weights),
            names,
            facts["accuracy"],
            sums,
            f"{facts['n']:,} training pictures of {facts['title']}",
            {int(n): (mean, sd) for n, (mean, sd) in facts["floors"].items()},
        ),
        shape,
    )


def _hash(weights: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].contiguous().numpy().tobytes())
    return digest.hexdigest()[:8]


# ---- training one ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trained:
    """A trained classifier as the bytes of a file, with its metadata."""

    content: bytes
    accuracy: float
    hash: str
    floors: dict[int, tuple[float, float]]


def shifted(pictures: Tensor, rng: torch.Generator, most: int = SHIFT) -> Tensor:
    """Return pictures, (N, C, H, W), each shifted by a random number of pixels in both directions."""
    n, channels, height, width = pictures.shape
    padded = F.pad(pictures, (most,) * 4)
    dy, dx = torch.randint(0, 2 * most + 1, (2, n, 1), generator=rng)
    rows = (torch.arange(height) + dy)[:, None, :, None]
    columns = (torch.arange(width) + dx)[:, None, None, :]
    each = torch.arange(n)[:, None, None, None]
    return padded[each, torch.arange(channels)[None, :, None, None], rows, columns]


def train_features(
    data: Pictures,
    family: str,
    title: str,
    *,
    seed: int = 0,
    epochs: int = EPOCHS,
    report_progress: Callable[[str, float], None] = lambda message, share: None,
) -> Trained:
    """Train a classifier of labelled pictures as a feature network, and measure it on held-out pictures.

    It uses Adam with a one-cycle learning rate up to 3e-3, batches of 128, and shifts of up to 2
    pixels. The weights are stored as float16, and the metadata are measured with these weights.

    Args:
        data: The pictures.
        family: Name of the data set's family.
        title: Title of the data set.
        seed: Seed of weights and batches.
        epochs: Number of epochs.
        report_progress: Called with the progress.

    Raises:
        DataError: The pictures have no classes, are not square, or their side is not a multiple of
            4.
    """
    if len(data.names) < 2:
        raise DataError(f"{title} has no classes, so a classifier cannot be trained.")
    if data.shape[1] % 4 or data.shape[1] != data.shape[2]:
        raise DataError(
            f"Pictures of {data.shape[1]}×{data.shape[2]} pixels are not supported. Use "
            "squares of 28, 32 or 64 pixels."
        )
    module = _fit(data, seed, epochs, report_progress)
    weights = {
        key: value.half().contiguous() if value.is_floating_point() else value
        for key, value in module.state_dict().items()
    }
    module.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
    )
    module = module.eval().requires_grad_(False)
    network = Network(family, module, _hash(weights), data.names)
    report_progress("Measuring", 0.95)
    held_out = network.features(data.held_out)
    guessed = network.probabilities(held_out).argmax(1)
    accuracy = float((guessed == data.held_out_labels).double().mean())
    sums = sum_features(network, data.train)
    floors = {n: _floor(held_out, sums, n) for n in FLOORS if n <= len(held_out)}
    facts = {
        "recipe": RECIPE,
        "family": family,
        "title": title,
        "shape": data.shape,
        "names": data.names,
        "accuracy": accuracy,
        "n": sums.n,
        "floors": floors,
        "seed": seed,
        "epochs": epochs,
    }
    tensors = {f"w.{key}": value for key, value in weights.items()}
    tensors |= {"reference.total": sums.total, "reference.outer": sums.outer}
    content = save(tensors, {"features": json.dumps(facts)})
    return Trained(content, accuracy, network.hash, floors)


def _fit(
    data: Pictures, seed: int, epochs: int, report_progress: Callable[[str, float], None]
) -> Classifier:
    with torch.random.fork_rng(devices=[]):
        # Layers use torch's global generator for their weights; its state is restored afterwards.
        torch.manual_seed(seed)
        module = Classifier(data.shape, len(data.names)).to(memory_format=torch.channels_last)
    rng = keyed_rng(seed, "data")
    batch, n = 128, len(data.train)
    optimizer = torch.optim.Adam(module.parameters())
    total = epochs * (n // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=total)
    for epoch in range(epochs):
        order = torch.randperm(n, generator=rng)
        for i, index in enumerate(torch.split(order[: n // batch * batch], batch)):
            if i % 20 == 0:
                report_progress("Training the classifier", 0.9 * (epoch * (n // batch) + i) / total)
            logits = module.logits(module(shifted(data.train[index], rng)))
            optimizer.zero_grad()
            torch.autograd.backward(F.cross_entropy(logits, data.train_labels[index]))
            optimizer.step()
            schedule.step()
    return module.eval()


def sum_features(network: Network, pictures: Stack) -> Sums:
    """Return the sums of the features of all pictures, (N, C, H, W) uint8."""
    total = None
    for part in chunks(pictures):
        sums = Sums.of(network.features(part))
        total = sums if total is None else total + sums
    assert total is not None
    return total


def _floor(features: Tensor, reference: Sums, n: int) -> tuple[float, float]:
    """Return mean and standard deviation of the distance between n of these features and a reference."""
    repeats = 1 if n == len(features) else 10
    distances = []
    for i in range(repeats):
        places = torch.randperm(len(features), generator=keyed_rng(0, "metric", draw=i))[:n]
        distances.append(frechet(Sums.of(features[places]), reference))
    return float(np.mean(distances)), float(np.std(distances))
