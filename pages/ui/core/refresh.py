"""The refresh intervals of live pages."""

import time
from collections.abc import Callable

import streamlit as st

from pages.ui.core.state import Visitor, page_state

MAX_UPDATES_PER_S = 10
"""Maximum number of updates per second for all viewers together, so that the server's load is bounded."""

INTERVALS_S = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)  # between two updates
SILENCE_S = 15.0  # a visitor has left after this time plus two updates


@st.cache_resource(show_spinner=False)
def last_visits() -> dict[str, tuple[float, float]]:
    """Return the time of each visitor's last update of a live page, and their interval, both in seconds."""
    return {}


def refresh_interval() -> float:
    """Record that this visitor is present, and return the seconds between two updates of a live page."""
    now, last_seen = time.monotonic(), last_visits()
    visitor_id = page_state(Visitor).id
    for other, (seen_at, interval) in list(last_seen.items()):
        if now - seen_at > SILENCE_S + 2 * interval:
            last_seen.pop(other, None)
    watching = len({visitor_id, *list(last_seen)})
    interval = next(
        (each for each in INTERVALS_S if watching <= MAX_UPDATES_PER_S * each), INTERVALS_S[-1]
    )
    last_seen[visitor_id] = now, interval
    return interval


def watch(token: Callable[[], object], seconds: float) -> None:
    """Rerun the page when a token changes because of another tab or visitor.

    Args:
        token: Returns the current token.
        seconds: Interval for a single viewer; with many viewers it is longer.
    """
    before = token()

    def look() -> None:
        refresh_interval()  # count this visitor as present
        if token() != before:
            st.rerun()

    with st.container():
        st.fragment(look, run_every=seconds * refresh_interval())()
