"""The Compare page: two to six runs side by side, and races."""

from typing import Any

import streamlit as st

from pages.ui.compare import curves, differences, race
from pages.ui.compare.curves import (
    AXES,
    AXIS_HELP,
    CURVE_HELP,
    CURVES,
    QUALITY,
    Choice,
    curve_title,
    measured_metrics,
)
from pages.ui.compare.state import CompareState
from pages.ui.core import run_picker
from pages.ui.core.chart_look import chart_look_controls
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.session import session
from pages.ui.core.state import MAX_COMPARED_RUNS, ComparedRuns, page_state
from pages.ui.core.url import asked_moment
from pages.ui.core.widget_state import user_changed, widget_key_for

EXAMPLES = ("example-ring-gan-collapsed", "example-ring-wgan-gp")
"""The shipped runs that the page offers to compare."""


def show() -> None:
    """Draw the page."""
    choice = _sidebar()
    race.race_dialog_if_asked()
    if len(choice.runs) < 2:
        _invite(choice)
        return
    statuses = race.steer(choice.runs)
    live = any(status.active for status in statuses)
    differences.result(choice.runs)
    with st.container():
        st.fragment(curves.panel, run_every=refresh_interval() if live else None)(choice, statuses)
    differences.differing(choice.runs)


def _sidebar() -> Choice:
    """Draw the sidebar, return its choices, and write them to the address."""
    with st.sidebar:
        titles = run_picker.run_titles()
        from_address = st.query_params.get("runs", "")
        compared = page_state(ComparedRuns)
        runs_before = compared.runs or [r for r in from_address.split(",") if r]
        if not runs_before and "runs" not in st.query_params:
            runs_before = session().race_on()  # a new tab shows the race
        runs_before = [run for run in runs_before if run in titles][:MAX_COMPARED_RUNS]
        key = widget_key_for("compare_runs", runs_before)
        runs = st.multiselect(
            "Runs",
            list(titles),
            default=runs_before,
            key=key,
            format_func=lambda run: titles.get(run, run),
            max_selections=MAX_COMPARED_RUNS,
            placeholder="two to six runs",
            on_change=_take_runs,
            args=(key,),
            help="Runs of different data sets can be compared, too.",
        )
        compared.runs = list(runs)
        axis = st.segmented_control(
            "Horizontal axis",
            list(AXES),
            default=_default("along", AXES, "Step"),
            required=True,
            key="compare_axis",
            persist_state="session",
            width="stretch",
            help=AXIS_HELP,
        )
        measured = measured_metrics(runs)
        names = [QUALITY, *CURVES, *measured]
        curve = st.selectbox(
            "Curve",
            names,
            index=names.index(_default("curve", names, QUALITY)),
            key="compare_curve",
            persist_state="session",
            help=CURVE_HELP,
            format_func=curve_title,
        )
        chart_look_controls()
        if st.button(
            "Set up a race",
            icon=":material/tune:",
            width="stretch",
            key="new_race",
            help="Choose several runs that train together: with the same seed, the same data in the same order, and "
            "equal shares of the time.",
        ):
            page_state(CompareState).asks_race = True
    address = {"runs": ",".join(runs), "along": str(axis), "curve": str(curve)}
    # The moment in the address belongs to these runs on this axis.
    same = all(st.query_params.get(n, address[n]) == address[n] for n in ("runs", "along"))
    moment = asked_moment() if same else None
    if "at" not in st.query_params and "runs" not in st.query_params:  # the visitor has returned
        moment = page_state(CompareState).moments.get((*runs, str(axis)))
    if moment is not None:
        address["at"] = str(moment)
    st.query_params.from_dict(address)
    return Choice(tuple(runs), str(axis), str(curve))


def _choose_examples() -> None:
    page_state(ComparedRuns).runs = list(EXAMPLES)


def _take_runs(key: str) -> None:
    if user_changed(key):
        runs = list(st.session_state[key])
        page_state(ComparedRuns).runs = runs
        st.query_params["runs"] = ",".join(runs)  # the page reads it if no run is left


def _default(name: str, known: Any, otherwise: str) -> str:
    from_address = st.query_params.get(name, otherwise)
    return from_address if from_address in known else otherwise


def _invite(choice: Choice) -> None:
    """Explain what to do if there is nothing to compare yet."""
    st.markdown("### Compare runs or set up a race")
    st.markdown(
        "Choose two to six runs in the sidebar. You see their curves on common axes, their samples **from the "
        "same z** side by side with one timeline, and the settings in which they differ."
    )
    st.markdown(
        "In a **race**, several objectives train together, such as GAN, WGAN and WGAN-GP: with the same "
        "seed, the same data in the same order, and equal shares of the time."
    )
    with st.container(horizontal=True, gap="small"):
        if st.button("Set up a race", icon=":material/tune:", type="primary", key="first_race"):
            page_state(CompareState).asks_race = True
            st.rerun()
        if set(EXAMPLES) <= run_picker.run_titles().keys():
            st.button(
                "Compare two examples",
                icon=":material/compare_arrows:",
                key="compare_examples",
                on_click=_choose_examples,
                help="A GAN and WGAN-GP on the ring of eight Gaussians.",
            )
    if choice.runs:
        st.caption("One run is chosen. Choose at least one more.")
