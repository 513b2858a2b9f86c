"""The state of a training between two steps, its optimisers, and changes of its config."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from wgan.config import PARTS, Adam, ConfigError, TrainConfig, hyperparameters
from wgan.training.engine import Engine


@dataclass(frozen=True)
class State:
    """Everything that an exact resume needs: tensors and a few numbers."""

    config: TrainConfig
    engine: Engine
    step: int
    critic_updates: int
    counts: tuple[int, int]
    tensors: dict[str, Tensor]

    @property
    def has_only_weights(self) -> bool:
        """Whether there is nothing but the weights of a shipped model."""
        return {name.partition(".")[0] for name in self.tensors} == {"average", "critic"}


def steered(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    """Return the config after changes during training.

    Raises:
        ConfigError: A changed value is fixed during training, or invalid.
    """
    if any(path in PARTS for path in changes):
        raise ConfigError(
            "The data set, objective, network and optimiser of a run cannot change. Stop "
            "this run and start another."
        )
    fields = {h.path: h for h in hyperparameters(config)}
    for path in changes:
        if path in fields and not fields[path].live:
            raise ConfigError(
                f"{fields[path].title} cannot change during training, because the networks "
                "and the data are built from it. Stop this run and start another with the "
                "new value."
            )
    return config.changed(changes)


def reconfigured(state: State, config: TrainConfig) -> State:
    """Return the state with another config of the same data and networks.

    If the optimiser is another one, the state of the old optimiser is dropped.
    """
    tensors = state.tensors
    if config.optimizer.name != state.config.optimizer.name:
        tensors = {name: value for name, value in tensors.items() if "_optimizer." not in name}
    return replace(state, config=config, tensors=tensors)


def optimizer_of(config: TrainConfig, network: nn.Module, owner: str) -> torch.optim.Optimizer:
    """Return a new optimiser of a network, with the settings of its `owner`: critic or generator."""
    rate = getattr(config, f"{owner}_learning_rate")
    if isinstance(config.optimizer, Adam):
        return torch.optim.Adam(
            network.parameters(), lr=rate, fused=_can_fuse(network), **settings_of(config)
        )
    return torch.optim.RMSprop(network.parameters(), lr=rate, foreach=True, **settings_of(config))


def _can_fuse(network: nn.Module) -> bool:
    return next(network.parameters()).device.type in ("cpu", "cuda", "mps")


def settings_of(config: TrainConfig) -> dict[str, Any]:
    """Return the settings of the optimiser, by the names that torch uses."""
    values = config.optimizer.model_dump(exclude={"name"})
    if isinstance(config.optimizer, Adam):
        return {"betas": (values["beta1"], values["beta2"])}
    return values


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of one part of a state, by their names within it."""
    prefix_length = len(prefix) + 1
    return {
        name[prefix_length:]: value
        for name, value in tensors.items()
        if name.startswith(f"{prefix}.")
    }


def _optimizer_state(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> dict[int, dict[str, Tensor]]:
    """Return the state of an optimiser by parameter, in the form that `load_state_dict` takes.

    A checkpoint file stores tensors contiguously, but weights of convolutions are in the layout
    channels-last. A fused optimiser pairs weights and averages in memory order, so each average
    gets the strides of its parameter. Raises IndexError, RuntimeError or ValueError if the tensors do not fit.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)]
        # Copy the tensors, because the optimiser writes into those that it is given.
        if key == "step":
            copied = value.clone()
        elif value.shape != parameter.shape:
            raise RuntimeError(
                f"{name} has the shape {tuple(value.shape)} instead of {tuple(parameter.shape)}."
            )
        else:
            copied = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False)
            copied.copy_(value)
        state.setdefault(int(index), {})[key] = copied
    return state


def named_tensors(
    modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> dict[str, Tensor]:
    """Return the tensors of networks and optimisers, named by prefix: "critic.…", "critic_optimizer.0.…"."""
    tensors = {
        f"{prefix}.{name}": value
        for prefix, module in modules.items()
        for name, value in module.state_dict().items()
    }
    for prefix, optimizer in optimizers.items():
        for i, values in optimizer.state_dict()["state"].items():
            tensors |= {f"{prefix}.{i}.{name}": value for name, value in values.items()}
    return tensors


def load_tensors(
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    tensors: Mapping[str, Tensor],
) -> None:
    """Load what `named_tensors` returned. Raises LookupError, RuntimeError or ValueError if the tensors do not fit."""
    for prefix, module in modules.items():
        module.load_state_dict(under(prefix, tensors))
    for prefix, optimizer in optimizers.items():
        optimizer_state = optimizer.state_dict()
        optimizer_state["state"] = _optimizer_state(optimizer, under(prefix, tensors))
        optimizer.load_state_dict(optimizer_state)


@contextlib.contextmanager
def mismatch_as_value_error() -> Iterator[None]:
    """Raise ValueError with a sentence if tensors do not fit the networks."""
    try:
        yield
    except (LookupError, RuntimeError, ValueError) as error:
        raise ValueError(f"The weights do not fit the config's networks: {error}") from error
