"""What the Compare page remembers of a visit."""

from dataclasses import dataclass, field


@dataclass
class CompareState:
    """The timeline of each comparison, and whether a race was asked for."""

    # By the runs and the axis; None: the newest.
    moments: dict[tuple[str, ...], int | None] = field(default_factory=dict)
    asks_race: bool = False  # the dialog opens with the next run of the page
