"""ThreadTuner: measures during training which number of CPU threads is fastest.

With free cores and large networks, two threads are nearly twice as fast as one. If another program
uses a core, the threads wait for each other, and small networks have too little work to share. So
the number must be measured, and measured again when the speed of the training changes.
"""

import statistics
import time
from collections.abc import Sequence

import torch

from wgan.config import TrainConfig
from wgan.training.cost import remember_threads, step_times, synthetic_training
from wgan.training.engine import Engine, use_threads

MIN_SPEEDUP = 1.1
"""Minimum speed-up for a switch, which changes the rounding and costs a new compilation."""

FIRST_TUNING_S = 8.0  # seconds of training before the first measurement
TUNING_INTERVAL_S = 60.0  # seconds between two measurements at constant speed
MIN_TUNING_INTERVAL_S = 15.0  # minimum seconds between two measurements
MAX_TUNING_SHARE = 0.02
"""Maximum share of the training time for measurements."""

SPEED_CHANGE_FACTOR = 1.35
"""The speed counts as changed if a step takes this many times as long or as short as before."""

RESCUE_FACTOR = 3.0
"""If a step takes this many times as long, measure again after SOONEST, regardless of SHARE."""

BLOCK_S = 0.1  # seconds of steps with one number of threads before the next one's turn
ROUNDS = 3
SLOW_STEP_S = 0.5
"""If steps are longer than this, in seconds, only two steps are made with each number."""

MAX_STEP_S = 3.0
"""Longer steps are not measured, because the training could not react to its user."""


class ThreadTuner:
    """Decides when to measure the number of CPU threads, and measures it.

    Args:
        most: The largest number of threads.
        start_s: Training time, in seconds, at which the tuner begins.
    """

    def __init__(self, most: int, start_s: float = 0.0) -> None:
        self._most = most
        self._next = self._soonest = self._rescue = start_s + FIRST_TUNING_S
        self._usual: float | None = None  # seconds per step just after the last measurement
        self._recent: list[float] = []

    def record(self, seconds: float, steps: int) -> None:
        """Record the duration of the last steps."""
        if not steps:
            return
        self._recent = [*self._recent[-4:], seconds / steps]
        if self._usual is None and len(self._recent) == 5:
            self._usual = statistics.median(self._recent)

    def _slower(self) -> float:
        """Return the duration of a step over that after the last measurement."""
        return 1.0 if self._usual is None else statistics.median(self._recent) / self._usual

    def should_tune(self, seconds: float) -> bool:
        """Return whether to measure now, after `seconds` of training."""
        if not self._recent or statistics.median(self._recent) > MAX_STEP_S:
            return False
        slower = self._slower()
        return (
            seconds >= self._next
            or (
                seconds >= self._soonest
                and not 1 / SPEED_CHANGE_FACTOR < slower < SPEED_CHANGE_FACTOR
            )
            or (seconds >= self._rescue and slower >= RESCUE_FACTOR)
        )

    def tune(self, config: TrainConfig, engine: Engine, seconds: float) -> int:
        """Measure, and return the number of threads to continue with."""
        start = time.perf_counter()
        now = statistics.median(self._recent) if self._recent else None
        best = fastest(config, engine, neighbours(engine.threads, self._most), now)
        took = time.perf_counter() - start
        self._next = seconds + max(TUNING_INTERVAL_S, took / MAX_TUNING_SHARE)
        self._soonest = seconds + max(MIN_TUNING_INTERVAL_S, took / MAX_TUNING_SHARE)
        self._rescue = seconds + MIN_TUNING_INTERVAL_S
        self._usual, self._recent = None, []
        remember_threads(config, best, self._most)
        return best


def neighbours(threads: int, most: int) -> list[int]:
    """Return the numbers of threads to compare: the current one first, then half and twice of it."""
    candidates = (threads, threads // 2, threads * 2, most if threads * 2 > most else threads)
    return [n for n in dict.fromkeys(candidates) if 1 <= n <= most or n == threads]


def fastest(
    config: TrainConfig, engine: Engine, counts: Sequence[int], now: float | None = None
) -> int:
    """Return the number of threads with the fastest steps; the first, unless another is clearly faster.

    The numbers take turns on steps with synthetic data, so that other load affects all of them.
    These steps are not compiled.

    Args:
        config: The config of the training.
        engine: The engine of the training.
        counts: The numbers of threads; the first is the current one.
        now: Seconds per step of the training with the first number. It replaces a longer
            measurement if the training is compiled. If it is above `SLOW`, each number is measured
            with fewer steps.
    """
    if len(counts) < 2:
        return counts[0]
    slow = now is not None and now > SLOW_STEP_S
    training = synthetic_training(config, Engine(engine.device, engine.precision, counts[0]))
    times: dict[int, list[float]] = {n: [] for n in counts}
    before = torch.get_num_threads()
    try:
        for n in () if slow else counts:  # first steps choose kernels and start threads
            use_threads(n)
            training.step()
        for _ in range(1 if slow else ROUNDS):
            for n in counts:
                use_threads(n)
                times[n] += step_times(training, budget=0.0 if slow else BLOCK_S)
            training.reports()
    finally:
        use_threads(before)
    median = {n: values[-1] if slow else statistics.median(values) for n, values in times.items()}
    if engine.compiled and now is not None:
        median[counts[0]] = min(now, median[counts[0]])
    best = min(counts, key=lambda n: median[n])
    return best if median[counts[0]] >= MIN_SPEEDUP * median[best] else counts[0]
