"""The middleware before every request: who may enter, and headers that protect the browser."""

import asyncio
import base64
import contextlib
import hashlib
import re
import secrets
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.ui.core.visitor import VISITOR_HEADER, door, settings, to_header, upload_meter
from pages.ui.page_html import is_page
from wgan.access import Knock, Refusal, Role, Visitor

TOKEN_COOKIE_S = 30 * 86_400
VISITOR_COOKIE_S = 365 * 86_400
MAX_FORM_BYTES = 2_000
FORM_TIMEOUT_S = 10.0
UPLOAD_PAUSE_S = 20.0
"""Seconds without data after which an upload ends, so that what it has announced no longer counts."""
REVOKED = 4403  # code with which a WebSocket is closed whose visitor is no longer let in

UPLOADS = "/_stcore/upload_file/"
HEALTH = "/_stcore/health"
OPEN = "/healthz"  # tells nothing about the app, so it needs no known Host
CLOSED = ("/_stcore/agent", "/_stcore/script-health-check")
"""The API for programs that drive the app: the permissions of the pages do not hold there."""
FOR_ADMINISTRATORS = ("/_stcore/metrics",)
LOGIN = "/login"


class AccessMiddleware:
    """Lets requests in through `wgan.access.Door`, and adds security headers to every response.

    The address of a link contains a token. The middleware moves it into a cookie, and redirects to the
    same address without it. A second cookie identifies the browser. While a WebSocket is open, each of
    its messages is checked again, so that a renewed token takes effect at once.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._base = f"/{str(st.get_option('server.baseUrlPath')).strip('/')}".rstrip("/")
        port = st.get_option("server.port")
        # Browsers do not separate cookies by port, and a proxy may show several apps below one host, so the
        # names do.
        path = urlsplit(settings().urls[0]).path if settings().urls else self._base
        place = re.sub(r"[^a-z0-9]+", "-", f"{port}{path}".lower()).strip("-")
        self._token_cookie, self._visitor_cookie = f"wgan-token-{place}", f"wgan-visitor-{place}"
        self._scripts = inline_script_hashes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or a WebSocket."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        path = str(scope["path"]).removeprefix(self._base)
        policy = self._policy(headers.get("host", ""))

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                protected = MutableHeaders(scope=message)
                for name, value in policy.items():
                    protected[name] = value
            await send(message)

        if OPEN in (path, scope["path"]) or (
            path == HEALTH and door().knows_host(headers.get("host", ""))
        ):
            await self.app(_as(scope, None), receive, send_protected)
            return
        token, address = _token_in(scope)
        if path == LOGIN and scope["method"] == "POST":
            token, address = await _token_in_form(receive), "./"
        cookies = _cookies(headers)
        entry = door().open_to(self._knock(scope, headers, cookies, token))
        if isinstance(entry, Refusal):
            response: Response = HTMLResponse(_refusal_page(entry, self._base), 403)
        elif token is not None or path == LOGIN:
            response = RedirectResponse(address, 303)
            self._set_cookies(response, headers, cookies, token, scope)
        elif refused := _refused_path(path, entry):
            response = refused
        elif path.startswith(UPLOADS) and scope["method"] in ("PUT", "POST"):
            await _upload(scope, receive, send_protected, headers, entry, self.app)
            return
        else:
            await self._enter(scope, receive, send_protected, entry, headers, cookies)
            return
        response.headers["Cache-Control"] = "no-store"
        if path == LOGIN:
            response.headers["Connection"] = "close"  # the rest of a slow form is not waited for
        await response(scope, receive, send_protected)

    async def _enter(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        visitor: Visitor,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
    ) -> None:
        """Pass a request on. A browser that has no cookie yet gets one that identifies it."""

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and not cookies.get(self._visitor_cookie):
                carrier = Response()
                self._set_cookies(carrier, headers, cookies, None, scope)
                for value in carrier.headers.getlist("set-cookie"):
                    MutableHeaders(scope=message).append("set-cookie", value)
            await send(message)

        await self.app(
            _as(scope, visitor),
            receive,
            send_with_cookie if is_page(scope["path"]) and door().settings.share else send,
        )

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        knock = self._knock(scope, headers, _cookies(headers), None)
        visitor = door().open_to(knock)
        path = str(scope["path"]).removeprefix(self._base)
        if isinstance(visitor, Refusal) or _refused_path(path, visitor):
            await receive()  # the request to connect
            await send({"type": "websocket.close", "code": REVOKED})
            return

        async def receive_checked() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and door().open_to(knock) != visitor:
                await send({"type": "websocket.close", "code": REVOKED})
                return {"type": "websocket.disconnect", "code": REVOKED}
            return message

        await self.app(_as(scope, visitor), receive_checked, send)

    def _knock(
        self,
        scope: Scope,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
        token: str | None,
    ) -> Knock:
        peer = scope["client"][0] if scope.get("client") else None
        return Knock(
            peer, headers, token, cookies.get(self._token_cookie), cookies.get(self._visitor_cookie)
        )

    def _set_cookies(
        self,
        response: Response,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
        token: str | None,
        scope: Scope,
    ) -> None:
        """Set the cookies for a token, and for a browser that has none yet."""
        forwarded = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
        # A proxy may not say that its visitors use https. Then the address of the app does.
        secure = "https" in (scope.get("scheme"), forwarded) or door().is_behind_https(
            headers.get("host", "")
        )
        values = []
        if not cookies.get(self._visitor_cookie):
            values.append((self._visitor_cookie, secrets.token_urlsafe(24), VISITOR_COOKIE_S))
        if token and _replaces(token, cookies.get(self._token_cookie)):
            values.append((self._token_cookie, token, TOKEN_COOKIE_S))
        for name, value, seconds in values:
            response.set_cookie(
                name, value, seconds, path="/", secure=secure, httponly=True, samesite="lax"
            )

    def _policy(self, host: str) -> dict[str, str]:
        """Return the headers that protect the browser.

        Everything comes from this server: no text of a visitor can make a browser fetch anything else.
        """
        # Some browsers do not count WebSockets of the same host as 'self'.
        sockets = f" ws://{host} wss://{host}" if door().knows_host(host) else ""
        return {
            "Content-Security-Policy": "; ".join(
                (
                    "default-src 'self'",
                    f"script-src 'self' blob: 'wasm-unsafe-eval' {self._scripts}",
                    "style-src 'self' 'unsafe-inline'",  # Streamlit styles elements from scripts
                    "img-src 'self' data: blob:",
                    "media-src 'self' data: blob:",
                    "font-src 'self' data:",
                    f"connect-src 'self' data: blob:{sockets}",
                    "worker-src 'self' blob:",
                    "frame-src 'self' blob: data:",
                    "object-src 'none'",
                    "base-uri 'self'",
                    "form-action 'self'",
                    "frame-ancestors 'self'",
                )
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
            # Not "no-referrer": then the form of a refusal would be sent without its Origin.
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }


def inline_script_hashes() -> str:
    """Return the hashes of the scripts in Streamlit's page, as the content security policy names them."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_bytes()
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts]
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def _replaces(token: str, known: str | None) -> bool:
    """Return whether a token is valid, and gives no lower role than the one in the cookie, which is kept then."""
    new, old = (door().tokens.role_of(text) for text in (token, known or ""))
    return new is not None and (old is None or new.rank >= old.rank)


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers of a request. One that is given twice has no value, except for cookies."""
    headers = Headers(scope=scope)
    values = {name: headers.getlist(name) for name in headers.keys()}  # noqa: SIM118
    single = {name: each[0] if len(each) == 1 else "" for name, each in values.items()}
    return single | {"cookie": "; ".join(values.get("cookie", []))}


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the cookies. Unlike `http.cookies`, Starlette's parser skips what other programs have written badly."""
    return cookie_parser(headers["cookie"])


