"""The timeline position in the address, and navigation by links, Back and Forward."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui.core.state import Arrival, page_state


def came_by_history() -> bool:
    """Return whether the browser's Back or Forward caused this rerun.

    The address alone does not show this, because a browser sends the previous address until it has
    received the new one. The flag is internal to Streamlit.
    """
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


def arrive(page: str) -> None:
    """Remember which page is drawn. On another page than before, the address is that of a link."""
    arrival = page_state(Arrival)
    if arrival.page != page:
        arrival.page, arrival.readers = page, set()


def expect_link() -> None:
    """Call it before `st.switch_page` to another section: the address is that of a link, even on the same page."""
    page_state(Arrival).readers = set()


def came_by_link(parameter: str) -> bool:
    """Return whether a link has led here, so that a parameter of its address replaces the visitor's last choice.

    Only the first call for a parameter after the arrival returns True. Later, a browser may send a
    previous address.
    """
    readers = page_state(Arrival).readers
    is_new = parameter not in readers
    readers.add(parameter)
    return is_new


def asked_moment() -> int | None:
    """Return the step of the timeline in the address; None for the newest."""
    text = st.query_params.get("at", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 13 else None


def keep_moment(moment: int | None) -> None:
    """Write a step of the timeline to the address."""
    if moment is None:
        st.query_params.pop("at", None)
    else:
        st.query_params["at"] = str(moment)
