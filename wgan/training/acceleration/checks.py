"""Checks of a compiled step: whether it is supported, correct and faster."""

import os
import statistics
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wgan.config import TrainConfig
from wgan.training.engine import Engine, Precision, wait
from wgan.training.steps import CompiledStep, TraceableStep

MIN_COMPILED_SPEEDUP = 1.05
"""Minimum speed-up for compiled steps to be used."""

CLOSE: dict[Precision, float] = {"float32": 1e-3, "bfloat16": 3e-2}
"""Tolerance of a gradient, relative to the largest value of its tensor: the rounding differs."""

STEPS = ("critic", "generator")


def unsupported_reason(config: TrainConfig, engine: Engine, critic: nn.Module) -> str | None:
    """Return why a training's steps cannot be compiled; None if they can."""
    if not config.compiled or os.environ.get("WGAN_COMPILE") == "off":
        return "it is turned off"
    if engine.device not in ("cpu", "cuda"):
        return "updates can be compiled only for the CPU and for CUDA"
    if engine.processes > 1:
        return "several processes train this run, and all must use the same steps"
    if config.split_updates or getattr(config.objective, "penalty_every", 1) > 1:
        return "its critic updates are not all the same"
    if config.objective.layers != "plain" or next(critic.buffers(), None) is not None:
        return "its critic has state besides its weights"
    return None


def mismatch_reason(compiled: CompiledStep, step: TraceableStep, engine: Engine) -> str | None:
    """Return why a compiled step must not be used (wrong inputs or outputs); None if it may be used."""
    outputs = compiled(step.inputs)
    expected = step.call(step.inputs)
    if outputs is None or len(outputs) != len(expected):
        return "it has other inputs"
    close = CLOSE[engine.precision]
    # A bias before batch norm has a gradient of 0, which rounding turns into a tiny number.
    least = close * max(float(gradient.abs().max()) for gradient in expected[: step.num_gradients])
    for i, (expected_output, other) in enumerate(zip(expected, outputs, strict=True)):
        if expected_output.is_floating_point():
            size = float(expected_output.abs().max())
            room = close * (max(size, least) if i < step.num_gradients else size) + 1e-7
            if (
                expected_output.dtype != other.dtype
                or not float((expected_output - other).abs().max()) <= room
            ):
                return "its results differ"
        elif not torch.equal(expected_output, other):
            return "its results differ"
    return None


def no_speedup_reason(
    pairs: Sequence[tuple[CompiledStep, TraceableStep, int]],
    engine: Engine,
    rounds: int = 7,
    seconds: float = 1.2,
) -> str | None:
    """Return a reason if the compiled steps are not faster; None if they are.

    Args:
        pairs: Each compiled step, the step that it replaces, and its number of calls per training
            step. The two are timed in turn.
        engine: The engine on which they run.
        rounds: Maximum number of measurements of each.
        seconds: Time limit, applied after three rounds.
    """
    eager = compiled = 0.0
    for compiled_step, step, count in pairs:
        times: tuple[list[float], list[float]] = ([], [])
        first_start = time.perf_counter()
        for i in range(rounds):
            if i > 2 and time.perf_counter() - first_start > seconds / len(pairs):
                break
            for step_times, call in zip(times, (step.call, compiled_step), strict=True):
                wait(engine.device)
                start = time.perf_counter()
                call(step.inputs)
                wait(engine.device)
                step_times.append(time.perf_counter() - start)
        eager += count * statistics.median(times[0])
        compiled += count * statistics.median(times[1])
    ratio = eager / compiled
    return None if ratio >= MIN_COMPILED_SPEEDUP else f"it is not faster ({ratio:.2f} times)"


def layout_of(values: Sequence[Tensor]) -> list[tuple[torch.Size, tuple[int, ...], torch.dtype]]:
    """Return shapes, strides and types of tensors. A compiled step accepts no others."""
    return [(value.shape, value.stride(), value.dtype) for value in values]
