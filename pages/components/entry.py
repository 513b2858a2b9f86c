"""The way into every page. Light, so that it is there before torch is loaded."""

import gc
import sys

import streamlit as st
from streamlit.runtime import pages_manager

LOADING = (100_000, 20, 100)
"""When to look for garbage while modules are loaded: they make a million objects, and no garbage."""

AT_WORK = (2_000, 20, 50)

NEWCOMERS = 100
"""Modules loaded since the last time that make it worth while to settle again."""

_settled = {"modules": 0}  # how many were loaded the last time

gc.set_threshold(*LOADING)


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


def settle() -> None:
    """Take what has been loaded out of the garbage collector's sight, once a page has been drawn.

    Among a million objects of torch, plotly and streamlit it looks for half a second, many times an hour,
    and holds everything meanwhile, training and pages: they stay anyway. What is garbage by now stays, too:
    next to nothing, and looking for it would hold the first page back for a quarter of a second.
    """
    if len(sys.modules) < _settled["modules"] + NEWCOMERS:
        return
    _settled["modules"] = len(sys.modules)
    gc.freeze()
    gc.set_threshold(*AT_WORK)


def settled() -> bool:
    """Tell whether a page has been drawn: until then nothing is begun that would hold the first one back."""
    return _settled["modules"] > 0
