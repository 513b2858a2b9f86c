"""FID-64: the Fréchet distance of pictures to a training set, in a small classifier's features.

    python benchmarks/fid.py SAMPLES.npz --data-root data --dataset mnist

``SAMPLES.npz`` holds ``images``, uint8, N×1×28×28. Prints one line of JSON. The classifier is
trained once (one to two minutes on two cores) and cached beside the data together with the
training set's statistics. The figures compare only with figures from the same cache file: FIDs of
another network, Inception's above all, stand on another scale.
"""

import argparse
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.image.fid import FrechetInceptionDistance
from torchvision.datasets import MNIST, FashionMNIST

DATASETS = {"mnist": MNIST, "fashion-mnist": FashionMNIST}
# torchmetrics takes any nn.Module that has num_features, sums in float64 and brings only
# lightning-utilities along. The real side's sums are kept: they cost a pass over 60,000 pictures.
REFERENCE_STATES = ("real_features_sum", "real_features_cov_sum", "real_features_num_samples")
RECIPE = "fid64 v1: conv 16-16-32-32, 64 features, 3 epochs, shifts of 2 pixels"


class Classifier(nn.Module):
    """Ten-class CNN with 64 features; ``forward`` returns the features, as FID wants them."""

    num_features = 64

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels_in, channels in ((1, 16), (16, 32)):
            for c in (channels_in, channels):
                layers += [
                    nn.Conv2d(c, channels, 3, padding=1),
                    nn.BatchNorm2d(channels),
                    nn.ReLU(),
                ]
            layers.append(nn.MaxPool2d(2))
        self.body = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 64),
            nn.BatchNorm1d(64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, 64) of uint8 images (N, 1, 28, 28)."""
        x: Tensor = self.body((images.float() - 127.5) / 127.5)
        return x

    def classify(self, images: Tensor) -> Tensor:
        """Logits (N, 10) of uint8 images (N, 1, 28, 28)."""
        logits: Tensor = self.head(self(images))
        return logits


def load_images(dataset: str, root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """Uint8 images (N, 1, 28, 28) and labels (N,) of a torchvision dataset that is on disk."""
    if dataset not in DATASETS:
        raise ValueError(f"dataset is {dataset!r}; this FID knows {', '.join(DATASETS)}.")
    try:
        data = DATASETS[dataset](str(root), train=train, download=False)
    except RuntimeError as error:
        raise FileNotFoundError(
            f"no {dataset} files under {root}; name their folder with --data-root."
        ) from error
    return data.data.unsqueeze(1), data.targets


def shifted(images: Tensor, generator: torch.Generator, most: int = 2) -> Tensor:
    """The images, each moved by its own whole number of pixels in −most…most on both axes."""
    n, _, height, width = images.shape
    padded = F.pad(images, (most,) * 4)
    dy, dx = torch.randint(0, 2 * most + 1, (2, n, 1), generator=generator)
    rows = (torch.arange(height) + dy)[:, None, :, None]
    columns = (torch.arange(width) + dx)[:, None, None, :]
    return padded[torch.arange(n)[:, None, None, None], 0, rows, columns]


def train_classifier(images: Tensor, labels: Tensor, *, seed: int, epochs: int = 3) -> Classifier:
    """A classifier trained by Adam with a one-cycle learning rate; ``seed`` fixes every draw."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier().to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(seed)
    batch = 128
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=3e-3, total_steps=epochs * (len(images) // batch)
    )
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        for index in order[: len(order) // batch * batch].split(batch):
            logits = model.classify(shifted(images[index], generator))
            optimizer.zero_grad()
            F.cross_entropy(logits, labels[index]).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Class (N,) of every image, by a Classifier (a metric's module has lost its type)."""
    assert isinstance(model, Classifier)
    return torch.cat([model.classify(batch).argmax(1) for batch in images.split(1000)])


def update(metric: FrechetInceptionDistance, images: Tensor, *, real: bool) -> None:
    """Add images to one side of the metric."""
    with torch.inference_mode():
        for batch in images.split(1000):
            metric.update(batch, real=real)


def make_metric(
    dataset: str, root: Path, *, cache: Path | None = None, seed: int = 0
) -> tuple[FrechetInceptionDistance, float]:
    """FID metric that already knows the training set, and its classifier's test accuracy.

    ``cache`` (default ``root/fid64-<dataset>-s<seed>.safetensors``) is read, or made if missing.
    """
    cache = cache or root / f"fid64-{dataset}-s{seed}.safetensors"
    wanted = {"recipe": RECIPE, "dataset": dataset, "seed": str(seed)}
    if not cache.exists():
        images, labels = load_images(dataset, root, train=True)
        test_images, test_labels = load_images(dataset, root, train=False)
        model = train_classifier(images, labels, seed=seed)
        metric = FrechetInceptionDistance(feature=model, reset_real_features=False)
        update(metric, images, real=True)
        correct = predict(model, test_images) == test_labels
        tensors = dict(model.state_dict()) | {k: getattr(metric, k) for k in REFERENCE_STATES}
        save_atomically(
            {key: value.contiguous() for key, value in tensors.items()},
            wanted | {"accuracy": str(correct.double().mean().item())},
            cache,
        )
    # Read back even when just made, so that the first answer equals the later ones.
    try:
        with safe_open(cache, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{cache} is not a FID cache ({error}); delete it to make it anew."
        ) from error
    if any(metadata.get(key) != value for key, value in wanted.items()):
        raise ValueError(f"{cache} was made by another recipe, dataset or seed; delete it.")
    reference = {key: tensors.pop(key) for key in REFERENCE_STATES}
    model = Classifier()
    model.load_state_dict(tensors)
    metric = FrechetInceptionDistance(
        feature=model.eval().to(memory_format=torch.channels_last), reset_real_features=False
    )
    for key, value in reference.items():
        setattr(metric, key, value)
    return metric, float(metadata["accuracy"])


def save_atomically(tensors: dict[str, Tensor], metadata: dict[str, str], path: Path) -> None:
    """Write a safetensors file under another name in the same folder, then move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    os.close(handle)
    try:
        save_file(tensors, name, metadata)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def floor(
    metric: FrechetInceptionDistance, dataset: str, root: Path, n: int, seed: int = 0
) -> float:
    """FID of n real pictures to the training set: no sampler is expected below it at this n.

    Up to 10,000 are test pictures; beyond, training pictures (at most half), against the others.
    """
    generator = torch.Generator().manual_seed(seed)
    images, _ = load_images(dataset, root, train=n > 10_000)
    n = min(n, len(images) // (2 if n > 10_000 else 1))
    metric.reset()
    update(metric, images[torch.randperm(len(images), generator=generator)[:n]], real=False)
    whole = {key: getattr(metric, key) for key in REFERENCE_STATES}
    if n > 10_000:
        for key, value in whole.items():  # sums: the others are the whole less these
            setattr(metric, key, value - getattr(metric, key.replace("real", "fake")))
    value = float(metric.compute())
    for key, tensor in whole.items():
        setattr(metric, key, tensor)
    metric.reset()
    return value


def fid64(
    images: NDArray[np.uint8],
    dataset: str = "mnist",
    root: str | Path = "data",
    *,
    cache: Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """FID-64 of uint8 images (N, 1, 28, 28) to the whole training set, and how to read it.

    Returns ``fid64``, ``n``, ``floor`` (real pictures at the same n), ``classifier_accuracy`` (test
    set), ``class_histogram`` (what the classifier sees) and ``reference``. Raises ValueError for
    images of another kind, FileNotFoundError where the dataset is not under ``root``.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (1, 28, 28):
        raise ValueError(
            f"images are {images.dtype} {'×'.join(map(str, images.shape))}; "
            "this FID reads uint8 N×1×28×28."
        )
    if len(images) < 2:
        raise ValueError("a FID needs at least two images, better 2,000 and more.")
    root = Path(root)
    metric, accuracy = make_metric(dataset, root, cache=cache, seed=seed)
    tensor = torch.from_numpy(np.ascontiguousarray(images))
    update(metric, tensor, real=False)
    value = float(metric.compute())
    classes = predict(metric.inception, tensor)
    return {
        "fid64": round(value, 3),
        "n": len(images),
        "floor": round(floor(metric, dataset, root, len(images), seed), 3),
        "classifier_accuracy": round(accuracy, 4),
        "class_histogram": torch.bincount(classes, minlength=10).tolist(),
        "reference": f"train {int(metric.real_features_num_samples)}",
    }


def read_npz(path: Path) -> NDArray[np.uint8]:
    """The array ``images`` of an npz file; its dtype and shape are fid64's to check."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not an npz file.")
    with np.load(path, allow_pickle=False) as file:
        if "images" not in file:
            raise ValueError(f"{path} holds no array named images.")
        images: NDArray[np.uint8] = file["images"]
    return images


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("samples", type=Path, help="npz file with images, uint8 N×1×28×28")
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="default: data")
    parser.add_argument("--dataset", choices=DATASETS, default="mnist")
    parser.add_argument("--cache", type=Path, help="default: a file in the data root")
    parser.add_argument("--seed", type=int, default=0, help="seed of the classifier, default 0")
    options = parser.parse_args()
    try:
        images = read_npz(options.samples)
        result = fid64(
            images, options.dataset, options.data_root, cache=options.cache, seed=options.seed
        )
    except (OSError, ValueError) as error:
        print(f"fid: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
