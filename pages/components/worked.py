"""What labs share: settings that stay, and small trainings, one for each visitor and lab."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.components.app import session
from wgan.jobs import Standing, Work

EVERY = 0.5  # seconds between two looks at what is being trained


def kept(key: str, default: Any) -> str:
    """Return the key of a widget whose value outlives it: Streamlit forgets what is not on show."""
    values: dict[str, Any] = st.session_state.setdefault("labs-kept", {})
    if key in st.session_state:
        values[key] = st.session_state[key]
    else:
        st.session_state[key] = values.get(key, default)
    return key


def standing(slot: str) -> Standing | None:
    """Return how a lab's training stands; None where there is none."""
    key = st.session_state.get(f"task-{slot}")
    found = session().task(key) if key else None
    if found is not None:
        st.session_state[f"stood-{slot}"] = found
        return found
    # The session forgets old tasks; what this visitor saw of it stays.
    stood: Standing | None = st.session_state.get(f"stood-{slot}")
    return stood if stood is not None and stood.done else None


def running(slot: str) -> bool:
    """Say whether a lab's training goes on."""
    found = standing(slot)
    return found is not None and not found.done


def button(slot: str, words: str, title: str, work: Callable[[], Work], *, help: str) -> None:
    """Show the order to train, or the one to end that."""
    found = standing(slot)
    if found is not None and not found.done:
        st.button("Stop", icon=":material/close:", key=f"stop-{slot}", width="stretch",
                  on_click=_cancel, args=(found.key,), help="End it; what it has found stays.")  # fmt: skip
        return
    st.button(words, icon=":material/play_arrow:", key=f"train-{slot}", type="primary", width="stretch",
              on_click=_begin, args=(slot, title, work), help=help)  # fmt: skip


def _begin(slot: str, title: str, work: Callable[[], Work]) -> None:
    st.session_state.pop(f"stood-{slot}", None)
    st.session_state[f"task-{slot}"] = session().begin(title, "", work).key
    st.session_state["labs-again"] = True


def _cancel(key: str) -> None:
    session().cancel(key)
    st.session_state["labs-again"] = True


def renewed(slot: str) -> None:
    """Draw the whole page anew where a training has begun or ended: it is then looked at more or less often."""
    again = st.session_state.pop("labs-again", False)
    before, now = st.session_state.get(f"ran-{slot}", False), running(slot)
    st.session_state[f"ran-{slot}"] = now
    if again or before != now:
        st.rerun()


def result(slot: str) -> Any:
    """Return what a lab's training has found so far, or None."""
    found = standing(slot)
    return None if found is None else found.result


def state(slot: str, idle: str = "") -> None:
    """Say how far a lab's training is, or what went wrong in words; `idle` where there is none."""
    found = standing(slot)
    if found is not None and found.error:
        st.error(f"The training ended: {found.error}", icon=":material/error:")
    elif found is not None and not found.done:
        st.progress(found.share, f"{found.words} …")
    elif found is not None and found.cancelled:
        st.caption("Stopped. What it had found until then stays to be seen.")
    elif idle:
        st.caption(idle)
