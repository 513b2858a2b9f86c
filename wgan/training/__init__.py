"""The training loop, the engine on which it runs, and forecasts of its cost."""

from wgan.training.cost import Forecast, forecast, planned_steps, resolve_engine
from wgan.training.engine import Engine, this_machine, use_threads
from wgan.training.live_metrics import LiveEvaluator, Neighbours
from wgan.training.loop import Training, train
from wgan.training.previews import Preview
from wgan.training.reports import Diverged, Report
from wgan.training.slow_motion import CriticStage, GeneratorStage, Part, SlowStep, slow_step
from wgan.training.state import State, reconfigured
from wgan.training.thread_tuner import ThreadTuner

__all__ = [
    "CriticStage",
    "Diverged",
    "Engine",
    "Forecast",
    "GeneratorStage",
    "LiveEvaluator",
    "Neighbours",
    "Part",
    "Preview",
    "Report",
    "SlowStep",
    "State",
    "ThreadTuner",
    "Training",
    "forecast",
    "planned_steps",
    "reconfigured",
    "resolve_engine",
    "slow_step",
    "this_machine",
    "train",
    "use_threads",
]
