"""Migrations of runs that older versions wrote, one step per schema.

Schema 1 was the first. Schema 2 added forks (`parent` in config.json) and a table of metrics.
Schema 3 added a digest to each checkpoint. Schema 4 added the mean scores of real and fake examples
to the reports; older reports have no values there.
"""

import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from wgan.runs.records import RunError
from wgan.schema import (
    METRICS_TABLE,
    SCHEMA,
    SCORE_COLUMNS,
    SchemaError,
    parse_described,
    selection,
)

FIRST_WITH_DIGEST = 3


def _known(schema: object, what: str) -> int:
    is_number = isinstance(schema, int | str) and re.fullmatch(r"\d{1,9}", str(schema)[:10])
    number = int(str(schema)) if is_number else 0
    if number > SCHEMA:
        raise RunError(
            f"{what} was created by a newer version of this program (schema {number}; this "
            f"version supports up to {SCHEMA}). Update the program to use it."
        )
    if number < 1:
        raise RunError(f"{what} does not contain the version of the program that created it.")
    return number


def migrate_described(stored_values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the content of a config.json in the current schema. Raises RunError for an unknown schema."""
    described = dict(stored_values)
    described.setdefault("parent", None)
    if _known(described.get("schema"), what) < 2:
        described["parent"] = None
    try:
        return parse_described(described | {"schema": SCHEMA})
    except SchemaError as error:
        raise RunError(
            f"The config of {what[:1].lower()}{what[1:]} is damaged: {error}."
        ) from error


def migrate_checkpoint(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return a checkpoint's metadata in the current schema; only the digest differs between schemas."""
    _known(metadata.get("schema"), "This checkpoint")
    return {**metadata, "schema": str(SCHEMA)}


def database_schema(db: sqlite3.Connection) -> int:
    """Return the schema of a run's database. Schema 1 was not recorded in it."""
    return max(1, int(db.execute("PRAGMA user_version").fetchone()[0]))


def migrate_database(db: sqlite3.Connection) -> None:
    """Migrate a database to the current schema before writing to it, in one transaction."""
    db.execute("BEGIN IMMEDIATE")
    with db:
        if database_schema(db) < 2:
            db.execute(METRICS_TABLE)
        columns = {row[1] for row in db.execute("PRAGMA table_info(reports)")}
        if columns:  # empty in a new database, whose tables are made later
            for name in SCORE_COLUMNS:
                if name not in columns:
                    db.execute(f"ALTER TABLE reports ADD COLUMN {name} REAL")
        db.execute(f"PRAGMA user_version = {SCHEMA}")


def report_selection(db: sqlite3.Connection) -> str:
    """Return the columns of the reports as a SELECT list for the schema of a database."""
    return selection("reports", database_schema(db))
