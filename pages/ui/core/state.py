"""The state of a visit, as typed dataclasses in `st.session_state`.

`page_state` returns them. The classes below are shared by several pages; those of a single page are
in the `state.py` of its folder. Streamlit keeps the values of widgets under the widgets' keys, so
they are not here.
"""

import math
import time
import uuid
from dataclasses import dataclass, field
from typing import TypeVar

import streamlit as st

from wgan.config import PRESETS, TrainConfig
from wgan.data import Dataset
from wgan.runs import Parent

State = TypeVar("State")

FIRST_PRESET = "quick-mnist"
MAX_COMPARED_RUNS = 6


def page_state(kind: type[State]) -> State:
    """Return this visitor's state of a class. It is created on first use, so every field needs a default."""
    key = state_key(kind)
    if key not in st.session_state:
        st.session_state[key] = kind()
    state: State = st.session_state[key]
    return state


def state_key(kind: type[object]) -> str:
    """Return the key of `st.session_state` under which `page_state` stores a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


@dataclass(frozen=True)
class AdaptedSettings:
    """Settings that were changed automatically, because a data set of another kind was chosen."""

    before: TrainConfig  # with the new data set, and the other settings as the visitor had them
    after: TrainConfig


@dataclass(frozen=True)
class Setup:
    """Settings that another page has set up for the next run."""

    title: str
    config: TrainConfig
    replaces_run: bool  # whether the Train page shows it in place of the run on show


@dataclass
class NextRun:
    """The settings of the next run with their history, and the fork that is being prepared."""

    config: TrainConfig | None = (
        None  # None at first; then `draft.draft()` reads it from the address
    )
    preset: str = FIRST_PRESET  # the preset that Reset restores
    undo: list[TrainConfig] = field(default_factory=list)  # earlier configs, newest last
    redo: list[TrainConfig] = field(default_factory=list)
    fork: Parent | None = None
    config_before_fork: TrainConfig | None = None
    fork_count: int = 0  # number of forks prepared so far
    setup: Setup | None = None  # what another page has set up
    adapted: AdaptedSettings | None = None
    edited_datasets: dict[str, Dataset] = field(default_factory=dict)  # by name of the data set

    def leave_fork(self) -> None:
        """End the preparation of a fork. The settings from before it return."""
        if self.fork is not None:
            self.fork = None
            self.config = self.config_before_fork or PRESETS[FIRST_PRESET].config
            self.undo, self.redo = [], []


@dataclass
class BlockedStart:
    """A start that needs an answer first, because another run is training."""

    live_run: str
    config: TrainConfig  # of the run that could not start
    is_fork: bool  # whether it is the fork that is being prepared


@dataclass
class Steering:
    """The result of the visitor's last action on a run."""

    run: str | None = None  # live run that the sidebar changes; None: the next run
    problem: str = ""  # why the last action was refused; empty if it was not
    blocked_start: BlockedStart | None = None
    started_at: float = -math.inf  # `time.monotonic()` of the visitor's last start


@dataclass
class RunOnShow:
    """The run on show on all pages, and the previous one in the address."""

    run: str | None = None
    is_known: bool = False  # whether a page has been shown, even without a run
    previous_address: str | None = ""
    changed_at: float = 0.0  # `time.monotonic()` of the last change of the address
    link_count: int = 0  # number of links drawn so far, which are numbered
    opened_link: str | None = None  # number of the link that was clicked last

    def change(self, run: str | None, address: str | None) -> None:
        """Show another run. `address` is the run in the address, which the browser may send again."""
        if self.run != run:
            self.previous_address, self.changed_at = address, time.monotonic()
        self.run, self.is_known = run, True


@dataclass
class Arrival:
    """The page that was drawn last, and the parameters of the address that were read since the arrival there."""

    page: str | None = None
    readers: set[str] = field(default_factory=set)


@dataclass
class ComparedRuns:
    """The runs on the Compare page. Other pages add runs to it."""

    runs: list[str] = field(default_factory=list)


@dataclass
class WeightsOnShow:
    """For each page, by its prefix, the run whose weights it shows."""

    runs: dict[str, str] = field(default_factory=dict)


@dataclass
class Visitor:
    """A viewer; a reloaded tab counts as another one."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass
class DrawnControls:
    """The version of each control's key, and the value with which each control was last drawn."""

    versions: dict[str, int] = field(default_factory=dict)  # by the control's name
    values: dict[str, object] = field(default_factory=dict)  # by the control's key
