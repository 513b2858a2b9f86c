"""The data types of the diagnosis: evidence, rules, readings, findings, proposals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from wgan.arrays import F64
from wgan.config import TrainConfig
from wgan.metrics import FLOOR, METRICS, metric_of

Series = tuple[F64, F64]
"""Steps and values of a metric, (N,) each, by rising step."""

NUM_RECENT_VALUES, MIN_VALUES = 5, 3
"""Rules use the newest NUM_RECENT_VALUES values of a metric, and need at least MIN_VALUES."""


@dataclass(frozen=True)
class Evidence:
    """The records of a run that the diagnosis reads."""

    config: TrainConfig
    curves: Mapping[str, F64]  # columns of the reports, by name
    metrics: Mapping[str, Series]
    size: int | None = None  # examples in the training data; None if every batch is freshly drawn
    since: int = 0
    """Step of the last change of a hyperparameter: older measurements are of a critic with other settings."""
    begun: int = 0
    """Step at which a fork begins: older measurements are of its parent."""

    def series(self, name: str) -> Series:
        """Return the steps and values of a metric since the last change; empty if there are none."""
        steps, values = self.metrics.get(name, (np.empty(0), np.empty(0)))
        is_recent = steps > self.since
        return steps[is_recent], values[is_recent]

    def recent(self, name: str) -> F64 | None:
        """Return the newest values of a metric; None if there are too few."""
        values = self.series(name)[1][-NUM_RECENT_VALUES:]
        return values if len(values) >= MIN_VALUES else None

    def recent_median(self, name: str) -> float | None:
        """Return the median of the newest values of a metric; None if there are too few."""
        values = self.recent(name)
        return None if values is None else float(np.median(values))

    def sample_series(self, name: str) -> Series | None:
        """Return the steps and values of a metric of the samples; None if there are too few.

        A change of hyperparameters does not invalidate them: they describe the samples, which change
        slowly, and not how the critic learns.
        """
        steps, values = self._own_series(name)
        return (steps, values) if len(values) >= MIN_VALUES else None

    def newest(self, name: str | None) -> float | None:
        """Return the newest value of a metric, also if it is the only one; None if there is none."""
        _, values = self._own_series(name or "")
        return float(values[-1]) if len(values) else None

    def newest_step(self, name: str | None) -> int:
        """Return the step of the newest value of a metric. There must be one."""
        steps, _ = self._own_series(name or "")
        return int(steps[-1])

    def _own_series(self, name: str) -> Series:
        """Return the steps and values of a metric without those of a fork's parent."""
        steps, values = self.metrics.get(name, (np.empty(0), np.empty(0)))
        return steps[steps > self.begun], values[steps > self.begun]

    def metric_name(self, key: str) -> str | None:
        """Return the name of the series with the most values of a metric; None if there is none."""
        metric = METRICS[key]
        names = [name for name in self.metrics if metric_of(name) is metric]
        return max(names, key=lambda name: len(self.metrics[name][0]), default=None)

    @property
    def headline(self) -> str | None:
        """The name of the metric that best measures the quality of the samples: W₁ of points, else FID."""
        return self.metric_name("emd" if self.config.dataset.kind == "points" else "fid")

    def floor(self, name: str) -> float | None:
        """Return the value of a metric for real examples; None if it is unknown."""
        series = self.metrics.get(name + FLOOR)
        return None if series is None else float(series[1][-1])


@dataclass(frozen=True)
class Proposal:
    """A change of hyperparameters that may help."""

    description: str
    changes: Mapping[str, Any]
    live: bool
    """Whether it can be applied to a running training; otherwise a fork is needed."""
    restart: bool = False
    """Whether it needs a new run, because the networks of this one cannot be saved any more."""


@dataclass(frozen=True)
class Reading:
    """The result of a rule: its evidence as text, and whether there is a problem."""

    evidence: str
    raised: bool
    proposals: tuple[Proposal, ...] = ()
    since: int | None = None
    """Step since which the problem has existed without a break, if that is known."""
    heading: str | None = None
    """Name of the problem if the rule's title does not fit; None if it does."""
    meaning: str | None = None
    """Explanation if that of the rule does not fit; None if it does."""


Level = Literal["danger", "fault", "note"]
Check = Callable[[Evidence, "Rule"], Reading | None]


@dataclass(frozen=True)
class Rule:
    """A check of the diagnosis: its title, explanation, thresholds and source."""

    title: str
    level: Level
    meaning: str
    """Explanation in Markdown: what happens, and why the evidence shows it."""
    check: Check
    criterion: Callable[[Mapping[str, float]], str]
    """Returns the condition for a problem as text, given `limits`."""
    source: str
    limits: Mapping[str, float] = field(default_factory=dict)
    """Thresholds by name; `source` states which of them are our own."""
    inapplicable_reason: Callable[[Evidence], str] = lambda _: ""
    """Returns why the check cannot apply to a run, however long it trains; empty if it can."""

    @property
    def condition(self) -> str:
        """The condition for a problem as text, with the thresholds."""
        return self.criterion(self.limits)


@dataclass(frozen=True)
class Finding:
    """A rule, and its result for one run."""

    key: str
    rule: Rule
    reading: Reading

    @property
    def heading(self) -> str:
        """The name of the problem. It is the rule's title, unless `reading.heading` replaces it."""
        return self.reading.heading or self.rule.title

    @property
    def meaning(self) -> str:
        """The explanation in Markdown. It is the rule's, unless `reading.meaning` replaces it."""
        return self.reading.meaning or self.rule.meaning


def evidence_of(
    config: TrainConfig,
    curves: Mapping[str, F64],
    measured: Sequence[Any],
    changes: Sequence[Any] = (),
    begun: int = 0,
) -> Evidence:
    """Return the evidence of a run's records.

    Args:
        config: The current config.
        curves: Columns of the reports, by name.
        measured: Measurements, with `step`, `name` and `value`.
        changes: Changes of hyperparameters, with `step` and `path`.
        begun: Step at which a fork begins; measurements of its parent do not count.
    """
    rows: dict[str, list[tuple[float, float]]] = {}
    for row in measured:
        rows.setdefault(row.name, []).append((row.step, row.value))
    metrics = {name: tuple(np.array(pairs, np.float64).T) for name, pairs in rows.items()}
    since = max((c.step for c in changes if _matters(c.path)), default=0)
    since = max(since, begun)
    return Evidence(config, curves, metrics, config.dataset.size, since, begun)


def _matters(path: str) -> bool:
    """Return whether a hyperparameter changes how the networks learn."""
    return path.startswith(("objective.", "optimizer.")) or path in (
        "generator_learning_rate",
        "critic_learning_rate",
        "n_critic",
        "decay",
    )
