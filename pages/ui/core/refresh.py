"""How often a live page is drawn again."""

import time
from collections.abc import Callable

import streamlit as st

from pages.ui.core.state import Visitor, page_state

AT_MOST = 10
"""Updates a second that all who watch get together: what they cost the training does not grow with them."""

PACES = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)  # seconds from one update to the next
GONE = 15.0  # seconds of silence, and two updates, after which a visitor has left


@st.cache_resource(show_spinner=False)
def _last_seen() -> dict[str, tuple[float, float]]:
    """Return when each visitor was last seen on a live page, and at which pace it is drawn for them."""
    return {}


def refresh_interval() -> float:
    """Note that this visitor watches, and return the seconds from one update of a live page to the next."""
    now, seen = time.monotonic(), _last_seen()
    me = page_state(Visitor).id
    for visitor, (when, every) in list(seen.items()):
        if now - when > GONE + 2 * every:
            seen.pop(visitor, None)
    watching = len({me, *list(seen)})
    every = next((each for each in PACES if watching <= AT_MOST * each), PACES[-1])
    seen[me] = now, every
    return every


def watch(token: Callable[[], object], seconds: float) -> None:
    """Draw the page anew when a token changes: for what other tabs and visitors can change."""
    before = token()

    def look() -> None:
        refresh_interval()  # this visitor is still there
        if token() != before:
            st.rerun()

    with st.container():
        st.fragment(look, run_every=seconds * refresh_interval())()
