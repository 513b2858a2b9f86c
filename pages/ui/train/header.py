"""The title and status of the run on show, and the buttons that steer it."""

from typing import Literal

import streamlit as st

from pages.ui.core import draft, navigation
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.run_actions import cancel, new_z, resume, start, withdraw
from pages.ui.core.run_on_show import run_link
from pages.ui.core.session import session
from pages.ui.core.status import badge
from pages.ui.panels.fork import fork_button
from pages.ui.train.forecast import forecast
from wgan.jobs import RunSnapshot
from wgan.runs import Status

MAX_LINKS = 4
"""Maximum number of queued runs that are named above a run."""


def header(snapshot: RunSnapshot, next_run: bool) -> None:
    """Show the run's title, its status, and its buttons."""
    active = snapshot.status.active
    name = snapshot.run
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"#### {snapshot.name or snapshot.config.title}", width="content")
        if active and (interval := refresh_interval()) > 1:
            st.caption(
                f":material/groups: shown every {interval:.0f} seconds",
                width="content",
                help="Many watch this server: each page is drawn less often, so that the training "
                "keeps its speed.",
            )
        badge(snapshot)
        if snapshot.is_trained_by_other_process:
            st.caption(
                ":material/computer: trained by another process: it can be watched here, "
                "not steered",
                width="content",
            )
        elif active and snapshot.status is not Status.QUEUED:
            _steer(snapshot, next_run)
        elif snapshot.status is Status.QUEUED:
            st.button(
                "Cancel", icon=":material/close:", key="cancel", on_click=cancel, args=(name,)
            )
        if not active or next_run:
            _begin(snapshot)
    if next_run and (title := draft.ready()):
        start_label = "Start next" if active else "Start"
        st.info(
            f"**{title}** is set up in the sidebar. Press **{start_label}** to train it. The previous run is shown below.",
            icon=":material/tune:",
        )
    _messages(snapshot)


def _steer(snapshot: RunSnapshot, next_run: bool) -> None:
    name = snapshot.run
    main: Literal["primary", "secondary"] = "secondary" if next_run else "primary"
    if snapshot.status is Status.PAUSED:
        st.button(
            "Resume",
            icon=":material/play_arrow:",
            type=main,
            key="go_on",
            on_click=session().unpause,
            args=(name,),
        )
        st.button(
            "Step once",
            icon=":material/skip_next:",
            key="step_once",
            help="One generator update, with its critic updates before it.",
            on_click=session().step_once,
            args=(name,),
        )
    else:
        st.button(
            "Pause",
            icon=":material/pause:",
            type=main,
            key="pause",
            disabled=bool(snapshot.phase),
            on_click=session().pause,
            args=(name,),
        )
    st.button(
        "Stop",
        icon=":material/stop:",
        key="stop",
        help="Ends the run after the current step and writes a checkpoint. You can resume it.",
        on_click=cancel,
        args=(name,),
    )
    if snapshot.checkpoint_steps and not next_run:
        fork_button(snapshot)
    if not next_run:
        st.button(
            "New z",
            icon=":material/casino:",
            key="new_z",
            disabled=bool(snapshot.phase),
            help="Draw other fixed z for the grid.",
            on_click=new_z,
            args=(name,),
        )


def _begin(snapshot: RunSnapshot) -> None:
    active, name = snapshot.status.active, snapshot.run
    interrupted = snapshot.status is Status.INTERRUPTED
    has_trained = interrupted or bool(snapshot.checkpoint_steps)
    resumable = not active and has_trained and snapshot.step < snapshot.config.steps
    if resumable:
        st.button(
            "Resume",
            icon=":material/play_arrow:",
            key="resume",
            type="primary" if interrupted else "secondary",
            help=f"Go on from step {max([0, *snapshot.checkpoint_steps]):,}.",
            on_click=resume,
            args=(name,),
        )
    if snapshot.checkpoint_steps:
        fork_button(snapshot)
    if not active and not draft.ready():
        st.button(
            "Reuse",
            icon=":material/content_copy:",
            key="reuse",
            help="Take this run's settings into the sidebar for the next run.",
            on_click=draft.copy_to_draft,
            args=(snapshot.config,),
        )
    label = "Start next" if active else "Start"
    if draft.fork_origin() is not None:
        label = "Start fork"
    st.button(
        label,
        icon=":material/play_arrow:",
        key="start",
        type="secondary" if interrupted else "primary",
        help="Train a new run with the settings in the sidebar.",
        on_click=start,
        args=(draft.draft(),),
    )
    forecast()


def _messages(snapshot: RunSnapshot) -> None:
    if snapshot.error:
        st.error(snapshot.error, icon=":material/error:")
    if snapshot.warning:
        st.warning(snapshot.warning, icon=":material/warning:")
    if snapshot.status is Status.INTERRUPTED:
        at = snapshot.checkpoint_steps[-1] if snapshot.checkpoint_steps else 0
        st.info(
            f"This run was interrupted at step {snapshot.step:,}: its process ended. Nothing is lost: "
            f"**Resume** goes on from step {at:,}, exactly as if it had never stopped.",
            icon=":material/history:",
        )
    queued = session().queued()
    others = [other for other in queued if other.run != snapshot.run]
    if others:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(":material/queue: Waiting:", width="content")
            for other in others[:MAX_LINKS]:
                run_link(
                    other.run,
                    other.name or other.config.title,
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
                on_click=withdraw,
                args=(others[-1].run,),
            )
