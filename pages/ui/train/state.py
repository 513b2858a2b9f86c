"""The state of the Train page for one visit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wgan.diagnosis import Finding


@dataclass(frozen=True)
class AppliedProposal:
    """A proposal of the diagnosis that the visitor applied to a live run."""

    description: str
    values_before: Mapping[str, Any]  # by path, to revert it
    step: int  # at which it was applied


@dataclass
class TrainState:
    """The state that the fragments of the page share."""

    needs_redraw: bool = False  # a fragment has changed something that the rest of the page shows
    announced: set[tuple[str, str]] = field(default_factory=set)  # run and rule of each alarm
    findings_on_show: dict[str, Sequence[Finding]] = field(default_factory=dict)  # by run
    applied: dict[str, AppliedProposal] = field(default_factory=dict)  # newest proposal by run
    shows_measuring: bool = False  # whether the page says that a forecast is being measured
