"""The worker processes of a distributed training: the same steps as rank 0, but no records."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from wgan.config import TrainConfig
from wgan.jobs.record_buffer import replay_changes
from wgan.runs import Change
from wgan.training import Engine, State, Training
from wgan.training.distributed import ProcessGroup


class LaunchSpec(NamedTuple):
    """What rank 0 sends to the other processes before the first step."""

    config: TrainConfig
    engine: Engine
    state: State | None  # the checkpoint to resume from; None for a new run
    changes: Mapping[str, Any]  # made before the first step
    replay: tuple[Change, ...]  # repeated at their steps


def should_continue(training: Training, process_group: ProcessGroup, wants_more: bool) -> bool:
    """Return whether to make another step, with the same result in every process.

    The processes exchange the decision of rank 0 only at reports, so that they need not synchronise
    at every step.
    """
    if process_group.size == 1:
        return wants_more
    if training.steps >= training.config.steps:
        return False
    if training.steps % training.config.report_every:
        return True
    return bool(process_group.broadcast_object(wants_more))


def run_worker(process_group: ProcessGroup, root: Path | None = None) -> bool:
    """Train as a worker process until rank 0 ends the training; return False if it could not begin.

    Raises:
        Diverged: The training has diverged.
        RuntimeError: The connection to another process is lost.
    """
    spec: LaunchSpec | None = process_group.broadcast_object(None)
    if spec is None:
        return False
    spec.engine.activate()
    data = spec.config.dataset.load(root)
    if spec.state is None:
        training = Training(spec.config, engine=spec.engine, data=data, process_group=process_group)
    else:
        training = Training.restore(
            spec.state, engine=spec.engine, data=data, process_group=process_group
        )
    if spec.changes:
        training.apply(**spec.changes)
    replay = deque(spec.replay)

    def apply(changes: Mapping[str, Any]) -> None:
        training.apply(**changes)

    replay_changes(replay, training.steps, apply)
    while should_continue(training, process_group, True):
        training.step()
        training.reports()
        replay_changes(replay, training.steps, apply)
    return True
