"""The state of the Critic page for one visit."""

from dataclasses import dataclass, field

from wgan.arrays import F32


@dataclass
class Climb:
    """A picture, and where each step uphill has moved it."""

    start: str  # identifies the weights, the picture and its class
    pictures: list[F32]  # (C, H, W) each; the first is the start
    is_at_top: bool = False  # whether no further step raises the score


@dataclass
class CriticState:
    """The weights on show, and the chosen pictures."""

    problem: str = ""  # why the critic could not be trained alone; empty if it could
    picked: dict[str, list[int]] = field(default_factory=dict)  # by kind of picture
    climb: Climb | None = None
