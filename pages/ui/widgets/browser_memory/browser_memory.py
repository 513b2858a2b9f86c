"""A value that the browser remembers between visits."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui.widgets.base.registry import component

_MEMORY = component("wgan_browser_memory", "browser_memory/browser_memory.js")


def browser_memory(
    name: str, value: object | None, *, key: str, recall: Callable[[Any], None]
) -> None:
    """Store a value in the browser, or read it. The component is invisible.

    Args:
        name: Name of the value in the browser.
        value: The value to store; None to read it.
        key: The component's key.
        recall: Called once with the stored value before the rerun that reading causes. The value comes
            from the browser, so it must be checked. It is None if nothing is stored.
    """

    def receive() -> None:
        message = st.session_state.get(key, {}).get("recalled")
        if isinstance(message, dict):
            recall(message.get("value"))

    _MEMORY(key=key, data={"name": name, "value": value}, on_recalled_change=receive)
