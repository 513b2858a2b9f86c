"""A race: runs that train together with the same seed and data."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.ui.compare.curves import snapshots_of
from pages.ui.compare.state import CompareState
from pages.ui.core import draft
from pages.ui.core.session import session
from pages.ui.core.state import ComparedRuns, page_state
from wgan.config import ConfigError
from wgan.jobs import RunSnapshot
from wgan.objectives import OBJECTIVES
from wgan.runs import RunError, Status
from wgan.session import MAX_RACING_RUNS, Busy

# ---- race -------------------------------------------------------------------------------------


def race_dialog_if_asked() -> None:
    """Open the dialog for a race if it was requested."""
    state = page_state(CompareState)
    if state.asks_race:
        state.asks_race = False
        _race_dialog()


@st.dialog("A race", width="medium")
def _race_dialog() -> None:
    base = draft.draft()
    st.markdown(
        f"Everything as in the Train page's sidebar ({base.dataset.title}, seed {base.seed}, "
        f"{base.steps:,} steps), but for the objective:"
    )
    usual = [name for name in ("gan", "wgan", "wgan-gp") if name in OBJECTIVES]
    objectives = st.multiselect(
        "Objectives",
        list(OBJECTIVES),
        default=usual,
        max_selections=MAX_RACING_RUNS,
        format_func=lambda name: str(OBJECTIVES[name].title),
        key="race_objectives",
    )
    st.caption("All get the same share of the time, so those with cheaper steps make more of them.")
    live = session().live()
    if live is not None:
        st.info(
            f"{live.config.title} is {live.status}: the race will wait until it has ended.",
            icon=":material/queue:",
        )
    if st.button(
        "Start the race",
        icon=":material/sports_score:",
        type="primary",
        key="start_race",
        disabled=len(objectives) < 2,
    ):
        try:
            configs = [base.changed({"objective": name}) for name in objectives]
            runs = session().race(configs, queue=True)
        except (ConfigError, RunError, Busy) as error:
            st.error(str(error), icon=":material/error:")
            return
        page_state(ComparedRuns).runs = runs
        st.rerun()


def steer(runs: Sequence[str]) -> tuple[Status, ...]:
    """Show buttons for all live runs; return the statuses of all runs as they are drawn."""
    snapshots = snapshots_of(runs)
    active_snapshots = [
        v for v in snapshots if v.status.active and not v.is_trained_by_other_process
    ]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"### {'Race' if len(active_snapshots) > 1 else 'Compare'}", width="content")
        if not active_snapshots:
            return tuple(snapshot.status for snapshot in snapshots)
        if any(snapshot.status == "paused" for snapshot in active_snapshots):
            st.button(
                "Resume all",
                icon=":material/play_arrow:",
                key="resume_all",
                type="primary",
                on_click=_each,
                args=(session().unpause, active_snapshots),
            )
        else:
            st.button(
                "Pause all",
                icon=":material/pause:",
                key="pause_all",
                type="primary",
                on_click=_each,
                args=(session().pause, active_snapshots),
            )
        st.button(
            "Stop all",
            icon=":material/stop:",
            key="stop_all",
            on_click=_each,
            args=(session().stop, active_snapshots),
        )
    return tuple(snapshot.status for snapshot in snapshots)


def _each(act: Any, snapshots: Sequence[RunSnapshot]) -> None:
    for snapshot in snapshots:
        act(snapshot.run)
