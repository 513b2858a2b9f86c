"""What every page needs: the session, the run on show, and words for its state."""

import base64
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from wgan.jobs import RunSnapshot, TaskStatus
from wgan.runs import RunError, Status
from wgan.session import Session, shared_session

LATE = 20.0  # seconds

AT_MOST = 10
"""Updates a second that all who watch get together: what they cost the training does not grow with them."""

PACES = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)  # seconds from one update to the next
GONE = 15.0  # seconds of silence, and two updates, after which a visitor has left

_ICON = base64.b64encode(Path(__file__).with_name("icon.png").read_bytes()).decode("ascii")
# Not a file: Streamlit's address of one can be gone before the browser asks for it.
ICON = f"data:image/png;base64,{_ICON}"

BadgeColour = Literal["blue", "gray", "green", "orange", "red", "violet"]

BADGES: dict[Status, tuple[str, str, BadgeColour]] = {
    Status.QUEUED: ("Waiting", ":material/schedule:", "gray"),
    Status.RUNNING: ("Training", ":material/play_arrow:", "blue"),
    Status.PAUSED: ("Paused", ":material/pause:", "orange"),
    Status.STOPPED: ("Stopped", ":material/stop:", "gray"),
    Status.FINISHED: ("Finished", ":material/check:", "green"),
    Status.FAILED: ("Failed", ":material/error:", "red"),
    Status.INTERRUPTED: ("Interrupted", ":material/power_off:", "orange"),
    Status.SHIPPED: ("Example", ":material/inventory_2:", "violet"),
}


def session() -> Session:
    """Return the one session of this server; its worker outlives every tab."""
    return shared_session(Path(os.environ.get("WGAN_RUNS", "checkpoints")))


def upload_limit_mb() -> int:
    """Return the size of the largest upload in MB, as .streamlit/config.toml sets it.

    The server keeps uploads in memory and refuses larger ones. No widget has a limit of its own.
    """
    return int(st.get_option("server.maxUploadSize"))


Found = TypeVar("Found")


def require_dataset(found: Found | None) -> Found:
    """Return what a data set gave, or raise LookupError where it is absent or damaged.

    For what is cached: an error is not, and the files may be whole the next time.
    """
    if found is None:
        raise LookupError("The data set is not here, or damaged.")
    return found


@st.cache_resource(show_spinner=False)
def _last_seen() -> dict[str, tuple[float, float]]:
    """Return when each visitor was last seen on a live page, and at which pace it is drawn for them."""
    return {}


def refresh_interval() -> float:
    """Note that this visitor watches, and return the seconds from one update of a live page to the next."""
    now, seen = time.monotonic(), _last_seen()
    me = str(st.session_state.setdefault("visitor", uuid.uuid4().hex))
    for visitor, (when, every) in list(seen.items()):
        if now - when > GONE + 2 * every:
            seen.pop(visitor, None)
    watching = len({me, *list(seen)})
    every = next((each for each in PACES if watching <= AT_MOST * each), PACES[-1])
    seen[me] = now, every
    return every


def widget_key_for(name: str, current: Any) -> str:
    """Return the key of the control that shows a value; it stands at that value.

    The config is the truth: a control shows it, and writes to it when it is moved. Where something
    else changed the config, the control is a new one: a browser that has not heard of it yet still
    says where the old one stood, and that must not be taken for the visitor's move.
    """
    versions: dict[str, int] = st.session_state.setdefault("versions", {})
    key = _versioned(name, versions.get(name, 0))
    if st.session_state.get(key, current) != current:
        versions[name] = versions.get(name, 0) + 1
        key = _versioned(name, versions[name])
    st.session_state[key] = current
    drawn(key, current)
    return key


def _versioned(name: str, version: int) -> str:
    return f"{name}:v{version}" if version else name


def drawn(key: str, value: object) -> None:
    """Note where a control stands, so that `moved` can tell."""
    st.session_state.setdefault("drawn", {})[key] = value


def user_changed(key: str) -> bool:
    """Tell whether the visitor has moved a control from where it was drawn. For its `on_change`.

    Streamlit also calls it when a late browser tells of a control that is no longer on the page.
    """
    value, known = st.session_state[key], st.session_state.setdefault("drawn", {})
    if key in known and known[key] == value:
        return False
    known[key] = value  # until it is drawn again
    return True


