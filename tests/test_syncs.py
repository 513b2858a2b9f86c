"""Between two reports nothing has the CPU wait for the device: no number is fetched, no shape depends on one."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.conftest import pictures, tiny
from wgan.config import TrainConfig
from wgan.objectives import OBJECTIVES
from wgan.training import Engine, Training

FETCHES = {
    "aten::_local_scalar_dense",  # item, tolist of one, float, bool and int of a tensor
    "aten::item",
    "aten::is_nonzero",
    "aten::equal",
    "aten::nonzero",  # indexing by a mask, too
    "aten::masked_select",
    "aten::unique_consecutive",
    "aten::_unique2",
    "aten::bincount",
}
"""What waits for a device, or gives a shape that only the device knows."""


class NoFetch(TorchDispatchMode):
    """Notes every operation that would have the CPU wait for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().partition(".")[0]
        devices = {x.device.type for x in args if isinstance(x, torch.Tensor)}
        target = (kwargs or {}).get("device")
        crosses = target is not None and devices and torch.device(target).type not in devices
        masks = "aten::index" in name and any(
            x is not None and x.dtype in (torch.bool, torch.uint8)
            for x in (args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else ())
        )
        if name in FETCHES or crosses or masks:
            self.found.append(name)
        return func(*args, **kwargs or {})


def config_of(kind: str, **changes: object) -> TrainConfig:
    if kind == "points":
        return tiny(**changes)
    base: dict[str, Any] = {
        "dataset": "mnist-10k", "network": {"name": "dcgan", "size": "small"}, "batch_size": 8,
        "latent_dim": 4, "threads": 1, "n_critic": 2, "report_every": 5,
    }  # fmt: skip
    return TrainConfig.parse(base | changes)


def found_in(config: TrainConfig, steps: int = 4) -> list[str]:
    """Return what some steps fetched, of which the first report comes after."""
    data = pictures() if config.dataset.kind == "pictures" else None
    training = Training(config, engine=Engine("cpu", "float32", 1), data=data)
    training.step()  # optimisers make their state
    mode = NoFetch()
    with mode:
        for _ in range(steps):
            training.step()
    assert training.reports()
    return mode.found


@pytest.mark.parametrize("kind", ["points", "pictures"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_steps_fetch_nothing(objective: str, kind: str):
    assert found_in(config_of(kind, objective=objective)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "rmsprop", "objective": "wgan"},
        {"split_updates": True, "objective": "wgan"},
        {"replacement": True, "conditional": True},
        {"decay": "linear"},
        {"objective": {"name": "wgan-gp", "penalty_at": "noise"}},
        {"objective": {"name": "wgan-gp", "penalty_every": 4}},
    ],
)
def test_nor_in_other_settings(changes: dict[str, Any]):
    assert found_in(config_of("pictures", **changes)) == []


def test_fetching_is_found():
    mode = NoFetch()
    x = torch.arange(3.0)
    with mode:
        float(x.sum()), x[x > 1], bool((x > 0).all()), x.nonzero()
    assert len(mode.found) == 4
