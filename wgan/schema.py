"""Checks of every value in a run's config.json, run.sqlite and checkpoints.

Both the reader of runs (`wgan.runs`) and the import of foreign runs (`wgan.untrusted`) use them.
The module does not import torch, so that the child process of an import starts quickly.
"""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

SCHEMA = 4
"""The schema version that this program writes."""

REPORT_COLUMNS = (
    "step",
    "critic_loss",
    "generator_loss",
    "critic_gap",
    "critic_gap_held_out",
    "penalty",
    "real_score",
    "fake_score",
    "images",
    "seconds",
    "time",
)
COLUMNS: dict[str, tuple[str, ...]] = {
    "reports": REPORT_COLUMNS,
    "changes": ("id", "step", "path", "before", "after"),
    "metrics": ("step", "name", "value"),
    "facts": ("key", "value"),
}
"""The columns of each table of run.sqlite."""

SCORE_COLUMNS = ("real_score", "fake_score")
FIRST_WITH_SCORES = 4
"""The schema that added SCORE_COLUMNS to the reports."""


def columns_of(table: str, schema: int) -> tuple[str, ...]:
    """Return the columns of a table in a database of a schema."""
    absent = SCORE_COLUMNS if table == "reports" and schema < FIRST_WITH_SCORES else ()
    return tuple(name for name in COLUMNS[table] if name not in absent)


def selection(table: str, schema: int) -> str:
    """Return the current columns of a table as a SELECT list; NULL for those that an old schema lacks."""
    existing = columns_of(table, schema)
    return ", ".join(name if name in existing else f"NULL AS {name}" for name in COLUMNS[table])


METRICS_TABLE = (
    "CREATE TABLE IF NOT EXISTS metrics (step INTEGER, name TEXT, value REAL, "
    "PRIMARY KEY (step, name))"
)
TABLES = f"""
CREATE TABLE IF NOT EXISTS reports (step INTEGER PRIMARY KEY, {", ".join(f"{c} REAL" for c in REPORT_COLUMNS[1:])});
CREATE TABLE IF NOT EXISTS changes (id INTEGER PRIMARY KEY, step INTEGER, path TEXT, before TEXT, after TEXT);
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT);
{METRICS_TABLE};
"""
"""The statements that make the tables of a new run.sqlite."""

STATUSES = (
    "queued",
    "running",
    "paused",
    "stopped",
    "finished",
    "failed",
    "interrupted",
    "shipped",
)

MAX_STEP = 99_999_999  # file names have eight digits
MAX_SECONDS = 1e10
MAX_TEXT = 1 << 20
MAX_JSON_DEPTH = 200  # the config.json of a fork contains those of all its ancestors
MAX_FACTS = 1_000


class SchemaError(ValueError):
    """A value does not fit the schema; the message names the value and its fault."""


# ---- values -----------------------------------------------------------------------------------


def whole(value: object, what: str, low: int = 0, high: int = MAX_STEP) -> int:
    """Return an integer from low to high. Raises SchemaError."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SchemaError(f"{what} must be a whole number, not {shown(value)}")
    return value


def number(value: object, what: str, low: float, high: float) -> float:
    """Return a finite number from low to high. Raises SchemaError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise SchemaError(f"{what} must be a number, not {shown(value)}")
    return float(value)


