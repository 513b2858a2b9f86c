"""A shared app in real browsers: three roles, links that are renewed, and what a browser is protected from."""

import asyncio
import contextlib
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.typing import Subprotocol

from pages.ui.core.setup_url import changes_between
from tests.browser.actions import button, press
from tests.browser.conftest import ROOT, Serve, free_port, until
from wgan.access import Role, ShareTokens
from wgan.config import PRESETS
from wgan.runs import Status, list_runs

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)

POINTS = PRESETS["toy-ring"].config.changed({"steps": 150_000, "decay": "none"})
SETUP = quote(json.dumps(changes_between(POINTS, PRESETS["quick-mnist"].config)))


@pytest.fixture(scope="module")
def shared(serve: Serve, runs: Path) -> str:
    """The address of an app that is shared."""
    return serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs), "WGAN_SHARE": "1"})


@pytest.fixture
def visit(chromium) -> Iterator[object]:
    """Open a page in a browser of its own, without cookies of others.

    Nothing that the app itself does may violate its content security policy.
    """
    contexts: list[BrowserContext] = []
    violations: list[str] = []

    def console(message: "ConsoleMessage") -> None:
        if "Content Security Policy" in message.text and "frame-ancestors" not in message.text:
            violations.append(message.text)

    def open_page(address: str):
        context = chromium.new_context(viewport={"width": 1280, "height": 720})
        context.set_default_timeout(90_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", console)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not violations, violations


def link(address: str, runs: Path, role: Role) -> str:
    return f"{address}/?token={ShareTokens(runs).of(role)}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def answer(address: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
    request = urllib.request.Request(address, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.status or 0, error.headers, error.read())


def why_disabled(page, name: str) -> str:
    """Point at a disabled button, and return its help."""
    target = button(page, name).first
    target.wait_for()
    assert target.is_disabled(), name
    tooltip = page.get_by_test_id("stTooltipContent")

    def is_explained() -> bool:
        # While the page is drawn, the button may move or be hidden for a moment, so point at it again.
        page.mouse.move(2, 2)
        if box := target.bounding_box():
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.wait_for_timeout(1000)
        return tooltip.is_visible()

    until(is_explained)
    text = tooltip.inner_text()
    page.mouse.move(2, 2)
    tooltip.wait_for(state="hidden")
    return str(text)


def test_without_a_link_nobody_enters(shared: str, runs: Path, visit):
    page = visit(shared)
    page.get_by_text("use the link that you were given").wait_for()
    for text in ("wrong", "x" * 5000):
        page.get_by_label("Token").fill(text)
        page.get_by_role("button", name="Open").click()
        page.get_by_text("This link is not valid").wait_for()
    page.get_by_label("Token").fill(ShareTokens(runs).of(Role.VIEWER))
    page.get_by_role("button", name="Open").click()
    page.get_by_text("You are a viewer").wait_for()
    assert "token" not in page.url


@pytest.mark.long_browser
def test_three_visitors_of_different_roles(shared: str, runs: Path, visit):
    """A member trains; a viewer watches; another member cannot change it; the administrator can."""
    ada = visit(link(shared, runs, Role.MEMBER) + "&setup=" + SETUP)
    ada.get_by_text("You are a member").wait_for()
    assert "token" not in ada.url and "setup" in ada.url
    port = shared.rpartition(":")[2]
    cookies = {cookie["name"]: cookie for cookie in ada.context.cookies()}
    cookies = {name: cookies[f"wgan-{name}-{port}"] for name in ("token", "visitor")}
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies.values())
    press(ada, "Start")
    until(lambda: bool(list_runs(runs)))
    run = list_runs(runs)[0]
    button(ada, "Pause").and_(ada.locator(":enabled")).wait_for()

    viewer = visit(link(shared, runs, Role.VIEWER))
    viewer.get_by_text("You are a viewer").wait_for()
    assert "link for viewers" in why_disabled(viewer, "Pause")
    assert "link for viewers" in why_disabled(viewer, "Stop")
    until(lambda: viewer.locator(".wgan-cards").first.inner_text() != "")  # it sees the training
    viewer.get_by_text("Next run", exact=True).click()
    assert "link for viewers" in why_disabled(viewer, "Start next")

    bob = visit(link(shared, runs, Role.MEMBER))
    bob.get_by_text("You are a member").wait_for()
    assert "Another visitor started this run" in why_disabled(bob, "Pause")
    assert bob.get_by_text("Another visitor started this run").first.is_visible()
    assert bob.locator(".st-key-undo button").first.is_disabled()
    assert bob.get_by_role("button", name="Links").count() == 0

    press(ada, "Pause")
    until(lambda: run.status() is Status.PAUSED)
    root = visit(link(shared, runs, Role.ADMIN))
    root.get_by_text("You are an administrator").wait_for()
    press(root, "Stop")
    until(lambda: run.status() is Status.STOPPED)

    log = runs / ".access" / "audit.log"
    until(lambda: "action=stop" in log.read_text())
    done = [line.split()[2:5] for line in log.read_text().splitlines() if f"run={run.id}" in line]
    roles = [(line[0].partition("=")[2].partition(":")[0], line[2]) for line in done]
    assert roles == [
        ("member", "action=start"),
        ("member", "action=pause"),
        ("admin", "action=stop"),
    ]

    # Bob may not delete it, Ada may.
    bob.goto(f"{shared}/runs?run={run.id}")
    assert "Another visitor started this run" in why_disabled(bob, "Delete")
    ada.goto(f"{shared}/runs?run={run.id}")
    press(ada, "Delete")
    press(ada, "Move to the trash")
    until(lambda: not list_runs(runs))


