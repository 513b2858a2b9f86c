"""The choice of an engine, and forecasts of time and memory, both from short measurements."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from wgan.config import MAX_STEPS, TrainConfig
from wgan.data import Data, Pictures
from wgan.paths import cache_dir
from wgan.rng import keyed_rng
from wgan.training.engine import (
    Engine,
    Precision,
    cores,
    might_gain_from_bfloat16,
    pick_device,
    wait,
)
from wgan.training.loop import Training

MIN_BFLOAT16_SPEEDUP = 1.05
"""Minimum speed-up for bfloat16 to be chosen. It is less precise, so float32 wins a tie."""


@dataclass(frozen=True)
class Forecast:
    """The approximate cost of a training on this machine."""

    seconds_per_step: float
    memory_bytes: int  # weights, optimiser, activations of one update, data


def engine_cache() -> Path:
    """Return the file with this machine's measured choices, which is independent of the folder of runs."""
    return cache_dir() / "engines.json"


def resolve_engine(
    config: TrainConfig,
    *,
    threads: int | None = None,
    most_threads: int | None = None,
    cache: Path | None = None,
    processes: int = 1,
    check: Callable[[], None] = lambda: None,
) -> Engine:
    """Return the engine of a config on this machine.

    The precision is bfloat16 if a measurement of less than a second finds it faster.

    Args:
        config: What is trained.
        threads: Number of CPU threads if the config leaves it open. Default: the number last
            measured to be fastest (see `ThreadTuner`), else a guess. Several processes on this
            machine share the cores equally.
        most_threads: Largest number of threads. Default: all cores.
        cache: JSON file with measured choices. Default: `engine_cache()`.
        processes: Number of processes that train together.
        check: Called before each measured step. An exception that it raises ends the measurement.

    Raises:
        ValueError: The requested device does not exist.
    """
    device = pick_device(config.device)
    local_processes = int(os.environ.get("LOCAL_WORLD_SIZE", processes)) if processes > 1 else 1
    cache = cache or engine_cache()
    choices = _read(cache)
    thread_count = config.threads or threads or max(1, cores() // local_processes)
    if not config.threads and not threads and local_processes == 1 and device == "cpu":
        thread_count = _first_threads(config, most_threads or cores(), choices)
    wanted_precision: Literal["auto", "float32", "bfloat16"] = config.precision
    if wanted_precision != "auto":
        return Engine(device, wanted_precision, thread_count, processes)
    if not might_gain_from_bfloat16(device, config.network.kind):
        return Engine(device, "float32", thread_count, processes)
    key = "|".join(
        [
            device,
            str(thread_count),
            torch.__version__,
            _processor(device),
            config.network.model_dump_json(),
            str(config.objective.name),
            str(config.batch_size),
            str(config.latent_dim),
            str(config.dataset.shape),
        ]
    )
    if key not in choices:
        rates = _time_precisions(config, device, thread_count, check)
        choices[key] = (
            "bfloat16" if rates["float32"] > MIN_BFLOAT16_SPEEDUP * rates["bfloat16"] else "float32"
        )
        _write(cache, choices)
    precision: Precision = "bfloat16" if choices[key] == "bfloat16" else "float32"
    return Engine(device, precision, thread_count, processes)


def _first_threads(config: TrainConfig, most: int, known: Mapping[str, str]) -> int:
    """Return the initial number of threads: the one last measured to be fastest, else a guess."""
    try:
        return max(1, min(most, int(known[_threads_key(config, most)])))
    except (KeyError, ValueError):
        # Work on pictures can use all cores; work on points usually cannot.
        return most if config.dataset.kind == "pictures" else 1


def remember_threads(
    config: TrainConfig, threads: int, most: int, cache: Path | None = None
) -> None:
    """Let later trainings of this kind, with at most `most` threads, begin with this number."""
    cache = cache or engine_cache()
    remembered, key = _read(cache), _threads_key(config, most)
    if remembered.get(key) != str(threads):
        _write(cache, remembered | {key: str(threads)})


def _threads_key(config: TrainConfig, most: int) -> str:
    parts = [
        "threads",
        str(most),
        torch.__version__,
        _processor("cpu"),
        config.network.model_dump_json(),
        str(config.objective.name),
        f"{config.batch_size} {config.n_critic} {config.latent_dim}",
        str(config.dataset.shape),
    ]
    return "|".join(parts)


def forecast(
    config: TrainConfig, engine: Engine, check: Callable[[], None] = lambda: None
) -> Forecast:
    """Measure some steps on synthetic data of the config's shape.

    Args:
        config: What would be trained.
        engine: Device, precision and threads of the measurement.
        check: Called before each step and after the last. An exception that it raises ends the
            measurement.
    """
    check()
    training = synthetic_training(config, engine)
    check()
    activations = 0

    def weigh(tensor: Tensor) -> Tensor:
        nonlocal activations
        activations += tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor):
        training.step()
    activations //= config.n_critic + 1
    for _ in range(3):
        check()
        training.step()  # the first steps also choose kernels and allocate memory
    times = step_times(training, budget=0.5, check=check)
    check()
    state = sum(t.nbytes for t in training.state().tensors.values())
    return Forecast(statistics.median(times), state + activations + config.dataset.nbytes)