def measurement(value: object, what: str) -> float:
    """Return a measured number. NaN is allowed; SQLite stores it as NULL. Raises SchemaError."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SchemaError(f"{what} must be a number, not {shown(value)}")
    try:
        return float(value)
    except OverflowError as error:
        raise SchemaError(f"{what} must be a number, not {shown(value)}") from error


def text(value: object, what: str, most: int = MAX_TEXT) -> str:
    """Return a text of at most `most` characters that can be encoded as UTF-8. Raises SchemaError."""
    if not isinstance(value, str):
        raise SchemaError(f"{what} must be text, not {shown(value)}")
    if len(value) > most:
        raise SchemaError(f"{what} is longer than {most:,} characters")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SchemaError(f"{what} has characters that are not text") from error
    return value


def shown(value: object) -> str:
    """Return a value of any type as text for a sentence."""
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, int) and abs(value) >= 1 << 64:
        return "a number that is too large"
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "a JSON object"
    short = repr(value)[:42]
    return short if len(short) < 42 else f"{short[:40]}…"


def parse_json(value: object, what: str) -> Any:
    """Parse a JSON text. Raises SchemaError if it is invalid or nested too deeply."""
    written = text(value, what)
    try:
        parsed = json.loads(written)
    except RecursionError as error:
        raise SchemaError(f"{what} is nested too deeply") from error
    except ValueError as error:
        raise SchemaError(f"{what} is not JSON") from error
    level = [parsed]
    for _ in range(MAX_JSON_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return parsed
    raise SchemaError(f"{what} is nested too deeply")


def table(value: object, what: str) -> dict[str, Any]:
    """Return a JSON object. Raises SchemaError."""
    if not isinstance(value, dict):
        raise SchemaError(f"{what} must be a JSON object, not {shown(value)}")
    return value


def plain(value: object, what: str) -> Any:
    """Return the value of a hyperparameter: None, bool, number, text, or a list of these."""
    if isinstance(value, list):
        if len(value) > 1_000:
            raise SchemaError(f"{what} has more than 1,000 values")
        return [plain(inner, what) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value, what, 100_000)
    if isinstance(value, int):
        return whole(value, what, -(1 << 63), (1 << 63) - 1)
    return number(value, what, -1e308, 1e308)


# ---- config.json ------------------------------------------------------------------------------


def parse_described(value: object) -> dict[str, Any]:
    """Return the content of a config.json of this schema. Raises SchemaError.

    Its keys are schema, config, parent, versions and created. Of the config itself, this checks
    only that it is a JSON object; `TrainConfig.parse` does the rest.
    """
    values = table(value, "config.json")
    versions = table(values.get("versions") or {}, "versions")
    return {
        "schema": whole(values.get("schema"), "schema", 1),
        "config": table(values.get("config"), "config"),
        "parent": parse_parent(values.get("parent")),
        "versions": {
            text(k, "versions", 100): text(v, "versions", 1_000) for k, v in versions.items()
        },
        "created": parse_created(values.get("created")),
    }


def parse_parent(value: object) -> dict[str, Any] | None:
    """Return the parent of a fork, with its config and ancestors. Raises SchemaError."""
    ancestors = []
    while value is not None:
        values = table(value, "parent")
        ancestors.append(
            {
                "run": text(values.get("run"), "the parent's run", 255),
                "step": whole(values.get("step"), "the parent's step"),
            }
            | (
                {"config": table(values["config"], "the parent's config")}
                if "config" in values
                else {}
            )
        )
        value = values.get("parent")
    parent: dict[str, Any] | None = None
    for ancestor in reversed(ancestors):
        parent = ancestor | ({"parent": parent} if "config" in ancestor else {})
    return parent


def parse_created(value: object) -> str:
    """Return an ISO 8601 date and time; empty if it was not recorded. Raises SchemaError."""
    if value is None or value == "":
        return ""
    written = text(value, "created", 64)
    try:
        datetime.fromisoformat(written).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise SchemaError(f"created must be a date and time, not {shown(written)}") from error
    return written


# ---- run.sqlite -------------------------------------------------------------------------------


def parse_report(row: Sequence[object]) -> tuple[Any, ...]:
    """Return a row of the reports table, in the order of REPORT_COLUMNS. Raises SchemaError."""
    step, *values, images, seconds, when = row
    return (
        whole(step, "step"),
        *(
            measurement(value, name)
            for name, value in zip(REPORT_COLUMNS[1:-3], values, strict=True)
        ),
        whole(images, "images", 0, 1 << 62),
        number(seconds, "seconds", 0.0, MAX_SECONDS),
        number(when, "time", 0.0, MAX_SECONDS),
    )


def parse_change(row: Sequence[object]) -> tuple[int, str, Any, Any]:
    """Return step, path, old value and new value of a change during training. Raises SchemaError."""
    step, path, before, after = row
    where = text(path, "a change's path", 200)
    if where == "engine":
        return (
            whole(step, "a change's step"),
            where,
            parse_engine(parse_json(before, "the engine before a change")),
            parse_engine(parse_json(after, "the engine after a change")),
        )
    return (
        whole(step, "a change's step"),
        where,
        plain(parse_json(before, "the value before a change"), "the value before a change"),
        plain(parse_json(after, "the value after a change"), "the value after a change"),
    )


def parse_replay(value: object) -> list[tuple[int, str, Any, Any]]:
    """Return the changes that a resumed run still has to repeat. Raises SchemaError."""
    rows = parse_json(value, "replay")
    if not isinstance(rows, list) or not all(isinstance(r, list) and len(r) == 4 for r in rows):
        raise SchemaError("replay must be a list of changes")
    return sorted((parse_change(row) for row in rows), key=lambda row: row[0])


def parse_metric(row: Sequence[object]) -> tuple[int, str, float]:
    """Return step, name and value of a measured metric. Raises SchemaError."""
    step, name, value = row
    return (
        whole(step, "a metric's step"),
        text(name, "a metric's name", 200),
        measurement(value, "a metric's value"),
    )


# ---- facts ------------------------------------------------------------------------------------


def parse_fact(key: object, value: object) -> tuple[str, str]:
    """Return a named fact after checking the type of its value. Raises SchemaError."""
    name = text(key, "a fact's name", 200)
    if name == "status":
        parse_status(value)
    elif name == "engines":
        parse_engines(value)
    elif name == "protocol":
        parse_protocol(value)
    elif name == "starred":
        parse_starred(value)
    elif name == "neighbours":
        parse_neighbours(value)
    elif name == "replay":
        parse_replay(value)
    elif name == "seconds":
        parse_seconds(value)
    return name, text(
        value, f"the fact {name!r}", {"name": 200, "note": 20_000}.get(name, MAX_TEXT)
    )


def parse_status(value: object) -> str:
    """Return a status. Raises SchemaError."""
    if not isinstance(value, str) or value not in STATUSES:
        raise SchemaError(f"status must be one of {', '.join(STATUSES)}, not {shown(value)}")
    return value


def parse_seconds(value: object) -> float:
    """Return the training time of an ended run in seconds. Raises SchemaError."""
    try:
        seconds = float(text(value, "seconds", 40))
    except ValueError as error:
        raise SchemaError(f"seconds must be a number, not {shown(value)}") from error
    return number(seconds, "seconds", 0.0, MAX_SECONDS)


def parse_engine(value: object) -> dict[str, Any]:
    """Return the engine that a run was trained on, as a dict. Raises SchemaError."""
    values = table(value, "engine")
    if extra := values.keys() - {"device", "precision", "threads", "processes", "compiled"}:
        raise SchemaError(f"engine has an unknown value {shown(min(extra))}")
    if values.get("precision") not in ("float32", "bfloat16"):
        raise SchemaError(f"precision must be known, not {shown(values.get('precision'))}")
    if not isinstance(values.get("compiled", False), bool):
        raise SchemaError(f"compiled must be true or false, not {shown(values.get('compiled'))}")
    return {
        "device": text(values.get("device"), "device", 40),
        "precision": values["precision"],
        "threads": whole(values.get("threads"), "threads", 0, 100_000),
        "processes": whole(values.get("processes", 1), "processes", 1, 1_000_000),
        "compiled": values.get("compiled", False),
    }


def parse_engines(value: object) -> list[dict[str, Any]]:
    """Return all engines that a run was trained on, in order. Raises SchemaError."""
    values = parse_json(value, "engines")
    if not isinstance(values, list):
        raise SchemaError(f"engines must be a list, not {shown(values)}")
    return [parse_engine(engine) for engine in values]


def parse_protocol(value: object) -> dict[str, Any]:
    """Return the settings of a run's metrics, which must be equal to compare values. Raises SchemaError."""
    values = table(parse_json(value, "protocol"), "protocol")
    return {name: plain(inner, f"protocol's {name}") for name, inner in values.items()}


