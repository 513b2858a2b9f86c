"""The worker processes of a distributed training: the same steps as rank 0, but no records."""

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from wgan.config import ConfigError, TrainConfig
from wgan.runs import Change
from wgan.training import Engine, State, Training
from wgan.training.distributed import ProcessGroup


class Plan(NamedTuple):
    """The data that rank 0 sends to the other processes before the first step."""

    config: TrainConfig
    engine: Engine
    state: State | None  # the checkpoint to resume from; None for a new run
    changes: Mapping[str, Any]  # made before the first step
    replay: tuple[Change, ...]  # repeated at their steps


def should_continue(training: Training, ranks: ProcessGroup, wants_more: bool) -> bool:
    """Return whether to make another step, with the same result in every process.

    The processes exchange the decision of rank 0 only at reports, so that they need not synchronise
    at every step.
    """
    if ranks.of == 1:
        return wants_more
    if training.steps >= training.config.steps:
        return False
    if training.steps % training.config.report_every:
        return True
    return bool(ranks.same(wants_more))


def run_worker(ranks: ProcessGroup, root: Path | None = None) -> bool:
    """Train as a worker process until rank 0 ends the training; return False if it could not begin.

    Raises:
        Diverged: The training has diverged.
        RuntimeError: The connection to another process is lost.
    """
    plan: Plan | None = ranks.same(None)
    if plan is None:
        return False
    plan.engine.activate()
    data = plan.config.dataset.load(root)
    if plan.state is None:
        training = Training(plan.config, engine=plan.engine, data=data, ranks=ranks)
    else:
        training = Training.restore(plan.state, engine=plan.engine, data=data, ranks=ranks)
    if plan.changes:
        training.apply(**plan.changes)
    replay = deque(plan.replay)
    while should_continue(training, ranks, True):
        replay_changes(training, replay)
        training.step()
        training.reports()
    return True


def replay_changes(training: Training, changes: deque[Change]) -> None:
    """Repeat the recorded changes whose step has been reached."""
    while changes and changes[0].step <= training.steps:
        change = changes.popleft()
        with suppress(ConfigError):
            training.apply(**{change.path: change.after})
