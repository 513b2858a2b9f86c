"""The session that all visitors share, and the limits of the server."""

import streamlit as st

from wgan.paths import default_runs_dir
from wgan.session import Session, shared_session


def session() -> Session:
    """Return the one session of this server; its worker outlives every tab."""
    return shared_session(default_runs_dir())


def upload_limit_mb() -> int:
    """Return the size of the largest upload in MB, as .streamlit/config.toml sets it.

    The server keeps uploads in memory and refuses larger ones. No widget has a limit of its own.
    """
    return int(st.get_option("server.maxUploadSize"))
