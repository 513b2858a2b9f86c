"""Copies the rows of an untrusted run.sqlite into a new database, and checks each row."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wgan.sandbox import Progress, Refused
from wgan.schema import (
    COLUMNS,
    MAX_FACTS,
    SCHEMA,
    TABLES,
    SchemaError,
    columns_of,
    parse_change,
    parse_fact,
    parse_metric,
    parse_report,
    selection,
    whole,
)

MAX_VALUE_BYTES = 4 << 20
"""Longest value of the database, and longest statement in its list of tables."""
MAX_ROWS = {"reports": 20_000_000, "changes": 1_000_000, "metrics": 20_000_000, "facts": MAX_FACTS}
MAX_REMARKS = 20

_IMPORTED_STATUS = {
    "queued": "interrupted",
    "running": "interrupted",
    "paused": "interrupted",
    "shipped": "finished",
}
"""Statuses that change: nobody trains an imported run, and it does not come with this program."""


def copy_rows(
    foreign: Path, target: Path, remarks: list[str], progress: Progress, share: float
) -> None:
    """Copy the valid rows of a database to a new one.

    Args:
        foreign: The untrusted database.
        target: The new database.
        remarks: Gets a sentence for each row that is left out.
        progress: Called with the table that is read and `share`.
        share: The share of the import that is done, in [0, 1].

    Raises:
        Refused: If the database is not that of a run, or if a report or a change is damaged.
        sqlite3.Error: If SQLite cannot read it.
    """
    source, copy = sqlite3.connect(foreign), sqlite3.connect(target)
    try:
        _restrict(source)
        tables = _check_tables(source)
        copy.executescript(TABLES)
        copy.execute(f"PRAGMA user_version = {SCHEMA}")
        for name in tables:
            rows = _checked_rows(source, name, remarks, lambda message: progress(message, share))
            marks = ", ".join("?" * len(COLUMNS[name]))
            copy.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        copy.commit()
    except sqlite3.IntegrityError as error:
        raise Refused("Its database has two rows instead of one.") from error
    finally:
        source.close()
        copy.close()


def _restrict(db: sqlite3.Connection) -> None:
    """Restrict SQLite to what reading an untrusted database needs."""
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA cell_size_check = ON")
    for limit, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000),
        (sqlite3.SQLITE_LIMIT_COLUMN, 100),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    ):
        db.setlimit(limit, value)


def _schema(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _check_tables(db: sqlite3.Connection) -> list[str]:
    """Return the names of the tables. Raises Refused unless this program could have made all of them."""
    schema = _schema(db)
    if schema > SCHEMA:
        raise Refused(
            "This run was created by a newer version of this program. Update the program to use it."
        )
    tables = []
    for name, kind, statement in db.execute("SELECT name, type, sql FROM sqlite_master").fetchall():
        if str(name).startswith("sqlite_"):
            continue
        virtual = re.match(r"\s*CREATE\s+VIRTUAL", str(statement), re.IGNORECASE)
        if kind != "table" or name not in COLUMNS or virtual:
            raise Refused(
                "The run was refused, because its database contains other data than a run's "
                "records."
            )
        tables.append(str(name))
    for name in tables:
        columns = db.execute(f"PRAGMA table_xinfo({name})").fetchall()
        if any(column[6] for column in columns):  # hidden or generated columns
            raise Refused(
                "The run was refused, because its database contains other data than a run's "
                "records."
            )
        if {column[1] for column in columns} != set(columns_of(name, schema)):
            raise Refused(f"Its database cannot be read (the table {name} has other columns).")
    if missing := {"reports", "changes", "facts"} - set(tables):
        raise Refused(f"Its database cannot be read (it has no table {min(missing)}).")
    return tables


def _checked_rows(
    db: sqlite3.Connection, name: str, remarks: list[str], report: Callable[[str], None]
) -> Iterator[Sequence[object]]:
    """Yield the checked rows of a table. Leave out damaged facts and metrics, with a remark for each."""
    optional = name in ("facts", "metrics")
    check: Callable[[Sequence[object]], Sequence[object]] = {
        "reports": parse_report,
        "changes": _change_row,
        "metrics": parse_metric,
        "facts": _fact_row,
    }[name]
    num_left_out = 0
    query = f"SELECT {selection(name, _schema(db))} FROM {name}"
    for count, row in enumerate(db.execute(query)):
        if count >= MAX_ROWS[name]:
            raise Refused(f"Its table {name} has more than {MAX_ROWS[name]:,} rows.")
        if count % 5_000 == 0:
            report(f"Reading {name}")
        try:
            yield check(row)
        except SchemaError as error:
            if not optional:
                raise Refused(
                    f"Its table {name} is damaged in row {count + 1:,}: {error}."
                ) from error
            num_left_out += 1
            if num_left_out <= MAX_REMARKS:
                remarks.append(f"One of its {name} is damaged and was left out: {error}.")
    if num_left_out > MAX_REMARKS:
        remarks.append(f"{num_left_out - MAX_REMARKS:,} more of its {name} were left out.")


def _change_row(row: Sequence[object]) -> Sequence[object]:
    step, path, before, after = parse_change(row[1:])
    return whole(row[0], "id", 0, 1 << 62), step, path, json.dumps(before), json.dumps(after)


def _fact_row(row: Sequence[object]) -> Sequence[object]:
    key, value = parse_fact(*row)
    if key == "status":
        value = _IMPORTED_STATUS.get(value, value)
    if key == "name":  # Terminals must not get control characters.
        value = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", value).strip()
    return key, value
