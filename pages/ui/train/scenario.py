"""The box of a run that fails on purpose: what to watch for, and the change to try."""

import streamlit as st

from pages.ui.core import draft, navigation
from pages.ui.core.permissions import permitted, refusal_to_change
from pages.ui.core.run_actions import change
from pages.ui.core.session import session
from wgan.diagnosis import SCENARIOS, Scenario, scenario_of
from wgan.jobs import RunSnapshot
from wgan.runs import RunError, Status


def scenario_box(snapshot: RunSnapshot) -> None:
    """Show the box if the run began with the settings of a scenario."""
    try:
        name = scenario_of(session().library.run(snapshot.run).config())
    except RunError:
        return
    if name is None:
        return
    scenario = SCENARIOS[name]
    if scenario.live and _is_applied(snapshot, scenario):
        advice = f"**Remedy applied.** {scenario.remedy}"
    else:
        advice = f"**What to look for.** {scenario.watch}"
    with st.container(border=True, key="scenario"):
        text, buttons = st.columns([0.74, 0.26], gap="medium", vertical_alignment="center")
    with text:
        st.markdown(
            f":material/school: **{scenario.title}, on purpose.** {advice}",
            help=f"**Cause.** {scenario.cause}",
        )
    with buttons:
        _remedy(snapshot, scenario)
        st.page_link(
            navigation.page("presets"),
            label="Other failures",
            icon=":material/list:",
            query_params={"preset": name},
            width="content",
        )


NOT_NOW = "The change can be made only while the run trains or is paused here."


def _is_applied(snapshot: RunSnapshot, scenario: Scenario) -> bool:
    """Return whether the run has the values of the remedy."""
    values = snapshot.config.flat()
    return all(values.get(path) == value for path, value in scenario.changes.items())


def _remedy(snapshot: RunSnapshot, scenario: Scenario) -> None:
    """Show the button that makes the change which the scenario suggests."""
    if not scenario.live or not (snapshot.status.active or _is_applied(snapshot, scenario)):
        st.button(
            "Set up the remedy",
            icon=":material/tune:",
            key="remedy",
            help=scenario.remedy,
            on_click=draft.set_up,
            args=(
                snapshot.config.changed(scenario.changes),
                f"The remedy of “{scenario.title}”",
            ),
        )
        return
    is_applied = _is_applied(snapshot, scenario)
    can_change = (
        snapshot.status in (Status.RUNNING, Status.PAUSED)
        and not snapshot.phase
        and not snapshot.is_trained_by_other_process
    )
    st.button(
        "Remedy applied" if is_applied else "Try the remedy",
        icon=":material/check:" if is_applied else ":material/build:",
        key="remedy",
        **permitted(
            refusal_to_change(snapshot.run) if can_change else "",
            help=scenario.remedy if is_applied or can_change else NOT_NOW,
            disabled=is_applied or not can_change,
        ),
        on_click=change,
        args=(snapshot.run, scenario.changes),
    )
