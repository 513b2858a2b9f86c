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
    """Return the status of a run's newest task of a title, or of the one with a key; None: there is none."""
    tasks = session().tasks(run)
    return next((t for t in tasks if t.title == title and (key is None or t.key == key)), None)


def waits_for_critic(view: RunSnapshot) -> bool:
    """Tell whether a run's training is paused until a task on its critic is done."""
    return view.status is Status.RUNNING and any(
        task.holds and not task.done for task in session().tasks(view.run)
    )


def badge(view: RunSnapshot) -> None:
    """Show the status of a run."""
    label, icon, colour = BADGES[view.status]
    if waits_for_critic(view):
        label, icon, colour = "Waits for its critic", ":material/hourglass_top:", "gray"
    st.badge(label, icon=icon, color=colour)
