"""A lab's work: the button that begins or ends it, how it stands, what it found; settings that stay."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.components.app import session
from wgan.jobs import Standing, Work

_PROBLEM = "lab_problem"


def kept(key: str, default: Any) -> str:
    """Return the key of a widget whose value outlives it: Streamlit forgets what is not on show."""
    values: dict[str, Any] = st.session_state.setdefault("labs-kept", {})
    if key in st.session_state:
        values[key] = st.session_state[key]
    else:
        st.session_state[key] = values.get(key, default)
    return key


@st.cache_resource(show_spinner=False)
def _shared_results() -> dict[str, Standing]:
    """Return the newest result of each lab that all visitors share, by title, while the server lives."""
    return {}


def _begun() -> dict[str, str]:
    """Return what this visitor has begun: keys of tasks, by title."""
    begun: dict[str, str] = st.session_state.setdefault("lab_begun", {})
    return begun


def _results() -> dict[str, Standing]:
    """Return the newest results of this visitor's own labs, by title."""
    results: dict[str, Standing] = st.session_state.setdefault("lab_results", {})
    return results


def standing(title: str, *, mine: bool = False) -> Standing | None:
    """Return how the newest work of a title stands; None: it has never begun.

    Work is everybody's, found by its title after a reload or in another tab, unless it is `mine`: on what
    this visitor alone has made, as piles shaped by hand. Where it has nothing to show yet, what was found
    before is its result.
    """
    results = _results() if mine else _shared_results()
    key = _begun().get(title)
    task = next(
        (t for t in session().tasks("") if t.title == title and (not mine or t.key == key)), None
    )
    before = results.get(title)
    if task is None:
        return before
    if task.result is not None:
        results[title] = task
    elif before is not None:
        task = replace(task, result=before.result)
    return task


def running(title: str, *, mine: bool = False) -> bool:
    """Tell whether work of a title is under way."""
    task = standing(title, mine=mine)
    return task is not None and not task.done


def watched(
    look: Callable[[], object], title: str = "", *, mine: bool = False, every: float = 1.0
) -> None:
    """Draw what a lab shows, again and again while its work goes on; without a title, when touched.

    Where the work has just begun or ended the whole page is drawn anew, as it is looked at more or less
    often then and the button is another.
    """
    goes = bool(title) and running(title, mine=mine)

    def drawn() -> None:
        """Draw it once."""
        if title and running(title, mine=mine) != goes:
            st.rerun()
        look()

    with st.container():
        st.fragment(drawn, run_every=every if goes else None)()


def order(
    title: str, label: str, work: Callable[[], Work], *, key: str, help: str, mine: bool = False,
    disabled: bool = False, width: Any = "content",
) -> None:  # fmt: skip
    """Show the button that begins the work of a title, or the one that ends it."""
    task = standing(title, mine=mine)
    if task is not None and not task.done:
        st.button("Stop", icon=":material/close:", key=f"{key}_stop", on_click=_cancel, width=width,
                  args=(task.key,), help="End it now. What it has found so far stays.")  # fmt: skip
        return
    st.button(label, icon=":material/play_arrow:", type="primary", key=f"{key}_run", on_click=_begin,
              args=(title, work, mine), help=help, disabled=disabled, width=width)  # fmt: skip


def _begin(title: str, work: Callable[[], Work], mine: bool = False) -> None:
    st.session_state[_PROBLEM] = ""
    if running(title, mine=mine):
        return  # begun in another tab meanwhile
    try:
        _begun()[title] = session().begin(title, "", work).key
    except Exception as error:  # whatever it is, the page says it and goes on
        st.session_state[_PROBLEM] = f"It could not begin: {error}"


def _cancel(key: str) -> None:
    session().cancel(key)


def state(task: Standing | None, *, before: str = "", after: str = "") -> None:
    """Say in one line how work stands; `before` it has begun, and `after` it has ended."""
    if problem := st.session_state.get(_PROBLEM):
        st.error(problem, icon=":material/error:")
    if task is None:
        if before:
            st.caption(f":material/play_arrow: {before}{_beside()}")
    elif not task.done:
        st.progress(task.share, f"{task.words} …{_beside()}")
    elif task.error:
        st.error(task.error, icon=":material/error:")
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
