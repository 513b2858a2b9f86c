"""TrainConfig, the one list of every hyperparameter, and PRESETS, configs with a name."""

from wgan.config.model import (
    OPTIMIZERS,
    PARTS,
    PREVIEW_COLUMNS,
    Adam,
    ConfigError,
    Hyperparameter,
    Optimizer,
    RMSprop,
    TrainConfig,
    differences,
    explain,
    hyperparameters,
    short,
)
from wgan.config.presets import PRESETS, SLOWER, Preset

__all__ = [
    "OPTIMIZERS",
    "PARTS",
    "PRESETS",
    "PREVIEW_COLUMNS",
    "SLOWER",
    "Adam",
    "ConfigError",
    "Hyperparameter",
    "Optimizer",
    "Preset",
    "RMSprop",
    "TrainConfig",
    "differences",
    "explain",
    "hyperparameters",
    "short",
]
