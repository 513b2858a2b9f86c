"""The training loop, what it runs on, and what it will cost."""

from wgan.training.engine import Engine, use_threads
from wgan.training.forecast import Forecast, forecast, resolve_engine
from wgan.training.gauge import Gauge, Neighbours
from wgan.training.loop import Training, train
from wgan.training.reports import Diverged, Preview, Report
from wgan.training.state import State, reconfigured
from wgan.training.threads import Threads

__all__ = [
    "Diverged",
    "Engine",
    "Forecast",
    "Gauge",
    "Neighbours",
    "Preview",
    "Report",
    "State",
    "Threads",
    "Training",
    "forecast",
    "reconfigured",
    "resolve_engine",
    "train",
    "use_threads",
]
