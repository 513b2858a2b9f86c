"""`wgan bench`: speed and memory of training on this machine."""

import json
from collections.abc import Callable
from typing import Any

import click

from wgan import bench
from wgan.cli.main import UsageError
from wgan.cli.options import ManyValues, Scale, Whole, json_option
from wgan.training.engine import cores, pick_device


@click.command("bench", cls=ManyValues)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    help="Default: auto.",
)
@click.option(
    "--threads", type=Whole(), multiple=True, help="Number of CPU threads; can be repeated."
)
@click.option(
    "--only", multiple=True, metavar="WORD", help="Only rows whose name contains all these words."
)
@click.option(
    "--compiled", is_flag=True, help="Also measure compiled steps (on CUDA: CUDA graphs)."
)
@click.option(
    "--costs",
    is_flag=True,
    help="Compare a training as the app runs it with the bare loop: the time for reports, "
    "previews, metrics, checkpoints and recording.",
)
@click.option("--rounds", type=Whole(), default=5, help="Rounds per row. Default: 5.")
@click.option("--seconds", type=Scale(), help="Seconds per round. Default: 2, with --costs 10.")
@json_option()
def bench_command(
    device: str,
    threads: tuple[int, ...],
    only: tuple[str, ...],
    compiled: bool,
    costs: bool,
    rounds: int,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Measure networks and objectives: steps and real images per second, and memory. All are medians.

    For comparison, the speed of a matrix product on this machine is shown, too. The memory is the
    maximum in use: on CUDA the memory that torch allocated for the row, else that of the whole process
    (on a Mac, the maximum until then).
    """
    if compiled and costs:
        raise UsageError("--compiled and --costs cannot be combined.")
    measure: Callable[..., Any] = bench.measure_speeds
    if compiled or costs:
        measure = bench.measure_compiled if compiled else bench.measure_costs
    try:
        chosen_device = pick_device(device)
    except ValueError as error:
        raise UsageError(str(error)) from error
    configs = bench.bench_configs(only)
    if not configs:
        raise UsageError(
            f"No row contains all of these words. The rows are: {', '.join(bench.bench_configs())}."
        )
    if rounds < 1 or not all(threads):
        raise UsageError("--rounds and --threads must be at least 1.")
    if not as_json:
        head = bench.TABLE_HEADS[measure]
        print(
            f"{bench.describe_machine(chosen_device)}\n\n{head}\n{'|---' * (head.count('|') - 1)}|",
            flush=True,
        )
    duration = seconds or bench.ROUND_SECONDS[measure]
    for count in threads or (cores(),):
        for row in measure(configs, chosen_device, count, duration, rounds):
            print(json.dumps(row) if as_json else bench.table_row(row), flush=True)
