"""The dialog that Start opens while another run is training."""

import streamlit as st

from pages.ui.core.permissions import permitted, refusal_to_change
from pages.ui.core.plain_text import plain_text
from pages.ui.core.run_actions import queue_run, runs_that_block, stop_and_start
from pages.ui.core.state import Steering, page_state
from pages.ui.core.status import status_word
from wgan.config import TrainConfig
from wgan.diagnosis import SCENARIOS, scenario_of
from wgan.jobs import RunSnapshot


def ask_if_busy(running: RunSnapshot | None) -> None:
    """Open the dialog about the run that blocked a start, if it is still training."""
    blocked_start = page_state(Steering).blocked_start
    if blocked_start is None:
        return
    if running is None or running.run != blocked_start.live_run:
        _forget_start()  # otherwise a later start would open the dialog about the new run
    else:
        _ask_what_to_do(running)


def _forget_start() -> None:
    page_state(Steering).blocked_start = None


@st.dialog("Another run is training", on_dismiss=_forget_start)
def _ask_what_to_do(running: RunSnapshot) -> None:
    """Offer to queue the new run or to stop the live one."""
    blocked_start = page_state(Steering).blocked_start
    if blocked_start is None:
        st.rerun()  # already answered: the callback of a button has done the rest
    blocking_runs = runs_that_block(blocked_start)
    is_race = len(blocking_runs) > 1
    refusals = [refusal for run in blocking_runs if (refusal := refusal_to_change(run))]
    st.write(
        f"**{plain_text(running.title)}** is {status_word(running.status)} at step {running.step:,}"
        + (f", in a race of {len(blocking_runs)} runs" if is_race else "")
        + f". What should happen to the new run, **{plain_text(_title(blocked_start.config))}**?"
    )
    with st.container(horizontal=True):
        # Use callbacks: they run before the script reruns, so the page already reflects the change.
        st.button(
            "Start it afterwards",
            icon=":material/queue:",
            type="primary",
            key="dialog_queue",
            help="Adds the new run to the queue.",
            on_click=queue_run,
            args=(blocked_start,),
        )
        st.button(
            "Stop the race and start it now" if is_race else "Stop the other run and start it now",
            icon=":material/stop:",
            key="dialog_stop",
            **permitted(refusals[0] if refusals else ""),
            on_click=stop_and_start,
            args=(blocked_start,),
        )
    st.caption("Stopped runs keep all their data and can be resumed.")


def _title(config: TrainConfig) -> str:
    """Return the title of a new run; a scenario has its own."""
    scenario = scenario_of(config)
    return SCENARIOS[scenario].title if scenario is not None else config.title
