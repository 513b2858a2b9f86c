"""RunSnapshot: the immutable state of a run and its curves, for pages."""

import contextlib
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from wgan.arrays import F64, evenly_spaced
from wgan.config import ConfigError, TrainConfig
from wgan.data import DataError
from wgan.diagnosis import Evidence, evidence_of
from wgan.imaging import corner, decode, encode, scatter, tile
from wgan.runs import (
    COLUMNS,
    Change,
    Measured,
    Parent,
    Run,
    RunError,
    Status,
    StoredNeighbours,
    StoredReport,
    began,
    pack_arrays,
    run_title,
    training_seconds,
    unpack_arrays,
)
from wgan.theme import LIGHT, rgb
from wgan.training import Diverged, Engine, Neighbours, Preview

CURVE_POINTS = 500
SERIES_POINTS = 200
MIN_SECONDS_FOR_ESTIMATE = 5.0  # seconds of training before the remaining time is estimated

VERSIONS = itertools.count(1)


@dataclass(frozen=True)
class StoredPreview:
    """A preview as the bytes of a file: a WebP grid of 8×8 samples, or an npz of points."""

    step: int
    suffix: str
    content: bytes


@dataclass(frozen=True)
class RunSnapshot:
    """The immutable state of a run, which pages read."""

    run: str
    status: Status
    config: TrainConfig
    created: str = ""  # ISO 8601
    engine: Engine | None = None
    phase: str = ""  # what is being prepared, as text
    phase_share: float = 0.0
    step: int = 0
    seconds: float = 0.0
    images: int = 0
    steps_per_second: float = 0.0
    curves: Mapping[str, F64] = field(default_factory=lambda: MappingProxyType({}))
    last: StoredReport | None = None
    changes: tuple[Change, ...] = ()
    preview: StoredPreview | None = None
    preview_steps: tuple[int, ...] = ()
    checkpoint_steps: tuple[int, ...] = ()
    metrics: tuple[Measured, ...] = ()  # thinned, but with the newest of each name
    protocol: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    neighbours: StoredNeighbours | None = None
    parent: Parent | None = None
    name: str = ""  # given by the user; empty if none
    is_trained_by_other_process: bool = (
        False  # another process trains it: it can be watched, but not steered
    )
    error: str = ""
    warning: str = ""
    version: int = field(default_factory=VERSIONS.__next__)  # unique in this process

    @property
    def title(self) -> str:
        """The run's name, else its data set, its objective, where a fork begins, and its start time."""
        return run_title(self.name, self.config, self.parent, began(self.run, self.created))

    @property
    def seconds_left(self) -> float | None:
        """Remaining seconds of training at the current speed; None if unknown."""
        if (
            self.steps_per_second <= 0
            or not self.status.active
            or self.seconds < MIN_SECONDS_FOR_ESTIMATE
        ):
            return None
        by_steps = (self.config.steps - self.step) / self.steps_per_second
        if self.config.seconds is None:
            return max(0.0, by_steps)
        return max(0.0, min(by_steps, self.config.seconds - self.seconds))

    @property
    def evidence(self) -> Evidence:
        """The records of the run that the diagnosis uses."""
        first_step = self.parent.step if self.parent is not None else 0
        return evidence_of(self.config, self.curves, self.metrics, self.changes, first_step)

    @property
    def share(self) -> float:
        """Share of the target that is done, in [0, 1]."""
        share = self.step / self.config.steps
        if self.config.seconds is not None:
            share = max(share, self.seconds / self.config.seconds)
        return min(1.0, share)


