"""The HTML page in which Streamlit runs, with a script of ours that runs before Streamlit's."""

from functools import cache
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.ui.widgets.base import assets

SCRIPT = "browser_history/browser_history.js"
CONDITIONS = (b"if-none-match", b"if-modified-since", b"range")


class PageMiddleware:
    """Sends `page_html()` in place of Streamlit's page.

    A component of Streamlit would be too late for such a script: it is loaded after the page has been
    drawn, and a visitor can press a link before.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or a WebSocket."""
        methods = ("GET", "HEAD")
        if scope["type"] != "http" or scope["method"] not in methods or not is_page(scope["path"]):
            await self.app(scope, receive, send)
            return
        is_html = False

        async def send_page(message: Message) -> None:
            nonlocal is_html
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_html = message["status"] == 200 and "text/html" in headers.get(
                    "content-type", ""
                )
                if is_html:
                    response = HTMLResponse(page_html(), headers={"cache-control": "no-cache"})
                    await response(scope, receive, send)
            if not is_html:
                await send(message)

        # Streamlit's page has another version than ours.
        headers = [(name, value) for name, value in scope["headers"] if name not in CONDITIONS]
        await self.app({**scope, "headers": headers}, receive, send_page)


def is_page(path: str) -> bool:
    """Return whether a path can be that of a page: files have an extension."""
    return path.endswith("/") or "." not in path.rpartition("/")[2]


@cache
def page_html() -> bytes:
    """Return Streamlit's page with our script before Streamlit's: modules run in the order of the page."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_bytes()
    first = b'<script type="module"'
    script = f'<script type="module" src="./{assets.address(SCRIPT)}"></script>\n    '
    return page.replace(first, script.encode() + first, 1)
