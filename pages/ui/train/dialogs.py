"""The dialog that Start opens while another run is training."""

import streamlit as st

from pages.ui.core.run_actions import queue_run, stop_and_start
from pages.ui.core.state import Steering, page_state
from wgan.config import TrainConfig
from wgan.jobs import RunSnapshot


def ask_if_busy(running: RunSnapshot | None, config: TrainConfig) -> None:
    """Open the dialog about the run that blocked a start, if it is still training."""
    blocked_start = page_state(Steering).blocked_start
    if blocked_start is None:
        return
    if running is None or running.run != blocked_start.live_run:
        _forget_start()  # otherwise a later start would open the dialog about the new run
    else:
        _ask_what_to_do(running.run, config)


def _forget_start() -> None:
    page_state(Steering).blocked_start = None


@st.dialog("Another run is training", on_dismiss=_forget_start)
def _ask_what_to_do(live: str, config: TrainConfig) -> None:
    """Offer to queue the new run or to stop the live one."""
    blocked_start = page_state(Steering).blocked_start
    if blocked_start is None:
        st.rerun()  # already answered: the callback of a button has done the rest
    st.write(blocked_start.message)
    with st.container(horizontal=True):
        # Use callbacks: they run before the script reruns, so the page already reflects the change.
        st.button(
            "Add to the queue",
            icon=":material/queue:",
            type="primary",
            key="dialog_queue",
            on_click=queue_run,
            args=(config,),
        )
        st.button(
            "Stop it and start this one",
            icon=":material/stop:",
            key="dialog_stop",
            on_click=stop_and_start,
            args=(live, config),
        )
    st.caption("A stopped run keeps all its data and can be resumed.")
