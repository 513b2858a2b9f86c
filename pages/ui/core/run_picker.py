"""The choice of a run by a unique title."""

import itertools
from collections.abc import Sequence

import streamlit as st

from pages.ui.core.plain_text import plain_text
from pages.ui.core.run_on_show import show_run
from pages.ui.core.session import session
from pages.ui.core.status import BADGES
from pages.ui.core.widget_state import remember_drawn, user_changed
from wgan.config import (
    short,
)
from wgan.runs import began


def choose_run(label: str, run: str, help: str) -> None:
    """Let the visitor choose the run on show."""
    titles = run_titles()
    names = list(titles) if run in titles else [run, *titles]
    # Each run on show has a separate widget, so that a late message from the browser about the
    # previous run cannot show it again.
    key = f"run_on_show-{run}"
    remember_drawn(key, run)
    st.selectbox(
        label,
        names,
        index=names.index(run),
        key=key,
        format_func=lambda name: titles.get(name, name),
        on_change=_show_chosen,
        args=(key, names),
        help=help,
    )
    # The box is too narrow for all of this, and its titles must not contain the status.
    if description := _describe(run):
        st.caption(description)


def _describe(run: str) -> str:
    """Return the status, the settings and the start time of a run."""
    summary = next((s for s in session().library.summaries() if s.run == run), None)
    if summary is None or summary.config is None:
        return ""
    status, icon, _ = BADGES[summary.status]
    return f"{icon} {status} · {plain_text(summary.config.title)} · {began(summary.run, summary.created)}"


def _show_chosen(key: str, names: Sequence[str]) -> None:
    # A value without a name is an outdated title that the browser has sent.
    if user_changed(key) and st.session_state[key] in names:
        show_run(st.session_state[key])


def run_titles() -> dict[str, str]:
    """Return a title for each run, newest first.

    A title contains no status, and runs with equal titles are numbered from the oldest on. The
    browser sends titles back, so they must still mean the same run after another one has begun.
    """
    titles: dict[str, str] = {}
    for summary in reversed(session().library.summaries()):
        title = f"{summary.run} (cannot be read)"
        if summary.config is not None:
            objective = short(summary.config.objective.title)
            data = short(summary.config.dataset.title)
            # The start time comes first, because the box shows only the first letters.
            title = summary.name or f"{began(summary.run, summary.created)} · {objective} · {data}"
        numbered = (f"{title} #{number}" for number in itertools.count(2))
        used = set(titles.values())
        titles[summary.run] = next(t for t in itertools.chain([title], numbered) if t not in used)
    return dict(reversed(titles.items()))
