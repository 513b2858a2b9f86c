"""The visitor for whom a page is drawn, and what decides it: the settings and the door of the server."""

import functools
import hmac
import secrets
from urllib.parse import parse_qs, urlencode

import streamlit as st
from streamlit.runtime import Runtime

from wgan.access import (
    LOCAL_VISITOR,
    AccessSettings,
    Door,
    Role,
    ShareTokens,
    UploadMeter,
    Visitor,
    own_address,
)
from wgan.paths import default_runs_dir

VISITOR_HEADER = "x-wgan-visitor"
"""The middleware writes the visitor into this header of a request, and removes it from what arrives."""
USER_KEY = "visitor"
"""Key of `st.user` under which Streamlit stores the header when a session begins: see .streamlit/config.toml."""
_PROOF = secrets.token_hex(16)
"""Part of the header, so that no browser can write it, even without the middleware."""


@functools.cache
def settings() -> AccessSettings:
    """Return the settings of this server. Raises SettingError."""
    return AccessSettings.from_environment()


@functools.cache
def door() -> Door:
    """Return the door of this server."""
    return Door(settings(), ShareTokens(default_runs_dir()))


@functools.cache
def upload_meter() -> UploadMeter:
    """Return the meter of the uploads to this server."""
    return UploadMeter(settings().limits)


def to_header(visitor: Visitor) -> str:
    """Return a visitor as the value of VISITOR_HEADER."""
    return urlencode(
        {"proof": _PROOF, "id": visitor.id, "role": visitor.role, "name": visitor.name}
    )


def visitor() -> Visitor:
    """Return the visitor for whom this script runs.

    It is fixed when the session begins, so it stays the same even after the visitor has left while a script
    still runs.
    """
    if not _is_served():
        return LOCAL_VISITOR  # not in a server, but in a test of the pages
    values = parse_qs(str(st.user.get(USER_KEY) or ""), keep_blank_values=True)
    try:
        if hmac.compare_digest(values["proof"][0], _PROOF):
            return Visitor(values["id"][0], Role(values["role"][0]), values["name"][0])
    except (KeyError, ValueError):
        pass
    # Somebody has started another script than streamlit_app.py, without the middleware.
    return Visitor("", Role.VIEWER)


def _is_served() -> bool:
    """Return whether a real server runs; tests of the pages have an imitation of it, or none."""
    return Runtime.exists() and type(Runtime.instance()) is Runtime


def link(role: Role) -> str:
    """Return the link that gives a role. Raises OSError if no token can be stored."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    host = f"{own_address() or 'localhost'}:{st.get_option('server.port')}"
    url = settings().urls[0] if settings().urls else f"http://{host}/{base}"
    return f"{url.rstrip('/')}/?token={door().tokens.of(role)}"
