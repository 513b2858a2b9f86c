"""Checkpoints: safetensors files with step, config and a digest in the metadata.

Nothing is ever unpickled. The digest, schema, names, shapes and values of a file are checked before
use. Files of older versions have no digest, and are read without this check.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from wgan.config import ConfigError, TrainConfig
from wgan.rng import keyed_rng
from wgan.runs.files import write
from wgan.runs.migrations import FIRST_WITH_DIGEST, migrate_checkpoint
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

DIGEST, NO_DIGEST = "sha256", "0" * 64
"""The metadata key of the digest, and its placeholder while the digest is computed."""
UNREADABLE = (LookupError, ValueError, TypeError, ArithmeticError, RecursionError)
"""Exceptions that reading a foreign value may raise (`ConfigError` is a ValueError)."""


def write_checkpoint(path: Path, state: State, facts: dict[str, float]) -> None:
    """Write a state to one file.

    Raises:
        RunError: A weight is not finite, or the file cannot be written.
    """
    for name, tensor in state.tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise RunError(
                f"{name} has infinite or undefined values at step {state.step}, so no checkpoint "
                "was saved."
            )
    metadata = {
        "schema": str(SCHEMA),
        "step": str(state.step),
        "critic_updates": str(state.critic_updates),
        "counts": json.dumps(state.counts),
        "config": state.config.model_dump_json(),
        "engine": json.dumps(state.engine.as_dict()),
        "facts": json.dumps(facts),
    }
    write(path, with_digest({k: v.contiguous() for k, v in state.tensors.items()}, metadata))


def with_digest(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a safetensors file that contains its own digest.

    The digest is the SHA-256 of the whole file with zeros in place of the digest.
    """
    content = save(dict(tensors), {**metadata, DIGEST: NO_DIGEST})
    at = content.index(NO_DIGEST.encode())
    digest = hashlib.sha256(content).hexdigest()
    return content[:at] + digest.encode() + content[at + len(digest) :]


def is_intact(content: bytes, digest: str) -> bool:
    """Return whether the digest of a file is correct."""
    if len(digest) != len(NO_DIGEST) or content.count(digest.encode()) != 1:
        return False
    zeroed = content.replace(digest.encode(), NO_DIGEST.encode())
    return hashlib.sha256(zeroed).hexdigest() == digest


def read_checkpoint(path: Path) -> tuple[State, dict[str, float]]:
    """Return the state and facts of a checkpoint.

    Its weights are finite and fit the networks of its config.

    Raises:
        RunError: The file is unreadable, damaged or invalid; the message says how.
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
        if DIGEST not in metadata and not any("_optimizer." in name for name in tensors):
            facts[FRESH_OPTIMIZERS] = 1.0  # older versions wrote such files only deliberately
    except UNREADABLE as error:
        raise RunError(f"The description in {path.name} cannot be read: {error}.") from error
    if problem := incompatibility_reason(state.config, tensors):
        raise RunError(f"{path.name} cannot be used: {problem}")
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise RunError(f"{path.name} cannot be used: {name} has infinite or undefined values.")
    return state, facts


def read_config(path: Path) -> TrainConfig:
    """Return the config of a checkpoint without reading its weights. Raises RunError."""
    metadata, _ = _read(path, weights=False)
    try:
        return TrainConfig.parse(parse_json(metadata["config"], "config"))
    except UNREADABLE as error:
        raise RunError(f"The description in {path.name} cannot be read: {error}.") from error


def _read(path: Path, *, weights: bool) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """Return the metadata of a file, and its tensors if requested. Raises RunError.

    The digest is checked only if the tensors are read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        if "schema" not in metadata:
            raise RunError(
                f"{path.name} is a safetensors file of another program. It does not contain "
                "the networks of its weights."
            )
        migrated = migrate_checkpoint(metadata)
        if not weights:
            return migrated, {}
        content = path.read_bytes()
        needs_digest = int(metadata["schema"]) >= FIRST_WITH_DIGEST or DIGEST in metadata
        if needs_digest and not is_intact(content, metadata.get(DIGEST, "")):
            raise RunError(
                f"{path.name} is damaged: its content does not match its digest. The other checkpoints of "
                "the run can still be used."
            )
        return migrated, load(content)
    except FileNotFoundError as error:
        raise RunError(f"The file {path.name} does not exist.") from error
    except (OSError, SafetensorError, MemoryError, *UNREADABLE) as error:
        raise RunError(
            f"{path.name} is damaged or is not a safetensors file ({error}). The other "
            "checkpoints of the run can still be used."
        ) from error


