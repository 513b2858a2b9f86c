"""The timeline position in the address, and navigation by Back and Forward."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx


def came_by_history() -> bool:
    """Return whether the browser's Back or Forward caused this rerun.

    The address alone does not show this, because a browser sends the previous address until it has
    received the new one. The flag is internal to Streamlit.
    """
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


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