def test_a_renewed_link_closes_the_app_for_those_who_have_the_old_one(
    shared: str, runs: Path, visit
):
    from playwright.sync_api import Error

    old = link(shared, runs, Role.MEMBER)
    member, viewer = visit(old), visit(link(shared, runs, Role.VIEWER))
    member.get_by_text("You are a member").wait_for()
    viewer.get_by_text("You are a viewer").wait_for()
    root = visit(link(shared, runs, Role.ADMIN))
    press(root, "Links")
    root.get_by_text("Links to this app").wait_for()
    root.get_by_text(f"token={ShareTokens(runs).of(Role.MEMBER)}").first.wait_for()
    root.locator(".st-key-renew_member button").click()
    until(lambda: link(shared, runs, Role.MEMBER) != old)
    cut = member.locator(
        "[data-test-connection-state]:not([data-test-connection-state=CONNECTED])"
    ).or_(member.get_by_text("Connection error"))
    # The page's next message ends the connection. If it has sent one by itself, its links are disabled.
    with contextlib.suppress(Error):
        member.get_by_role("link", name="Runs", exact=True).click(timeout=5_000)
    until(lambda: cut.count() > 0)
    again = visit(old)
    again.get_by_text("This link is not valid").wait_for()
    viewer.get_by_role("link", name="Runs", exact=True).click()
    viewer.get_by_text("There are no runs yet").wait_for()  # viewers are not affected


@pytest.mark.parametrize(
    "path", ["/", "/latent", "/healthz", "/_stcore/health", "/nothing.js", "/_stcore/host-config"]
)
@pytest.mark.parametrize("with_token", [False, True])
def test_every_answer_has_the_headers_that_protect_a_browser(
    shared: str, runs: Path, path: str, with_token: bool
):
    cookie = f"wgan-token-{shared.rpartition(':')[2]}={ShareTokens(runs).of(Role.VIEWER)}"
    response = answer(shared + path, {"Cookie": cookie} if with_token else None)
    policy = response.headers["Content-Security-Policy"]
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert parts["frame-ancestors"] == "'self'" and parts["default-src"] == "'self'"
    assert (
        "'unsafe-inline'" not in parts["script-src"] and "'unsafe-eval'" not in parts["script-src"]
    )
    assert parts["img-src"] == "'self' data: blob:" and parts["object-src"] == "'none'"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    is_open = path in ("/healthz", "/_stcore/health")
    assert (response.status == 403) == (not with_token and not is_open)


