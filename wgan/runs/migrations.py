"""What older versions wrote, read as this one would have written it: one step a schema.

Schema 1: the first. Schema 2: forks (`parent` in config.json) and measured metrics (a table). Schema 3: each
checkpoint carries a digest.
"""

import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from wgan.runs.records import RunError
from wgan.schema import METRICS_TABLE, SCHEMA, SchemaError, parse_described

FIRST_WITH_DIGEST = 3


def _known(schema: object, what: str) -> int:
    is_number = isinstance(schema, int | str) and re.fullmatch(r"\d{1,9}", str(schema)[:10])
    number = int(str(schema)) if is_number else 0
    if number > SCHEMA:
        raise RunError(
            f"{what} was made by a newer version of this program (schema {number}, this one knows "
            f"{SCHEMA}). Update the program to use it."
        )
    if number < 1:
        raise RunError(f"{what} does not say by which version of this program it was made.")
    return number


def migrate_described(stored_values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return what a config.json says, as of this schema. Raises RunError for an unknown one."""
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
    """Return a checkpoint's metadata as of this schema; all hold the same but for the digest."""
    _known(metadata.get("schema"), "This checkpoint")
    return {**metadata, "schema": str(SCHEMA)}


def database_schema(db: sqlite3.Connection) -> int:
    """Return the schema of a run's database. Before it was recorded there, it was 1."""
    return max(1, int(db.execute("PRAGMA user_version").fetchone()[0]))


def migrate_database(db: sqlite3.Connection) -> None:
    """Bring a database that is about to be written up to this schema."""
    if database_schema(db) < 2:
        db.execute(METRICS_TABLE)
    db.execute(f"PRAGMA user_version = {SCHEMA}")
