"""The state of the Data page for one visit."""

from dataclasses import dataclass

from wgan.arrays import U8
from wgan.background import BackgroundTask
from wgan.config import TrainConfig


@dataclass(frozen=True)
class Pad:
    """A drawing on the pad. An empty one is allowed here, but not in a data set."""

    drawing: U8  # (S, S)
    cells: str  # cells of the data set that it belongs to


@dataclass
class DatasetsState:
    """The data set on show, and the work on the visitor's own pictures."""

    config: TrainConfig | None = None  # contains the data set; None until one is chosen
    problem: str = ""  # why its last change was refused; empty if it was not
    is_adding: bool = False  # whether the form for own pictures is on show
    task: BackgroundTask | None = None  # the task that downloads or prepares a data set
    pad: Pad | None = None
