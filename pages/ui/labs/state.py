"""What the lab pages remember of a visit."""

from dataclasses import dataclass, field

from wgan.jobs import TaskStatus
from wgan.labs.apart import Opposed


@dataclass
class StartedTask:
    """Work that this visitor has begun: its task, and with which settings.

    Once these are others it is `left`: what went wrong with it is no news any more.
    """

    key: str
    given: object
    left: bool = False


@dataclass(frozen=True)
class FailedStart:
    """Work that could not begin: its title, the settings it was to have, and the reason."""

    title: str
    given: object
    message: str


@dataclass
class LabsState:
    """The work of this visitor, by title."""

    started: dict[str, StartedTask] = field(default_factory=dict)
    results: dict[str, TaskStatus] = field(default_factory=dict)
    problem: FailedStart | None = None
    opposed: dict[float, Opposed] = field(default_factory=dict)  # by the distance of the piles
