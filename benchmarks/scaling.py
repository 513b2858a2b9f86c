"""Distributed training: measured steps per second on 1, 2 and 4 processes, and a prediction for clusters.

    python -m benchmarks.scaling [--processes 1 2 4] [--seconds 8] [--rounds 3] [--out docs/scaling.md]

Measured: `torchrun -m wgan train` with one thread per process, so that K processes can use K cores.
The processes either share the same batch, or the batch grows with their number. Predicted: the time
of a step by a model of arithmetic, bytes and latencies with assumed constants, which the page
states.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wgan.bench import count_operations, noise, step_flops
from wgan.config import PRESETS, TrainConfig
from wgan.rng import keyed_rng
from wgan.training import Engine, Training

ROOT = Path(__file__).parents[1]
CASES = {"toy-ring": 256, "quick-mnist": 64}
"""Presets, and the batch size of one process."""


# ---- measured -----------------------------------------------------------------------------------


def steps_per_second(preset: str, processes: int, batch: int, seconds: float) -> float:
    """Return the steps per second of a run on some processes with one thread each."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "torch.distributed.run",
                "--standalone",
                "--nproc-per-node",
                str(processes),
                "-m",
                "wgan",
                "train",
                "--preset",
                preset,
                "--batch-size",
                str(batch),
                "--seconds",
                str(seconds),
                "--threads",
                "1",
                "--measure",
                "false",
                "--precision",
                "float32",
                "--runs-dir",
                folder,
                "--quiet",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    return float(json.loads(done.stdout.splitlines()[-1])["steps_per_second"])


def measure_here(counts: list[int], seconds: float, rounds: int) -> list[dict[str, Any]]:
    """Measure all cases in turn, so that the machine's drift affects all of them."""
    settings = [
        (preset, kind, k, batch * (k if kind == "grown" else 1))
        for preset, batch in CASES.items()
        for kind in ("shared", "grown")
        for k in counts
    ]
    rates: dict[tuple[str, str, int, int], list[float]] = {each: [] for each in settings}
    for _ in range(rounds):
        for each in settings:
            preset, _, k, batch = each
            rates[each].append(steps_per_second(preset, k, batch, seconds))
            print(json.dumps([*each, rates[each][-1]]), file=sys.stderr, flush=True)
    return [
        {
            "preset": p,
            "batch": kind,
            "processes": k,
            "size": size,
            "steps_per_second": statistics.median(values),
        }
        for (p, kind, k, size), values in rates.items()
    ]


# ---- predicted ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Machine:
    """Assumed constants of a cluster: sustained values, not peak values."""

    flops: float = 60e12  # per second and GPU, bfloat16, for large enough layers
    launch: float = 6e-3  # seconds per step for Python and kernel launches, which no GPU shortens
    inside: float = 200e9  # bytes per second between GPUs of a machine
    between: float = 25e9  # bytes per second and GPU between machines
    hop_inside: float = 4e-6  # seconds from a GPU to its neighbour
    hop_between: float = 12e-6
    memory: float = 1e12  # bytes per second that a GPU writes
    gpus: int = 8  # per machine


@dataclass(frozen=True)
class StepCost:
    """The cost of a step for a cluster, from the networks themselves."""

    flops_a_sample: float  # per sample of the batch, for a step with its critic updates
    flops_meanwhile: float  # per sample, of the generator during the last exchange
    critic_bytes: int
    generator_bytes: int
    n_critic: int
    norms: int  # number of batch norms that share their statistics
    channels: int  # total number of their channels
    latent_dim: int


def work_of(config: TrainConfig) -> StepCost:
    """Return the cost of a config: operations by torch's counter, and bytes of gradients in float32."""
    training = Training(config, engine=Engine("cpu", "float32", 1), data=noise(config))
    generator_, critic = config.networks(keyed_rng(0, "init"))
    norms = [m for m in generator_.modules() if isinstance(m, nn.BatchNorm2d)]
    return StepCost(
        step_flops(training) / config.batch_size,
        count_operations(lambda: generator_(torch.zeros(2, config.latent_dim))) / 2,
        4 * sum(p.numel() for p in critic.parameters()),
        4 * sum(p.numel() for p in generator_.parameters()),
        config.n_critic,
        len(norms),
        sum(m.num_features for m in norms),
        config.latent_dim,
    )


def exchange(size: float, k: int, machine: Machine) -> float:
    """Return the seconds of an all-reduce of `size` bytes over k GPUs: a ring's bytes, a tree's latency."""
    if k == 1:
        return 0.0
    bandwidth = machine.inside if k <= machine.gpus else machine.between
    near = math.log2(min(k, machine.gpus))
    far = math.log2(max(1.0, k / machine.gpus))
    latency = 2 * (near * machine.hop_inside + far * machine.hop_between)
    return 2 * (k - 1) / k * size / bandwidth + latency


def step_seconds(work: StepCost, batch: float, k: int, machine: Machine) -> tuple[float, float]:
    """Return the seconds of a step on k GPUs that share a batch, and the part of them spent in exchanges."""
    compute = work.flops_a_sample * batch / k / machine.flops
    # Every process draws z, ε and indices for the whole batch and keeps its rows.
    compute += 4 * batch * (work.latent_dim + 3) * (work.n_critic + 1) / machine.memory
    once = exchange(work.critic_bytes, k, machine)
    # The last exchange overlaps with the generator's forward pass.
    shared = work.n_critic * once - min(once, work.flops_meanwhile * batch / k / machine.flops)
    shared += exchange(work.generator_bytes, k, machine)
    # Each batch norm sums two numbers per channel in a forward pass, and in a backward pass, too.
    passes = work.n_critic + 2
    if work.norms:
        shared += passes * work.norms * exchange(8 * work.channels / work.norms, k, machine)
    return machine.launch + compute + shared, shared