def test_a_forged_identity_is_removed(shared: str, runs: Path):
    forged = {"x-wgan-visitor": "id=x&role=admin&name="}
    assert answer(f"{shared}/_stcore/metrics", forged).status == 403
    port = shared.rpartition(":")[2]
    viewer = {"Cookie": f"wgan-token-{port}={ShareTokens(runs).of(Role.VIEWER)}"}
    assert answer(f"{shared}/_stcore/metrics", {**forged, **viewer}).status == 403
    root = {
        "Cookie": f"wgan-token-{port}={ShareTokens(runs).of(Role.ADMIN)}; wgan-visitor-{port}=x"
    }
    assert answer(f"{shared}/_stcore/metrics", root).status == 200


@pytest.mark.parametrize("path", ["interact", "mcp", "openapi.json"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_api_for_programs_is_off(site: str, path: str, method: str):
    assert answer(f"{site}/_stcore/agent/{path}", method=method).status == 404


def test_viewers_cannot_upload_and_members_not_without_limit(shared: str, runs: Path):
    port = shared.rpartition(":")[2]
    place = f"{shared}/_stcore/upload_file/some-session/some-file"

    def upload(role: Role, length: int) -> Answer:
        token = ShareTokens(runs).of(role)
        headers = {
            "Cookie": f"wgan-token-{port}={token}; wgan-visitor-{port}=uploader",
            "Content-Length": str(length),
        }
        return answer(place, headers, "PUT")

    refused = upload(Role.VIEWER, 10)
    assert refused.status == 403 and refused.body == b"Viewers cannot upload files."
    assert upload(Role.MEMBER, 2_000_000_000).status == 413
    # This one reaches Streamlit, which refuses it: it does not come from one of its pages.
    assert b"XSRF" in upload(Role.MEMBER, 0).body


def put(shared: str, runs: Path, browser: str, head: str, body: bytes = b"") -> bytes:
    """Send an upload of a member byte by byte as given, and return the answer."""
    port = shared.rpartition(":")[2]
    token = ShareTokens(runs).of(Role.MEMBER)
    text = (
        f"PUT /_stcore/upload_file/s/f HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Cookie: wgan-token-{port}={token}; wgan-visitor-{port}={browser}\r\n{head}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(port)), timeout=60) as connection:
        connection.sendall(text.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    return received


def test_an_upload_cannot_be_larger_than_it_says(shared: str, runs: Path):
    chunked = "Content-Length: 1\r\nTransfer-Encoding: chunked"
    assert b" 4" in put(shared, runs, "sly", chunked, b"5\r\nabcde\r\n0\r\n\r\n").splitlines()[0]
    assert b"size of the upload is missing" in put(
        shared, runs, "sly", "Transfer-Encoding: chunked", b"0\r\n\r\n"
    )
    assert b" 413 " in put(shared, runs, "sly", "Content-Length: 600000000").splitlines()[0]


def test_what_is_announced_but_not_sent_is_not_counted(shared: str, runs: Path):
    for _ in range(4):  # 1.6 GB in all, of which nothing arrives
        assert (
            b" 429 " not in put(shared, runs, "empty", "Content-Length: 400000000").splitlines()[0]
        )


@pytest.mark.parametrize(
    "foreign",
    ['a={"x": 1}', "foo[bar]=a b c", "justtext", "expires=abc", "n=J\xfcrgen", ";;=;", "wgan=1"],
)
def test_a_cookie_of_another_program_shuts_nobody_out(shared: str, runs: Path, foreign: str):
    port = shared.rpartition(":")[2]
    own = f"wgan-token-{port}={ShareTokens(runs).of(Role.VIEWER)}; wgan-visitor-{port}=x"
    for cookies in (f"{foreign}; {own}", f"{own}; {foreign}"):
        assert answer(shared, {"Cookie": cookies}).status == 200


async def session_of(address: str, cookie: str, former: str = "") -> str:
    """Connect as Streamlit's page does, and return the id of the session."""
    protocols = [
        Subprotocol("streamlit"),
        Subprotocol("none"),
        *([Subprotocol(former)] if former else []),
    ]
    place = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    async with websockets.connect(
        place, subprotocols=protocols, additional_headers={"Cookie": cookie}, max_size=None
    ) as connection:
        start = BackMsg()
        start.rerun_script.query_string = ""
        await connection.send(bytes(start.SerializeToString()))
        while True:
            message = ForwardMsg()
            message.ParseFromString(await asyncio.wait_for(connection.recv(decode=False), 60))
            if message.WhichOneof("type") == "new_session":
                return str(message.new_session.initialize.session_id)


def test_a_session_is_given_to_nobody_else(shared: str, runs: Path):
    """Not to another role, and not to another browser, even if they know its id: it has other rights."""
    port = shared.rpartition(":")[2]

    def cookie(role: Role, browser: str) -> str:
        return f"wgan-token-{port}={ShareTokens(runs).of(role)}; wgan-visitor-{port}={browser}"

    async def visits() -> tuple[str, list[str]]:
        own = await session_of(shared, cookie(Role.ADMIN, "one"))
        others = [(Role.VIEWER, "one"), (Role.ADMIN, "two"), (Role.MEMBER, "two")]
        return own, [await session_of(shared, cookie(*other), own) for other in others]

    with ThreadPoolExecutor(1) as pool:  # Playwright's event loop runs in this thread
        own, others = pool.submit(lambda: asyncio.run(visits())).result()
    assert own and own not in others


def test_a_token_of_other_letters_is_no_error(site: str, shared: str):
    assert (
        answer(f"{site}/?token=%E2%82%AC").status == 200
    )  # the app is not shared, so it is ignored
    assert answer(f"{shared}/?token=%E2%82%AC").status == 403


def test_a_name_that_was_rebound_to_this_machine_shows_nothing(site: str, shared: str):
    for address in (site, shared):
        for headers in ({"Host": "attacker.example"}, {"Host": "attacker.example:80"}):
            response = answer(address, headers)
            assert response.status == 403 and b"streamlit" not in response.body.lower()
    assert answer(f"{shared}/healthz", {"Host": "10.1.2.3:8501"}).status == 200
    assert answer(site, {"X-Forwarded-For": "203.0.113.9"}).status == 403
    assert answer(site, {"Origin": "http://attacker.example"}).status == 403


REFUSED = """
import streamlit as st
from pages.ui.core.session import attempt
from wgan.session.permissions import NotAllowed

def refuse(session, run):
    raise NotAllowed("Another visitor started this run.")

st.button("Forged", on_click=attempt, args=(refuse, "run"))
st.write("The page is still here.")
"""


def test_a_refusal_in_a_callback_is_a_sentence_and_the_page_stays(
    serve: Serve, visit, tmp_path: Path
):
    (tmp_path / "script.py").write_text(f"import sys\nsys.path.append({str(ROOT)!r})\n{REFUSED}")
    page = visit(serve(tmp_path / "script.py", env={"WGAN_RUNS": str(tmp_path / "runs")}))
    press(page, "Forged")
    page.get_by_text("Another visitor started this run.").wait_for()
    page.get_by_text("The page is still here.").wait_for()
    assert page.get_by_text("encountered an error").count() == 0


class Attacker(BaseHTTPRequestHandler):
    """A web site of somebody else, which frames the app and talks to its WebSocket."""

    target = ""

    def do_GET(self) -> None:
        port = self.target.rpartition(":")[2]
        body = f"""<!doctype html><iframe src="{self.target}" width=800 height=400></iframe><script>
            const socket = new WebSocket("ws://127.0.0.1:{port}/_stcore/stream", ["streamlit"]);
            socket.onopen = () => document.title = "open";
            socket.onerror = () => document.title = "refused";
            </script>""".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def test_another_web_site_cannot_frame_the_app_or_talk_to_it(site: str, visit):
    Attacker.target = site
    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Attacker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = visit(f"http://localhost:{server.server_port}/")  # another origin than 127.0.0.1
        until(lambda: page.title() in ("open", "refused"))
        assert page.title() == "refused"
        until(lambda: len(page.frames) == 2 and page.frames[1].url.startswith("chrome-error:"))
    finally:
        server.shutdown()
        server.server_close()
