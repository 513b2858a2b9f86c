"""A real browser and a real Streamlit server for the tests in this folder."""

# Without Playwright, its types in annotations cannot be imported.
from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from wgan.cli.main import main
from wgan.runs import list_runs

try:
    from playwright.sync_api import (
        Browser,
        BrowserContext,
        BrowserType,
        Locator,
        Page,
        expect,
        sync_playwright,
    )

    expect.set_options(timeout=120_000)  # 5 s else, which a busy machine needs for a page
except ImportError:  # the tests are skipped, in `browser_type` below
    sync_playwright = None

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--process-per-site"]

Serve = Callable[..., str]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say beside a failure what stood on the page: it cannot be looked at afterwards."""
    report = yield
    if report.when == "call" and report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if hasattr(value, "locator"):
                with contextlib.suppress(Exception):
                    text = " · ".join(value.locator("body").inner_text().split("\n\n"))
                    report.sections.append((f"what `{name}` shows", f"{value.url}\n{text}"))
    return report


def until(true: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait for what a page will show in a moment; fail where it does not."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)


def hyperparameter(page: Page, path: str) -> Locator:
    """The sidebar's control of a hyperparameter, however often something else changed its value."""
    name = "st-key-w-" + path.replace(".", "-")
    return page.locator(f".{name}, [class*='{name}-v']").first


def chromium_path() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser_type() -> Iterator[BrowserType]:
    """What launches the installed Chromium; in CI it must be there, elsewhere the tests are skipped without it."""
    reason = ""
    if sync_playwright is None:
        reason = "playwright is not installed: pip install -r requirements-dev.txt"
    elif chromium_path() is None:
        reason = "no Chromium found: install one, or name it in the variable CHROMIUM"
    if reason:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="session")
def chromium(browser_type: BrowserType) -> Iterator[Browser]:
    """A headless Chromium, for tests that need a profile of their own."""
    browser = browser_type.launch(executable_path=chromium_path(), args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def new_context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """`new_context(reduced_motion="reduce", …)` opens a profile in memory, which is closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(chromium.new_context(**options))


@pytest.fixture(scope="session")
def profile(browser_type: BrowserType) -> Iterator[BrowserContext]:
    """A profile on disk, with one process for the pages of all tests.

    A new process, or a profile in memory, must compile the scripts of Streamlit and Plotly anew, which takes up
    to two seconds.
    """
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        browser_type.launch_persistent_context(
            folder,
            viewport={"width": 1280, "height": 720},
            executable_path=chromium_path(),
            args=FLAGS,
        ) as context,
    ):
        context.set_default_timeout(90_000)
        keeper, *_ = context.pages
        keeper.route("**", lambda route: route.fulfill(body="keeps the process alive"))
        keeper.goto("http://127.0.0.1/")
        yield context


def forget_visit(profile: BrowserContext, origins: Iterable[str]) -> None:
    """Close all pages but the first, and delete what pages of some addresses have stored."""
    keeper, *pages = profile.pages
    for page in pages:
        page.close()
    profile.clear_cookies()
    devtools = profile.new_cdp_session(keeper)
    for origin in origins:
        if origin.startswith("http"):
            devtools.send(
                "Storage.clearDataForOrigin",
                {"origin": origin, "storageTypes": "local_storage,indexeddb,cache_storage"},
            )
    devtools.detach()


@pytest.fixture
def page(profile: BrowserContext) -> Iterator[Page]:
    """A page of 1280 × 720; fails the test on an error in the console or a request to outside."""
    page = profile.new_page()
    faults: list[str] = []
    origins: set[str] = set()

    def note_origin(request) -> None:
        origins.add("{0.scheme}://{0.netloc}".format(urlsplit(request.url)))

    def console(message) -> None:
        # Streamlit looks for its server beside a deep link first; those 404s are its own. It also
        # reports a server that a test has ended before it closed the page.
        place = f"{message.text} {(message.location or {}).get('url', '')}"
        ended = ("/_stcore/", "when disconnected from server", "server is not responding")
        if message.type == "error" and not any(words in place for words in ended):
            faults.append(f"{message.text} {message.location}")

    def request(request) -> None:
        if not request.url.startswith(
            ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")
        ):
            faults.append(f"request to {request.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", request)
    profile.on("request", note_origin)  # of all tabs
    yield page
    profile.remove_listener("request", note_origin)
    forget_visit(profile, origins)
    assert not faults, faults


def free_port(wanted: int = 0) -> int:
    """Return the wanted port if it is free, else another one."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            free: int = probe.getsockname()[1]
            return free
    raise AssertionError("there is no free port")


used_ports: list[int] = []
"""Ports of servers that have ended. Chromium keeps the compiled scripts of an address, so the pages of another
server at this address load two seconds faster.
"""


def train(runs: Path, *flags: str) -> str:
    """Train a run in this process, without loading PyTorch anew, and return its name."""
    quick = ("--measure", "false", "--threads", "1", "--compiled", "false", "--quiet")
    assert main(["train", "--runs-dir", str(runs), *quick, *flags]) == 0
    return list_runs(runs)[0].id


def train_digits(runs: Path, *flags: str) -> str:
    """Train a small run of digits for a few steps, and return its name."""
    digits = ("--preset", "quick-mnist", "--dataset", "mnist-10k", "--network.size", "small")
    return train(runs, *digits, "--batch-size", "16", *flags)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app that all tests share that start, change and delete no run.

    Its only run is of digits by class, hardly trained.
    """
    runs = tmp_path_factory.mktemp("runs")
    train_digits(runs, "--conditional", "true", "--steps", "12", "--checkpoint-every", "6")
    with _servers(tmp_path_factory.mktemp("streamlit-logs")) as serve:
        yield serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """`serve(app_path, env={…})` starts Streamlit in the app's folder and returns its address."""
    with _servers(tmp_path_factory.mktemp("streamlit-logs")) as serve:
        yield serve


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs of the app at `url`."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def url(serve: Serve, runs: Path) -> str:
    """The address of an app that the tests of one module share; they may start and change runs."""
    return serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})


@contextlib.contextmanager
def _servers(logs: Path) -> Iterator[Serve]:
    servers: list[tuple[subprocess.Popen[bytes], int]] = []

    def start(app: Path | str, env: Mapping[str, str] | None = None, timeout: float = 120.0) -> str:
        app = Path(app)
        port = free_port(used_ports.pop() if used_ports else 0)
        url = f"http://127.0.0.1:{port}"
        log = logs / f"{port}.txt"
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            str(app),
            "--server.headless=true",
            "--server.address=127.0.0.1",
            f"--server.port={port}",
            "--server.fileWatcherType=none",
            "--browser.gatherUsageStats=false",
        ]
        with log.open("wb") as out:
            server = subprocess.Popen(
                command,
                cwd=app.parent,
                env={**os.environ, "WGAN_COMPILE": "off", **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        servers.append((server, port))
        end = time.monotonic() + timeout
        while time.monotonic() < end and server.poll() is None:
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                    return url
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"Streamlit did not start:\n{log.read_text(errors='replace')}")

    try:
        yield start
    finally:
        for server, _ in servers:
            server.terminate()
        for server, port in servers:
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            used_ports.append(port)
