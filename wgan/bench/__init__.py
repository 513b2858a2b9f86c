"""Speed and memory of trainings on this machine, and the time that the app adds to the bare loop.

torch counts the operations of one generator step with its critic updates (FlopCounterMode: products and
convolutions; a multiplication and an addition are two operations). The same process measures the rate of a
square matrix product in turn with the steps, and a share is relative to that rate. Results are medians over
the rounds. Pictures are noise with the shape of the data. The device is synchronised before each reading of
the clock.
"""

from wgan.bench.app_costs import measure_costs
from wgan.bench.configs import bench_configs, noise
from wgan.bench.measurement import (
    Row,
    count_operations,
    peak_memory,
    run_steps,
    step_flops,
    steps_per_second,
)
from wgan.bench.tables import ROUND_SECONDS, TABLE_HEADS, describe_machine, table_row
from wgan.bench.throughput import measure_compiled, measure_speeds

__all__ = [
    "ROUND_SECONDS",
    "TABLE_HEADS",
    "Row",
    "bench_configs",
    "count_operations",
    "describe_machine",
    "measure_compiled",
    "measure_costs",
    "measure_speeds",
    "noise",
    "peak_memory",
    "run_steps",
    "step_flops",
    "steps_per_second",
    "table_row",
]
