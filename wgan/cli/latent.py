"""`wgan sample` and `wgan walk`: samples of a generator."""

import json
from pathlib import Path
from typing import Any

import click

from wgan.cli.main import UsageError
from wgan.cli.options import StrictCommand, Whole, run_argument, runs_dir_option, step_option
from wgan.export import export_samples, export_walk
from wgan.runs import Run

_CLASS = click.option(
    "--class",
    "label",
    metavar="NAME",
    help="Class of the samples, for class-conditional generators.",
)


@click.command("sample", cls=StrictCommand)
@run_argument
@click.option("--count", type=Whole(), default=64, help="Number of samples. Default: 64.")
@click.option("--seed", type=Whole(), default=0, help="Seed of z. Default: 0.")
@_CLASS
@step_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE.png|FILE.npz|FOLDER",
)
@runs_dir_option
def sample_command(
    run: str,
    count: int,
    seed: int,
    label: str | None,
    step: int | None,
    out: Path,
    runs_dir: Path,
) -> None:
    """Save samples of a RUN's generator."""
    source = Run.find(run, runs_dir)
    if count < 1:
        raise UsageError("--count must be at least 1.")
    at = export_samples(source, out, count=count, seed=seed, step=step, label=label)
    print(json.dumps({"run": str(source.folder), "out": str(out), "step": at}))


@click.command("walk", cls=StrictCommand)
@run_argument
@click.option(
    "--waypoints", type=Whole(), default=5, help="Number of waypoints, 2 to 8. Default: 5."
)
@click.option("--seed", type=Whole(), default=0, help="Seed of the waypoints. Default: 0.")
@click.option(
    "--method", type=click.Choice(["slerp", "lerp"]), default="slerp", help="Default: slerp."
)
@_CLASS
@step_option
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="FILE.gif|.webp|.mp4|.npy"
)
@runs_dir_option
def walk_command(run: str, out: Path, runs_dir: Path, **options: Any) -> None:
    """Save a closed walk of a RUN through random waypoints: as .gif, .webp or .mp4, or its z as .npy."""
    source = Run.find(run, runs_dir)
    summary = export_walk(source, out, **options)
    print(json.dumps({"run": str(source.folder), "out": str(out), **summary}))
