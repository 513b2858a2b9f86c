"""What each process of `test_ranks` does: train some small configs together, write down what came out.

RANK=… WORLD_SIZE=… MASTER_ADDR=127.0.0.1 MASTER_PORT=… python -m tests.ranked FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.conftest import pictures, tiny
from wgan.config import TrainConfig
from wgan.training import Engine, Training
from wgan.training.ranks import join, leave

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
    "pictures, batch norm in the generator": TrainConfig.parse(PICTURES | {"objective": "wgan-gp"}),
    "pictures, told the class, no replacement": TrainConfig.parse(
        PICTURES | {"objective": "wgan-gp", "conditional": True, "replacement": False}
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


def trained(config: TrainConfig, **given: Any) -> dict[str, torch.Tensor]:
    """Return the gradients of the first step, and weights and reports after a few."""
    data = pictures() if config.dataset.kind == "pictures" else None
    training = Training(config, engine=Engine("cpu", "float32", 1), data=data, **given)
    training.step()
    gradients = {
        f"gradient.{owner}.{name}": parameter.grad.clone()
        for owner in ("critic", "generator")
        for name, parameter in getattr(training, owner).named_parameters()
        if parameter.grad is not None
    }
    for _ in range(STEPS - 1):
        training.step()
    found = {k: v for k, v in training.state().tensors.items() if "optimizer" not in k}
    rows = [list(report) for report in training.reports()]
    return found | gradients | {"reports": torch.tensor(rows)}


def main() -> None:
    """Train every config and write `FOLDER/<config's number>-<rank>.safetensors`."""
    torch.set_num_threads(1)
    folder, ranks = Path(sys.argv[1]), join()
    for i, config in enumerate(CONFIGS.values()):
        found = {k: v.contiguous() for k, v in trained(config, ranks=ranks).items()}
        save_file(found, folder / f"{i}-{ranks.rows.rank}.safetensors")
    leave()


if __name__ == "__main__":
    main()
