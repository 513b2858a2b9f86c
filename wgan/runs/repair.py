"""Repair of a run with a damaged database: all readable rows are kept, and the run can be resumed."""

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from wgan.runs.records import RunError, Status
from wgan.runs.run import Run
from wgan.schema import (
    COLUMNS,
    SCHEMA,
    TABLES,
    SchemaError,
    parse_change,
    parse_fact,
    parse_metric,
    parse_report,
)

DAMAGED = "run.sqlite.damaged"


_PASSING = ("locked", "busy", "disk", "full", "unable to open", "readonly")
"""Parts of SQLite's messages about databases that are not damaged but temporarily unreadable."""


def has_damaged_database(run: Run) -> bool:
    """Return whether a run's database is damaged, and not just locked or on a full disk."""
    readers = (
        run.facts,
        run.changes,
        run.metrics,
        run.replay,
        run.protocol,
        run.engines,
        run.curves,
    )
    try:
        with run.database.reading() as db:
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return True
        for read in readers:
            read()
    except RunError as error:
        is_passing = isinstance(error.__cause__, sqlite3.OperationalError) and any(
            phrase in str(error.__cause__) for phrase in _PASSING
        )
        return not is_passing
    return False


def repair_database(run: Run) -> str:
    """Replace a run's database by a new one with all readable rows; return a sentence about it.

    The damaged file is renamed to `DAMAGED`. The caller must hold the run's lock.

    Raises:
        RunError: The files cannot be written.
    """
    path, aside = run.folder / "run.sqlite", run.folder / DAMAGED
    rescued = run.folder / "run.sqlite.part"
    try:
        for suffix in ("-wal", "-shm", ""):  # the log must stay beside its database
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
        rescued.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(rescued)) as target:
            target.executescript(TABLES)
            target.execute(f"PRAGMA user_version = {SCHEMA}")
            target.execute("INSERT INTO facts VALUES ('status', ?)", (Status.INTERRUPTED,))
            counts = {name: _copy(aside, target, name) for name in COLUMNS}
            target.commit()
        rescued.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise RunError(f"The database of run {run.id} cannot be repaired ({error}).") from error
    return (
        f"The database of this run was damaged. {counts['reports']:,} reports, "
        f"{counts['changes']:,} changes and {counts['metrics']:,} measurements were "
        f"recovered. The damaged file was kept as {DAMAGED}."
    )


_CHECKS: dict[str, Callable[[Sequence[object]], object]] = {
    "reports": parse_report,
    "changes": lambda row: parse_change(row[1:]),
    "metrics": parse_metric,
    "facts": lambda row: parse_fact(*row),
}


def _copy(damaged: Path, target: sqlite3.Connection, table: str) -> int:
    """Copy the valid rows of a table, up to the first that SQLite cannot read; return their number."""
    marks = ", ".join("?" * len(COLUMNS[table]))
    count = 0
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(
            sqlite3.connect(f"{damaged.resolve().as_uri()}?mode=ro", uri=True)
        ) as source,
    ):
        for row in source.execute(f"SELECT {', '.join(COLUMNS[table])} FROM {table}"):
            try:
                _CHECKS[table](row)
            except SchemaError:
                continue
            target.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)
            count += 1
    return count
