"""What the Data page remembers of a visit."""

from dataclasses import dataclass

from wgan.arrays import U8
from wgan.background import BackgroundTask
from wgan.config import TrainConfig


@dataclass(frozen=True)
class Pad:
    """A drawing on the pad. It may be empty, which makes no data set."""

    drawing: U8  # (S, S)
    cells: str  # of the data set that it belongs to


@dataclass
class DatasetsState:
    """The data set on show, and the work on the visitor's own pictures."""

    config: TrainConfig | None = None  # holds the data set; None: not chosen yet
    problem: str = ""  # why the last change of it was refused
    is_adding: bool = False  # whether the form for the visitor's own pictures is on show
    task: BackgroundTask | None = None  # which fetches or prepares a data set
    pad: Pad | None = None
