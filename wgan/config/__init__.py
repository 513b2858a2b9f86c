"""TrainConfig, with all hyperparameters, and PRESETS, named configs."""

from wgan.config.applicability import Machine, unused_settings
from wgan.config.comparison import differences
from wgan.config.errors import ConfigError, explain
from wgan.config.groups import Group
from wgan.config.hyperparameters import Hyperparameter, hyperparameters, value_text
from wgan.config.model import MAX_STEPS, PREVIEW_COLUMNS, TrainConfig, short
from wgan.config.parts import OPTIMIZERS, PARTS, Adam, Optimizer, RMSprop
from wgan.config.presets import (
    CONSTANT_RATES,
    PRESETS,
    SLOWER,
    TOY,
    FirstResult,
    Preset,
    first_result,
)
from wgan.config.recommended import adapt_to_dataset, recommended, with_objective

__all__ = [
    "CONSTANT_RATES",
    "MAX_STEPS",
    "OPTIMIZERS",
    "PARTS",
    "PRESETS",
    "PREVIEW_COLUMNS",
    "SLOWER",
    "TOY",
    "Adam",
    "ConfigError",
    "FirstResult",
    "Group",
    "Hyperparameter",
    "Machine",
    "Optimizer",
    "Preset",
    "RMSprop",
    "TrainConfig",
    "adapt_to_dataset",
    "differences",
    "explain",
    "first_result",
    "hyperparameters",
    "recommended",
    "short",
    "unused_settings",
    "value_text",
    "with_objective",
]
