"""The creation times of runs, for lists with the newest first."""

import contextlib
import os
import re
from datetime import datetime
from pathlib import Path

from wgan.schema import MAX_TEXT, SchemaError, parse_created, parse_json, table

_known: dict[str, tuple[tuple[int, int], float]] = {}
"""Creation time by path of config.json, with the version of the file."""

MAX_KNOWN = 20_000


def created_at(config_file: Path) -> float | None:
    """Return when a run was created, in seconds since the epoch; None if there is no such file.

    This is `created` in its config.json. If that is missing or damaged, it is the local time in the
    folder's name, else the modification time of the file.
    """
    path = str(config_file)
    try:
        stat = os.stat(path)
    except OSError:
        _known.pop(path, None)
        return None
    version = (stat.st_mtime_ns, stat.st_size)
    remembered = _known.get(path)
    if remembered is None or remembered[0] != version:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        remembered = _known[path] = (version, _read(config_file, stat.st_mtime))
    return remembered[1]


def _read(config_file: Path, modified: float) -> float:
    with contextlib.suppress(OSError, ValueError):
        with config_file.open(encoding="utf-8") as file:
            described = table(parse_json(file.read(MAX_TEXT + 1), "config.json"), "config.json")
        with contextlib.suppress(SchemaError):
            if created := parse_created(described.get("created")):
                return datetime.fromisoformat(created).timestamp()
    with contextlib.suppress(ValueError, OverflowError, OSError):
        if match := re.match(r"\d{8}-\d{6}", config_file.parent.name):
            return datetime.strptime(match[0], "%Y%m%d-%H%M%S").timestamp()
    return modified
