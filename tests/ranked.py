"""What each process of `test_distributed` does: train some small configs together, write down what came out.

RANK=… WORLD_SIZE=… MASTER_ADDR=127.0.0.1 MASTER_PORT=… python -m tests.ranked FOLDER
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.conftest import THREADS, pictures, tiny
from wgan.config import TrainConfig
from wgan.data import Pictures
from wgan.data.mapped import Mapped
from wgan.training import Engine, Training
from wgan.training.distributed import init, shutdown

STEPS = 3
PICTURES: dict[str, Any] = {
    "dataset": "mnist-10k",
    "network": {"name": "dcgan", "size": "small"},
    "optimizer": "adam",
    "batch_size": 16,
    "n_critic": 2,
    "report_every": 1,
}
CONFIGS: dict[str, TrainConfig] = {
    "points, penalty": tiny(objective="wgan-gp", report_every=1),
    "points, clipped, RMSprop": tiny(objective="wgan", optimizer="rmsprop", report_every=1),
    "points, noise": tiny(objective={"name": "wgan-lp", "penalty_at": "real"}, report_every=1),
    "points, spectral norm": tiny(objective="wgan-sn", report_every=1),
    "points, relativistic": tiny(objective="r3gan", report_every=1),
    "pictures, batch norm in the generator": TrainConfig.parse(PICTURES | {"objective": "wgan-gp"}),
    "pictures, mapped from their file": TrainConfig.parse(PICTURES | {"objective": "wgan-gp"}),
    "pictures, told the class, no replacement": TrainConfig.parse(
        PICTURES | {"objective": "wgan-gp", "conditional": True, "replacement": False}
    ),
    "pictures, augmented": TrainConfig.parse(
        PICTURES | {"objective": "wgan-gp", "augmentation": "adaptive", "augmentation_rise": 1}
    ),
    "pictures, relativistic, told the class, mapped": TrainConfig.parse(
        PICTURES | {"objective": "r3gan", "conditional": True}
    ),
    "pictures, batch norm in the critic, split updates": TrainConfig.parse(
        PICTURES
        | {
            "objective": "wgan",
            "network": "brownlee",
            "split_updates": True,
            "optimizer": "rmsprop",
        }
    ),
}


def train_and_collect(
    config: TrainConfig, data: Pictures | None = None, **options: Any
) -> dict[str, torch.Tensor]:
    """Return the gradients of the first step, and weights and reports after a few."""
    if data is None and config.dataset.kind == "pictures":
        data = pictures()
    training = Training(config, engine=Engine("cpu", "float32", THREADS), data=data, **options)
    training.step()
    gradients = {
        f"gradient.{owner}.{name}": parameter.grad.clone()
        for owner in ("critic", "generator")
        for name, parameter in getattr(training, owner).named_parameters()
        if parameter.grad is not None
    }
    for _ in range(STEPS - 1):
        training.step()
    tensors = {k: v for k, v in training.state().tensors.items() if "optimizer" not in k}
    rows = [list(report) for report in training.reports()]
    return tensors | gradients | {"reports": torch.tensor(rows)}


def mapped(path: Path) -> Pictures:
    """Return the same pictures, left in a file."""
    held = pictures()
    path.write_bytes(held.train[:].numpy().tobytes())
    with path.open("rb") as file:
        return replace(held, train=Mapped(file, 0, tuple(held.train.shape)))


def main() -> None:
    """Train every config and write `FOLDER/<config's number>-<rank>.safetensors`."""
    torch.set_num_threads(THREADS)
    folder, process_group = Path(sys.argv[1]), init()
    for i, (name, config) in enumerate(CONFIGS.items()):
        data = mapped(folder / f"pictures-{process_group.rows.rank}") if "mapped" in name else None
        tensors = {
            k: v.contiguous()
            for k, v in train_and_collect(config, data, process_group=process_group).items()
        }
        save_file(tensors, folder / f"{i}-{process_group.rows.rank}.safetensors")
    shutdown()


if __name__ == "__main__":
    main()
