"""`wgan reproduce`: measure published results again."""

import json
from pathlib import Path

import click

from wgan.cli.main import UsageError
from wgan.cli.options import Scale, StrictCommand, Whole, json_option, quiet_option
from wgan.cli.progress import Progress
from wgan.reproduce import EXPERIMENTS, Bench, page, run_experiment, table


@click.command("reproduce", cls=StrictCommand)
@click.argument("name", required=False)
@click.option("--list", "show_list", is_flag=True, help="List the experiments.")
@click.option("--all", "run_all", is_flag=True, help="All experiments, one after the other.")
@json_option()
@click.option("--seed", type=Whole(), default=0, help="Random seed. Default: 0.")
@click.option(
    "--scale", type=Scale(), default=1.0, help="Factor for the number of steps. Default: 1."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.md",
    help="Also write the results to a Markdown file.",
)
@quiet_option
def reproduce_command(
    name: str | None,
    show_list: bool,
    run_all: bool,
    as_json: bool,
    seed: int,
    scale: float,
    out: Path | None,
    quiet: bool,
) -> None:
    """Repeat a published experiment, and compare the result with its source."""
    if show_list:
        for key, experiment in EXPERIMENTS.items():
            if as_json:
                print(json.dumps({"name": key, "title": experiment.title}))
            else:
                print(f"{key:20} {experiment.title}")
        return
    names = ", ".join(EXPERIMENTS)
    if name is None and not run_all:
        raise UsageError(f"Name an experiment, or use --all. The experiments are: {names}.")
    if name is not None and name not in EXPERIMENTS:
        raise UsageError(f"There is no experiment {name!r}. Choose from: {names}.")
    folder = None if out is None else out.parent
    if out is not None:  # Said now and not after half an hour.
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.open("a").close()
        except OSError as error:
            raise UsageError(f"{out} cannot be written ({error.strerror}).") from error
    outcomes = []
    for key in EXPERIMENTS if run_all or name is None else [name]:
        progress = Progress(quiet)

        def tell(message: str, share: float, key: str = key, progress: Progress = progress) -> None:
            progress.tell(f"{key}: {message}", share)

        with progress:
            bench = Bench(seed, scale, tell, folder)
            outcomes.append(run_experiment(EXPERIMENTS[key], bench))
        if as_json:
            print(json.dumps(outcomes[-1].as_dict()), flush=True)
        else:
            print(f"{table(outcomes[-1])}\n", flush=True)
    if out is not None:
        out.write_text(page(outcomes), encoding="utf-8")
