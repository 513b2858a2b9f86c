"""RunTables: the records of a run in its database."""

import contextlib
import json
import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wgan.arrays import F64
from wgan.metrics import better, metric_of
from wgan.runs.database import RunDatabase
from wgan.runs.migrations import database_schema, report_selection
from wgan.runs.records import CLOCK, COLUMNS, Change, Measured, RunError, StoredReport
from wgan.schema import (
    SchemaError,
    columns_of,
    parse_change,
    parse_engines,
    parse_fact,
    parse_metric,
    parse_protocol,
    parse_replay,
    parse_starred,
    selection,
    whole,
)
from wgan.training import Engine


class RunTables:
    """The facts, reports, changes and metrics of a run in its database. Every method may raise RunError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = RunDatabase(folder / "run.sqlite", folder.name)

    def set_engine(self, engine: Engine) -> None:
        """Record the engine with which the training continues."""
        engines: list[dict[str, Any]] = []
        with contextlib.suppress(RunError):  # a damaged list is replaced
            engines = self.engines()
        if not engines or engines[-1] != engine.as_dict():
            self.set_fact("engines", json.dumps([*engines, engine.as_dict()]))

    def engine(self) -> Engine | None:
        """Return the last engine of the run; None if there is none. Raises RunError."""
        engines = self.engines()
        return Engine(**engines[-1]) if engines else None

    def engines(self) -> list[dict[str, Any]]:
        """Return all engines of the run, in order. Raises RunError."""
        with self.database.checked():
            return parse_engines(self.fact("engines", "[]"))

    def drop_engines_after(self, engine: Engine) -> None:
        """Delete the engines recorded after `engine`, because their steps were rewound."""
        engines = self.engines()
        places = [i for i, each in enumerate(engines) if each == engine.as_dict()]
        if places and places[-1] < len(engines) - 1:
            self.set_fact("engines", json.dumps(engines[: places[-1] + 1]))

    def fact(self, key: str, default: str = "") -> str:
        """Return a named fact, such as status, error, name, note or target. Raises RunError."""
        rows = self.database.rows("SELECT value FROM facts WHERE key = ?", (key,))
        with self.database.checked():
            return parse_fact(key, rows[0][0])[1] if rows else default

    def facts(self) -> dict[str, str]:
        """Return all named facts. Raises RunError."""
        with self.database.checked():
            return dict(
                parse_fact(*row) for row in self.database.rows("SELECT key, value FROM facts")
            )

    def set_fact(self, key: str, value: str) -> None:
        """Record a named fact."""
        with self.database.writing() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))

    def add(
        self,
        reports: Iterable[StoredReport],
        changes: Iterable[Change] = (),
        replay: Iterable[Change] | None = None,
    ) -> None:
        """Record reports and changes in one transaction, and if given, the changes that remain to
        be repeated.
        """
        rows = [(*report.report, report.images, report.seconds, report.time) for report in reports]
        with self.database.writing() as db:
            marks = ", ".join("?" * len(COLUMNS))
            # Name the columns: after a migration they are in another order.
            db.executemany(
                f"INSERT OR REPLACE INTO reports ({', '.join(COLUMNS)}) VALUES ({marks})", rows
            )
            _insert_changes(db, changes)
            if replay is not None:
                db.execute(
                    "INSERT OR REPLACE INTO facts VALUES ('replay', ?)", (dump_changes(replay),)
                )

    def reports(self) -> dict[str, F64]:
        """Return all reports, one array per column; see COLUMNS. Raises RunError."""
        rows = self._report_rows("ORDER BY step")
        with self.database.checked():
            table = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
            _check_clock(table)
        return {name: table[:, i] for i, name in enumerate(COLUMNS)}

    def _report_rows(self, clause: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.database.reading() as db:
            return db.execute(
                f"SELECT {report_selection(db)} FROM reports {clause}", values
            ).fetchall()

    def curves(self, points: int = 1000) -> dict[str, F64]:
        """Return the curves as about `points` means over step intervals of equal width."""
        with self.database.checked(), self.database.reading() as db:
            existing = columns_of("reports", database_schema(db))
            sources = [name if name in existing else "NULL" for name in COLUMNS[1:]]
            means = ", ".join(f"avg({source})" for source in sources)
            # SQLite's avg() treats text as 0 and would hide a wrong type. max() reveals it: text
            # and blobs sort above numbers.
            largest = ", ".join(f"max({source})" for source in sources)
            low, high = db.execute(
                "SELECT (SELECT min(step) FROM reports), (SELECT max(step) FROM reports)"
            ).fetchone()
            if low is None:
                return {name: np.empty(0) for name in COLUMNS}
            low, high = whole(low, "step"), whole(high, "step")
            count = db.execute("SELECT count(*) FROM reports").fetchone()[0]
            width = 1
            while count / width > points:
                width *= 2
            width *= max(1, round((high - low) / max(1, count - 1)))
            # Use one query per point: GROUP BY would sort the whole table, which takes four times
            # as long for a million reports.
            rows = [
                db.execute(
                    f"SELECT max(step), {means}, {largest} FROM reports "
                    "WHERE step > ? AND step <= ?",
                    (key * width, (key + 1) * width),
                ).fetchone()
                for key in range((low - 1) // width, (high - 1) // width + 1)
            ]
            recorded_rows = [row for row in rows if row[0] is not None]
            if any(isinstance(value, str | bytes) for row in recorded_rows for value in row):
                raise SchemaError("its reports have values that are not numbers")
            table = np.array([row[: len(COLUMNS)] for row in recorded_rows], dtype=np.float64)
            _check_clock(table)
        return {name: table[:, i] for i, name in enumerate(COLUMNS)}

    def reports_after(self, step: int, limit: int = 20_000) -> list[StoredReport]:
        """Return at most `limit` reports after a step, in order."""
        rows = self._report_rows("WHERE step > ? ORDER BY step LIMIT ?", (step, limit))
        with self.database.checked():
            return [StoredReport.from_row(row) for row in rows]

    def last(self) -> StoredReport | None:
        """Return the newest report; None if there is none."""
        return self.at(sys.maxsize)

    def at(self, step: int) -> StoredReport | None:
        """Return the newest report at or before a step; None if there is none."""
        rows = self._report_rows("WHERE step <= ? ORDER BY step DESC LIMIT 1", (step,))
        with self.database.checked():
            return StoredReport.from_row(rows[0]) if rows else None

    def changes(self) -> list[Change]:
        """Return all changes during training, in order."""
        rows = self.database.rows("SELECT step, path, before, after FROM changes ORDER BY step, id")
        with self.database.checked():
            return [Change(*parse_change(row)) for row in rows]

    def replay(self) -> list[Change]:
        """Return the changes that a resumed run still has to repeat. Raises RunError."""
        with self.database.checked():
            return [Change(*row) for row in parse_replay(self.fact("replay", "[]"))]

    def add_metrics(self, metrics: Iterable[Measured]) -> None:
        """Record metrics. A value of the same step and name is replaced."""
        with self.database.writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO metrics VALUES (?, ?, ?)",
                [(m.step, m.name, m.value) for m in metrics],
            )

    def metrics(self) -> list[Measured]:
        """Return all metrics in the order of steps."""
        with self.database.checked(), self.database.reading() as db:
            if database_schema(db) < 2:
                return []
            rows = db.execute("SELECT step, name, value FROM metrics ORDER BY step, name")
            return measured(rows.fetchall())

    def metrics_after(self, row: int) -> tuple[int, list[Measured]]:
        """Return the last row id, and the metrics after a row; all metrics if rows were deleted
        since then.
        """
        with self.database.checked(), self.database.reading() as db:
            if database_schema(db) < 2:
                return 0, []
            last = db.execute("SELECT coalesce(max(rowid), 0) FROM metrics").fetchone()[0]
            rows = db.execute(
                "SELECT rowid, step, name, value FROM metrics WHERE rowid > ? ORDER BY step, name",
                (row if row <= last else 0,),
            ).fetchall()
            return max((r[0] for r in rows), default=last), measured(r[1:] for r in rows)

    def set_protocol(self, protocol: Mapping[str, Any]) -> None:
        """Record the settings of the run's metrics. Only metrics with equal settings can be compared."""
        self.set_fact("protocol", json.dumps(dict(protocol)))

    def protocol(self) -> dict[str, Any]:
        """Return the settings of the run's metrics; empty if there are none. Raises RunError."""
        with self.database.checked():
            return parse_protocol(self.fact("protocol", "{}"))

    def starred(self) -> set[int]:
        """Return the steps of the checkpoints that are never deleted automatically."""
        with contextlib.suppress(ValueError, RunError):
            return set(parse_starred(self.fact("starred", "[]")))
        return set()

    def star(self, step: int, starred: bool) -> None:
        """Protect a checkpoint from automatic deletion, or end its protection."""
        steps = self.starred() | {step} if starred else self.starred() - {step}
        self.set_fact("starred", json.dumps(sorted(steps)))

    # ---- history of several tables -------------------------------------------------------------

    def forget_after(self, step: int, changes: Iterable[Change], facts: Mapping[str, str]) -> None:
        """Delete reports and metrics after a step, and replace all changes and some facts, in one
        transaction.
        """
        with self.database.writing() as db:
            db.execute("DELETE FROM reports WHERE step > ?", (step,))
            db.execute("DELETE FROM metrics WHERE step > ?", (step,))
            db.execute("DELETE FROM changes")
            _insert_changes(db, changes)
            db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def copy_tables(self, other: "RunTables", step: int) -> None:
        """Copy the reports and metrics of another run up to a step, and its changes before that step."""
        old = {m for m in other.metrics() if m.step <= step}
        with self.database.writing() as db:
            address = other.database.path.resolve().as_uri()
            db.commit()  # SQLite cannot attach a database within a transaction
            db.execute("ATTACH ? AS parent", (f"{address}?mode=ro",))
            parent_schema = int(db.execute("PRAGMA parent.user_version").fetchone()[0])
            db.execute(
                f"INSERT INTO reports ({', '.join(COLUMNS)}) "
                f"SELECT {selection('reports', parent_schema)} FROM parent.reports WHERE step <= ?",
                (step,),
            )
            db.execute(
                "INSERT INTO changes SELECT * FROM parent.changes WHERE step < ? ORDER BY id",
                (step,),
            )
        self.add_metrics(old)


