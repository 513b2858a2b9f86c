"""The server beside the pages: browser files, health check, and shutdown."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pages.ui.core import startup
from pages.ui.core.visitor import link, settings
from pages.ui.middleware import AccessMiddleware
from pages.ui.page_html import PageMiddleware
from pages.ui.widgets.base import assets
from wgan.access import Role, SettingError, configure
from wgan.paths import default_runs_dir

startup.fix_import_path()
startup.expect_imports()


def routes() -> list[BaseRoute]:
    """Return the routes of the app, below `server.baseUrlPath`."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    prefix = f"/{base}" if base else ""
    return [
        # Also without the prefix: who watches the server need not know it.
        *(Route(f"{place}/healthz", health) for place in {prefix, ""}),
        Route(f"{prefix}/{assets.PUBLISHED}/{{digest}}", published_file),
        Route(f"{prefix}/{assets.FOLDER}/{{version}}/{{file:path}}", asset),
    ]


def middleware() -> list[Middleware]:
    """Return the middleware before every request. Raises SystemExit if a setting is not valid."""
    try:
        settings()
    except SettingError as error:
        raise SystemExit(f"The app cannot start: {error}") from None
    return [Middleware(AccessMiddleware), Middleware(PageMiddleware)]


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """At the start, print the links of a shared app. At shutdown, stop the trainings with a checkpoint."""
    configure(default_runs_dir())
    if settings().share:
        print(links(), flush=True)
    yield
    # After its shutdown, uvicorn raises the signal that ended it once more. Block it: otherwise the
    # process would end as killed or aborted and skip the `atexit` handlers. Now it ends with status
    # 0.
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    close_sessions = _of_module("wgan.session", "close_shared_sessions")
    if close_sessions is not None:
        await asyncio.to_thread(close_sessions)


def links() -> str:
    """Return the links of a shared app, as text for the terminal. Raises OSError."""
    lines = ["", "  WGAN Explorer is shared with everybody who has one of these links:", ""]
    for role, what in (
        (Role.VIEWER, "Viewers can look at everything"),
        (
            Role.MEMBER,
            "Control link, for members: they also train, and change what they have started",
        ),
        (Role.ADMIN, "Only for you: change and delete everything"),
    ):
        lines += [f"  {what}:", f"    {link(role)}"]
    return "\n".join([*lines, ""])


def _of_module(module: str, name: str) -> Any:
    """Return an object of a module; None until a page has completely imported that module.

    An import here would wait for torch, and the server could not answer anybody during that time.
    """
    return getattr(sys.modules.get(module), name, None)


async def health(request: Request) -> Response:
    """Return 200 if the app can train, or 503 if the worker thread of a session has ended."""
    shared_sessions = _of_module("wgan.session", "shared_sessions")
    sessions = [] if shared_sessions is None else shared_sessions()
    alive = all(session.worker_is_alive() for session in sessions)
    return JSONResponse(
        {"status": "ok" if alive else "the worker thread has ended", "sessions": len(sessions)},
        status_code=200 if alive else 503,
        headers={"Cache-Control": "no-store"},
    )


async def asset(request: Request) -> Response:
    """Return a JavaScript module, a style sheet, or Plotly's bundle."""
    served = await asyncio.to_thread(
        assets.compressed, request.path_params["version"], request.path_params["file"]
    )
    if served is None:
        return Response(status_code=404)
    content, kind = served
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        content = assets.decompressed(content)
    return Response(content, media_type=kind, headers=headers)


async def published_file(request: Request) -> Response:
    """Return a file that a page has published, such as a generator."""
    content = assets.published(request.path_params["digest"])
    if content is None:
        return Response(status_code=404)
    headers = {"Cache-Control": "private, max-age=3600, immutable"}
    return Response(content, media_type="application/octet-stream", headers=headers)
