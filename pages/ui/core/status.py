"""The status of a run and of its tasks."""

from typing import Literal

import streamlit as st

from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import session
from wgan.jobs import RunSnapshot, TaskStatus
from wgan.runs import Status, began, run_title

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


def status_word(status: Status) -> str:
    """Return the word for a status within a sentence: "training", "waiting"."""
    return BADGES[status][0].lower()


def newest_task(run: str, title: str, key: str | None = None) -> TaskStatus | None:
    """Return the newest task of a run with a title or, if given, a key; None if there is none."""
    tasks = session().tasks(run)
    return next((t for t in tasks if t.title == title and (key is None or t.key == key)), None)


def waits_for_critic(snapshot: RunSnapshot) -> bool:
    """Return whether a run's training waits for a task on its critic."""
    return snapshot.status is Status.RUNNING and any(
        task.pauses_training and not task.done for task in session().tasks(snapshot.run)
    )


def heading(snapshot: RunSnapshot, prefix: str = "") -> None:
    """Show the title of a run, with its start time in small letters, and its status as a badge."""
    title = plain_text(run_title(snapshot.name, snapshot.config, snapshot.parent, start=""))
    if not snapshot.name:
        title += f" :small[:gray[{began(snapshot.run, snapshot.created)}]]"
    st.markdown(f"#### {prefix}{title}", width="content")
    badge(snapshot)


def badge(snapshot: RunSnapshot) -> None:
    """Show the status of a run as a badge."""
    label, icon, colour = BADGES[snapshot.status]
    if waits_for_critic(snapshot):
        label, icon, colour = "Waits for its critic", ":material/hourglass_top:", "gray"
    st.badge(label, icon=icon, color=colour)
