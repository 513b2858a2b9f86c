"""The training loop, what it runs on, and what it will cost."""

from wgan.training.engine import Engine
from wgan.training.forecast import Forecast, forecast, resolve_engine
from wgan.training.gauge import Gauge, Neighbours
from wgan.training.loop import Diverged, Preview, Report, State, Training, reconfigured, train

__all__ = [
    "Diverged",
    "Engine",
    "Forecast",
    "Gauge",
    "Neighbours",
    "Preview",
    "Report",
    "State",
    "Training",
    "forecast",
    "reconfigured",
    "resolve_engine",
    "train",
]
