"""The time that the app's training spends on reports, previews, metrics and files."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wgan.bench.measurement import Row, median_ratio, run_steps
from wgan.config import TrainConfig
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status
from wgan.training import Training
from wgan.training.engine import wait

TURN_S = 0.5
"""Longest turn of the bare loop or of the app's training. Other work on the machine then slows both alike."""

MAX_PREPARATION_S = 120.0
"""Longest wait for the preparation of a training's first live metrics."""

PART_OF_METHOD = {
    "recorder.collect": "reports",
    "recorder.save_preview": "previews",
    "recorder.save_checkpoint": "checkpoints",
    "recorder.metrics.measure": "metrics",
    "recorder.metrics.measure_checkpoint": "metrics",
    "flush": "recording",
}
"""The parts of a training job other than its steps, by the method that does each."""


class PartTimer:
    """Measures the time that a job spends on each part. Nested calls count for the inner part only."""

    def __init__(self, job: TrainingJob) -> None:
        self.is_running = False
        self.seconds = dict.fromkeys(PART_OF_METHOD.values(), 0.0)
        self._device = job.training.device.type
        self._nested_seconds = [0.0]  # by depth
        for path, part in PART_OF_METHOD.items():
            *owners, method = path.split(".")
            owner: Any = job
            for name in owners:
                owner = getattr(owner, name)
            setattr(owner, method, self._timed(getattr(owner, method), part))

    def _timed(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            if not self.is_running:
                return call(*arguments)
            wait(self._device)
            start = time.perf_counter()
            self._nested_seconds.append(0.0)
            try:
                return call(*arguments)
            finally:
                wait(self._device)
                elapsed = time.perf_counter() - start
                self.seconds[part] += elapsed - self._nested_seconds.pop()
                self._nested_seconds[-1] += elapsed

        return timed


def measure_costs(
    configs: dict[str, TrainConfig], device: str, threads: int, seconds: float, rounds: int
) -> Iterator[Row]:
    """Measure the time that the app adds to a training by reports, previews, metrics and recording.

    The bare loop and the app's job take short turns, on the same data and with the same updates, until each
    has run for `seconds`. A third turn times the parts of the job, because the synchronisations for that
    cost time too. The row of a config whose pictures are not on this machine says so instead.
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
                yield row | _compare(job, bare, seconds, rounds)
            finally:
                job.finish(Status.STOPPED)


def _compare(job: TrainingJob, bare: Training, seconds: float, rounds: int) -> Row:
    device, part_timer = bare.device.type, PartTimer(job)

    def no_fetch() -> None: ...

    turns = {
        "bare": (bare.step, bare.reports),
        "app": (job.step, no_fetch),
        "timed": (job.step, no_fetch),
    }
    # Leave out the preparation, which happens once in a run.
    start = time.perf_counter()
    while not job.live_evaluator.ready and time.perf_counter() - start < MAX_PREPARATION_S:
        run_steps(job.step, no_fetch, device, min(TURN_S, seconds))
    rates: dict[str, list[float]] = {name: [] for name in turns}
    timed_seconds = 0.0
    for _ in range(rounds):
        steps, seconds_of = dict.fromkeys(turns, 0), dict.fromkeys(turns, 0.0)
        while min(seconds_of.values()) < seconds:
            for name, (step, fetch) in turns.items():
                part_timer.is_running = name == "timed"
                n, elapsed = run_steps(step, fetch, device, min(TURN_S, seconds))
                steps[name] += n
                seconds_of[name] += elapsed
        timed_seconds += seconds_of["timed"]
        for name in turns:
            rates[name].append(steps[name] / seconds_of[name])
    return {
        "steps_per_second": statistics.median(rates["bare"]),
        "app_steps_per_second": statistics.median(rates["app"]),
        "lost": 1 - median_ratio(rates["app"], rates["bare"]),
        "parts": {
            part: part_seconds / timed_seconds for part, part_seconds in part_timer.seconds.items()
        },
    }
