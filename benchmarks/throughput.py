"""Steps a second of each network and objective, and how far that is from what the machine's matrix product does.

    python -m benchmarks.throughput [--threads 1 2] [--seconds 2] [--rounds 5] [--only toy dcgan]
    python -m benchmarks.throughput --compiled --only 3×128   # compiled updates beside the usual ones
    python -m benchmarks.throughput --device cuda

Each row's floating point operations are counted by torch (FlopCounterMode: products and convolutions, a
multiplication and an addition being two) in one generator step with its critic updates, and divided by the
step's time. The rate of a square matrix product is taken in the same process, in turn with the rows, and
the share is of that rate. Medians of the rounds; pictures are noise of the data's shape.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from wgan.config import TrainConfig
from wgan.data import Data, Pictures
from wgan.training import Engine, Training
from wgan.training.compiled import UPDATES, Compiler, Library, build, unfit
from wgan.training.engine import Precision, cores, might_gain_from_bfloat16

SIDE = 1024  # of the square matrices

PICTURES: dict[str, Any] = {"dataset": "mnist-10k", "replacement": True, "measure": False}
POINTS: dict[str, Any] = {"dataset": "ring-8", "batch_size": 256, "measure": False, "n_critic": 5}


def rows() -> dict[str, TrainConfig]:
    """Return what is measured, by name: networks of each size, and objectives on the same networks."""
    found: dict[str, TrainConfig] = {}
    for objective in ("wgan-gp", "wgan", "gan"):
        for width in (128, 512):
            network = {"name": "mlp", "width": width, "depth": 3}
            found[f"toy 3×{width} · {objective}"] = TrainConfig.parse(
                POINTS | {"objective": objective, "network": network}
            )
    for objective in ("wgan-gp", "wgan", "gan"):
        for size in ("small", "medium", "large"):
            found[f"dcgan {size} · {objective}"] = TrainConfig.parse(
                PICTURES | {"objective": objective, "network": {"name": "dcgan", "size": size},
                            "batch_size": 64, "n_critic": 1}
            )  # fmt: skip
    return found


def noise(config: TrainConfig) -> Data:
    """Return pictures of the config's shape, or its points."""
    if config.dataset.kind == "points":
        return config.dataset.load()
    rng = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (4096, *config.dataset.shape), generator=rng, dtype=torch.uint8)
    labels = torch.zeros(len(pictures), dtype=torch.long)
    return Pictures(pictures, pictures, labels, labels)


class Nowhere(contextlib.nullcontext[None]):
    """Stands for the counter's tracker of modules, which a gradient penalty's inner gradient stumbles over."""

    parents = frozenset({"Global"})


