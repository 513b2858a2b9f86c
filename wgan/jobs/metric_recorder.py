"""MetricRecorder: measures a training at intervals, and records the values."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wgan.jobs.problems import Problems
from wgan.jobs.snapshot import Series, error_message, pack_neighbours
from wgan.runs import Measured, Run, RunTakenOver
from wgan.training import Diverged, LiveEvaluator, Training


class MetricRecorder:
    """Measures a training. If a measurement fails, it is reported once and left out from then on.

    Args:
        run: The run in which the values are recorded.
        problems: Where failures are reported.
        root: The data folder.
        resumed: Whether the run may have metrics already.
    """

    def __init__(self, run: Run, problems: Problems, root: Path | None, *, resumed: bool) -> None:
        self._run, self._problems, self._root = run, problems, root
        self._evaluator: LiveEvaluator | None = None
        self._can_measure = True
        self._protocol_is_written = False
        self.series = Series(run.metrics() if resumed else ())
        self.neighbours = run.neighbours() if resumed else None
        self.unwritten: list[Measured] = []

    def reload(self) -> None:
        """Read the recorded metrics again, after the run was rewound."""
        self.series, self.neighbours = Series(self._run.metrics()), self._run.neighbours()

    def evaluator(self, training: Training) -> LiveEvaluator:
        """Return the evaluator of the training. The first call creates it."""
        if self._evaluator is None:
            self._evaluator = LiveEvaluator(training, self._root)
        return self._evaluator

    @property
    def protocol(self) -> Mapping[str, Any] | None:
        """The settings of the metrics; None before the first measurement."""
        return MappingProxyType(self._evaluator.protocol) if self._evaluator is not None else None

    def due(self, training: Training, seconds: float) -> bool:
        """Return whether a measurement is due after `seconds` of training."""
        if training.config.measure and self._can_measure:
            with self._contained():
                return self.evaluator(training).due(seconds)
        return False

    def measure(self, training: Training, seconds: float) -> None:
        """Make the next measurement, after `seconds` of training."""
        with self._contained():
            evaluator = self.evaluator(training)
            was_ready = evaluator.ready
            values = evaluator.measure(seconds)
            if evaluator.ready and not was_ready and (sentence := evaluator.unmeasured_reason):
                self._problems.add_notice(sentence)
            self._add(values, evaluator.step)
            self._store_neighbours(evaluator)

    def _store_neighbours(self, evaluator: LiveEvaluator) -> None:
        nearest = evaluator.neighbours
        if nearest is not None and (
            self.neighbours is None or self.neighbours.step != nearest.step
        ):
            self.neighbours = pack_neighbours(nearest)
            with self._problems.writing("neighbours"):
                self._run.set_neighbours(self.neighbours)

    def measure_checkpoint(self, training: Training) -> None:
        """Measure the metrics by which checkpoints are compared."""
        if training.config.measure and self._can_measure:
            with self._contained():
                self._add(self.evaluator(training).at_checkpoint(), training.steps)

    def measure_end(self, training: Training) -> None:
        """Measure everything at the last step, so that the values of a finished run are of one step."""
        if not training.config.measure or not self._can_measure:
            return
        evaluator = self.evaluator(training)
        for group in evaluator.groups_at_end():
            with self._contained():
                self._add(group(), training.steps)
        with self._contained():
            self._store_neighbours(evaluator)

    def write(self) -> None:
        """Write all values that have not been written. Raises RunError."""
        if not self.unwritten:
            return
        self._run.add_metrics(self.unwritten)
        self.unwritten.clear()
        if self._evaluator is not None and not self._protocol_is_written:
            self._run.set_protocol(self._evaluator.protocol)
            self._protocol_is_written = True

    def _add(self, values: Mapping[str, float], step: int) -> None:
        new = [Measured(step, *item) for item in values.items() if math.isfinite(item[1])]
        self.series.add(new)
        self.unwritten += new

    @contextlib.contextmanager
    def _contained(self) -> Iterator[None]:
        try:
            yield
        except (RunTakenOver, Diverged):
            raise
        except Exception as error:
            self._problems.log_trace("a measurement failed")
            self._can_measure = self._evaluator is not None
            self._problems.add_notice(
                f"A measurement failed and will not be repeated. {error_message(error)}"
            )
