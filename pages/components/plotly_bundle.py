"""Plotly's program for the browser, taken from the wheel: no outside host is asked for it."""

from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import streamlit as st

from pages.components.assets import STATIC, publish

_NAME = "plotly.min.js"


@cache
def ensure_plotly_bundle() -> str:
    """Copy Plotly's bundle into `static/` where it is missing; its address relative to the app.

    The address is empty where it cannot be had (a read-only checkout, static serving switched
    off): the charts then say so in a sentence.
    """
    try:
        plotly = distribution("plotly")
        source = Path(str(plotly.locate_file(f"plotly/package_data/{_NAME}")))
        size = source.stat().st_size
    except (PackageNotFoundError, OSError):
        return ""
    if not st.get_option("server.enableStaticServing"):
        return ""
    target = STATIC / _NAME
    if target.is_file() and target.stat().st_size == size:  # 4.8 MB need not be read again
        return f"app/static/{_NAME}?v={plotly.version}"
    return publish(_NAME, source.read_bytes(), plotly.version) or ""
