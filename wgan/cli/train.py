"""`wgan train` and `wgan fork`: train a run to its end or to a signal."""

import contextlib
import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from wgan.cli.main import UsageError, print_error, program_name
from wgan.cli.options import (
    StrictCommand,
    change_option,
    changes_of,
    config_options,
    parse_value,
    quiet_option,
    run_argument,
    runs_dir_option,
    step_option,
)
from wgan.cli.progress import Progress
from wgan.config import MAX_STEPS, PRESETS, ConfigError, TrainConfig, hyperparameters
from wgan.data import DataError
from wgan.jobs import TrainingJob, error_message
from wgan.jobs.worker import run_worker, should_continue
from wgan.runs import Change, Run, RunError, Status, fork, fork_config, list_runs
from wgan.runs.lock import DEAD_AFTER_S
from wgan.training import Diverged, planned_steps
from wgan.training.distributed import ALONE, ProcessGroup, init, is_launched, shutdown
from wgan.training.state import steered

FIRST_PROCESS_S = 60.0
"""Seconds for which a worker process waits for rank 0 to record and print an error."""


@dataclass(frozen=True)
class Request:
    """The request of a command: a preset or a run to resume, the given values, and later changes."""

    runs_dir: Path
    preset: str | None
    resume: str | None
    changes: Mapping[str, Any]
    scheduled: Sequence[tuple[int, str, str]]


@config_options
@click.command("train", cls=StrictCommand)
@click.option("--preset", type=click.Choice(list(PRESETS)), metavar="NAME", help=", ".join(PRESETS))
@runs_dir_option
@click.option("--resume", metavar="RUN", help="Resume a run: its name, its folder, or last.")
@change_option
@quiet_option
def train_command(
    runs_dir: Path,
    preset: str | None,
    resume: str | None,
    scheduled: Sequence[tuple[int, str, str]],
    quiet: bool,
    **options: Any,
) -> int:
    """Train a WGAN. The last line on stdout is a JSON object."""
    request = Request(runs_dir, preset, resume, changes_of(options), scheduled)
    if is_launched():
        return _train_together(request, Progress(quiet))
    progress = Progress(quiet)
    return run_job(_training_job(request, progress), progress)


@config_options
@click.command("fork", cls=StrictCommand)
@run_argument
@step_option
@runs_dir_option
@change_option
@quiet_option
def fork_command(
    run: str,
    step: int | None,
    runs_dir: Path,
    scheduled: Sequence[tuple[int, str, str]],
    quiet: bool,
    **options: Any,
) -> int:
    """Fork a RUN: continue from a checkpoint as a new run with other settings.

    RUN is its name, its folder, or last. The last line on stdout is a JSON object.
    """
    changes = changes_of(options)
    parent = Run.find(run, runs_dir)
    state, _ = parent.checkpoints.read(step)
    later = scheduled_changes(fork_config(state, changes), state.step, scheduled)
    forked = fork(parent, state.step, changes, runs_dir)
    progress = Progress(quiet)
    job = TrainingJob(forked, resume=True, scheduled=later, publish=progress.preparing)
    return run_job(job, progress)


def _train_together(request: Request, progress: Progress) -> int:
    """Train as one of the processes that torchrun started. Rank 0 records; the others are workers."""
    process_group = init()
    try:
        if not process_group.is_first:
            return run_worker_process(process_group)
        try:
            job = _relaunched(progress, request, process_group) or _training_job(
                request, progress, process_group
            )
        except BaseException:
            process_group.broadcast_object(None)
            raise
        job.run.set_fact("launch", _launch())
        return run_job(job, progress)
    finally:
        shutdown()


def run_worker_process(process_group: ProcessGroup) -> int:
    """Train as a worker process. Rank 0 decides when all processes end, and prints errors.

    If training cannot begin or diverges, all processes fail. If this process ended first, torchrun
    would end rank 0 before it has recorded and printed the error. So it waits for torchrun's
    signal. If no signal comes, only this process has failed, and it prints the error itself.
    """
    signals: list[int] = []
    code, own_error = 2, None
    with _signals(signals):
        try:
            if run_worker(process_group):
                return 0
        except (ConfigError, DataError) as error:
            own_error = error
        except Diverged:
            code = 1
        deadline = time.monotonic() + FIRST_PROCESS_S
        while not signals and time.monotonic() < deadline:
            time.sleep(0.05)
        if own_error is not None and not signals:
            print_error(own_error)
    return code