def shown_run(*, example: bool = False) -> str | None:
    """Return the run on show: the address's, else this visitor's, else the live one or the newest.

    Where there is none yet, and an `example` will do, one that comes with the app, for now.
    """
    state, address = st.session_state.get("shown"), st.query_params.get("run")
    before, when = st.session_state.get("address_before", ("", 0.0))
    # A browser that has not heard of the new address yet (or never, when Streamlit drops the message
    # because of the next update) still sends the one before. A while later it is the visitor's wish.
    late = address == before and time.monotonic() - when < LATE
    opened = st.query_params.pop("open", None)
    if opened is not None and opened != st.session_state.get("opened"):
        st.session_state["opened"], late = opened, False  # a click on `run_link`
    asked = state if late and state else address or state
    if asked:
        try:
            session().view(asked)
        except RunError as error:
            st.toast(str(error), icon=":material/search_off:")
            asked = None
    run = asked or session().newest()
    show_run(run)
    return run or (session().newest(example=True) if example else None)


def show_run(run: str | None) -> None:
    """Put a run on show: in the address, and for this visitor on every page."""
    address = st.query_params.get("run")
    if st.session_state.get("shown") != run:
        st.session_state["address_before"] = (address, time.monotonic())
        if "shown" in st.session_state:  # not when a page is opened by its address
            keep_moment(None)
    st.session_state["shown"] = run
    if run is None:
        st.query_params.pop("run", None)
    elif address != run:
        st.query_params["run"] = run


def run_link(run: str, label: str, help: str) -> None:
    """Show a link that puts a run on show on the Train page."""
    # The number tells a click from a browser that sends an old address.
    links = st.session_state["links"] = st.session_state.get("links", 0) + 1
    st.page_link(
        "pages/train.py",
        label=label,
        help=help,
        width="content",
        query_params={"run": run, "open": str(links)},
    )


def watch(token: Callable[[], object], seconds: float) -> None:
    """Draw the page anew when a token changes: for what other tabs and visitors can change."""
    before = token()

    def look() -> None:
        refresh_interval()  # this visitor is still there
        if token() != before:
            st.rerun()

    with st.container():
        st.fragment(look, run_every=seconds * refresh_interval())()


def came_by_history() -> bool:
    """Tell whether this run of the page comes from the browser's Back or Forward.

    The address alone does not tell: a browser sends the old one until it has heard of the new. The flag
    is internal.
    """
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


def asked_moment() -> int | None:
    """Return the moment of the timeline that the address asks for; None: the newest."""
    asked = st.query_params.get("at", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 13 else None


def keep_moment(moment: int | None) -> None:
    """Put a moment of the timeline into the address."""
    if moment is None:
        st.query_params.pop("at", None)
    else:
        st.query_params["at"] = str(moment)


def tab_title() -> str:
    """Return the browser tab's title, which tells how the run on show stands."""
    sign = ""
    asked = st.query_params.get("run") or st.session_state.get("shown")
    try:
        view = session().view(asked) if asked else session().live()
    except RunError:
        view = None
    if view is not None:
        signs = {"running": "▶ Training", "paused": "⏸ Paused", "queued": "⏳ Waiting"}
        ends = {"finished": "✓ Finished", "failed": "✗ Failed", "stopped": "■ Stopped"}
        sign = (signs | ends).get(view.status, "")
    return f"{sign} · WGAN Explorer" if sign else "WGAN Explorer"


def newest_task(run: str, title: str, key: str | None = None) -> TaskStatus | None:
    """Return how a run's newest work of a title stands, or the one of a key; None: it is not known."""
    known = session().tasks(run)
    return next((t for t in known if t.title == title and (key is None or t.key == key)), None)


def waits_for_critic(view: RunSnapshot) -> bool:
    """Tell whether a run's training stands still until its critic is done."""
    return view.status is Status.RUNNING and any(
        task.holds and not task.done for task in session().tasks(view.run)
    )


def badge(view: RunSnapshot) -> None:
    """Show how a run stands."""
    words, icon, colour = BADGES[view.status]
    if waits_for_critic(view):
        words, icon, colour = "Waits for its critic", ":material/hourglass_top:", "gray"
    st.badge(words, icon=icon, color=colour)
