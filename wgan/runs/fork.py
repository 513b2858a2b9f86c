"""Forks: new runs that continue another run from a checkpoint with other settings."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wgan.config import ConfigError, TrainConfig
from wgan.runs.checkpoints import FRESH_OPTIMIZERS, incompatibility_reason
from wgan.runs.records import Parent, RunError, Status
from wgan.runs.run import Run
from wgan.training import State, reconfigured

_PART_NAMES = {
    "dataset": "data set",
    "network": "network",
    "latent_dim": "number of latent dimensions",
    "conditional": "choice “Class-conditional”",
}
FIXED_PARTS = tuple(_PART_NAMES)
"""Parts that a fork cannot change, because the weights depend on them."""


def fork_config(state: State, changes: Mapping[str, Any]) -> TrainConfig:
    """Return the config of a fork: the config of a state with changes.

    All but the data and the networks may change, also the objective and the optimiser.

    Raises:
        ConfigError: A change is not possible.
    """
    for path in changes:
        part = path.partition(".")[0]
        if part in FIXED_PARTS and state.config.changed({path: changes[path]}) != state.config:
            raise ConfigError(
                f"A fork keeps the {_PART_NAMES[part]}, because the weights of step "
                f"{state.step:,} depend on it. To change it, start a new run."
            )
    config = state.config.changed(changes)
    if any(getattr(config, name) != getattr(state.config, name) for name in FIXED_PARTS):
        # Choosing one part may change others, so that they fit it.
        raise ConfigError(
            "These settings need other data or another network. To use them, start a new run."
        )
    if config.objective.layers != state.config.objective.layers:
        raise ConfigError(
            f"The objective {config.objective.title} needs a critic with other layers "
            f"({config.objective.layers}) than this run has "
            f"({state.config.objective.layers}). To use it, start a new run."
        )
    if problem := incompatibility_reason(config, state.tensors):
        raise ConfigError(
            f"The objective {config.objective.title} needs other layers than this run has "
            f"({problem.rstrip('.')}). To use it, start a new run."
        )
    if state.step >= config.steps:
        raise ConfigError(
            f"The fork begins at step {state.step:,}, but its last step is {config.steps:,}. "
            "Increase “Stop at step”."
        )
    return config


def fork(
    run: Run,
    step: int | None,
    changes: Mapping[str, Any],
    runs_dir: Path,
) -> Run:
    """Create a run that continues a checkpoint of another run with changes.

    Reports, changes and previews up to the checkpoint are copied, so the parent can be deleted.

    Args:
        run: The parent.
        step: Step of the checkpoint. Default: the newest.
        changes: New values by path.
        runs_dir: The folder of runs.

    Raises:
        RunError: The checkpoint cannot be read, or the new run cannot be written.
        ConfigError: A change is not possible.
    """
    state, facts = run.checkpoints.read(step)
    config = fork_config(state, changes)
    child = Run.create(config, runs_dir, parent=Parent(run.id, state.step), of=run)
    try:
        child.copy_history(run, state.step)
        if config.optimizer.name != state.config.optimizer.name:
            facts = facts | {FRESH_OPTIMIZERS: 1.0}
        child.add_checkpoint(reconfigured(state, config), facts)
        child.set_engine(state.engine)
        child.set_fact("status", Status.STOPPED)
    except BaseException as error:
        shutil.rmtree(child.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise RunError(
                f"The run cannot be forked ({error.strerror}). Free some space in {runs_dir}."
            ) from error
        raise
    return child