def _launch() -> str:
    """Return an identifier of this torchrun launch, which is the same after each restart."""
    launch = os.environ.get("TORCHELASTIC_RUN_ID", "")
    # With several nodes and no --rdzv-id, torchrun calls every launch "none": add the host and the
    # agent.
    return f"none {socket.gethostname()} {os.getppid()}" if launch == "none" else launch


def _relaunched(
    progress: Progress, request: Request, process_group: ProcessGroup
) -> TrainingJob | None:
    """Return the job that resumes this launch's run after a restart by torchrun; None if there is none."""
    if not int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")):
        return None
    launch = _launch()
    for run in list_runs(request.runs_dir):
        launch_of_run = ""
        with contextlib.suppress(RunError):  # a damaged run cannot be resumed
            launch_of_run = run.fact("launch")
        if launch and launch_of_run == launch:
            end = time.monotonic() + 2 * DEAD_AFTER_S
            while run.alive() and time.monotonic() < end:  # on another machine, by its heartbeat
                time.sleep(1.0)
            print(
                f"A process ended unexpectedly. Run {run.id} continues from step "
                f"{run.resume_point()[1]:,}.",
                file=sys.stderr,
            )
            return TrainingJob(
                run, resume=True, publish=progress.preparing, process_group=process_group
            )
    if launch.startswith("none "):
        print(
            "This machine does not know the run of this launch, so a new run begins. To "
            "continue a run on several machines, start torchrun with --rdzv-id ID.",
            file=sys.stderr,
        )
    return None


def _training_job(
    request: Request, progress: Progress, process_group: ProcessGroup = ALONE
) -> TrainingJob:
    """Return the job of a new or resumed run."""
    changes = dict(request.changes)
    if request.resume and request.preset:
        raise UsageError("A resumed run keeps its config. Leave out --preset.")
    if request.resume:
        run = Run.find(request.resume, request.runs_dir)
        config_before, step = run.resume_point()
        if "steps" in changes and "seconds" not in changes and config_before.seconds is not None:
            changes["seconds"] = None
        config = steered(config_before, changes)
        if ends_by_time_with_decay(config):
            changes |= planned_length(config, run, step, processes=process_group.size)
            config = steered(config_before, changes)
        if step >= config.steps:
            raise UsageError(
                f"Run {run.id} is already at step {step:,}, and its last step is "
                f"{config.steps:,}. Use a larger --steps (the total number of steps)."
            )
        return TrainingJob(
            run,
            resume=True,
            changes=changes,
            scheduled=scheduled_changes(config, step, request.scheduled),
            publish=progress.preparing,
            process_group=process_group,
        )
    base = PRESETS[request.preset].config if request.preset else TrainConfig()
    config = base.changed(request.changes)
    if ends_by_time_with_decay(config):
        config = config.changed(planned_length(config, processes=process_group.size))
    later = scheduled_changes(config, 0, request.scheduled)
    return TrainingJob(
        Run.create(config, request.runs_dir),
        scheduled=later,
        publish=progress.preparing,
        process_group=process_group,
    )


def ends_by_time_with_decay(config: TrainConfig) -> bool:
    """Return whether a config has a time limit but no last step, although its learning rates decay until then."""
    return config.seconds is not None and config.decay != "none" and config.steps == MAX_STEPS


def planned_length(
    config: TrainConfig, run: Run | None = None, step: int = 0, *, processes: int = 1
) -> dict[str, Any]:
    """Return the changes with which the learning rates reach 0 when the time limit of a config is over.

    The time becomes the number of steps that the training makes in it, as forecast by a short measurement.

    Args:
        config: A config with a time limit.
        run: The run that is resumed. Default: a new run.
        step: The step from which it is resumed.
        processes: Number of processes that train together.
    """
    assert config.seconds is not None
    seconds_before = 0.0
    if run is not None:
        with contextlib.suppress(RunError):  # its curves may be damaged; they are repaired later
            last = run.last()
            seconds_before = last.seconds if last else 0.0
    left = max(0.0, config.seconds - seconds_before)
    return {"steps": step + planned_steps(config, left, processes=processes), "seconds": None}


