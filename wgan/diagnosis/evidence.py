"""What a diagnosis reads and says: a run's records as evidence, readings, findings, proposals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from wgan.arrays import F64
from wgan.config import TrainConfig
from wgan.metrics import FLOOR, METRICS, metric_of

Series = tuple[F64, F64]
"""Steps and values of one measured number, (N,) each, in the order of the steps."""

RECENT, ENOUGH = 5, 3
"""Of what was measured the newest so many count, and fewer than ENOUGH say nothing."""


@dataclass(frozen=True)
class Evidence:
    """What a run has recorded, as far as a diagnosis reads it.

    `curves` holds columns of reports; `metrics` a series a name; `size` is how many examples there are
    to learn, None where each is fresh. What was probed up to step `since`,
    before the last change of a hyperparameter, no longer tells anything of the critic as it is steered
    now.
    """

    config: TrainConfig
    curves: Mapping[str, F64]
    metrics: Mapping[str, Series]
    size: int | None = None
    since: int = 0

    def series(self, name: str) -> Series:
        """Return a number's steps and values since the last change; empty where there are none."""
        steps, values = self.metrics.get(name, (np.empty(0), np.empty(0)))
        kept = steps > self.since
        return steps[kept], values[kept]

    def recent(self, name: str) -> F64 | None:
        """Return a number's newest values; None where too few were measured."""
        values = self.series(name)[1][-RECENT:]
        return values if len(values) >= ENOUGH else None

    def usual(self, name: str) -> float | None:
        """Return the median of a number's newest values."""
        values = self.recent(name)
        return None if values is None else float(np.median(values))

    def of_metric(self, key: str) -> str | None:
        """Return the name under which a metric was measured most often."""
        metric = METRICS[key]
        names = [name for name in self.metrics if metric_of(name) is metric]
        return max(names, key=lambda name: len(self.metrics[name][0]), default=None)

    @property
    def headline(self) -> str | None:
        """The name of the metric that tells best how good the samples are: W₁, else FID."""
        return self.of_metric("emd" if self.config.dataset.kind == "points" else "fid")

    def floor(self, name: str) -> float | None:
        """Return what real examples score."""
        series = self.metrics.get(name + FLOOR)
        return None if series is None else float(series[1][-1])


@dataclass(frozen=True)
class Proposal:
    """A change of hyperparameters that would help, by dotted name."""

    words: str
    changes: Mapping[str, Any]
    live: bool
    """Whether a run can take it while it trains; otherwise it takes a fork."""


@dataclass(frozen=True)
class Reading:
    """What a rule found: its evidence in words, and whether that is a fault."""

    evidence: str
    raised: bool
    proposals: tuple[Proposal, ...] = ()
    since: int | None = None
    """The step from which on it has been so without a break, where that is known."""


Level = Literal["danger", "fault", "note"]
Check = Callable[[Evidence, "Rule"], Reading | None]


@dataclass(frozen=True)
class Rule:
    """One fault: what it is called and means, when it is raised, and where that comes from."""

    title: str
    level: Level
    meaning: str
    """In Markdown: what happens, and why the evidence says so."""
    check: Check
    source: str
    limits: Mapping[str, float] = field(default_factory=dict)
    """Thresholds by name; `source` says which are ours."""


@dataclass(frozen=True)
class Finding:
    """A rule, and what it found in one run."""

    key: str
    rule: Rule
    reading: Reading


def evidence_of(
    config: TrainConfig,
    curves: Mapping[str, F64],
    measured: Sequence[Any],
    changes: Sequence[Any] = (),
    begun: int = 0,
) -> Evidence:
    """Return the evidence of a run's records: `measured` has step, name, value; `changes` step, path.

    `begun` is the step that a fork begins at: what its parent was like says nothing of it.
    """
    rows: dict[str, list[tuple[float, float]]] = {}
    for one in measured:
        rows.setdefault(one.name, []).append((one.step, one.value))
    metrics = {name: tuple(np.array(found, np.float64).T) for name, found in rows.items()}
    since = max((c.step for c in changes if _matters(c.path)), default=0)
    since = max(since, begun)
    return Evidence(config, curves, metrics, config.dataset.size, since)


def _matters(path: str) -> bool:
    """Tell whether a change of a hyperparameter changes how the networks learn."""
    return path.startswith(("objective.", "optimizer.")) or path in (
        "generator_learning_rate",
        "critic_learning_rate",
        "n_critic",
        "decay",
    )
