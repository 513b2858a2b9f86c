"""The session that all visitors share, and the limits of the server."""

import streamlit as st

from pages.ui.core.visitor import visitor
from wgan.paths import default_runs_dir
from wgan.session import Session, shared_session


def session() -> Session:
    """Return the session of this server for its visitor. Its worker thread outlives every browser tab."""
    return shared_session(default_runs_dir()).as_visitor(visitor())


def upload_limit_mb() -> int:
    """Return the maximum size of an upload in MB, as set in .streamlit/config.toml.

    The server keeps uploads in memory and refuses larger ones. No widget has a separate limit.
    """
    return int(st.get_option("server.maxUploadSize"))
