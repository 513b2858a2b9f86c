"""Speed and memory of trainings on this machine, and what an app's training loses beside the bare loop.

Operations are counted by torch (FlopCounterMode: products and convolutions, a multiplication and an addition
being two) in one generator step with its critic updates. The rate of a square matrix product is taken in the
same process, in turn with the steps, and a share is of that rate. Figures are medians of the rounds; pictures
are noise of the data's shape. A device has done all it was told before a clock is read.
"""

import contextlib
import gc
import itertools
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from wgan.config import TrainConfig
from wgan.data import Data, Pictures
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status
from wgan.training import Engine, Training
from wgan.training.acceleration import (
    STEPS,
    AotPackage,
    Compiler,
    Graph,
    build,
    unsupported_reason,
)
from wgan.training.engine import Precision, might_gain_from_bfloat16, wait
from wgan.training.steps import CompiledStep

SIDES = {"cpu": 1024, "cuda": 4096, "mps": 2048}
"""Rows of the square matrices: enough to fill a device."""

SPELL = 0.15
"""Seconds of a matrix product's measurement."""

TURN = 0.5
"""Seconds that the bare loop and the app's training are given in turn: other work on the machine hits both."""

PREPARES = 120.0
"""Seconds that a training's first measurement may take to prepare."""

PICTURES: dict[str, Any] = {"dataset": "mnist-10k", "replacement": True, "measure": False}
POINTS: dict[str, Any] = {"dataset": "ring-8", "batch_size": 256, "measure": False, "n_critic": 5}

PARTS = {
    "_collect": "reports",
    "_save_preview": "previews",
    "_save_checkpoint": "checkpoints",
    "metrics.measure": "metrics",
    "metrics.measure_checkpoint": "metrics",
    "flush": "recording",
}
"""What a training's job does beside its steps, by the method that does it."""


def rows(only: Sequence[str] = ()) -> dict[str, TrainConfig]:
    """Return what is measured, by name: networks of each size, and objectives on the same networks.

    With `only`, those whose name has all of these words.
    """
    rows_by_name: dict[str, TrainConfig] = {}
    for objective, width in itertools.product(("wgan-gp", "wgan", "gan"), (128, 512)):
        network: dict[str, Any] = {"name": "mlp", "width": width, "depth": 3}
        rows_by_name[f"toy 3×{width} · {objective}"] = TrainConfig.parse(
            POINTS | {"objective": objective, "network": network}
        )
    for objective, size in itertools.product(
        ("wgan-gp", "wgan", "gan"), ("small", "medium", "large")
    ):
        network = {"name": "dcgan", "size": size}
        rows_by_name[f"dcgan {size} · {objective}"] = TrainConfig.parse(
            PICTURES | {"objective": objective, "network": network, "batch_size": 64, "n_critic": 1}
        )
    return {
        name: config for name, config in rows_by_name.items() if all(word in name for word in only)
    }


def noise(config: TrainConfig) -> Data:
    """Return pictures of the config's shape, or its points."""
    if config.dataset.kind == "points":
        return config.dataset.load()
    rng = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (4096, *config.dataset.shape), generator=rng, dtype=torch.uint8)
    labels = torch.zeros(len(pictures), dtype=torch.long)
    return Pictures(pictures, pictures, labels, labels)


class _Nowhere(contextlib.nullcontext[None]):
    """Stands for the counter's tracker of modules, which a penalty's inner gradient stumbles over."""

    parents = frozenset({"Global"})


def operations(work: Callable[[], object]) -> int:
    """Return the floating point operations of products and convolutions in a piece of work."""
    counter = FlopCounterMode(display=False)
    tracker: Any = _Nowhere()
    counter.mod_tracker = tracker
    with counter:
        work()
    return int(counter.get_total_flops())


def flops(training: Training) -> int:
    """Return the floating point operations of one step; makes the step."""
    return operations(training.step)


