"""One checkpoint: a safetensors file with its step and config as its own metadata.

Nothing is ever unpickled. What is read is checked before anybody computes with it: schema, names,
shapes, finite values.
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from wgan.config import ConfigError, TrainConfig
from wgan.randomness import generator
from wgan.runs.files import write
from wgan.runs.migrations import migrate_checkpoint
from wgan.runs.records import RunError
from wgan.schema import (
    SCHEMA,
    parse_checkpoint_facts,
    parse_counts,
    parse_engine,
    parse_json,
    whole,
)
from wgan.training import Engine, State

UNREADABLE = (LookupError, ValueError, TypeError, ArithmeticError, RecursionError)
"""What a foreign value raises when it is read, beside `ConfigError`, which is a ValueError."""


def write_checkpoint(path: Path, state: State, facts: dict[str, float]) -> None:
    """Write a state as one file. Raises RunError where a weight is not finite, or for the disk."""
    for name, tensor in state.tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise RunError(f"{name} is not finite at step {state.step}: not saved.")
    metadata = {
        "schema": str(SCHEMA),
        "step": str(state.step),
        "critic_updates": str(state.critic_updates),
        "counts": json.dumps(state.counts),
        "config": state.config.model_dump_json(),
        "engine": json.dumps(state.engine.as_dict()),
        "facts": json.dumps(facts),
    }
    write(path, save({k: v.contiguous() for k, v in state.tensors.items()}, metadata))


def read_checkpoint(path: Path) -> tuple[State, dict[str, float]]:
    """Return a checkpoint's state and facts. Raises RunError that says what is wrong with the file.

    Its weights fit its config's networks, and all of them are finite.
    """
    metadata, tensors = _read(path, weights=True)
    try:
        state = State(
            TrainConfig.parse(parse_json(metadata["config"], "config")),
            Engine(**parse_engine(parse_json(metadata["engine"], "engine"))),
            whole(int(metadata["step"]), "step"),
            whole(int(metadata["critic_updates"]), "critic_updates", 0, 1 << 62),
            parse_counts(metadata["counts"]),
            tensors,
        )
        facts = parse_checkpoint_facts(metadata["facts"])
    except UNREADABLE as error:
        raise RunError(f"What {path.name} says about itself cannot be read: {error}.") from error
    if problem := misfit(state.config, tensors):
        raise RunError(f"{path.name} cannot be used: {problem}")
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise RunError(f"{path.name} cannot be used: {name} has values that are not finite.")
    return state, facts


def read_config(path: Path) -> TrainConfig:
    """Return the config a checkpoint was made with; its weights are not read. Raises RunError."""
    metadata, _ = _read(path, weights=False)
    try:
        return TrainConfig.parse(parse_json(metadata["config"], "config"))
    except UNREADABLE as error:
        raise RunError(f"What {path.name} says about itself cannot be read: {error}.") from error


def _read(path: Path, *, weights: bool) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """Return a file's metadata, of this schema, and its tensors if asked for. Raises RunError."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if "schema" not in metadata:
                raise RunError(
                    f"{path.name} is a safetensors file of another program: it does not say which "
                    "networks its weights belong to."
                )
            names = file.keys() if weights else ()
            return migrate_checkpoint(metadata), {name: file.get_tensor(name) for name in names}
    except FileNotFoundError as error:
        raise RunError(f"There is no file {path.name}.") from error
    except (OSError, SafetensorError, *UNREADABLE) as error:
        raise RunError(
            f"{path.name} is damaged or no safetensors file ({error}). The other checkpoints of "
            "the run can still be used."
        ) from error


def misfit(config: TrainConfig, tensors: dict[str, torch.Tensor]) -> str:
    """Say why weights do not fit a config's networks, in a sentence; nothing where they do.

    Looked at are the averaged generator and the critic, which every checkpoint has. The networks are
    built without memory for their weights: a config may claim any size.
    """
    try:
        with torch.device("meta"):
            pair = config.networks(generator(0, "init"))
    except (ConfigError, RuntimeError, ValueError, TypeError, ArithmeticError) as error:
        return f"its networks cannot be built: {str(error).splitlines()[0].rstrip('.')}."
    for prefix, network in zip(("average.", "critic."), pair, strict=True):
        wanted = {prefix + name: value for name, value in network.state_dict().items()}
        found = {name: value for name, value in tensors.items() if name.startswith(prefix)}
        if missing := sorted(wanted.keys() - found.keys()):
            return f"{missing[0]} is missing (of {len(missing)} in all)."
        if extra := sorted(found.keys() - wanted.keys()):
            return f"{extra[0]} belongs to no layer of its network."
        for name, value in wanted.items():
            if found[name].shape != value.shape:
                shapes = f"{tuple(found[name].shape)}, not {tuple(value.shape)}"
                return f"{name} has the shape {shapes}."
    return ""