def _as(scope: Scope, visitor: Visitor | None) -> Scope:
    """Return a scope whose headers name the visitor, whatever the request has claimed.

    The door has checked the origin. Behind a proxy it may differ from the Host, and then Streamlit's own check
    would fail, after asking a server elsewhere for the address of this one. So Streamlit gets the Host for it.
    """
    name = VISITOR_HEADER.encode()
    host = Headers(scope=scope).get("host", "").encode("latin-1")
    headers = [
        (key, b"http://" + host if key.lower() == b"origin" else value)
        for key, value in scope["headers"]
        if key.lower() != name
    ]
    if visitor is not None:
        headers.append((name, to_header(visitor).encode()))
    return {**scope, "headers": headers}


def _token_in(scope: Scope) -> tuple[str | None, str]:
    """Return the token in the address of a page, and the same address without it, relative to the page."""
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    tokens = [value for name, value in query if name == "token"]
    if not tokens or scope["method"] not in ("GET", "HEAD"):
        return None, ""
    rest = urlencode([(name, value) for name, value in query if name != "token"])
    # Relative, because a proxy may have shortened the path.
    page = str(scope["path"]).rpartition("/")[2]
    return tokens[0], (f"./{page}" if page else "./") + (f"?{rest}" if rest else "")


async def _token_in_form(receive: Receive) -> str:
    """Return the token that was entered on the page of a refusal; "" if it does not arrive in time."""
    body = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FORM_TIMEOUT_S):
            while len(body) <= MAX_FORM_BYTES:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
    return dict(parse_qsl(body[:MAX_FORM_BYTES].decode("latin-1"))).get("token", "").strip()