def prediction(name: str, config: TrainConfig, batch: int, machine: Machine) -> Iterable[str]:
    """Yield a table of predicted steps and images per second with 1 to 512 GPUs."""
    work = work_of(config)
    yield (
        f"**{name}**: {work.flops_a_sample / 1e6:,.1f} MFLOP a sample and step, gradients of "
        f"{work.critic_bytes / 1e3:,.0f} kB (critic, {work.n_critic} a step) and "
        f"{work.generator_bytes / 1e3:,.0f} kB (generator), {work.norms} batch norms. "
        f"{batch:,} samples a GPU (grown), or {batch:,} shared by all.\n"
    )
    yield "| GPUs | grown: ms a step | in exchange | images/s | efficiency | shared: ms a step | speed-up |"
    yield "|---|---|---|---|---|---|---|"
    single, _ = step_seconds(work, batch, 1, machine)
    best, at = 1.0, 1
    for k in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512):
        grown, spent = step_seconds(work, batch * k, k, machine)
        images = work.n_critic * batch * k / grown
        row = f"| {k} | {1e3 * grown:.2f} | {100 * spent / grown:.0f} % | {images:,.0f} | {100 * single / grown:.0f} % "
        if batch >= k:
            shared, _ = step_seconds(work, batch, k, machine)
            if single / shared > best:
                best, at = single / shared, k
            row += f"| {1e3 * shared:.2f} | {single / shared:.2f} |"
        else:
            row += "| – | – |"
        yield row
    conclusion = (
        f"Sharing one batch of {batch:,} pays up to {at} GPUs ({best:.2f} times as fast)"
        if at > 1
        else f"Sharing one batch of {batch:,} never pays: the step is latency already"
    )
    yield f"\n{conclusion}; more GPUs want more samples."


def page(rows: list[dict[str, Any]], rounds: int) -> str:
    """Return docs/scaling.md."""
    machine = Machine()
    lines = [
        "# One run on many processes",
        "",
        "`torchrun --nproc-per-node K -m wgan train …` on one machine or many (torchrun's own flags say which). K "
        "processes share every batch, average gradients in one bucket after backward, and take batch norm's "
        "statistics together; so they train what one process would (`tests/test_distributed.py`: gradients equal to a "
        "relative 10⁻⁴, after batch norms in the critic 3·10⁻², over gloo, K = 2 and 4; copies equal bit for bit). The first process records into a run's "
        "folder, which the app shows as it grows. With `--max-restarts N` a lost process is replaced and the run goes "
        "on from its last checkpoint, with the same numbers as if nothing had been.",
        "",
        "Made by `python -m benchmarks.scaling`.",
        "",
        "## Measured",
        "",
        f"{os.cpu_count()} CPU cores ({torch.backends.cpu.get_cpu_capability()}), gloo, one thread a process, float32, "
        f"medians of {rounds}, taken in turn. More processes than cores cannot gain: they show the cost of sharing.",
        "",
        "| preset | batch | processes | samples a step | steps/s | samples/s | beside one process |",
        "|---|---|---|---|---|---|---|",
    ]
    ones = {(r["preset"], r["batch"]): r for r in rows if r["processes"] == 1}
    for r in rows:
        single = ones[r["preset"], r["batch"]]
        speed = r["steps_per_second"] * r["size"]
        gain = speed / (single["steps_per_second"] * single["size"])
        lines.append(
            f"| {r['preset']} | {r['batch']} | {r['processes']} | {r['size']} "
            f"| {r['steps_per_second']:.1f} | {speed:,.0f} | {gain:.2f} |"
        )
    lines += [
        "",
        "## Predicted",
        "",
        "**Not measured.** No GPU was at hand: this is arithmetic from the counted operations and bytes of a step "
        f"and these assumed constants: {machine.flops / 1e12:.0f} TFLOP/s sustained a GPU, "
        f"{1e3 * machine.launch:.0f} ms a step that no GPU shortens, {machine.inside / 1e9:.0f} GB/s and "
        f"{1e6 * machine.hop_inside:.0f} µs inside a machine of {machine.gpus}, {machine.between / 1e9:.0f} GB/s and "
        f"{1e6 * machine.hop_between:.0f} µs between machines; a ring's bytes, a tree's latency; the critic's last exchange of a step goes on beside the generator's forward pass, nothing else overlaps; every process draws random numbers for the whole batch, "
        f"{machine.memory / 1e12:.0f} TB/s.",
        "",
    ]
    gp = PRESETS["paper-wgan-gp"].config
    for name, config, batch in (
        ("paper-wgan-gp, DCGAN medium", gp.changed({"network.size": "medium"}), 256),
        ("paper-wgan-gp, DCGAN large", gp.changed({"network.size": "large"}), 1024),
        ("toy-ring", PRESETS["toy-ring"].config, 4096),
    ):
        lines += [*prediction(name, config, batch, machine), ""]
    lines.append(
        "Small networks are bound by latency: their gradients are few bytes, and a step is over before "
        "the GPUs have spoken. What pays for them is a larger batch a GPU, or one run a GPU "
        "(several seeds), which needs no exchange at all."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, then write the page or print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = page(measure_here(options.processes, options.seconds, options.rounds), options.rounds)
    if options.out is None:
        print(text)
    else:
        options.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
