"""What the Train page remembers of a visit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class AppliedProposal:
    """A proposal of the diagnosis that the visitor applied to a live run."""

    words: str
    values_before: Mapping[str, Any]  # by path, to take it back


@dataclass
class TrainState:
    """What the fragments of the page remember."""

    needs_redraw: bool = False  # a fragment changed something that the rest of the page shows
    announced: set[tuple[str, str]] = field(default_factory=set)  # dangers: run and rule
    applied: dict[str, AppliedProposal] = field(default_factory=dict)  # the newest, by run
    shows_measuring: bool = False  # whether the page says that a forecast is being measured
