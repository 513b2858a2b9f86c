"""The work of all processes but the first in a distributed training: the same steps, and no records."""

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
    """What the first process tells the others before the first step."""

    config: TrainConfig
    engine: Engine
    state: State | None  # the checkpoint to resume from; None: a new run
    changes: Mapping[str, Any]  # made before the first step
    replay: tuple[Change, ...]  # made when their step has come


def should_continue(training: Training, ranks: ProcessGroup, wants_more: bool) -> bool:
    """Tell, in every process alike, whether there is another step.

    The first process' wish is heard at reports only, so that between them no process waits for words.
    """
    if ranks.of == 1:
        return wants_more
    if training.steps >= training.config.steps:
        return False
    if training.steps % training.config.report_every:
        return True
    return bool(ranks.same(wants_more))


def run_worker(ranks: ProcessGroup, root: Path | None = None) -> bool:
    """Train beside the first process until it says that it ends; False where it could not begin.

    Raises Diverged where it does, and RuntimeError where a process is lost.
    """
    spec: LaunchSpec | None = ranks.same(None)
    if spec is None:
        return False
    spec.engine.activate()
    data = spec.config.dataset.load(root)
    if spec.state is None:
        training = Training(spec.config, engine=spec.engine, data=data, ranks=ranks)
    else:
        training = Training.restore(spec.state, engine=spec.engine, data=data, ranks=ranks)
    if spec.changes:
        training.apply(**spec.changes)
    replay = deque(spec.replay)

    def apply(changes: Mapping[str, Any]) -> None:
        training.apply(**changes)

    while should_continue(training, ranks, True):
        replay_changes(replay, training.steps, apply)
        training.step()
        training.reports()
    return True
