"""The state of the Tour page for one visit."""

from dataclasses import dataclass


@dataclass
class TourState:
    """The steps that the visitor has seen."""

    seen_steps: set[int] | None = None  # from 1; None: not read from the address yet
    problem: str = ""  # why the examples could not be added
