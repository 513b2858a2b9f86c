"""What the address says besides the run: the moment of the timeline; and whether Back or Forward led here."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx


def came_by_history() -> bool:
    """Tell whether this run of the page comes from the browser's Back or Forward.

    The address alone does not tell: a browser also sends an old one until it knows of the new one. The
    flag is internal to Streamlit.
    """
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


def asked_moment() -> int | None:
    """Return the moment of the timeline that the address asks for; None: the newest."""
    text = st.query_params.get("at", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 13 else None


def keep_moment(moment: int | None) -> None:
    """Put a moment of the timeline into the address."""
    if moment is None:
        st.query_params.pop("at", None)
    else:
        st.query_params["at"] = str(moment)
