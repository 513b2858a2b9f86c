"""A cookie, which the browser sends to the server at its next visit."""

import re

from pages.ui.widgets.base.registry import component

_COOKIE = component("wgan_browser_cookie", "browser_cookie/browser_cookie.js")
_SAFE = re.compile(r"[A-Za-z0-9._-]*", re.ASCII)


def browser_cookie(name: str, value: str, *, key: str) -> None:
    """Store a cookie for a year. Later visits read it from `st.context.cookies`.

    The component is invisible, and it never asks for a rerun. A rerun that a browser asks for while
    `st.switch_page` opens another page would lead back to the page before.

    Args:
        name: Name of the cookie: letters, digits and ``._-``.
        value: The value, of the same characters. An empty value deletes the cookie.
        key: The component's key.

    Raises:
        ValueError: If the name or the value has another character.
    """
    if not (name and _SAFE.fullmatch(name) and _SAFE.fullmatch(value)):
        raise ValueError(f"{name}={value} has characters that a cookie must not have")
    _COOKIE(key=key, data={"name": name, "value": value})