def product(device: str, precision: Precision) -> Callable[[], float]:
    """Return what measures the rate of a matrix product, in operations a second."""
    side = SIDES.get(device, 1024)
    a, b = (torch.randn(side, side).to(device, getattr(torch, precision)) for _ in range(2))

    def once() -> float:
        wait(device)
        n, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < SPELL or not n:
            for _ in range(4):
                a @ b
            wait(device)
            n += 4
        return n * 2 * side**3 / elapsed

    return once


def spell(
    step: Callable[[], object], fetch: Callable[[], object], device: str, seconds: float
) -> tuple[int, float]:
    """Make steps for about so many seconds, at least two; return how many, and the seconds they took.

    `fetch` is called, and the device waited for, every ten steps on a device that runs ahead of the CPU.
    """
    together = 1 if device == "cpu" else 10
    wait(device)
    n, start = 0, time.perf_counter()
    while True:
        for _ in range(together):
            step()
        fetch()
        wait(device)
        n += together
        if (elapsed := time.perf_counter() - start) >= seconds and n >= 2:
            return n, elapsed


def rate_of(training: Training, seconds: float) -> float:
    """Return a training's steps a second over about so many seconds."""
    n, elapsed = spell(training.step, training.reports, training.device.type, seconds)
    return n / elapsed


# ---- memory -------------------------------------------------------------------------------------


@contextlib.contextmanager
def peak(device: str) -> Iterator[dict[str, int]]:
    """Measure the most memory in use meanwhile, in bytes; it is in the result afterwards.

    On CUDA what torch allocated there beyond what it held before. Elsewhere the process' resident memory,
    Python and torch included: of this while alone where Linux lets its mark be reset, else of the process
    so far.
    """
    gc.collect()
    peak_bytes: dict[str, int] = {}
    before = 0
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    else:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    yield peak_bytes
    if device == "cuda":
        peak_bytes["bytes"] = torch.cuda.max_memory_allocated() - before
    else:
        peak_bytes["bytes"] = _resident_peak()


def _resident_peak() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return 0  # unknown
    import resource

    # Bytes on a Mac, kilobytes elsewhere.
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


# ---- what is measured ---------------------------------------------------------------------------

Row = dict[str, Any]


def speeds(
    configs: dict[str, TrainConfig], device: str, threads: int, seconds: float, rounds: int
) -> Iterator[Row]:
    """Measure every row as written, in each precision that the hardware has."""
    precisions: list[Precision] = ["float32"]
    if might_gain_from_bfloat16(device, "pictures"):
        precisions.append("bfloat16")
    Engine(device, "float32", threads).activate()
    limits = {precision: product(device, precision) for precision in precisions}
    for name, config in configs.items():
        for precision in precisions:
            if precision == "bfloat16" and config.dataset.kind == "points":
                continue
            engine = Engine(device, precision, threads)
            with peak(device) as memory:
                training = Training(config, engine=engine, data=noise(config))
                work = flops(training)
                for _ in range(3):
                    training.step()
            rates, most, alone = [], [], []
            for _ in range(rounds):
                most.append(limits[precision]())
                alone.append(most[-1] if precision == "float32" else limits["float32"]())
                rates.append(rate_of(training, seconds))
            steps = statistics.median(rates)
            yield {
                "row": name,
                "device": device,
                "precision": precision,
                "threads": threads,
                "steps_per_second": steps,
                "images_per_second": steps * config.batch_size * config.n_critic,
                "gigaflops_a_step": work / 1e9,
                "gigaflops_per_second": work * steps / 1e9,
                "matrix_gigaflops_per_second": statistics.median(most) / 1e9,
                "float32_matrix_gigaflops_per_second": statistics.median(alone) / 1e9,
                "share": work * _median_ratio(rates, most),
                "share_of_float32": work * _median_ratio(rates, alone),
                "peak_memory_bytes": memory["bytes"],
            }


