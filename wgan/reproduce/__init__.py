"""Published results, measured again: one function and one line of EXPERIMENTS for each."""

from wgan.reproduce.base import Bench, Experiment, Row
from wgan.reproduce.curves import W_AND_JS_CURVES
from wgan.reproduce.digits import BROWNLEE, NO_BATCH_NORM, OVERFITTING
from wgan.reproduce.lines import PARALLEL_LINES, VANISHING_GRADIENT
from wgan.reproduce.plane import GRADIENT_NORMS, GROUPSORT, TOY_SURFACES
from wgan.reproduce.report import Outcome, page, run_experiment, table
from wgan.reproduce.trainings import LP_AGAINST_GP, MIXTURE_TABLE

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        PARALLEL_LINES,
        VANISHING_GRADIENT,
        W_AND_JS_CURVES,
        NO_BATCH_NORM,
        TOY_SURFACES,
        GRADIENT_NORMS,
        OVERFITTING,
        GROUPSORT,
        LP_AGAINST_GP,
        BROWNLEE,
        MIXTURE_TABLE,
    )
}

__all__ = [
    "EXPERIMENTS",
    "Bench",
    "Experiment",
    "Outcome",
    "Row",
    "page",
    "run_experiment",
    "table",
]
