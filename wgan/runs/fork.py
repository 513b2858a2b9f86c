"""A run continued differently from one of its checkpoints: a child with a history of its own."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wgan.config import ConfigError, TrainConfig
from wgan.runs.checkpoints import FRESH_OPTIMIZERS, incompatibility_reason
from wgan.runs.records import Parent, RunError, Status
from wgan.runs.run import Run
from wgan.training import State, reconfigured

KEPT = ("dataset", "network", "latent_dim", "conditional")
"""What a fork cannot change: the weights are made for it."""


def forked(state: State, changes: Mapping[str, Any]) -> TrainConfig:
    """Return the config of a fork from a state. Raises ConfigError where it cannot be.

    Anything may change but the data and the networks, also objective and optimiser.
    """
    for path in changes:
        part = path.partition(".")[0]
        if part in KEPT and state.config.changed({path: changes[path]}) != state.config:
            raise ConfigError(
                f"A fork keeps its {part.replace('_', ' ')}: the weights of step {state.step:,} "
                "are made for it. Start a new run for another."
            )
    config = state.config.changed(changes)
    if any(getattr(config, name) != getattr(state.config, name) for name in KEPT):
        # Choosing a part may bring others along that fit it.
        raise ConfigError(
            "These values need other data or another network than the run's. Start a new run."
        )
    if config.objective.layers != state.config.objective.layers:
        raise ConfigError(
            f"The objective {config.objective.title} needs a critic with other layers "
            f"({config.objective.layers}) than the run has ({state.config.objective.layers}). Start "
            "a new run with it."
        )
    if problem := incompatibility_reason(config, state.tensors):
        raise ConfigError(
            f"The objective {config.objective.title} needs other layers than the run has "
            f"({problem.rstrip('.')}). Start a new run with it."
        )
    if state.step >= config.steps:
        raise ConfigError(
            f"The fork begins at step {state.step:,} and would end at step {config.steps:,}: set "
            "the last step, a total, higher."
        )
    return config


def fork(
    run: Run,
    step: int | None,
    changes: Mapping[str, Any],
    runs_dir: Path,
) -> Run:
    """Make a run that goes on from a checkpoint of `run` (default: its newest) with other values.

    Reports, changes and previews up to there are copied, so it needs its parent no more. Raises
    RunError or ConfigError.
    """
    state, facts = run.checkpoints.read(step)
    config = forked(state, changes)
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