def measured(rows: Iterable[Sequence[object]]) -> list[Measured]:
    """Return metrics from rows of step, name and value, without NaN. Raises SchemaError."""
    checked = map(parse_metric, rows)
    return [Measured(*row) for row in checked if not np.isnan(row[2])]


def _check_clock(table: F64) -> None:
    """Raise SchemaError for impossible steps, image counts, seconds or times; `table` is (N, columns)."""
    for name in ("step", "images", *CLOCK):
        column = table[:, COLUMNS.index(name)]
        if not bool((np.isfinite(column) & (column >= 0) & (column < 1 << 62)).all()):
            raise SchemaError(f"{name} has an impossible value")


def _insert_changes(db: sqlite3.Connection, changes: Iterable[Change]) -> None:
    db.executemany(
        "INSERT INTO changes (step, path, before, after) VALUES (?, ?, ?, ?)",
        [(c.step, c.path, json.dumps(c.before), json.dumps(c.after)) for c in changes],
    )


def dump_changes(changes: Iterable[Change]) -> str:
    """Return changes as JSON, for the fact `replay`."""
    return json.dumps(
        [[c.step, c.path, json.dumps(c.before), json.dumps(c.after)] for c in changes]
    )


def best_of(metrics: Iterable[Measured]) -> dict[str, Measured]:
    """Return the best value of each headline metric; the first one if several are equal.

    Step 0 is left out: the samples of an untrained generator are a single cloud, which may cover a
    mode by chance.
    """
    best: dict[str, Measured] = {}
    for value in metrics:
        metric = metric_of(value.name)
        if metric is None or not metric.headline or value.step == 0:
            continue
        best_so_far = best.get(value.name)
        if best_so_far is None or better(value.name, value.value, best_so_far.value):
            best[value.name] = value
    return best
