"""The browser's history, in which each action of the visitor adds at most one entry."""

from pages.ui.widgets.base.registry import component

_HISTORY = component("wgan_browser_history", "browser_history/browser_history.js")


def browser_history() -> None:
    """Let Back in the browser lead to the page before with one press.

    Streamlit 1.67 adds an entry to the browser's history for every change of the address, also for
    those that a page makes while it is drawn. The component is invisible.
    """
    _HISTORY(key="browser_history", data={})
