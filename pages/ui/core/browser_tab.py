"""The icon and the title of the browser's tab."""

import base64
from pathlib import Path

import streamlit as st

from pages.ui.core.session import session
from pages.ui.core.state import RunOnShow, page_state
from wgan.runs import RunError

_ICON = base64.b64encode(Path(__file__).with_name("icon.png").read_bytes()).decode("ascii")
# Use a data URI: the address of a Streamlit file can expire before the browser requests it.
ICON = f"data:image/png;base64,{_ICON}"


def tab_title() -> str:
    """Return the title of the browser tab: the status of the run on show, and the app's name."""
    sign = ""
    run = st.query_params.get("run") or page_state(RunOnShow).run
    try:
        snapshot = session().snapshot(run) if run else session().live()
    except RunError:
        snapshot = None
    if snapshot is not None:
        signs = {"running": "▶ Training", "paused": "⏸ Paused", "queued": "⏳ Waiting"}
        ends = {"finished": "✓ Finished", "failed": "✗ Failed", "stopped": "■ Stopped"}
        sign = (signs | ends).get(snapshot.status, "")
    return f"{sign} · WGAN Explorer" if sign else "WGAN Explorer"
