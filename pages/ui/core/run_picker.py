"""Choose a run by a title that tells it from the others."""

from collections.abc import Sequence

import streamlit as st

from pages.ui.core.run_on_show import show_run
from pages.ui.core.session import session
from pages.ui.core.widget_state import drawn, user_changed
from wgan.config import (
    short,
)
from wgan.runs import began


def choose_run(label: str, shown: str, help: str) -> None:
    """Let the visitor put another run on show."""
    titles = run_titles()
    names = list(titles) if shown in titles else [shown, *titles]
    # A widget of its own for each run on show: what a browser that is late still says of the one
    # before must not put that run on show again.
    key = f"run_on_show-{shown}"
    drawn(key, shown)
    st.selectbox(
        label,
        names,
        index=names.index(shown),
        key=key,
        format_func=lambda name: titles.get(name, name),
        on_change=_show_chosen,
        args=(key, names),
        help=help,
    )


def _show_chosen(key: str, names: Sequence[str]) -> None:
    # What is none of the names is a title that has changed since the browser was told of it.
    if user_changed(key) and st.session_state[key] in names:
        show_run(st.session_state[key])


def run_titles() -> dict[str, str]:
    """Return every run in a few words that tell it from the others, the newest first.

    Without its status, and numbered from the oldest on: a browser sends the words back, and they must
    still mean the same run after another one has begun.
    """
    titles: dict[str, str] = {}
    for card in reversed(session().library.cards()):
        title = f"{card.run} (cannot be read)"
        if card.config is not None:
            objective, when = short(card.config.objective.title), began(card.run, card.created)
            # A name says enough, and the box is narrow.
            title = card.name or f"{objective} · {when} · {short(card.config.dataset.title)}"
        again = sum(earlier.partition(" #")[0] == title for earlier in titles.values())
        titles[card.run] = f"{title} #{again + 1}" if again else title
    return dict(reversed(titles.items()))
