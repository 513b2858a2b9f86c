"""The folder of a run: create, record, read, lock, fork, list, delete.

It holds `config.json`, `run.sqlite` (reports, changes, metrics, facts), `previews/`, checkpoints
(`step_XXXXXXXX.safetensors`), a lock, and after a failure `error.log`. Files are written under a
temporary name, flushed and renamed. The database commits rows in batches. So a run that is killed
at any moment keeps everything that was flushed, and contains no incomplete file.
"""

from wgan.runs.checkpoints import read_checkpoint
from wgan.runs.files import pack_arrays, unpack_arrays
from wgan.runs.fork import FIXED_PARTS, fork, fork_config
from wgan.runs.index import (
    RunIndex,
    RunSummary,
    TrashedRun,
    began,
    change_token,
    empty_trash,
    restore,
    run_title,
    throw_away,
    trash,
    trash_title,
)
from wgan.runs.lock import DEAD_AFTER_S
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
    training_seconds,
)
from wgan.runs.run import Run, list_runs

__all__ = [
    "COLUMNS",
    "DEAD_AFTER_S",
    "FIXED_PARTS",
    "KEEP_PREVIEWS",
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
    "fork_config",
    "list_runs",
    "pack_arrays",
    "read_checkpoint",
    "restore",
    "run_title",
    "throw_away",
    "training_seconds",
    "trash",
    "trash_title",
    "unpack_arrays",
]
