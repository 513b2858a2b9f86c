"""How often a live page is drawn again."""

import time
from collections.abc import Callable

import streamlit as st

from pages.ui.core.state import Visitor, page_state

MAX_UPDATES_PER_S = 10
"""Updates per second for all viewers together, so that their cost does not grow with their number."""

INTERVALS_S = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)  # from one update to the next
SILENCE_S = 15.0  # a visitor who is silent for longer, and for two updates, has left


@st.cache_resource(show_spinner=False)
def last_visits() -> dict[str, tuple[float, float]]:
    """Return when each visitor was last on a live page, and the interval of their updates, in seconds."""
    return {}


def refresh_interval() -> float:
    """Note that this visitor watches, and return the seconds from one update of a live page to the next."""
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
    """Rerun the page when a token changes: another tab or visitor has changed what the page shows."""
    before = token()

    def look() -> None:
        refresh_interval()  # this visitor is still there
        if token() != before:
            st.rerun()

    with st.container():
        st.fragment(look, run_every=seconds * refresh_interval())()
