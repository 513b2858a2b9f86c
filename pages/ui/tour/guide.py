"""The guided tour: its position, in the state of the visit, in the address and in the browser."""

import re

import streamlit as st

from pages.ui.core import draft, navigation
from pages.ui.core.run_on_show import link_to_run
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.core.url import came_by_history, expect_link
from pages.ui.tour.state import TourState
from pages.ui.tour.steps import STEPS, Place
from pages.ui.widgets.browser_cookie.browser_cookie import browser_cookie
from wgan.export import EXAMPLES
from wgan.runs import RunError

PARAMETER = "tour"
"""The URL parameter with the position: the step, or step.place for its second and later places."""

COOKIE = "wgan-tour"
"""The cookie with the progress: the last step, a hyphen, and the steps that were seen, with dots between them."""


def current() -> tuple[int, Place] | None:
    """Return the number of the step that guides the visitor, and its place; None if the tour is off."""
    state = page_state(TourState)
    if not state.is_read:
        _recall(state)
    if not state.is_read or came_by_history():
        state.is_read = True
        _read_address(state)
    return (state.step, STEPS[state.step - 1].places[state.place]) if state.step else None


def _read_address(state: TourState) -> None:
    position = re.fullmatch(r"(\d)(?:\.(\d))?", st.query_params.get(PARAMETER, ""), re.ASCII)
    if position is None:
        return
    step, place = int(position[1]), int(position[2] or 1) - 1
    if 1 <= step <= len(STEPS) and 0 <= place < len(STEPS[step - 1].places):
        state.step, state.place = step, place


def _position(step: int, place: int) -> str:
    return str(step) if place == 0 else f"{step}.{place + 1}"


def go(step: int, place: int = 0) -> None:
    """Open a place of a step, with the bar of the tour. It ends this run of the script."""
    state = page_state(TourState)
    state.step, state.place = step, place
    target = STEPS[step - 1].places[place]
    if target.preset and step not in state.seen_steps and session().live() is None:
        # The visitor's own settings may be for points or for a failure on purpose. Undo restores them.
        draft.use_preset_for_next_run(target.preset)
    for key, value in target.widgets:
        st.session_state[key] = value
    expect_link()
    st.switch_page(
        navigation.page(target.page),
        query_params=target.query
        | (link_to_run(target.run) if target.run else {})
        | {PARAMETER: _position(step, place)},
    )


def finish() -> None:
    """End the tour after its last step, and open the Tour page."""
    state = page_state(TourState)
    state.step = state.last_step = 0
    st.switch_page(navigation.page("tour"))


def leave() -> None:
    """Switch the tour off. It can be continued."""
    page_state(TourState).step = 0
    st.query_params.pop(PARAMETER, None)


def forget() -> None:
    """Forget which steps were seen."""
    state = page_state(TourState)
    state.step = state.place = state.last_step = 0
    state.seen_steps = set()


def visit(step: int) -> None:
    """Note that the visitor has opened the page of a step, and write the position to the address."""
    state = page_state(TourState)
    state.seen_steps.add(step)
    state.last_step = step
    position = _position(step, state.place)
    if st.query_params.get(PARAMETER) != position:
        st.query_params[PARAMETER] = position


def follow(page: str) -> None:
    """If the visitor has gone to another place of the same step without the tour's buttons, guide there.

    Args:
        page: The page on show.
    """
    state = page_state(TourState)
    if not state.step:
        return
    for number, place in enumerate(STEPS[state.step - 1].places):
        wanted = {key: value for key, value in place.query.items() if key != "weights"}
        is_here = place.page == page and wanted.items() <= st.query_params.to_dict().items()
        if is_here and wanted and number != state.place:
            state.place = number
            visit(state.step)
            st.rerun()


def missing_example(place: Place) -> str | None:
    """Return the example that a place needs, if it is not in the folder of runs."""
    run_ids = {summary.run for summary in session().library.summaries()}
    return None if place.run is None or place.run in run_ids else EXAMPLES[place.run].title


def can_add_examples() -> bool:
    """Return whether examples come with the app that are not in the folder of runs."""
    return bool(session().library.missing_examples())


def add_examples() -> None:
    """Copy the examples that come with the app to the folder of runs."""
    state = page_state(TourState)
    state.problem = ""
    try:
        session().library.add_examples()
    except RunError as error:
        state.problem = str(error)


def remember() -> None:
    """Store the progress in a cookie, for later visits with the same browser."""
    state = page_state(TourState)
    steps = ".".join(map(str, sorted(state.seen_steps)))
    is_new = not (state.last_step or steps)
    browser_cookie(COOKIE, "" if is_new else f"{state.last_step}-{steps}", key="tour_cookie")


def _recall(state: TourState) -> None:
    """Read the progress of earlier visits from the cookie."""
    cookie = str(st.context.cookies.get(COOKIE, ""))  # AppTest has a mock in place of the text
    progress = re.fullmatch(r"(\d)-([\d.]{0,20})", cookie, re.ASCII)
    if progress is None:
        return
    numbers = range(1, len(STEPS) + 1)
    state.seen_steps |= {n for n in numbers if str(n) in progress[2].split(".")}
    if int(progress[1]) in numbers:
        state.last_step = int(progress[1])
