"""Actions of the buttons of a run: start, queue, stop, resume."""

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui.core import draft
from pages.ui.core.run_on_show import show_run
from pages.ui.core.session import attempt, session
from pages.ui.core.state import BlockedStart, NextRun, RunOnShow, Steering, page_state
from pages.ui.core.url import keep_moment
from wgan.config import ConfigError, TrainConfig
from wgan.runs import RunError
from wgan.session import Busy, Session

DOUBLE_CLICK_S = 1.0
"""Seconds after a visitor's start in which another one is the second half of a double click."""


def start(
    config: TrainConfig, *, queue: bool = False, show: bool = True, is_fork: bool | None = None
) -> None:
    """Start a run, or the fork that is being prepared, and show it unless it has to wait.

    A refusal is stored as a sentence.

    Args:
        config: Its settings.
        queue: Whether it waits if another run is training.
        show: Whether to show it even if it waits.
        is_fork: Whether it is the fork that is being prepared. Default: if there is one.
    """
    steering, on_show, next_run = page_state(Steering), page_state(RunOnShow), page_state(NextRun)
    address = st.query_params.get("run")
    origin = None if is_fork is False else draft.fork_origin()
    show = show or session().live() is None
    try:
        if origin is None:
            run = session().start(config, queue=queue)
        else:
            changes = draft.fork_changes(config, origin)
            run = session().fork(origin.run, origin.step, changes, queue=queue)
        # Before anything that accesses the session state: a newer message may end this callback there.
        steering.started_at = time.monotonic()
        steering.problem, steering.blocked_start = "", None
        next_run.setup = next_run.adapted = None
        if origin is not None:
            next_run.leave_fork()
        if show:
            on_show.change(run, address)
        st.session_state.settings_of = "This run"
        if show:
            keep_moment(None)
            show_run(run)
    except Busy as busy:
        if time.monotonic() > steering.started_at + DOUBLE_CLICK_S:
            steering.blocked_start = BlockedStart(busy.snapshot.run, config, origin is not None)
    except (RunError, ConfigError) as error:
        steering.problem = str(error)


def runs_that_block(blocked: BlockedStart) -> list[str]:
    """Return the live run that blocked a start, with the other runs of its race."""
    race = session().race_on()
    return race if blocked.live_run in race else [blocked.live_run]


def stop_and_start(blocked: BlockedStart) -> None:
    """Stop the live run and its race, and start the blocked run after them."""
    for run in runs_that_block(blocked):
        attempt(Session.stop, run)
    queue_run(blocked, show=True)


def queue_run(blocked: BlockedStart, *, show: bool = False) -> None:
    """Add the blocked run to the queue."""
    start(blocked.config, queue=True, show=show, is_fork=blocked.is_fork)
    page_state(Steering).blocked_start = None


def change(run: str, changes: Mapping[str, Any]) -> None:
    """Change hyperparameters of a live run. A refusal is stored as a sentence."""
    try:
        session().change(run, **changes)
    except (RunError, ConfigError) as error:
        page_state(Steering).problem = str(error)


def new_z(run: str) -> None:
    """Draw new fixed z for the sample grid."""
    try:
        seed = session().snapshot(run).config.preview_seed
    except RunError as error:
        page_state(Steering).problem = str(error)
        return
    change(run, {"preview_seed": seed + 1})


def cancel(run: str, *, waiting: bool = False) -> None:
    """Stop a run. If it had not begun, it is deleted and another one is shown.

    With `waiting`, the run was queued when the button was drawn. If it has begun since, it
    continues.
    """
    attempt(Session.withdraw if waiting else Session.stop, run)
    try:
        session().snapshot(run)
    except RunError:
        show_run(session().newest())


def resume(run: str, *, until: int | None = None) -> None:
    """Resume an ended run from its last checkpoint, and show it.

    Args:
        run: The run.
        until: Its new last step; it has no time limit then. If another run is training, it waits.
    """
    steering, on_show = page_state(Steering), page_state(RunOnShow)
    address = st.query_params.get("run")
    changes = {} if until is None else {"steps": until, "seconds": None}
    try:
        session().resume(run, changes=changes, queue=until is not None)
        steering.problem = ""
        on_show.change(run, address)  # before a newer message can end this callback
        show_run(run)
    except Busy as busy:
        steering.problem = str(busy)
    except (RunError, ConfigError) as error:
        steering.problem = str(error)


def withdraw(run: str) -> None:
    """Remove a run from the queue."""
    attempt(Session.withdraw, run)
