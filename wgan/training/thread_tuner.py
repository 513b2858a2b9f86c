"""How many CPU threads a training uses: measured while it runs, and again when its pace changes.

Two threads are nearly twice as fast as one where the cores are free and the networks large; where another
program is busy on a core they wait for each other, and small networks have too little to share. Nothing but
a measurement tells, and it holds only as long as the rest of the machine does the same.
"""

import statistics
import time
from collections.abc import Sequence

import torch

from wgan.config import TrainConfig
from wgan.training.cost import remember_threads, step_times, synthetic_training
from wgan.training.engine import Engine, use_threads

FASTER = 1.1
"""Another number of threads must be this much faster: switching changes rounding, and costs a compilation."""

FIRST = 8.0  # seconds of training before the first measurement
EVERY = 60.0  # seconds between two, where the pace stays
SOONEST = 15.0  # seconds between two, where it does not
SHARE = 0.02
"""Of the time may go into measuring."""

DRIFT = 1.35
"""A step that takes so many times as long as after the last measurement, or as little of it, is a new pace."""

COLLAPSED = 3.0
"""A step that takes so many times as long is looked into SOONEST after the last measurement, whatever its share."""

BLOCK = 0.1  # seconds of steps with one number before it is another's turn
ROUNDS = 3
SLOW = 0.5
"""Of steps longer than this, in seconds, two with each number must do: with another they may well be short."""

TOO_SLOW = 3.0
"""Steps longer than this are not measured: a training must hear its user in the meantime."""


class ThreadTuner:
    """Tells a training when another number of threads is faster.

    `note` receives the seconds of each stretch of steps; `due` tells when to measure, and `better`
    does, of at most `most`. `start_s` is the training time, in seconds, at which it begins to watch.
    """

    def __init__(self, most: int, start_s: float = 0.0) -> None:
        self._most = most
        self._next = self._soonest = self._rescue = start_s + FIRST
        self._usual: float | None = None  # seconds a step since the last measurement
        self._recent: list[float] = []

    def note(self, seconds: float, steps: int) -> None:
        """Hear how long the last steps took."""
        if not steps:
            return
        self._recent = [*self._recent[-4:], seconds / steps]
        if self._usual is None and len(self._recent) == 5:
            self._usual = statistics.median(self._recent)

    def _slower(self) -> float:
        """How many times as long a step takes as after the last measurement."""
        return 1.0 if self._usual is None else statistics.median(self._recent) / self._usual

    def due(self, seconds: float) -> bool:
        """Tell whether to measure now, after `seconds` of training."""
        if not self._recent or statistics.median(self._recent) > TOO_SLOW:
            return False
        slower = self._slower()
        return (
            seconds >= self._next
            or (seconds >= self._soonest and not 1 / DRIFT < slower < DRIFT)
            or (seconds >= self._rescue and slower >= COLLAPSED)
        )

    def better(self, config: TrainConfig, engine: Engine, seconds: float) -> int:
        """Measure, and return the number of threads to continue with."""
        start = time.perf_counter()
        now = statistics.median(self._recent) if self._recent else None
        best = fastest(config, engine, neighbours(engine.threads, self._most), now)
        took = time.perf_counter() - start
        self._next = seconds + max(EVERY, took / SHARE)
        self._soonest = seconds + max(SOONEST, took / SHARE)
        self._rescue = seconds + SOONEST
        self._usual, self._recent = None, []
        remember_threads(config, best, self._most)
        return best


def neighbours(threads: int, most: int) -> list[int]:
    """Return the numbers of threads to compare: the present one first, half and twice of it."""
    candidates = (threads, threads // 2, threads * 2, most if threads * 2 > most else threads)
    return [n for n in dict.fromkeys(candidates) if 1 <= n <= most or n == threads]


def fastest(
    config: TrainConfig, engine: Engine, counts: Sequence[int], now: float | None = None
) -> int:
    """Return which of the numbers of threads makes steps fastest; the first, unless by a margin.

    Steps of a training of made-up data, in turn, so that what else the machine does hits all alike. They are
    as written: `now`, the seconds that a step of the training itself takes with the first number, counts
    where its updates are compiled, and tells whether there is time for more than one step each.
    """
    if len(counts) < 2:
        return counts[0]
    slow = now is not None and now > SLOW
    training = synthetic_training(config, Engine(engine.device, engine.precision, counts[0]))
    times: dict[int, list[float]] = {n: [] for n in counts}
    before = torch.get_num_threads()
    try:
        for n in () if slow else counts:  # the first of each chooses kernels, and starts threads
            use_threads(n)
            training.step()
        for _ in range(1 if slow else ROUNDS):
            for n in counts:
                use_threads(n)
                times[n] += step_times(training, budget=0.0 if slow else BLOCK)
            training.reports()
    finally:
        use_threads(before)
    median = {n: values[-1] if slow else statistics.median(values) for n, values in times.items()}
    if engine.compiled and now is not None:
        median[counts[0]] = min(now, median[counts[0]])
    best = min(counts, key=lambda n: median[n])
    return best if median[counts[0]] >= FASTER * median[best] else counts[0]
