"""A run's folder: create, record, read, lock, fork, list, throw away.

`config.json`, `run.sqlite` (reports, changes, metrics, facts), `previews/`, `step_XXXXXXXX.safetensors`,
a lock, and after a failure `error.log`. Files are written under a temporary name, flushed and then
renamed; the database commits a batch of rows at a time. So a run killed at any moment keeps all that
was flushed, and no half file.
"""

from wgan.runs.checkpoints import read_checkpoint
from wgan.runs.files import pack_arrays, unpack_arrays
from wgan.runs.fork import KEPT, fork, forked
from wgan.runs.index import (
    RunIndex,
    RunSummary,
    TrashedRun,
    began,
    change_token,
    empty_trash,
    restore,
    throw_away,
    trash,
)
from wgan.runs.lock import DEAD_AFTER
from wgan.runs.previews import KEEP_PREVIEWS
from wgan.runs.records import (
    COLUMNS,
    Change,
    Measured,
    Parent,
    RunError,
    RunTakenOver,
    Status,
    StoredNeighbours,
    StoredReport,
)
from wgan.runs.run import Run, list_runs

__all__ = [
    "COLUMNS",
    "DEAD_AFTER",
    "KEEP_PREVIEWS",
    "KEPT",
    "Change",
    "Measured",
    "Parent",
    "Run",
    "RunError",
    "RunIndex",
    "RunSummary",
    "RunTakenOver",
    "Status",
    "StoredNeighbours",
    "StoredReport",
    "TrashedRun",
    "began",
    "change_token",
    "empty_trash",
    "fork",
    "forked",
    "list_runs",
    "pack_arrays",
    "read_checkpoint",
    "restore",
    "throw_away",
    "trash",
    "unpack_arrays",
]
