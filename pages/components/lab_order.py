"""A lab's order: the button that begins its work or ends it, how the work stands, and what it found."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from pages.components.app import session
from wgan.jobs import Standing, Work

_PROBLEM = "lab_problem"


@st.cache_resource(show_spinner=False)
def _kept() -> dict[str, Standing]:
    """Return the newest result of each lab, by its title: kept while the server lives."""
    return {}


def standing(title: str) -> Standing | None:
    """Return how the newest work of a title stands; None: it has never begun.

    After a reload, or in another tab, it is found by its title. Where it has nothing to show yet, what
    was found before is its result.
    """
    kept = _kept()
    task = next((t for t in session().tasks("") if t.title == title), None)
    before = kept.get(title)
    if task is None:
        return before
    if task.result is not None:
        kept[title] = task
    elif before is not None:
        task = replace(task, result=before.result)
    return task


def running(title: str) -> bool:
    """Tell whether work of a title is under way."""
    task = standing(title)
    return task is not None and not task.done


def order(
    title: str, label: str, work: Callable[[], Work], *, key: str, help: str, disabled: bool = False
) -> None:
    """Show the button that begins the work of a title, or the one that ends it."""
    task = standing(title)
    if task is not None and not task.done:
        st.button("Stop", icon=":material/close:", key=f"{key}_stop", on_click=_cancel,
                  args=(task.key,), help="End it now. What it has found so far stays.")  # fmt: skip
        return
    st.button(label, icon=":material/play_arrow:", type="primary", key=f"{key}_run",
              on_click=_begin, args=(title, work), help=help, disabled=disabled)  # fmt: skip


def _begin(title: str, work: Callable[[], Work]) -> None:
    st.session_state[_PROBLEM] = ""
    if running(title):
        return  # begun in another tab meanwhile
    try:
        session().begin(title, "", work)
    except Exception as error:  # whatever it is, the page says it and goes on
        st.session_state[_PROBLEM] = f"It could not begin: {error}"


def _cancel(key: str) -> None:
    session().cancel(key)


def state(title: str, task: Standing | None, *, before: str, after: str, key: str) -> None:
    """Say in one line how the work stands; `before` it has begun, and `after` it has ended.

    The first line of what is drawn anew each second: where it has just ended, the whole page is, as the
    button above is another then.
    """
    seen = st.session_state.get(f"{key}_seen")
    now = None if task is None else (task.key, task.done)
    if seen != now:
        st.session_state[f"{key}_seen"] = now
        if task is not None and task.done and seen == (task.key, False):
            st.rerun()
    if problem := st.session_state.get(_PROBLEM):
        st.error(problem, icon=":material/error:")
    if task is None:
        st.caption(f":material/play_arrow: {before}{_shared()}")
    elif not task.done:
        st.progress(task.share, f"{task.words} …{_shared()}")
    elif task.error:
        st.error(task.error, icon=":material/error:")
    elif task.cancelled:
        st.caption(f":material/close: Stopped at {100 * task.share:.0f} %. {after}")
    else:
        st.caption(after)


def _shared() -> str:
    """Say where a training has its share of the time."""
    live = session().live()
    if live is None or live.status != "running":
        return ""
    return " A run is training: both share the time, so this takes about twice as long."
