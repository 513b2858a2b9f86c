"""The status of a run and of its tasks."""

from typing import Literal

import streamlit as st

from pages.ui.core.session import session
from wgan.jobs import RunSnapshot, TaskStatus
from wgan.runs import Status

BadgeColour = Literal["blue", "gray", "green", "orange", "red", "violet"]

BADGES: dict[Status, tuple[str, str, BadgeColour]] = {
    Status.QUEUED: ("Waiting", ":material/schedule:", "gray"),
    Status.RUNNING: ("Training", ":material/play_arrow:", "blue"),
    Status.PAUSED: ("Paused", ":material/pause:", "orange"),
    Status.STOPPED: ("Stopped", ":material/stop:", "gray"),
    Status.FINISHED: ("Finished", ":material/check:", "green"),
    Status.FAILED: ("Failed", ":material/error:", "red"),
    Status.INTERRUPTED: ("Interrupted", ":material/power_off:", "orange"),
    Status.SHIPPED: ("Example", ":material/inventory_2:", "violet"),
}


def newest_task(run: str, title: str, key: str | None = None) -> TaskStatus | None:
    """Return how a run's newest work of a title stands, or the one of a key; None: it is not known."""
    tasks = session().tasks(run)
    return next((t for t in tasks if t.title == title and (key is None or t.key == key)), None)


def waits_for_critic(view: RunSnapshot) -> bool:
    """Tell whether a run's training stands still until its critic is done."""
    return view.status is Status.RUNNING and any(
        task.holds and not task.done for task in session().tasks(view.run)
    )


def badge(view: RunSnapshot) -> None:
    """Show how a run stands."""
    words, icon, colour = BADGES[view.status]
    if waits_for_critic(view):
        words, icon, colour = "Waits for its critic", ":material/hourglass_top:", "gray"
    st.badge(words, icon=icon, color=colour)
