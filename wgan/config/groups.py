"""The groups of hyperparameters, in which forms and tables show them."""

from enum import StrEnum


class Group(StrEnum):
    """A group of hyperparameters. The value is its heading; the order is that of forms."""

    DATA = "Data"
    AUGMENTATION = "Augmentation"
    OBJECTIVE = "Objective"
    NETWORK = "Network"
    OPTIMISER = "Optimiser"
    SCHEDULE = "Schedule"
    REPORTING = "Reporting"
    ENGINE = "Engine"
