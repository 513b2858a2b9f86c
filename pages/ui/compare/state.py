"""The state of the Compare page for one visit."""

from dataclasses import dataclass, field


@dataclass
class CompareState:
    """The timeline position of each comparison, and whether the race dialog was requested."""

    # By the runs and the axis; None for the newest frame.
    moments: dict[tuple[str, ...], int | None] = field(default_factory=dict)
    asks_race: bool = False  # the dialog opens at the next rerun
