"""`wgan examples`: train the shipped runs."""

import contextlib
import json
import tempfile
from pathlib import Path

import click

from wgan.cli.main import UsageError
from wgan.cli.options import StrictCommand, quiet_option, runs_dir_option
from wgan.cli.progress import Progress
from wgan.cli.train import run_job
from wgan.config import TrainConfig
from wgan.export import EXAMPLES, ship
from wgan.jobs import TrainingJob, evaluate
from wgan.latent import Models
from wgan.runs import Run, RunError, Status, list_runs


@click.command("examples", cls=StrictCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the complete runs in this folder.",
)
@runs_dir_option
@quiet_option
def examples_command(names: tuple[str, ...], work: Path | None, runs_dir: Path, quiet: bool) -> int:
    """Train and evaluate the runs that come with the program, and write their model cards.

    Without a NAME, all of them. This takes half an hour on two cores.
    """
    example_names = names or tuple(EXAMPLES)
    for name in example_names:
        if name not in EXAMPLES:
            raise UsageError(f"There is no example {name!r}. Choose from: {', '.join(EXAMPLES)}.")
    with contextlib.ExitStack() as stack:
        folder = work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in example_names:
            run = _whole_run(EXAMPLES[name].config(), folder, quiet)
            if run is None:
                return 1
            state, _ = run.checkpoints.read()
            models = Models(state.config, state.tensors, state.step)
            with Progress(quiet) as progress:
                for task_progress in evaluate(models, run=run):
                    progress.tell(task_progress.message, task_progress.share)
            runs_dir.mkdir(parents=True, exist_ok=True)
            shipped = ship(run, name, runs_dir)
            print(
                json.dumps(
                    {"run": str(shipped.folder), "bytes": shipped.size(), "of": str(run.folder)}
                )
            )
    return 0


def _whole_run(config: TrainConfig, folder: Path, quiet: bool) -> Run | None:
    """Return a finished run of a config: an existing one, continued if necessary, or a new one."""
    for run in list_runs(folder):
        with contextlib.suppress(RunError):
            if run.config() == config:
                resume = bool(run.checkpoints.steps())
                break
    else:
        run, resume = Run.create(config, folder), False
    if run.status() is not Status.FINISHED:
        progress = Progress(quiet)
        if run_job(TrainingJob(run, resume=resume, publish=progress.preparing), progress):
            return None
    return run if run.status() is Status.FINISHED else None
