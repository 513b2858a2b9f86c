"""Speeds and memory of trainings, with the usual and with compiled steps."""

import statistics
from collections.abc import Iterator

from wgan.bench.configs import noise
from wgan.bench.measurement import (
    Row,
    matrix_rate_meter,
    median_ratio,
    peak_memory,
    step_flops,
    steps_per_second,
)
from wgan.config import TrainConfig
from wgan.training import Engine, Training
from wgan.training.acceleration import (
    STEPS,
    AotPackage,
    Compiler,
    Graph,
    build,
    unsupported_reason,
)
from wgan.training.engine import Precision, might_gain_from_bfloat16
from wgan.training.steps import CompiledStep


def measure_speeds(
    configs: dict[str, TrainConfig], device: str, threads: int, seconds: float, rounds: int
) -> Iterator[Row]:
    """Measure each config with the usual steps, in each precision that may be fast on the device."""
    precisions: list[Precision] = ["float32"]
    if might_gain_from_bfloat16(device, "pictures"):
        precisions.append("bfloat16")
    Engine(device, "float32", threads).activate()
    meters = {precision: matrix_rate_meter(device, precision) for precision in precisions}
    for name, config in configs.items():
        for precision in precisions:
            if precision == "bfloat16" and config.dataset.kind == "points":
                continue
            engine = Engine(device, precision, threads)
            with peak_memory(device) as memory:
                training = Training(config, engine=engine, data=noise(config))
                operations = step_flops(training)
                for _ in range(3):
                    training.step()
            step_rates, matrix_rates, float32_rates = [], [], []
            for _ in range(rounds):
                matrix_rates.append(meters[precision]())
                float32_rates.append(
                    matrix_rates[-1] if precision == "float32" else meters["float32"]()
                )
                step_rates.append(steps_per_second(training, seconds))
            rate = statistics.median(step_rates)
            yield {
                "row": name,
                "device": device,
                "precision": precision,
                "threads": threads,
                "steps_per_second": rate,
                "images_per_second": rate * config.batch_size * config.n_critic,
                "gigaflops_a_step": operations / 1e9,
                "gigaflops_per_second": operations * rate / 1e9,
                "matrix_gigaflops_per_second": statistics.median(matrix_rates) / 1e9,
                "float32_matrix_gigaflops_per_second": statistics.median(float32_rates) / 1e9,
                "share": operations * median_ratio(step_rates, matrix_rates),
                "share_of_float32": operations * median_ratio(step_rates, float32_rates),
                "peak_memory_bytes": memory["bytes"],
            }


def measure_compiled(
    configs: dict[str, TrainConfig], device: str, threads: int, seconds: float, rounds: int
) -> Iterator[Row]:
    """Measure each config with the usual and with compiled steps, in turn."""
    engine = Engine(device, "float32", threads)
    engine.activate()
    matrix_meter = matrix_rate_meter(device, "float32")
    for name, config in configs.items():
        row: Row = {"row": name, "device": device, "threads": threads}
        accelerated = _accelerated_training(config, engine)
        if isinstance(accelerated, str):
            yield row | {"unfit": accelerated}
            continue
        usual = Training(config, engine=engine, data=noise(config))
        matrix_rates, rate_pairs = [], []
        for _ in range(rounds + 1):
            matrix_rates.append(matrix_meter())
            rate_pairs.append(
                (steps_per_second(usual, seconds), steps_per_second(accelerated, seconds))
            )
        # The first round warms up.
        usual_rates, compiled_rates = zip(*rate_pairs[1:], strict=True)
        yield row | {
            "steps_per_second": statistics.median(usual_rates),
            "compiled_steps_per_second": statistics.median(compiled_rates),
            "times": median_ratio(compiled_rates, usual_rates),
            "gigaflops_a_step": step_flops(usual) / 1e9,
            "matrix_gigaflops_per_second": statistics.median(matrix_rates[1:]) / 1e9,
        }


def _accelerated_training(config: TrainConfig, engine: Engine) -> Training | str:
    """Return a training with compiled steps (on CUDA: graphs), or the reason why it cannot have them."""
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
