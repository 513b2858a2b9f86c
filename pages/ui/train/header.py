"""The title and status of the run on show, and the buttons that steer it."""

from collections.abc import Sequence
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.core import draft, navigation
from pages.ui.core.permissions import permitted, refusal_to_add, refusal_to_change
from pages.ui.core.plain_text import plain_text
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.run_actions import cancel, new_z, resume, start, withdraw
from pages.ui.core.run_on_show import run_link
from pages.ui.core.session import attempt, session
from pages.ui.core.status import heading
from pages.ui.panels.fork import fork_button
from pages.ui.panels.resume import resume_popover
from pages.ui.train.forecast import forecast
from wgan.jobs import RunSnapshot
from wgan.runs import Status
from wgan.session import Session

MAX_LINKS = 2
"""Maximum number of queued runs that are named above a run."""

STYLE = """<style>
.st-key-status_line, .st-key-health_line { min-height: 3rem; }
[class*="st-key-slot_"] { height: 2.5rem !important; flex: none !important; overflow: clip; overflow-clip-margin: 4px; }
</style>"""
"""Reserves the height of a button for the status line, whose texts and buttons come and go, and two lines of text
for the health of the run.

A slot shows one button at a time. While the script runs, Streamlit keeps the previous button beside
the one that replaces it, and without the slot the row would wrap for a moment.
"""

BUTTON_WIDTHS = {
    "resume": 114,
    "step": 122,
    "stop": 94,
    "fork": 90,
    "new_z": 96,
    "reuse": 96,
    "start": 116,
}
"""In pixels. Each button keeps its place and its width when the run's status changes."""


def header(snapshot: RunSnapshot, next_run: bool) -> None:
    """Show the run's title and status, its buttons, and a line of text.

    All of this has the same height in every status of the run, so that the page below stays where
    it is when a button is pressed.
    """
    st.html(STYLE)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        heading(snapshot)
        with st.container(
            horizontal=True,
            vertical_alignment="center",
            gap="small",
            width="stretch",
            key="status_line",
        ):
            _status_line(snapshot, next_run)
    with st.container(horizontal=True, gap="small"):
        with _slot("resume"):
            _pause_or_resume_button(snapshot, next_run)
        _step_button(snapshot)
        with _slot("stop"):
            _stop_or_cancel_button(snapshot)
        with _slot("fork"):
            fork_button(snapshot)
        _new_z_button(snapshot)
        _start_buttons(snapshot, next_run)
    _messages(snapshot)


def _slot(name: str) -> DeltaGenerator:
    """Return the place of a button that another one replaces when the run's status changes."""
    return st.container(key=f"slot_{name}", width=BUTTON_WIDTHS[name], gap="small")


def _is_steerable(snapshot: RunSnapshot) -> bool:
    return snapshot.status.active and not snapshot.is_trained_by_other_process


def _pause_or_resume_button(snapshot: RunSnapshot, next_run: bool) -> None:
    name = snapshot.run
    main: Literal["primary", "secondary"] = "secondary" if next_run else "primary"
    if not snapshot.status.active:
        _resume_button(snapshot)
    elif snapshot.status is Status.PAUSED and _is_steerable(snapshot):
        st.button(
            "Resume",
            icon=":material/play_arrow:",
            type=main,
            key="go_on",
            width="stretch",
            **permitted(refusal_to_change(name)),
            on_click=attempt,
            args=(
                Session.unpause,
                name,
            ),
        )
    else:
        running = snapshot.status is Status.RUNNING and _is_steerable(snapshot)
        st.button(
            "Pause",
            icon=":material/pause:",
            type=main if running else "secondary",
            key="pause",
            width="stretch",
            **permitted(refusal_to_change(name), disabled=not running or bool(snapshot.phase)),
            on_click=attempt,
            args=(
                Session.pause,
                name,
            ),
        )


def _step_button(snapshot: RunSnapshot) -> None:
    paused = snapshot.status is Status.PAUSED and _is_steerable(snapshot)
    st.button(
        "Step once",
        icon=":material/skip_next:",
        key="step_once",
        width=BUTTON_WIDTHS["step"],
        **permitted(
            refusal_to_change(snapshot.run),
            disabled=not paused,
            help="One generator update, with the critic updates before it."
            + ("" if paused else " Pause the run first."),
        ),
        on_click=attempt,
        args=(
            Session.step_once,
            snapshot.run,
        ),
    )


def _stop_or_cancel_button(snapshot: RunSnapshot) -> None:
    if snapshot.status is Status.QUEUED and _is_steerable(snapshot):
        st.button(
            "Cancel",
            icon=":material/close:",
            key="cancel",
            width="stretch",
            **permitted(refusal_to_change(snapshot.run), help="Removes the run from the queue."),
            on_click=cancel,
            args=(snapshot.run,),
        )
        return
    st.button(
        "Stop",
        icon=":material/stop:",
        key="stop",
        width="stretch",
        **permitted(
            refusal_to_change(snapshot.run),
            disabled=not _is_steerable(snapshot),
            help="Ends the run after the current step and saves a checkpoint. You can resume it.",
        ),
        on_click=cancel,
        args=(snapshot.run,),
    )


