"""The configs that `wgan bench` measures, and their data."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch

from wgan.config import TrainConfig
from wgan.data import Data, Pictures

PICTURES: dict[str, Any] = {"dataset": "mnist-10k", "replacement": True, "measure": False}
POINTS: dict[str, Any] = {"dataset": "ring-8", "batch_size": 256, "measure": False, "n_critic": 5}


def bench_configs(only: Sequence[str] = ()) -> dict[str, TrainConfig]:
    """Return the configs to measure, by name: networks of each size, and objectives on the same networks.

    With `only`, return those whose name contains all of these words.
    """
    configs: dict[str, TrainConfig] = {}
    for objective, width in itertools.product(("wgan-gp", "wgan", "gan"), (128, 512)):
        network: dict[str, Any] = {"name": "mlp", "width": width, "depth": 3}
        configs[f"toy 3×{width} · {objective}"] = TrainConfig.parse(
            POINTS | {"objective": objective, "network": network}
        )
    for objective, size in itertools.product(
        ("wgan-gp", "wgan", "gan"), ("small", "medium", "large")
    ):
        network = {"name": "dcgan", "size": size}
        configs[f"dcgan {size} · {objective}"] = TrainConfig.parse(
            PICTURES | {"objective": objective, "network": network, "batch_size": 64, "n_critic": 1}
        )
    return {name: config for name, config in configs.items() if all(word in name for word in only)}


def noise(config: TrainConfig) -> Data:
    """Return random pictures of the config's shape, or its points."""
    if config.dataset.kind == "points":
        return config.dataset.load()
    rng = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (4096, *config.dataset.shape), generator=rng, dtype=torch.uint8)
    labels = torch.zeros(len(pictures), dtype=torch.long)
    return Pictures(pictures, pictures, labels, labels)
