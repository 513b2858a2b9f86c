"""The question that Start asks while another run is training."""

import streamlit as st

from pages.ui.core.run_actions import queue_run, stop_and_start
from wgan.config import TrainConfig
from wgan.jobs import RunSnapshot


def ask_if_busy(running: RunSnapshot | None, config: TrainConfig) -> None:
    """Ask what to do about the run that is in the way, unless it has ended meanwhile."""
    if running is None or running.run != st.session_state.busy[0]:
        del st.session_state["busy"]  # Else a later start would be asked about the run just begun.
    else:
        _ask_what_to_do(running.run, config)


@st.dialog("Another run is training", on_dismiss=lambda: st.session_state.pop("busy", None))
def _ask_what_to_do(live: str, config: TrainConfig) -> None:
    """Offer to queue a new run or to stop the live one."""
    if "busy" not in st.session_state:
        st.rerun()  # Answered: a button's callback has done the rest.
    st.write(st.session_state.busy[1])
    with st.container(horizontal=True):
        # As callbacks: they run before the page does, so the page is drawn as it stands after them.
        st.button(
            "Queue it",
            icon=":material/queue:",
            type="primary",
            key="dialog_queue",
            on_click=queue_run,
            args=(config,),
        )
        st.button(
            "Stop that run and start",
            icon=":material/stop:",
            key="dialog_stop",
            on_click=stop_and_start,
            args=(live, config),
        )
    st.caption("A stopped run keeps everything and can be resumed.")