def _resume_button(snapshot: RunSnapshot) -> None:
    """Show the button that continues an ended run, or asks for a later last step if the run has reached it.

    It is disabled if the run cannot be resumed.
    """
    interrupted = snapshot.status is Status.INTERRUPTED
    shipped = snapshot.status is Status.SHIPPED
    is_at_end = snapshot.status is Status.FINISHED or snapshot.step >= snapshot.config.steps
    if is_at_end and snapshot.checkpoint_steps and not shipped:
        resume_popover(snapshot)
        return
    resumable = not shipped and (interrupted or bool(snapshot.checkpoint_steps))
    if shipped:
        help = "Examples stay as they are. Fork this one to train it further."
    elif resumable:
        help = f"Continue from step {max([0, *snapshot.checkpoint_steps]):,}."
    else:
        help = "This run has no checkpoint."
    st.button(
        "Resume",
        icon=":material/play_arrow:",
        key="resume",
        type="primary" if interrupted and resumable else "secondary",
        width="stretch",
        **permitted(
            "" if shipped else refusal_to_change(snapshot.run), disabled=not resumable, help=help
        ),
        on_click=resume,
        args=(snapshot.run,),
    )


def _new_z_button(snapshot: RunSnapshot) -> None:
    steerable = snapshot.status in (Status.RUNNING, Status.PAUSED)
    st.button(
        "New z",
        icon=":material/casino:",
        key="new_z",
        width=BUTTON_WIDTHS["new_z"],
        **permitted(
            refusal_to_change(snapshot.run) if steerable else "",
            disabled=not steerable or snapshot.is_trained_by_other_process or bool(snapshot.phase),
            help="Draw other fixed z for the grid. This is possible while a run trains.",
        ),
        on_click=new_z,
        args=(snapshot.run,),
    )


def _start_buttons(snapshot: RunSnapshot, next_run: bool) -> None:
    """Show the buttons that prepare and start another run."""
    active = snapshot.status.active
    st.button(
        "Reuse",
        icon=":material/content_copy:",
        key="reuse",
        width=BUTTON_WIDTHS["reuse"],
        disabled=active or bool(draft.setup_title()),
        help="Copy this run's settings into the sidebar for the next run.",
        on_click=draft.copy_to_draft,
        args=(snapshot.config,),
    )
    can_start = not active or next_run
    label = "Start next" if active else "Start"
    if draft.fork_origin() is not None:
        label = "Start fork"
    st.button(
        label,
        icon=":material/play_arrow:",
        key="start",
        type="primary" if can_start and snapshot.status is not Status.INTERRUPTED else "secondary",
        width=BUTTON_WIDTHS["start"],
        **permitted(
            refusal_to_add(),
            disabled=not can_start,
            help="Train a new run with the settings in the sidebar."
            if can_start
            else "To set up another run, choose **Next run** in the sidebar.",
        ),
        on_click=start,
        args=(draft.draft(),),
    )


def _status_line(snapshot: RunSnapshot, next_run: bool) -> None:
    """Show what was set up for the next run and its cost, and the queue. It is never empty.

    Streamlit removes an empty container, and the page below would move up.
    """
    active = snapshot.status.active
    if next_run and (title := draft.setup_title()):
        start_label = "Start next" if active else "Start"
        st.caption(
            f":material/tune: **{plain_text(title)}** is set up in the sidebar. Press **{start_label}** to train it.",
            width="content",
        )
    if not active or next_run:
        forecast(snapshot.config)
    elif snapshot.is_trained_by_other_process:
        st.caption(
            ":material/computer: Another process trains this run. You can watch it here, but not steer it.",
            width="content",
        )
    elif refusal := refusal_to_change(snapshot.run):
        st.caption(f":material/visibility: {refusal}", width="content")
    elif snapshot.status is Status.QUEUED:
        st.caption(":material/hourglass_top: The training begins soon.", width="content")
    else:
        st.caption(
            ":material/tune: Changes in the sidebar take effect at the next step.", width="content"
        )
    if active and (interval := refresh_interval()) > 1:
        st.caption(
            f":material/groups: shown every {interval:.0f} seconds",
            width="content",
            help="Many people watch this server. Each page refreshes less often, so that the "
            "training keeps its speed.",
        )
    others = [other for other in session().queued() if other.run != snapshot.run]
    if others:
        _queue(others)


def _queue(others: Sequence[RunSnapshot]) -> None:
    """Show links to the queued runs, and a button that cancels the last one."""
    st.caption(":material/queue: Waiting:", width="content")
    for other in others[:MAX_LINKS]:
        run_link(
            other.run,
            other.title,
            "Show this run. It starts when its turn comes.",
        )
    if len(others) > MAX_LINKS:
        st.page_link(
            navigation.page("runs"),
            label=f"and {len(others) - MAX_LINKS} more",
            width="content",
        )
    st.button(
        "Cancel the last",
        key="cancel_queued",
        type="tertiary",
        **permitted(refusal_to_change(others[-1].run)),
        on_click=withdraw,
        args=(others[-1].run,),
    )


def _messages(snapshot: RunSnapshot) -> None:
    if snapshot.error:
        st.error(plain_text(snapshot.error), icon=":material/error:")
    if snapshot.warning:
        st.warning(plain_text(snapshot.warning), icon=":material/warning:")
    if snapshot.status is Status.INTERRUPTED:
        at = snapshot.checkpoint_steps[-1] if snapshot.checkpoint_steps else 0
        st.info(
            f"This run was interrupted at step {snapshot.step:,} because its process ended. Nothing is "
            f"lost: **Resume** continues from step {at:,} with the same numbers as without the interruption.",
            icon=":material/history:",
        )
