"""A race: runs that train together with the same seed and data."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.ui.compare.curves import snapshots_of
from pages.ui.compare.state import CompareState
from pages.ui.core import draft
from pages.ui.core.permissions import permitted, refusal_to_add, refusal_to_change
from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import attempt, session
from pages.ui.core.state import ComparedRuns, page_state
from pages.ui.core.status import status_word
from wgan.config import (
    ConfigError,
    TrainConfig,
    differences,
    hyperparameters,
    short,
    value_text,
    with_objective,
)
from wgan.jobs import RunSnapshot
from wgan.objectives import OBJECTIVES
from wgan.runs import RunError, Status
from wgan.session import MAX_RACING_RUNS, Busy, Session

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
        f"All runs have the settings of the Train page's sidebar ({plain_text(base.dataset.title)}, seed {base.seed}, "
        f"{base.steps:,} steps). They differ in the objective:"
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
    st.caption(
        "All get the same share of the time, so those with cheaper steps make more of them. "
        f"{_look_for(base)}"
    )
    notes = other_changes(base, objectives)
    if not base.measure:
        notes.append("“Measure while training” is on for these runs, to compare their quality.")
    for note in notes:
        st.caption(f":material/tune: {plain_text(note)}")
    live = session().live()
    if live is not None:
        st.info(
            f"{plain_text(live.config.title)} is {status_word(live.status)}: the race will wait until it has ended.",
            icon=":material/queue:",
        )
    if st.button(
        "Start the race",
        icon=":material/sports_score:",
        type="primary",
        key="start_race",
        **permitted(refusal_to_add(), disabled=len(objectives) < 2),
    ):
        # Read the state first: a newer message may end the script after the start.
        compared = page_state(ComparedRuns)
        try:
            compared.runs = session().race(race_configs(base, objectives), queue=True)
        except (ConfigError, RunError, Busy) as error:
            st.error(plain_text(str(error)), icon=":material/error:")
            return
        st.rerun()


def race_configs(base: TrainConfig, objectives: Sequence[str]) -> list[TrainConfig]:
    """Return the configs of a race. All are measured while they train, so that they can be compared."""
    return [with_objective(base, name).changed({"measure": True}) for name in objectives]


def _look_for(base: TrainConfig) -> str:
    """Return what to look for in a race, and what to change next."""
    if base.dataset.kind == "points":
        return (
            "Look for the share of samples near the data, and for parts of the data without samples. Then try another "
            "seed, or other critic updates per step."
        )
    return (
        "Look for the first readable pictures and the lowest FID. Then try another seed, or other critic "
        "updates per step."
    )


def other_changes(base: TrainConfig, objectives: Sequence[str]) -> list[str]:
    """Return sentences about the settings besides the objective that a race changes to suit the data."""
    titles = {value.path: value.title for value in hyperparameters()}
    notes = []
    for name in objectives:
        config = with_objective(base, name)
        changes = [
            f"{titles.get(path, path)} {value_text(path, value)}"
            for path, _, value in differences(config, base.changed({"objective": name}))
            if value is not None and not path.startswith("optimizer.")  # these follow from it
        ]
        if changes:
            notes.append(f"{short(config.objective.title)} gets {', '.join(changes)}.")
    return notes


def _waits_for(snapshots: Sequence[RunSnapshot]) -> str:
    """Return what a race waits for, as a sentence; empty if it does not wait."""
    runs = {snapshot.run for snapshot in snapshots}
    live = session().live()
    if live is None or live.run in runs or not snapshots:
        return ""
    if any(snapshot.status is not Status.QUEUED for snapshot in snapshots):
        return ""
    return f"**Waiting for {plain_text(live.title)}** ({status_word(live.status)}). The race starts when it has ended."


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
        statuses = {snapshot.status for snapshot in active_snapshots}
        refusal = refusal_to_change(*(snapshot.run for snapshot in active_snapshots))
        if Status.PAUSED in statuses:
            st.button(
                "Resume all",
                icon=":material/play_arrow:",
                key="resume_all",
                **permitted(refusal),
                type="primary",
                on_click=_each,
                args=(Session.unpause, active_snapshots),
            )
        elif Status.RUNNING in statuses:
            st.button(
                "Pause all",
                icon=":material/pause:",
                key="pause_all",
                **permitted(refusal),
                type="primary",
                on_click=_each,
                args=(Session.pause, active_snapshots),
            )
        st.button(
            "Stop all",
            icon=":material/stop:",
            key="stop_all",
            **permitted(refusal),
            on_click=_each,
            args=(Session.stop, active_snapshots),
        )
    if waiting := _waits_for(active_snapshots):
        st.info(waiting, icon=":material/hourglass_top:")
    return tuple(snapshot.status for snapshot in snapshots)


def _each(act: Callable[[Session, str], None], snapshots: Sequence[RunSnapshot]) -> None:
    for snapshot in snapshots:
        attempt(act, snapshot.run)