def with_substitutes(config: TrainConfig, engine: Engine) -> Training | str:
    """Return a training with compiled or recorded updates, which are made first, or why there is none."""
    training = Training(config, engine=engine, data=noise(config))
    if reason := unsupported_reason(config, engine, training.critic):
        return reason
    if engine.device == "cuda":
        training.set_compiled_steps(
            {name: Graph(step) for name, step in training.traceable_steps().items()}
        )
        return training
    compiler = Compiler(config, engine)
    if not all(compiler.path(name) for name in STEPS):
        build(config, engine, training.traceable_steps())
    steps: dict[str, CompiledStep] = {}
    for name, update in training.traceable_steps().items():
        path = compiler.path(name)
        assert path is not None
        steps[name] = AotPackage(path, update.inputs)
    training.set_compiled_steps(steps)
    return training


def compiled(
    configs: dict[str, TrainConfig], device: str, threads: int, seconds: float, rounds: int
) -> Iterator[Row]:
    """Measure every row with the usual updates and with compiled ones, in turn."""
    engine = Engine(device, "float32", threads)
    engine.activate()
    limit = product(device, "float32")
    for name, config in configs.items():
        row: Row = {"row": name, "device": device, "threads": threads}
        other = with_substitutes(config, engine)
        if isinstance(other, str):
            yield row | {"unfit": other}
            continue
        usual = Training(config, engine=engine, data=noise(config))
        most, rates = [], []
        for _ in range(rounds + 1):
            most.append(limit())
            rates.append((rate_of(usual, seconds), rate_of(other, seconds)))
        as_written, fast = zip(*rates[1:], strict=True)  # the first round warms up
        yield row | {
            "steps_per_second": statistics.median(as_written),
            "compiled_steps_per_second": statistics.median(fast),
            "times": _median_ratio(fast, as_written),
            "gigaflops_a_step": flops(usual) / 1e9,
            "matrix_gigaflops_per_second": statistics.median(most[1:]) / 1e9,
        }


