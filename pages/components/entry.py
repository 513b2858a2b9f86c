"""The way into every page. Light, so that it is there before torch is loaded."""

import streamlit as st
from streamlit.runtime import pages_manager


def enter() -> None:
    """Note that the entry point has run for this visitor."""
    st.session_state["entered"] = True


def guard() -> None:
    """Leave Streamlit's legacy pages mode, where a first visit by deep link would land.

    A folder named pages beside the entry point switches that mode on, and only `st.navigation` clears
    it, for the whole process; a page that runs before it would have no shell. The flag is internal.
    A visit may have begun before another one cleared the flag: then its entry point has not run.
    """
    manager = pages_manager.PagesManager
    if getattr(manager, "uses_pages_directory", False) or "entered" not in st.session_state:
        manager.uses_pages_directory = False
        st.rerun()
