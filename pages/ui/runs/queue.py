"""The queue of runs."""

import streamlit as st

from pages.ui.core import run_actions
from pages.ui.core.permissions import permitted, refusal_to_change
from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import attempt, session
from wgan.session import Session


def queue() -> None:
    """Show the queued runs, with buttons to reorder and cancel them."""
    queued = session().queued()
    if not queued:
        return
    with st.container(border=True):
        st.markdown(
            "**Waiting**",
            help="These runs start automatically, one after the other. The runs of a race start together.",
        )
        for i, snapshot in enumerate(queued):
            refusal = refusal_to_change(snapshot.run)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"{i + 1}. {plain_text(snapshot.title)}", width="stretch")
                st.button(
                    "",
                    icon=":material/arrow_upward:",
                    key=f"up-{snapshot.run}",
                    **permitted(refusal, disabled=i == 0, help="Move up"),
                    on_click=attempt,
                    args=(Session.move, snapshot.run, -1),
                )
                st.button(
                    "",
                    icon=":material/arrow_downward:",
                    key=f"down-{snapshot.run}",
                    **permitted(refusal, disabled=i == len(queued) - 1, help="Move down"),
                    on_click=attempt,
                    args=(Session.move, snapshot.run, 1),
                )
                st.button(
                    "Cancel",
                    icon=":material/close:",
                    key=f"cancel-{snapshot.run}",
                    **permitted(refusal),
                    on_click=run_actions.cancel,
                    args=(snapshot.run,),
                    kwargs={"waiting": True},
                )