FRESH_OPTIMIZERS = "fresh_optimizers"
"""The fact that marks a checkpoint without optimiser state, as written by a fork with another optimiser."""


def unresumable_reason(state: State, facts: Mapping[str, float]) -> str:
    """Return a sentence about what a checkpoint lacks for an exact resume; "" if it is complete.

    A shipped example has only the averaged generator and the critic, and resumes with new
    optimisers.
    """
    groups = {name.partition(".")[0] for name in state.tensors}
    if groups == {"average", "critic"}:
        return ""
    needed = {"generator", "average", "critic", "sums"}
    if state.step > 0 and not facts.get(FRESH_OPTIMIZERS):
        needed |= {"generator_optimizer", "critic_optimizer"}
    if missing := sorted(needed - groups):
        return f"it has no tensors of the {missing[0].replace('_', ' ')}."
    return ""


def incompatibility_reason(config: TrainConfig, tensors: dict[str, torch.Tensor]) -> str:
    """Return a sentence why weights do not fit the networks of a config; "" if they do.

    It checks the averaged generator and the critic, which every checkpoint has. The networks are
    built without memory for their weights, because a foreign config may have any size.
    """
    try:
        with torch.device("meta"):
            pair = config.networks(keyed_rng(0, "init"))
    except (ConfigError, RuntimeError, ValueError, TypeError, ArithmeticError) as error:
        return f"its networks cannot be built: {str(error).splitlines()[0].rstrip('.')}."
    for prefix, network in zip(("average.", "critic."), pair, strict=True):
        expected = {prefix + name: value for name, value in network.state_dict().items()}
        present = {name: value for name, value in tensors.items() if name.startswith(prefix)}
        if missing := sorted(expected.keys() - present.keys()):
            return f"{missing[0]} is missing ({len(missing)} tensors in all)."
        if extra := sorted(present.keys() - expected.keys()):
            return f"{extra[0]} does not belong to any layer of its network."
        for name, value in expected.items():
            if present[name].shape != value.shape:
                shapes = f"{tuple(present[name].shape)} instead of {tuple(value.shape)}"
                return f"{name} has the shape {shapes}."
    return ""


class Checkpoints:
    """The checkpoints in a run's folder.

    Args:
        folder: The folder.
        run: The run's name, for messages.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.folder, self.run = folder, run

    def path(self, step: int) -> Path:
        """Return the path of a checkpoint, whether it exists or not."""
        return self.folder / f"step_{step:08d}.safetensors"

    def steps(self) -> list[int]:
        """Return the steps of all checkpoints."""
        with contextlib.suppress(OSError):
            names = os.listdir(self.folder)
            matches = (re.fullmatch(r"step_(\d{8})\.safetensors", name) for name in names)
            return sorted(int(match[1]) for match in matches if match)
        return []

    def read(self, step: int | None = None) -> tuple[State, dict[str, float]]:
        """Return a checkpoint's state and facts (default: the newest that can be read).

        Raises RunError if there is none, or if it is damaged.
        """
        steps = self.steps()
        if not steps:
            raise RunError(f"Run {self.run} has no checkpoint yet.")
        if step is None:
            for candidate in reversed(steps[1:]):
                with contextlib.suppress(RunError):
                    return self.read(candidate)
            step = steps[0]
        if step not in steps:
            available = ", ".join(map(str, steps))
            raise RunError(
                f"Run {self.run} has no checkpoint at step {step}. It has checkpoints at steps "
                f"{available}."
            )
        try:
            return read_checkpoint(self.path(step))
        except RunError as error:
            earlier = [s for s in steps if s < step]
            if not earlier:
                raise
            raise RunError(f"{error} Use the one before it, at step {earlier[-1]:,}.") from error

    def newest_resumable(self) -> tuple[State, dict[str, float], list[str]]:
        """Return the state and facts of the newest resumable checkpoint, and problems of newer ones.

        Raises:
            RunError: There is none.
        """
        reasons: list[str] = []
        for step in reversed(self.steps()):
            path = self.path(step)
            try:
                state, facts = read_checkpoint(path)
            except RunError as error:
                reasons.append(str(error))
                continue
            if problem := unresumable_reason(state, facts):
                reasons.append(f"{path.name} cannot be used for training: {problem}")
                continue
            return state, facts, reasons
        if reasons:
            raise RunError(" ".join(reasons))
        raise RunError(f"Run {self.run} has no checkpoint yet.")

    def config_at(self, step: int) -> TrainConfig:
        """Return the config that the run had at a checkpoint. Raises RunError."""
        return read_config(self.path(step))
