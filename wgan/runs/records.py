"""The records in a run's folder, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wgan.schema import REPORT_COLUMNS, parse_report
from wgan.training import Report

CLOCK = ("seconds", "time")
COLUMNS = (*Report._fields, "images", *CLOCK)
"""The columns of a stored report: reproducible values first, then clock times."""
assert COLUMNS == REPORT_COLUMNS


class RunError(Exception):
    """A run cannot be read or written. The message names the fault and what to do."""


class RunTakenOver(RunError):
    """Another process has taken over the run, so this one may no longer write to it."""


class Status(StrEnum):
    """The status of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SHIPPED = "shipped"

    @property
    def active(self) -> bool:
        """Whether a live process owns the run."""
        return self in (Status.QUEUED, Status.RUNNING, Status.PAUSED)


@dataclass(frozen=True)
class Change:
    """A change of a hyperparameter during training. It takes effect after `step`."""

    step: int
    path: str
    before: Any
    after: Any


@dataclass(frozen=True)
class StoredReport:
    """A report with clock times."""

    report: Report
    images: int  # real examples shown to the critic so far
    seconds: float  # training time so far
    time: float  # seconds since the epoch

    @classmethod
    def from_row(cls, row: Sequence[object]) -> "StoredReport":
        """Return the report of a database row in the order of COLUMNS. Raises SchemaError."""
        step, *values, images, seconds, when = parse_report(row)
        return cls(Report(step, *values), images, seconds, when)


def training_seconds(last: StoredReport | None, facts: Mapping[str, str]) -> float:
    """Return the training time of a run from its last report and its facts.

    The last report is older than the end of the training, unless it was made in the last step.
    """
    return max(0.0 if last is None else last.seconds, float(facts.get("seconds", 0.0)))


@dataclass(frozen=True)
class Parent:
    """The run that a fork continues, and the step at which it begins."""

    run: str
    step: int


@dataclass(frozen=True)
class Measured:
    """The value of a metric at a step."""

    step: int
    name: str
    value: float


@dataclass(frozen=True)
class StoredNeighbours:
    """Samples above their nearest training pictures, and the distances between them."""

    step: int
    content: bytes  # WebP, two rows
    distances: tuple[float, ...]  # root mean square difference of the pixels, in 0…255
    copies: tuple[bool, ...]