def _refused_path(path: str, visitor: Visitor) -> Response | None:
    if path.startswith(CLOSED):
        return PlainTextResponse("The agent API is off.", 404)
    if path.startswith(FOR_ADMINISTRATORS) and not visitor.is_admin:
        return PlainTextResponse("Only an administrator can read this.", 403)
    return None


async def _upload(
    scope: Scope,
    receive: Receive,
    send: Send,
    headers: Mapping[str, str],
    visitor: Visitor,
    app: ASGIApp,
) -> None:
    """Pass an upload on, and count it. It is refused for viewers, and for those who have uploaded too much."""
    length = headers.get("content-length", "")
    # With a transfer encoding, more bytes could arrive than the length says.
    is_measured = length.isdecimal() and "transfer-encoding" not in headers
    size = int(length[:18]) if is_measured else 0
    most = 1_000_000 * int(st.get_option("server.maxUploadSize"))
    refused: Response | None = None
    if visitor.role is Role.VIEWER:
        refused = PlainTextResponse("Viewers cannot upload files.", 403)
    elif not is_measured:
        refused = PlainTextResponse("The size of the upload is missing.", 411)
    elif size > 1.1 * most:  # the message is a little larger than the file
        refused = PlainTextResponse("The upload is too large.", 413)
    elif refusal := upload_meter().reserve(visitor, size):
        refused = PlainTextResponse(refusal, 429)
    if refused is not None:
        await refused(scope, receive, send)
        return
    received = 0

    async def receive_counted() -> Message:
        nonlocal received
        try:
            async with asyncio.timeout(UPLOAD_PAUSE_S):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        received += len(message.get("body", b""))
        return message

    try:
        await app(_as(scope, visitor), receive_counted, send)
    except ClientDisconnect:
        pass  # the visitor has left, or has sent nothing for too long
    finally:
        upload_meter().add(visitor, received - size)  # what was reserved but never sent


def _refusal_page(refusal: Refusal, base: str) -> str:
    form = f"""
<form method="post" action="{escape(base)}{LOGIN}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="off" required>
<button>Open</button>
</form>"""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>WGAN Explorer: no entry</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
main {{ max-width: 32rem; margin: 15vh auto; padding: 0 1rem; }}
h1 {{ font-size: 1.4rem; }}
input, button {{ box-sizing: border-box; font: inherit; padding: 0.4rem 0.7rem; min-height: 2.2rem; margin: 0.2rem 0; }}
label {{ display: block; }}
</style>
<main>
<h1>WGAN Explorer</h1>
<p>{escape(refusal.reason).replace("`", "")}</p>{form if refusal.asks_for_token else ""}
</main>
</html>"""
