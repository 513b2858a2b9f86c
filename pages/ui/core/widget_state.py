"""Controls that show a value which something else may change, too."""

from typing import Any

import streamlit as st

from pages.ui.core.state import DrawnControls, page_state


def widget_key_for(name: str, current: Any) -> str:
    """Return the key of the control that shows a value; it stands at that value.

    The config is the truth: a control shows it, and writes to it when it is moved. If something else
    changed the config, the control gets a new key: a browser that does not know of the change yet
    still sends the old value, and that must not be taken for a move of the visitor.
    """
    # Tried with Streamlit 1.67: with one key and `persist_state="session"` a late browser undoes an Undo.
    versions = page_state(DrawnControls).versions
    key = _versioned(name, versions.get(name, 0))
    if st.session_state.get(key, current) != current:
        versions[name] = versions.get(name, 0) + 1
        key = _versioned(name, versions[name])
    st.session_state[key] = current
    remember_drawn(key, current)
    return key


def _versioned(name: str, version: int) -> str:
    return f"{name}:v{version}" if version else name


def remember_drawn(key: str, value: object) -> None:
    """Remember the value with which a control was drawn, for `user_changed`."""
    page_state(DrawnControls).values[key] = value


def user_changed(key: str) -> bool:
    """Tell whether the visitor has moved a control from where it was drawn. For its `on_change`.

    Streamlit also calls `on_change` when a late browser sends a control that is no longer on the page.
    """
    value, drawn_values = st.session_state[key], page_state(DrawnControls).values
    if key in drawn_values and drawn_values[key] == value:
        return False
    drawn_values[key] = value  # until it is drawn again
    return True