def flops(training: Training) -> int:
    """Return the floating point operations of one step."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = Nowhere()  # type: ignore[assignment]
    with counter:
        training.step()
    return int(counter.get_total_flops())


def wait(device: str) -> None:
    """Wait until a device has done all it was told."""
    if device != "cpu":
        getattr(torch, device).synchronize()


def product(device: str, dtype: torch.dtype) -> Callable[[], float]:
    """Return what measures the rate of a matrix product, in operations a second."""
    a, b = (torch.randn(SIDE, SIDE).to(device, dtype) for _ in range(2))

    def once() -> float:
        wait(device)
        n, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < 0.15:
            for _ in range(4):
                a @ b
            wait(device)
            n += 4
        return n * 2 * SIDE**3 / spent

    return once


def rate(training: Training, seconds: float) -> float:
    """Return steps a second over about so many seconds."""
    device = training.device.type
    wait(device)
    n, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or n < 2:
        training.step()
        n += 1
        if n % 10 == 0:
            training.reports()
            wait(device)
    return n / spent


def with_libraries(config: TrainConfig, engine: Engine) -> Training | str:
    """Return a training with compiled updates, which are made first, or why there is none."""
    training = Training(config, engine=engine, data=noise(config))
    if reason := unfit(config, engine, training.critic):
        return reason
    compiler = Compiler(config, engine)
    if not all(compiler.path(name) for name in UPDATES):
        build(config, engine, training.updates())
    updates = training.updates()
    training.use({
        name: Library(path, updates[name].inputs)
        for name in UPDATES if (path := compiler.path(name)) is not None
    })  # fmt: skip
    return training


def against_compiled(config: TrainConfig, engine: Engine, seconds: float, rounds: int) -> Any:
    """Return steps a second of the usual and the compiled updates, in turn, and how many times as fast."""
    usual, other = (
        Training(config, engine=engine, data=noise(config)),
        with_libraries(config, engine),
    )
    if isinstance(other, str):
        return other
    # The first round warms up.
    found = [(rate(usual, seconds), rate(other, seconds)) for _ in range(rounds + 1)][1:]
    medians = [statistics.median(one) for one in zip(*found, strict=True)]
    return {
        "usual": medians[0], "compiled": medians[1],
        "times": statistics.median(b / a for a, b in found), "gigaflops_a_step": flops(usual) / 1e9,
    }  # fmt: skip


def main() -> None:
    """Print a table, and the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, nargs="+", default=[cores()])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only", nargs="+", metavar="WORD", help="rows whose name has all of these"
    )
    parser.add_argument("--compiled", action="store_true")
    given = parser.parse_args()
    chosen = {
        name: config for name, config in rows().items()
        if all(word in name for word in given.only or ())
    }  # fmt: skip
    precisions: list[Precision] = ["float32"]
    if given.device != "cpu" or might_gain_from_bfloat16("cpu", "pictures"):
        precisions.append("bfloat16")
    if given.compiled:
        print("| networks · objective | threads | usual, steps/s | compiled, steps/s | times as fast "
              "| GFLOP/s of the matrix product's |\n|---|---|---|---|---|---|")  # fmt: skip
        for threads in given.threads:
            torch.set_num_threads(threads)
            most = statistics.median(product("cpu", torch.float32)() for _ in range(5)) / 1e9
            for name, config in chosen.items():
                one = against_compiled(
                    config, Engine("cpu", "float32", threads), given.seconds, given.rounds
                )
                print(f"| {name} | {threads} | {one} |" if isinstance(one, str) else
                      f"| {name} | {threads} | {one['usual']:.1f} | {one['compiled']:.1f} | {one['times']:.2f} "
                      f"| {one['gigaflops_a_step'] * one['compiled']:.0f} of {most:.0f} |", flush=True)  # fmt: skip
        return
    table: list[dict[str, Any]] = []
    for threads in given.threads:
        torch.set_num_threads(threads)
        limits = {p: product(given.device, getattr(torch, p)) for p in precisions}
        for name, config in chosen.items():
            for precision in precisions:
                if precision == "bfloat16" and config.dataset.kind == "points":
                    continue
                engine = Engine(given.device, precision, threads)
                training = Training(config, engine=engine, data=noise(config))
                work = flops(training)
                for _ in range(3):
                    training.step()
                found, most, alone = [], [], []
                for _ in range(given.rounds):
                    most.append(limits[precision]())
                    alone.append(limits["float32"]())
                    found.append(rate(training, given.seconds))
                steps = statistics.median(found)
                table.append({
                    "row": name, "precision": precision, "threads": threads,
                    "steps_per_second": steps,
                    "images_per_second": steps * config.batch_size * config.n_critic,
                    "gigaflops_a_step": work / 1e9,
                    "gigaflops_per_second": work * steps / 1e9,
                    "matrix_gigaflops_per_second": statistics.median(most) / 1e9,
                    "share": work * statistics.median(f / m for f, m in zip(found, most, strict=True)),
                    "share_of_float32": work * statistics.median(f / m for f, m in zip(found, alone, strict=True)),
                })  # fmt: skip
                print(json.dumps(table[-1]), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\n{given.device}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, "
          f"torch {torch.__version__}, load {os.getloadavg()[0]:.1f}, peak memory {peak:.2f} GB")  # fmt: skip
    print("| networks · objective | precision | threads | steps/s | real images/s | GFLOP a step | GFLOP/s "
          "| share of the matrix product's |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for r in table:
        print(f"| {r['row']} | {r['precision']} | {r['threads']} | {r['steps_per_second']:.1f} "
              f"| {r['images_per_second']:,.0f} | {r['gigaflops_a_step']:.2f} "
              f"| {r['gigaflops_per_second']:.0f} of {r['matrix_gigaflops_per_second']:.0f} "
              f"| {100 * r['share']:.0f} % |")  # fmt: skip


if __name__ == "__main__":
    main()