class Series:
    """Metric values: at most 2 · SERIES_POINTS for each name, always with the first and the newest."""

    def __init__(self, metrics: Iterable[Measured] = ()) -> None:
        self._known: dict[str, list[Measured]] = {}
        self.shown: tuple[Measured, ...] = ()
        self.add(metrics)

    def add(self, metrics: Iterable[Measured]) -> None:
        """Add values in the order of their steps."""
        for new in metrics:
            values = self._known.setdefault(new.name, [])
            if values and values[-1].step == new.step:
                values.pop()
            values.append(new)
            if len(values) > 2 * SERIES_POINTS:
                # The number of values is odd, so the first and the newest remain.
                del values[1::2]
        self.shown = tuple(
            sorted((m for v in self._known.values() for m in v), key=lambda m: m.step)
        )

    def should_continue(self, metrics: Iterable[Measured]) -> bool:
        """Return whether these values are later than all known values of the same names."""
        last_steps = {name: values[-1].step for name, values in self._known.items()}
        return all(m.step >= last_steps.get(m.name, m.step) for m in metrics)


class Curves:
    """Means of reports over step intervals of equal width, at most CURVE_POINTS of them.

    When the limit is exceeded, neighbours are merged and the width doubles. So the cost of a
    snapshot does not grow with the run. `Run.curves` uses the same intervals.
    """

    def __init__(self, report_every: int) -> None:
        self._width = report_every
        self._keys: list[int] = []
        self._counts: list[int] = []
        self._sums: list[F64] = []

    def add(self, report: StoredReport) -> None:
        """Add one report."""
        row = np.array(
            [*report.report, report.images, report.seconds, report.time], dtype=np.float64
        )
        key = (report.report.step - 1) // self._width
        if self._keys and self._keys[-1] == key:
            self._counts[-1] += 1
            self._sums[-1] = self._sums[-1] + row
        else:
            self._keys.append(key)
            self._counts.append(1)
            self._sums.append(row)
        # The step of a point is the last step that it covers, as in SQL.
        self._sums[-1][0] = report.report.step * self._counts[-1]
        if len(self._keys) > CURVE_POINTS:
            self._merge()

    def _merge(self) -> None:
        self._width *= 2
        keys, counts, sums = self._keys, self._counts, self._sums
        self._keys, self._counts, self._sums = [], [], []
        for key, count, total in zip(keys, counts, sums, strict=True):
            last = total[0] / count
            if self._keys and self._keys[-1] == key // 2:
                self._counts[-1] += count
                self._sums[-1] = self._sums[-1] + total
            else:
                self._keys.append(key // 2)
                self._counts.append(count)
                self._sums.append(total.copy())
            self._sums[-1][0] = last * self._counts[-1]

    def arrays(self) -> dict[str, F64]:
        """Return one array for each column; see `wgan.runs.COLUMNS`."""
        if not self._sums:
            return {name: np.empty(0) for name in COLUMNS}
        table = np.stack(self._sums) / np.array(self._counts, dtype=np.float64)[:, None]
        return {name: table[:, i] for i, name in enumerate(COLUMNS)}


def pack_preview(preview: Preview) -> StoredPreview:
    """Encode a preview as the bytes that are stored and shown."""
    if preview.pictures is not None:
        return StoredPreview(preview.step, "webp", encode(tile(preview.pictures, 8)))
    arrays = {
        name: value
        for name in ("points", "surface", "arrows")
        if (value := getattr(preview, name)) is not None
    }
    arrays["extent"] = np.float32(preview.extent)
    return StoredPreview(preview.step, "npz", pack_arrays(arrays))


def pack_neighbours(neighbours: Neighbours, columns: int = 8) -> StoredNeighbours:
    """Encode some samples, and below them their nearest training pictures, as one grid of two rows."""
    shown = evenly_spaced(len(neighbours.samples), columns)  # the first ones may all have one class
    rows = np.concatenate([neighbours.samples[shown], neighbours.nearest[shown]])
    return StoredNeighbours(
        neighbours.step,
        encode(tile(rows, columns)),
        tuple(float(d) for d in neighbours.distances[shown]),
        tuple(bool(c) for c in neighbours.copies[shown]),
    )


def thumb(preview: StoredPreview) -> bytes:
    """Return a preview as a thumbnail: its first four samples, or its points."""
    if preview.suffix == "webp":
        return encode(corner(decode(preview.content), 2, 8))
    arrays = unpack_arrays(preview.content)
    points = [(arrays["points"], rgb(LIGHT["fake"]))]
    return encode(scatter(points, float(arrays["extent"]), dot=2))


class RunReader:
    """Reads a run from its folder: one that another process trains, or one that has ended.

    It remembers what it has read, so reading a growing run again costs only the new rows.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._curves: Curves | None = None
        self._until = 0
        self._metrics = Series()
        self._row = 0  # id of the last row read from the table of metrics
        self._forgotten = ""

    def _read_curves(self, report_every: int, last: int) -> Mapping[str, F64]:
        if self._curves is None or last < self._until:
            self._curves = Curves(report_every)
            self._until = 0
            table = self.run.curves(CURVE_POINTS)
            for row in zip(*(table[name] for name in COLUMNS), strict=True):
                self._curves.add(StoredReport.from_row(row))
                self._until = int(row[0])
        while news := self.run.reports_after(self._until):
            for report in news:
                self._curves.add(report)
            self._until = news[-1].report.step
        return MappingProxyType(self._curves.arrays())

    def _read_metrics(self, forgotten: str) -> tuple[Measured, ...]:
        if forgotten != self._forgotten:
            self._metrics, self._row, self._forgotten = Series(), 0, forgotten
        row, news = self.run.metrics_after(self._row)
        if row < self._row:  # the run's folder was deleted and created again
            self._metrics = Series()
        if not self._metrics.should_continue(news):  # an earlier checkpoint was evaluated
            self._metrics, news = Series(), self.run.metrics()
        if news:
            self._metrics.add(news)
        self._row = row
        return self._metrics.shown

    def snapshot(self) -> RunSnapshot:
        """Return a snapshot of the run. Raises RunError."""
        run = self.run
        config = started = run.config()
        steps, checkpoints, changes = run.previews.steps(), run.checkpoints.steps(), run.changes()
        for change in changes:
            if change.path != "engine":
                with contextlib.suppress(ValueError, TypeError, LookupError, ArithmeticError):
                    config = config.changed({change.path: change.after})
        last, facts, status = run.last(), run.facts(), run.status()
        preview_content = run.previews.read(steps[-1]) if steps else None
        return RunSnapshot(
            run.id,
            status,
            config,
            created=run.metadata()["created"],
            engine=run.engine(),
            step=max(last.report.step if last else 0, checkpoints[-1] if checkpoints else 0),
            seconds=training_seconds(last, facts),
            images=last.images if last else 0,
            steps_per_second=last.report.step / last.seconds if last and last.seconds else 0.0,
            curves=self._read_curves(started.report_every, last.report.step if last else 0),
            last=last,
            changes=tuple(changes),
            preview=StoredPreview(steps[-1], *preview_content) if preview_content else None,
            preview_steps=tuple(steps),
            checkpoint_steps=tuple(checkpoints),
            metrics=self._read_metrics(facts.get("forgotten", "")),
            protocol=MappingProxyType(run.protocol()),
            neighbours=run.neighbours(),
            parent=run.parent(),
            name=facts.get("name", ""),
            is_trained_by_other_process=status.active,
            error=facts.get("error", ""),
            warning=facts.get("notices", ""),
        )


OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|bad_alloc", re.I)
"""Messages of out-of-memory errors that torch raises as plain RuntimeError, on the CPU and some devices."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, on the CPU or on a device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(OUT_OF_MEMORY.search(str(error)))


def error_message(error: BaseException) -> str:
    """Return an exception as a sentence for users."""
    if is_out_of_memory(error):
        return "The machine ran out of memory. Choose a smaller network or a smaller batch size."
    if isinstance(error, Diverged | DataError | RunError | ConfigError | ValueError):
        return str(error)
    if isinstance(error, OSError):
        return f"A file cannot be read or written ({error.strerror or error})."
    return f"An unexpected error occurred: {type(error).__name__}: {error}."