class _Parts:
    """Times what a job does beside its steps; a second belongs to one part only."""

    def __init__(self, job: TrainingJob) -> None:
        self.on = False
        self.seconds = dict.fromkeys(PARTS.values(), 0.0)
        self._device = job.training.device.type
        self._inner = [0.0]  # seconds of what was called meanwhile, at each depth
        for path, part in PARTS.items():
            *owners, method = path.split(".")
            owner: Any = job
            for name in owners:
                owner = getattr(owner, name)
            setattr(owner, method, self._timed(getattr(owner, method), part))

    def _timed(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            if not self.on:
                return call(*arguments)
            wait(self._device)
            start = time.perf_counter()
            self._inner.append(0.0)
            try:
                return call(*arguments)
            finally:
                wait(self._device)
                whole = time.perf_counter() - start
                self.seconds[part] += whole - self._inner.pop()
                self._inner[-1] += whole

        return timed


def costs(
    configs: dict[str, TrainConfig], device: str, threads: int, seconds: float, rounds: int
) -> Iterator[Row]:
    """Measure what a training loses that is reported, previewed, measured and recorded as the app does it.

    The bare loop and the job take short turns, on the same data, with the same updates, until each had a
    round's seconds. In a third turn the job's parts are timed: waiting for the device before each clock
    reading costs a little itself. A row whose pictures are not on this machine is left out, with words.
    """
    for name, row_config in configs.items():
        row: Row = {"row": name, "device": device, "threads": threads}
        if not row_config.dataset.present():
            yield row | {
                "unfit": f"the pictures of {row_config.dataset.title} are not on this machine"
            }
            continue
        config = row_config.changed(
            {
                "measure": True,
                "device": device,
                "threads": threads,
                "precision": "float32",
                "compiled": False,
                "steps": 10_000_000,
            }
        )
        with tempfile.TemporaryDirectory() as folder:
            job = TrainingJob(Run.create(config, Path(folder)), publish=lambda _: None)
            job.prepare()
            try:
                bare = Training(config, engine=job.training.engine, data=job.training.data)
                yield row | _costs_of(job, bare, seconds, rounds)
            finally:
                job.finish(Status.STOPPED)


def _costs_of(job: TrainingJob, bare: Training, seconds: float, rounds: int) -> Row:
    device, parts = bare.device.type, _Parts(job)

    def nothing() -> None: ...

    turns = {
        "bare": (bare.step, bare.reports),
        "app": (job.step, nothing),
        "timed": (job.step, nothing),
    }
    # What comes once in a run is not counted.
    start = time.perf_counter()
    while not job.live_evaluator.ready and time.perf_counter() - start < PREPARES:
        spell(job.step, nothing, device, min(TURN, seconds))
    rates: dict[str, list[float]] = {name: [] for name in turns}
    timed = 0.0
    for _ in range(rounds):
        steps, seconds_of = dict.fromkeys(turns, 0), dict.fromkeys(turns, 0.0)
        while min(seconds_of.values()) < seconds:
            for name, (step, fetch) in turns.items():
                parts.on = name == "timed"
                n, took = spell(step, fetch, device, min(TURN, seconds))
                steps[name] += n
                seconds_of[name] += took
        timed += seconds_of["timed"]
        for name in turns:
            rates[name].append(steps[name] / seconds_of[name])
    return {
        "steps_per_second": statistics.median(rates["bare"]),
        "app_steps_per_second": statistics.median(rates["app"]),
        "lost": 1 - _median_ratio(rates["app"], rates["bare"]),
        "parts": {part: part_seconds / timed for part, part_seconds in parts.seconds.items()},
    }


def _median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


# ---- in words -----------------------------------------------------------------------------------

SECONDS = {speeds: 2.0, compiled: 2.0, costs: 10.0}
"""Of a round: a training is measured every two seconds, so what that costs shows in longer ones only."""

HEADS = {
    speeds: "| networks · objective | precision | threads | steps/s | real images/s | GFLOP a step | GFLOP/s "
    "| share of the matrix product's | of float32's | peak memory |",
    compiled: "| networks · objective | threads | as written, steps/s | compiled, steps/s | times as fast "
    "| GFLOP/s, compiled |",
    costs: "| networks · objective | threads | bare loop, steps/s | as the app, steps/s | time lost "
    f"| {' | '.join(dict.fromkeys(PARTS.values()))} |",
}
"""A table's first line, by what makes its rows."""


def line(row: Row) -> str:
    """Return a row of a table in Markdown."""
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
        done = row["gigaflops_a_step"] * row["compiled_steps_per_second"]
        cells += [
            f"{row['steps_per_second']:.1f}",
            f"{row['compiled_steps_per_second']:.1f}",
            f"{row['times']:.2f}",
            f"{done:.0f} of {row['matrix_gigaflops_per_second']:.0f}",
        ]
    else:
        done, most = row["gigaflops_per_second"], row["matrix_gigaflops_per_second"]
        cells += [
            f"{row['steps_per_second']:.1f}",
            f"{row['images_per_second']:,.0f}",
            f"{row['gigaflops_a_step']:.2f}",
            f"{done:.0f} of {most:.0f}",
            f"{100 * row['share']:.0f} %",
            f"{100 * row['share_of_float32']:.0f} %",
            f"{row['peak_memory_bytes'] / 1e9:.2f} GB",
        ]
    return f"| {' | '.join(cells)} |"


def machine(device: str) -> str:
    """Return in a line what was measured on, and how busy it was."""
    facts = [
        torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
        f"{os.cpu_count()} cores",
        torch.backends.cpu.get_cpu_capability(),
        f"torch {torch.__version__}",
    ]
    if hasattr(os, "getloadavg"):
        facts.append(f"load {os.getloadavg()[0]:.1f}")
    return f"{device}: {', '.join(facts)}"
