"""What is remembered of a visit, as typed dataclasses in `st.session_state`.

`page_state` returns them. Those below are shared by several pages; a page's own are in the `state.py` of
its folder. The values of widgets are not here: Streamlit keeps them under the widgets' keys.
"""

import uuid
from dataclasses import dataclass, field
from typing import TypeVar

import streamlit as st

from wgan.config import TrainConfig
from wgan.data import Dataset
from wgan.runs import Parent

State = TypeVar("State")

FIRST_PRESET = "quick-mnist"


def page_state(kind: type[State]) -> State:
    """Return this visitor's state of a kind; it is made on first use, so every field needs a default."""
    key = state_key(kind)
    if key not in st.session_state:
        st.session_state[key] = kind()
    state: State = st.session_state[key]
    return state


def state_key(kind: type[object]) -> str:
    """Return the key of `st.session_state` under which `page_state` keeps a kind."""
    return f"{kind.__module__}.{kind.__qualname__}"


@dataclass
class NextRun:
    """The settings of the next run, with their history, and the fork that is being prepared."""

    config: TrainConfig | None = (
        None  # None: not begun yet; `draft.draft()` reads it from the address
    )
    preset: str = FIRST_PRESET  # the one chosen last, to which Reset goes back
    undo: list[TrainConfig] = field(default_factory=list)  # earlier configs, the newest last
    redo: list[TrainConfig] = field(default_factory=list)
    fork: Parent | None = None
    config_before_fork: TrainConfig | None = None
    fork_count: int = 0  # forks prepared so far
    ready: tuple[str, TrainConfig] | None = None  # what another page chose, and its config
    edited_datasets: dict[str, Dataset] = field(default_factory=dict)  # by the data set's name


@dataclass
class BlockedStart:
    """A start that had to wait for an answer, because another run was training."""

    live_run: str
    message: str


@dataclass
class Steering:
    """What the visitor's last action on a run led to."""

    run: str | None = None  # the live run that the sidebar changes; None: it changes the next run
    problem: str = ""  # why the last action was refused
    blocked_start: BlockedStart | None = None


@dataclass
class RunOnShow:
    """The run on show on all pages, and what its address was before."""

    run: str | None = None
    is_known: bool = False  # whether any page has been shown, also without a run
    previous_address: str | None = ""
    changed_at: float = 0.0  # `time.monotonic()` when the address was changed
    link_count: int = 0  # links drawn so far; each has its own number
    opened_link: str | None = None  # the number of the link that was clicked last


@dataclass
class ComparedRuns:
    """The runs of the Compare page; other pages fill it, too."""

    runs: list[str] = field(default_factory=list)


@dataclass
class WeightsOnShow:
    """The run whose weights each page shows, by the page's prefix."""

    runs: dict[str, str] = field(default_factory=dict)


@dataclass
class Visitor:
    """Who watches; a tab that is reloaded is another visitor."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass
class DrawnControls:
    """The version of each control's key, and the value with which each key was drawn last."""

    versions: dict[str, int] = field(default_factory=dict)  # by the control's name
    values: dict[str, object] = field(default_factory=dict)  # by the control's key