def parse_starred(value: object) -> list[int]:
    """Return the steps of the checkpoints that are never deleted automatically. Raises SchemaError."""
    values = parse_json(value, "starred")
    if not isinstance(values, list):
        raise SchemaError(f"starred must be a list, not {shown(values)}")
    return [whole(step, "a starred step") for step in values]


def parse_neighbours(value: object) -> tuple[int, tuple[float, ...], tuple[bool, ...]] | None:
    """Return step, distances and copy flags of the nearest training pictures. Raises SchemaError."""
    values = parse_json(value, "neighbours")
    if values is None:
        return None
    values = table(values, "neighbours")
    distances, copies = values.get("distances"), values.get("copies")
    if not isinstance(distances, list) or not isinstance(copies, list):
        raise SchemaError("neighbours must have distances and copies")
    if len(distances) != len(copies) or not all(isinstance(copy, bool) for copy in copies):
        raise SchemaError("neighbours must state for each distance whether it is a copy")
    return (
        whole(values.get("step"), "the step of neighbours"),
        tuple(number(distance, "a distance", 0.0, 1e6) for distance in distances),
        tuple(copies),
    )


# ---- checkpoints ------------------------------------------------------------------------------


def parse_counts(value: object) -> tuple[int, int]:
    """Return the numbers of critic and generator updates. Raises SchemaError."""
    values = parse_json(value, "counts")
    if not isinstance(values, list) or len(values) != 2:
        raise SchemaError(f"counts must be two numbers, not {shown(values)}")
    critic, generator = (whole(count, "a count", 0, 1 << 62) for count in values)
    return critic, generator


def parse_checkpoint_facts(value: object) -> dict[str, float]:
    """Return the counters with which a training resumes from a checkpoint. Raises SchemaError."""
    values = table(parse_json(value, "facts"), "facts")
    return {
        name: number(inner, f"the fact {name!r}", -1e308, 1e308) for name, inner in values.items()
    }
