"""What the processes beside the first do in a training of many: the same steps, and nothing else."""

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
    """What the first process tells the others before the first step."""

    config: TrainConfig
    engine: Engine
    state: State | None  # to go on from
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
    """Make the changes whose step has come, as they were made before."""
    while changes and changes[0].step <= training.steps:
        change = changes.popleft()
        with suppress(ConfigError):
            training.apply(**{change.path: change.after})
