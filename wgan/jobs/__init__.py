"""Everything long as a job: `step()` does a small share of the work, a snapshot says how it stands."""

from wgan.jobs.convergence import CONVERGENCE, UPDATES, Tightening, converge
from wgan.jobs.evaluation import SAMPLES, Evaluation, Value, evaluate
from wgan.jobs.inversion import OTHERS, SEARCH, Found, invert
from wgan.jobs.task import Said, Standing, Task, Work
from wgan.jobs.training import FLUSH_EVERY, Cancelled, TrainingJob
from wgan.jobs.views import (
    CURVE_POINTS,
    Curves,
    Stored,
    StoredPreview,
    View,
    in_words,
    pack_preview,
    thumb,
)

__all__ = [
    "CONVERGENCE",
    "CURVE_POINTS",
    "FLUSH_EVERY",
    "OTHERS",
    "SAMPLES",
    "SEARCH",
    "UPDATES",
    "Cancelled",
    "Curves",
    "Evaluation",
    "Found",
    "Said",
    "Standing",
    "Stored",
    "StoredPreview",
    "Task",
    "Tightening",
    "TrainingJob",
    "Value",
    "View",
    "Work",
    "converge",
    "evaluate",
    "in_words",
    "invert",
    "pack_preview",
    "thumb",
]
