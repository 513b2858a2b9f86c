"""Results as rows of Markdown tables."""

import os
import platform

import torch

from wgan.bench.app_costs import PART_OF_METHOD, measure_costs
from wgan.bench.measurement import Row
from wgan.bench.throughput import measure_compiled, measure_speeds

ROUND_SECONDS = {measure_speeds: 2.0, measure_compiled: 2.0, measure_costs: 10.0}
"""Default duration of a round. The app measures a training every two seconds, so its costs need longer ones."""

TABLE_HEADS = {
    measure_speeds: "| networks · objective | precision | threads | steps/s | real images/s | GFLOP a step | GFLOP/s "
    "| share of the matrix product's | of float32's | peak memory |",
    measure_compiled: "| networks · objective | threads | as written, steps/s | compiled, steps/s | times as fast "
    "| GFLOP/s, compiled |",
    measure_costs: "| networks · objective | threads | bare loop, steps/s | as the app, steps/s | time lost "
    f"| {' | '.join(dict.fromkeys(PART_OF_METHOD.values()))} |",
}
"""The first line of each table, by the function that measures its rows."""


def table_row(row: Row) -> str:
    """Return a row of results in Markdown."""
    cells = [row["row"]]
    if "precision" in row:
        cells.append(row["precision"])
    cells.append(str(row["threads"]))
    if "unfit" in row:
        cells.append(row["unfit"])
    elif "parts" in row:
        cells += [f"{row['steps_per_second']:.1f}", f"{row['app_steps_per_second']:.1f}"]
        cells += [f"{100 * row['lost']:.1f} %"]
        cells += [f"{100 * share:.1f} %" for share in row["parts"].values()]
    elif "times" in row:
        rate = row["gigaflops_a_step"] * row["compiled_steps_per_second"]
        cells += [
            f"{row['steps_per_second']:.1f}",
            f"{row['compiled_steps_per_second']:.1f}",
            f"{row['times']:.2f}",
            f"{rate:.0f} of {row['matrix_gigaflops_per_second']:.0f}",
        ]
    else:
        rate, matrix_rate = row["gigaflops_per_second"], row["matrix_gigaflops_per_second"]
        cells += [
            f"{row['steps_per_second']:.1f}",
            f"{row['images_per_second']:,.0f}",
            f"{row['gigaflops_a_step']:.2f}",
            f"{rate:.0f} of {matrix_rate:.0f}",
            f"{100 * row['share']:.0f} %",
            f"{100 * row['share_of_float32']:.0f} %",
            f"{row['peak_memory_bytes'] / 1e9:.2f} GB",
        ]
    return f"| {' | '.join(cells)} |"


def describe_machine(device: str) -> str:
    """Return the machine, its load and the version of torch in one line."""
    facts = [
        torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
        f"{os.cpu_count()} cores",
        torch.backends.cpu.get_cpu_capability(),
        f"torch {torch.__version__}",
    ]
    if hasattr(os, "getloadavg"):
        facts.append(f"load {os.getloadavg()[0]:.1f}")
    return f"{device}: {', '.join(facts)}"
