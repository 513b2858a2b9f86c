"""Controls whose value can also be changed by something else."""

from typing import Any

import streamlit as st

from pages.ui.core.state import DrawnControls, page_state


def widget_key_for(name: str, current: Any) -> str:
    """Return the key of the control of a value. Draw the control with `current` as its default.

    A control shows the value in the config, and writes to it when it is moved. If something else
    changed the config, the control gets a new key, and with it the default. Otherwise the old
    value, which a browser sends until it has received the change, would be taken for a move by the
    visitor.

    The value is not assigned to `st.session_state`: Streamlit would then set the control anew at
    each rerun, and the browser would lose what the visitor is typing, or a move of a slider that
    it has not sent yet.
    """
    # Tried with Streamlit 1.67: with one key and `persist_state="session"`, a late browser reverses
    # an Undo.
    versions = page_state(DrawnControls).versions
    key = _versioned(name, versions.get(name, 0))
    if st.session_state.get(key, current) != current:
        versions[name] = versions.get(name, 0) + 1
        key = _versioned(name, versions[name])
    remember_drawn(key, current)
    return key


def popover_key(name: str) -> str:
    """Return the key of a popover that `close_popover` can close."""
    return _versioned(name, page_state(DrawnControls).versions.get(name, 0))


def close_popover(name: str) -> None:
    """Close a popover, in a callback of a button in it: with a new key it is drawn closed."""
    versions = page_state(DrawnControls).versions
    versions[name] = versions.get(name, 0) + 1


def _versioned(name: str, version: int) -> str:
    return f"{name}:v{version}" if version else name


def remember_drawn(key: str, value: object) -> None:
    """Store the value with which a control was drawn, for `user_changed`."""
    page_state(DrawnControls).values[key] = value


def user_changed(key: str) -> bool:
    """Return whether the visitor has moved a control since it was drawn. For use in its `on_change`.

    Streamlit also calls `on_change` if a late browser sends a control that is no longer on the
    page.
    """
    value, drawn_values = st.session_state[key], page_state(DrawnControls).values
    if key in drawn_values and drawn_values[key] == value:
        return False
    drawn_values[key] = value  # until the control is drawn again
    return True
