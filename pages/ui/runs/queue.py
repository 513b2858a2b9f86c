"""The queue of runs."""

import streamlit as st

from pages.ui.core import run_actions
from pages.ui.core.session import session


def queue() -> None:
    """Show the queued runs, with buttons to reorder and cancel them."""
    queued = session().queued()
    if not queued:
        return
    with st.container(border=True):
        st.markdown(
            "**Waiting**",
            help="They begin one after the other, by themselves. Runs that race go together.",
        )
        for i, view in enumerate(queued):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"{i + 1}. {view.name or view.config.title}", width="stretch")
                st.button(
                    "",
                    icon=":material/arrow_upward:",
                    key=f"up-{view.run}",
                    disabled=i == 0,
                    help="Earlier",
                    on_click=session().move,
                    args=(view.run, -1),
                )
                st.button(
                    "",
                    icon=":material/arrow_downward:",
                    key=f"down-{view.run}",
                    help="Later",
                    disabled=i == len(queued) - 1,
                    on_click=session().move,
                    args=(view.run, 1),
                )
                st.button(
                    "Cancel",
                    icon=":material/close:",
                    key=f"cancel-{view.run}",
                    on_click=run_actions.cancel,
                    args=(view.run,),
                    kwargs={"waiting": True},
                )
