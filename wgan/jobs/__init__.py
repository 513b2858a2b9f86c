"""Jobs: long operations whose `step()` does a small share of the work. Snapshots hold the state so far."""

from wgan.jobs.convergence import CONVERGENCE, UPDATES, CriticConvergence, converge
from wgan.jobs.evaluation import SAMPLES, Evaluation, Value, evaluate
from wgan.jobs.inversion import NUM_BASELINE_PICTURES, SEARCH, InversionResult, invert
from wgan.jobs.snapshot import (
    CURVE_POINTS,
    Curves,
    RunReader,
    RunSnapshot,
    StoredPreview,
    error_message,
    pack_preview,
    thumb,
)
from wgan.jobs.task import Task, TaskProgress, TaskStatus, TaskSteps
from wgan.jobs.training import FLUSH_INTERVAL_S, Cancelled, JobLimits, TrainingJob

__all__ = [
    "CONVERGENCE",
    "CURVE_POINTS",
    "FLUSH_INTERVAL_S",
    "NUM_BASELINE_PICTURES",
    "SAMPLES",
    "SEARCH",
    "UPDATES",
    "Cancelled",
    "CriticConvergence",
    "Curves",
    "Evaluation",
    "InversionResult",
    "JobLimits",
    "RunReader",
    "RunSnapshot",
    "StoredPreview",
    "Task",
    "TaskProgress",
    "TaskStatus",
    "TaskSteps",
    "TrainingJob",
    "Value",
    "converge",
    "error_message",
    "evaluate",
    "invert",
    "pack_preview",
    "thumb",
]