def scheduled_changes(
    config: TrainConfig, step: int, scheduled: Sequence[tuple[int, str, str]]
) -> list[Change]:
    """Return the changes of `--change`, in the order of their steps.

    Args:
        config: The config with which the run begins.
        step: The step at which it begins.
        scheduled: Step, name and value of each change.

    Raises:
        ConfigError: A name or a value is not valid, or cannot be changed during training.
    """
    changes: list[Change] = []
    for at, name, text in sorted(scheduled, key=lambda change: change[0]):
        by_flag = {value.path.replace("_", "-"): value for value in hyperparameters(config)}
        value = by_flag.get(name.lstrip("-").replace("_", "-"))
        if value is None:
            raise ConfigError(
                f"--change {at}:{name}={text}: this run has no hyperparameter {name!r}. Use the name of "
                "an option without its dashes, for example critic-learning-rate."
            )
        if at < step:
            raise ConfigError(
                f"--change {at}:{name}={text}: the run begins at step {step:,}, so the change needs a "
                "later step."
            )
        if at > config.steps:
            raise ConfigError(
                f"--change {at}:{name}={text}: the run ends at step {config.steps:,}, before this change."
            )
        before = config.flat()[value.path]
        config = steered(config, {value.path: parse_value(value, text)})
        changes.append(Change(at, value.path, before, config.flat()[value.path]))
    return changes


def run_job(job: TrainingJob, progress: Progress) -> int:
    """Train to the target or to a signal, and print the result; return the exit code.

    During the preparation a signal ends it at once; later the current step is finished first.
    """
    signals: list[int] = []
    try:
        with progress, _signals(signals):
            with _interruptible(signals):
                job.prepare()
            progress.mark(job.training.steps)
            begin, seconds_before = job.training.steps, job.seconds
            while should_continue(job.training, job.process_group, not job.done and not signals):
                job.step()
                progress.training(job)
            status = Status.STOPPED if signals and not job.done else Status.FINISHED
            job.finish(status)
    except KeyboardInterrupt:
        job.discard()
        raise
    except Exception as error:
        began = job.prepared
        trace = "" if isinstance(error, Diverged) else traceback.format_exc()
        job.finish(Status.FAILED, error_message(error), trace)
        if not began and job.new:
            job.run.delete()
        if isinstance(error, ConfigError | DataError | RunError | ValueError) and not began:
            raise UsageError(error_message(error)) from error
        print_error(error_message(error))
        if began and (steps := job.run.checkpoints.steps()):
            print_error(
                f"Its last checkpoint is at step {steps[-1]:,}. To continue: {program_name()} "
                f"train --resume {job.run.id}"
            )
        return 1
    snapshot = job.snapshot
    for sentence in (job.problems.message, snapshot.error):
        if sentence:
            print_error(sentence)
    seconds = job.seconds - seconds_before
    print(json.dumps(_result(job, (snapshot.step - begin) / seconds if seconds > 0 else 0.0)))
    return 1 if snapshot.status is Status.FAILED or job.problems.data_loss_message else 0


def _result(job: TrainingJob, rate: float) -> dict[str, Any]:
    snapshot, last = job.snapshot, job.snapshot.last
    return {
        "run": str(job.run.folder),
        "step": snapshot.step,
        "seconds": round(snapshot.seconds, 3),
        "steps_per_second": round(rate, 3),
        "critic_gap": last.report.critic_gap if last else None,
        "critic_gap_held_out": last.report.critic_gap_held_out if last else None,
        "status": str(snapshot.status),
        "engine": snapshot.engine.as_dict() if snapshot.engine else None,
    }


SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def _signals(signal_numbers: list[int]) -> Iterator[None]:
    """Record SIGINT and SIGTERM instead of ending at once, so that the current step is finished."""
    with _handled(lambda received, _: signal_numbers.append(received)):
        yield


@contextlib.contextmanager
def _interruptible(signal_numbers: list[int]) -> Iterator[None]:
    """Within `_signals`: raise KeyboardInterrupt on a signal, for example during a download."""

    def interrupt(received: int, _: object) -> NoReturn:
        signal_numbers.append(received)
        raise KeyboardInterrupt

    if signal_numbers:
        raise KeyboardInterrupt
    with _handled(interrupt):
        yield


@contextlib.contextmanager
def _handled(handler: Callable[[int, Any], Any]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
