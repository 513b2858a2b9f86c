"""What a run's folder holds, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wgan.schema import REPORT_COLUMNS, parse_report
from wgan.training import Report

CLOCK = ("seconds", "time")
COLUMNS = (*Report._fields, "images", *CLOCK)
"""A report as it is stored: the numbers that repeat, then the clock's."""
assert COLUMNS == REPORT_COLUMNS


class RunError(Exception):
    """A run cannot be read or written; the message names the fault and what to do."""


class RunTakenOver(RunError):
    """Another process has taken the run that this one was training: nothing more may be written."""


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
    """A hyperparameter changed in mid-run: it acts from the step after `step` on."""

    step: int
    path: str
    before: Any
    after: Any


@dataclass(frozen=True)
class StoredReport:
    """A report with its clock."""

    report: Report
    images: int  # real examples shown to the critic so far
    seconds: float  # training time so far
    time: float  # seconds since the epoch

    @classmethod
    def from_row(cls, row: Sequence[object]) -> "StoredReport":
        """Return the report of a row in the order of COLUMNS. Raises SchemaError."""
        step, *values, images, seconds, when = parse_report(row)
        return cls(Report(step, *values), images, seconds, when)


@dataclass(frozen=True)
class Parent:
    """The run that another was forked from, and the step where they part."""

    run: str
    step: int


@dataclass(frozen=True)
class Measured:
    """A metric's value at one step; which way is better is the metric's to say."""

    step: int
    name: str
    value: float


@dataclass(frozen=True)
class StoredNeighbours:
    """Samples above the training pictures nearest to them, and how near these are."""

    step: int
    content: bytes  # WebP, two rows
    distances: tuple[float, ...]  # root mean square difference of the pixels, in 0…255
    copies: tuple[bool, ...]
