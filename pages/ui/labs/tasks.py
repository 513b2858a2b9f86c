"""A lab's work: the button that begins or ends it, how it stands, what it found; settings that stay."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.ui.core.refresh import refresh_interval
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.core.status import newest_task
from pages.ui.labs.state import FailedStart, LabsState, StartedTask
from wgan.jobs import TaskStatus, TaskSteps


def kept(key: str, default: Any) -> str:
    """Return the key of a widget, which has the value `default` at first.

    With `persist_state="session"` the widget keeps its value while it is not on show.
    """
    st.session_state.setdefault(key, default)
    return key


@st.cache_resource(show_spinner=False)
def _shared_results() -> dict[str, TaskStatus]:
    """Return the newest result of each lab that all visitors share, by title, while the server lives."""
    return {}


def standing(title: str, *, mine: bool = False) -> TaskStatus | None:
    """Return how the newest work of a title stands; None: it has never begun.

    Work is everybody's, found by its title after a reload or in another tab, unless it is `mine`: on what
    this visitor alone has made, as piles shaped by hand. Where it has nothing to show yet, what was found
    before is its result.
    """
    lab_state = page_state(LabsState)
    results = lab_state.results if mine else _shared_results()
    started = lab_state.started.get(title)
    own = "" if started is None else started.key
    task = newest_task("", title, own if mine else None)
    before = results.get(title)
    if task is None:  # Never begun, or ended so long ago that the session has forgotten it.
        return before if before is None or before.done else replace(before, done=True)
    if task.result is not None:
        results[title] = task
    elif before is not None:
        task = replace(task, result=before.result)
    return task


def running(title: str, *, mine: bool = False) -> bool:
    """Tell whether work of a title is under way."""
    task = standing(title, mine=mine)
    return task is not None and not task.done


def under_way(work: str, names: Iterable[str], default: str) -> str:
    """Return the name of the work that is under way, of those titled "work, name"; else the default.

    So a visitor who comes again, or anew, lands where something goes on.
    """
    return next((name for name in names if running(f"{work}, {name}")), default)


def watched(
    look: Callable[[], object],
    title: str = "",
    *,
    mine: bool = False,
    every: float = 1.0,
    goes: bool | None = None,
) -> None:
    """Draw what a lab shows, again and again while its work goes on; without a title, when touched.

    Where the work has just begun or ended the whole page is drawn anew, as it is looked at more or less
    often then and the button is another. `goes` is what `order` has returned, where its button is above:
    work that ended since then would else leave a button that stops nothing.
    """
    if goes is None:
        goes = bool(title) and running(title, mine=mine)

    def drawn() -> None:
        """Draw it once."""
        if title and running(title, mine=mine) != goes:
            st.rerun()
        refresh_interval()  # this visitor is still there
        look()

    with st.container():
        st.fragment(drawn, run_every=every * refresh_interval() if goes else None)()


def order(
    title: str,
    label: str,
    work: Callable[[], TaskSteps],
    *,
    key: str,
    help: str,
    given: object,
    mine: bool = False,
    disabled: bool = False,
    width: Any = "content",
) -> bool:
    """Show the button that begins the work of a title, or the one that ends it; return whether it is that.

    `given` are the settings it would begin with.
    """
    lab_state = page_state(LabsState)
    started, problem = lab_state.started.get(title), lab_state.problem
    if started is not None and started.given != given:
        started.left = True
    if problem is not None and (problem.title, problem.given) != (title, given):
        lab_state.problem = None
    task = standing(title, mine=mine)
    if task is not None and not task.done:
        st.button(
            "Stop",
            icon=":material/close:",
            key=f"{key}_stop",
            on_click=session().cancel,
            width=width,
            args=(task.key,),
            help="End it now. What it has found so far stays.",
        )
        return True
    st.button(
        label,
        icon=":material/play_arrow:",
        type="primary",
        key=f"{key}_run",
        on_click=_begin,
        args=(title, work, given, mine),
        help=help,
        disabled=disabled,
        width=width,
    )
    return False


def _begin(title: str, work: Callable[[], TaskSteps], given: object, mine: bool = False) -> None:
    lab_state = page_state(LabsState)
    lab_state.problem = None
    if running(title, mine=mine):
        return  # begun in another tab meanwhile
    try:
        lab_state.started[title] = StartedTask(session().begin(title, "", work).key, given)
    except Exception as error:  # whatever it is, the page says it and goes on
        lab_state.problem = FailedStart(title, given, f"It could not begin: {error}")


def state(task: TaskStatus | None, *, before: str = "", after: str = "") -> None:
    """Say in one line how work stands; `before` it has begun, and `after` it has ended.

    What went wrong is told only to the visitor who began it, beside what is still on show.
    """
    lab_state = page_state(LabsState)
    if lab_state.problem is not None:
        st.error(lab_state.problem.message, icon=":material/error:")
    started = None if task is None else lab_state.started.get(task.title)
    if task and task.error and started and started.key == task.key and not started.left:
        st.error(task.error, icon=":material/error:")
    if task is None or (task.error and task.result is None):
        if before:
            st.caption(f":material/play_arrow: {before}{_beside()}")
    elif not task.done:
        st.progress(task.share, f"{task.words} …{_beside()}")
    elif task.cancelled:
        st.caption(f":material/close: Stopped at {100 * task.share:.0f} %. {after}")
    elif after:
        st.caption(after)


def _beside() -> str:
    """Say where a training has its share of the time."""
    live = session().live()
    if live is None or live.status != "running":
        return ""
    return " A run is training: both share the time, so this takes about twice as long."
