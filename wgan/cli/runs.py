"""`wgan runs`, `wgan export` and `wgan import`."""

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from wgan.cli.main import UsageError
from wgan.cli.options import StrictCommand, json_option, quiet_option, run_argument, runs_dir_option
from wgan.cli.progress import Progress
from wgan.export import FORMATS, export, export_tensorboard, import_zip
from wgan.runs import Run, RunIndex, RunSummary

_FORMATS = ", ".join(f"{suffix} ({kind.title})" for suffix, kind in FORMATS.items())


@click.command("runs", cls=StrictCommand)
@json_option()
@runs_dir_option
def runs_command(as_json: bool, runs_dir: Path) -> None:
    """List the runs, the newest first."""
    summaries = RunIndex(runs_dir).summaries()
    if as_json:
        for summary in summaries:
            print(json.dumps(_summary(summary)))
        return
    if not summaries:
        print(f"There are no runs in {runs_dir} yet.")
    for summary in summaries:
        star, what = (
            "*" if summary.star else " ",
            summary.config.title if summary.config else summary.problem,
        )
        best = "  ".join(f"{name} {m.value:.3g}" for name, m in summary.best.items())
        name = f"“{summary.name}”  " if summary.name else ""
        print(
            f"{star} {summary.run}  {summary.status:11}  step {summary.step:>9,}  {name}{what}  {best}"
        )


def _summary(summary: RunSummary) -> dict[str, Any]:
    return {
        "run": summary.run,
        "name": summary.name,
        "status": str(summary.status),
        "dataset": summary.config.dataset.name if summary.config else None,
        "objective": summary.config.objective.name if summary.config else None,
        "step": summary.step,
        "steps": summary.config.steps if summary.config else None,
        "seconds": round(summary.seconds, 3),
        "created": summary.created,
        "parent": dataclasses.asdict(summary.parent) if summary.parent else None,
        "best": {name: {"value": m.value, "step": m.step} for name, m in summary.best.items()},
        "size": summary.size,
        "star": summary.star,
        "note": summary.note,
        "problem": summary.problem,
    }


@click.command(
    "export",
    cls=StrictCommand,
    help=f"Export a RUN as {_FORMATS}, or, with --tensorboard, as event files.",
)
@run_argument
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE")
@click.option(
    "--tensorboard", is_flag=True, help="Write event files for TensorBoard; --out is their folder."
)
@runs_dir_option
def export_command(run: str, out: Path, tensorboard: bool, runs_dir: Path) -> None:
    """Export a run."""
    source = Run.find(run, runs_dir)
    result: Mapping[str, object]
    result = {"events": export_tensorboard(source, out)} if tensorboard else export(source, out)
    print(json.dumps({"run": str(source.folder), "out": str(out), **result}))


@click.command("import", cls=StrictCommand)
@click.argument("file", type=click.Path(path_type=Path))
@runs_dir_option
@quiet_option
def import_command(file: Path, runs_dir: Path, quiet: bool) -> int:
    """Import a run that was exported as .zip."""
    if not file.is_file():
        raise UsageError(f"The file {file} does not exist.")
    progress = Progress(quiet)
    try:
        with progress:
            run, remarks = import_zip(file, runs_dir, progress.tell)
    except KeyboardInterrupt:
        print("Cancelled. Nothing was saved.", file=sys.stderr)
        return 130
    for remark in remarks:
        print(remark, file=sys.stderr)
    print(json.dumps({"run": str(run.folder), "remarks": remarks}))
    return 0