def planned_steps(config: TrainConfig, seconds: float, *, processes: int = 1) -> int:
    """Return the number of steps that a training makes in a time, as forecast by a short measurement.

    Args:
        config: What would be trained.
        seconds: The time.
        processes: Number of processes that train together.

    Raises:
        ValueError: The requested device does not exist.
    """
    engine = resolve_engine(config, processes=processes)
    engine.activate()
    steps = round(seconds / forecast(config, engine).seconds_per_step)
    return max(1, min(steps, MAX_STEPS))


def synthetic_training(config: TrainConfig, engine: Engine) -> Training:
    """Return a training on synthetic data of the config's shape."""
    rng = keyed_rng(0, "forecast")
    data: Data
    if config.dataset.kind == "pictures":
        shape = (max(256, config.batch_size), *config.dataset.shape)
        pictures = torch.randint(256, shape, generator=rng, dtype=torch.uint8)
        labels = torch.zeros(len(pictures), dtype=torch.long)
        data = Pictures(pictures, pictures, labels, labels)
    else:
        data = config.dataset.load()
    # Measure a normal step: warm-up steps are rare.
    usual = {"replacement": True, "seed": 0, "warmup_steps": 0, "warmup_every": 0}
    return Training(config.changed(usual), engine=engine, data=data)


def step_times(
    training: Training, budget: float, check: Callable[[], None] = lambda: None
) -> list[float]:
    """Return the seconds of each step: at least two steps, for about `budget` seconds.

    Args:
        training: The training.
        budget: Total time, in seconds.
        check: Called before each step. An exception that it raises ends the measurement.
    """
    times: list[float] = []
    while len(times) < 2 or sum(times) < budget:
        check()
        start = time.perf_counter()
        training.step()
        if training.device.type != "cpu":
            training.reports()
            wait(training.device.type)
        times.append(time.perf_counter() - start)
    return times


def _time_precisions(
    config: TrainConfig, device: str, threads: int, check: Callable[[], None]
) -> dict[str, float]:
    """Return the median seconds per step of each precision, measured in turn so that drift affects both."""
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    pair = {p: synthetic_training(config, Engine(device, p, threads)) for p in precisions}
    times: dict[str, list[float]] = {precision: [] for precision in pair}
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for training in pair.values():
            for _ in range(2):
                check()
                training.step()
        for _ in range(8):
            for precision, training in pair.items():
                times[precision] += step_times(training, budget=0.06, check=check)
    finally:
        torch.set_num_threads(before)
    return {precision: statistics.median(values) for precision, values in times.items()}


def _processor(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    return platform.processor() or platform.machine()


def _read(cache: Path) -> dict[str, str]:
    try:
        values = json.loads(cache.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _write(cache: Path, known: dict[str, str]) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        half = cache.with_name(f"{cache.name}.{os.getpid()}.part")
        half.write_text(json.dumps(known, indent=1), "utf-8")
        half.replace(cache)
    except OSError:
        pass  # without a cache, the next training measures again
