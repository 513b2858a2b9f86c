"""The run on show: read from the address, and the same on all pages."""

import time

import streamlit as st

from pages.ui.core import navigation
from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import session
from pages.ui.core.state import NextRun, RunOnShow, page_state
from pages.ui.core.url import keep_moment
from wgan.runs import RunError

LATE_S = 20.0  # seconds in which a browser may still send the previous address


def shown_run(*, example: bool = False) -> str | None:
    """Return the run on show: that of the address, else this visitor's, else the live or newest one.

    If there is no run, `example` allows one that comes with the app.
    """
    on_show, address = page_state(RunOnShow), st.query_params.get("run")
    # A browser that has not received the new address sends the previous one. It may never receive
    # it, because Streamlit can drop the message in favour of the next update. After LATE_S, the
    # visitor wants the run in the address.
    late = address == on_show.previous_address and time.monotonic() - on_show.changed_at < LATE_S
    link = st.query_params.pop("open", None)
    if link is not None and link != on_show.opened_link:
        on_show.opened_link, late = link, False  # a click on `run_link`
        page_state(NextRun).setup = None
    wanted_run = on_show.run if late and on_show.run else address or on_show.run
    if wanted_run:
        try:
            session().snapshot(wanted_run)
        except RunError as error:
            st.toast(plain_text(str(error)), icon=":material/search_off:")
            wanted_run = None
    run = wanted_run or session().newest()
    if late and run != address:
        keep_moment(None)  # the step belongs to the run in the address
    if on_show.is_known and wanted_run not in (None, on_show.run):
        page_state(NextRun).setup = None
    _show(run)
    return run or (session().newest(example=True) if example else None)


def show_run(run: str | None) -> None:
    """Show a run: in the address, and for this visitor on every page, in place of what was set up."""
    page_state(NextRun).setup = None
    _show(run)


def _show(run: str | None) -> None:
    on_show, address = page_state(RunOnShow), st.query_params.get("run")
    begins = on_show.run != run and on_show.is_known  # not if the page is opened by its address
    on_show.change(run, address)  # first, because Streamlit may end a callback below
    if begins:
        keep_moment(None)
    if run is None:
        st.query_params.pop("run", None)
    elif address != run:
        st.query_params["run"] = run


def run_link(run: str, label: str, help: str) -> None:
    """Show a link that opens a run on the Train page."""
    st.page_link(
        navigation.page("train"),
        label=plain_text(label),
        help=help,
        width="content",
        query_params=link_to_run(run),
    )


def link_to_run(run: str) -> dict[str, str]:
    """Return the parameters of a link that shows a run."""
    # The number distinguishes a click from a browser that sends a previous address.
    on_show = page_state(RunOnShow)
    on_show.link_count += 1
    return {"run": run, "open": str(on_show.link_count)}
