"""The state of the tour for one visit."""

from dataclasses import dataclass, field


@dataclass
class TourState:
    """The position in the tour, and the steps that the visitor has opened."""

    is_read: bool = False  # whether the cookie and the address were read, at the visit's first page
    step: int = 0  # the step that guides the visitor, from 1; 0 if the tour is off
    place: int = 0  # which place of the step
    last_step: int = 0  # where the tour can be continued; 0 if it was never begun, or is finished
    seen_steps: set[int] = field(default_factory=set)
    problem: str = ""  # why the examples could not be added
