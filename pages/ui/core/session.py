"""The session that all visitors share, and the limits of the server."""

from collections.abc import Callable

import streamlit as st

from pages.ui.core.plain_text import plain_text
from pages.ui.core.visitor import visitor
from wgan.config import ConfigError
from wgan.data import DataError
from wgan.paths import default_runs_dir
from wgan.runs import RunError
from wgan.session import Session, shared_session


def session() -> Session:
    """Return the session of this server for its visitor. Its worker thread outlives every browser tab."""
    return shared_session(default_runs_dir()).as_visitor(visitor())


def attempt(action: Callable[..., object], *args: object, **values: object) -> None:
    """Call a method of the session for a button, and show a refusal as a notice.

    Do not pass a method of `session()` to a button: it would keep the rights that the visitor had when the page
    was drawn, and an error in a button's callback leaves an empty page.

    Args:
        action: A method of the class, such as `Session.pause`.
        args: Its arguments.
        values: Its arguments by name.
    """
    try:
        action(session(), *args, **values)
    except (RunError, ConfigError, DataError) as error:
        st.toast(plain_text(str(error)), icon=":material/error:")


def upload_limit_mb() -> int:
    """Return the maximum size of an upload in MB, as set in .streamlit/config.toml.

    The server keeps uploads in memory and refuses larger ones. No widget has a separate limit.
    """
    return int(st.get_option("server.maxUploadSize"))
