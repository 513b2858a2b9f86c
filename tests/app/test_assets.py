"""What the browser loads beside the page: every component's modules and styles, and nothing else."""

import ast
import gzip
import re
from collections import OrderedDict
from pathlib import Path

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_handler

from pages.ui import page_html, server
from pages.ui.tour.steps import STEPS
from pages.ui.widgets.base import assets
from pages.ui.widgets.base.registry import modules_of
from wgan.export.report import PROGRAMS


def registered() -> dict[str, list[str]]:
    """Return the module and the styles of each component, by its name, as `component` is called."""
    components = {}
    for file in assets.WIDGETS.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "component":
                name, *files = [str(a.value) for a in node.args if isinstance(a, ast.Constant)]
                components[name] = files
    return components


def test_every_file_belongs_to_a_component():
    used = {assets.PLOTLY}
    for module, *styles in registered().values():
        used |= {*modules_of(module), *styles}
    used |= {f"looping_picture/pictures/step-{n}.webp" for n in range(1, len(STEPS) + 1)}
    used |= {f"generator/{name}" for name in PROGRAMS}  # of the exported web page
    used |= {page_html.SCRIPT}
    assert used == assets.files().keys()


@pytest.mark.parametrize(("name", "files"), registered().items())
def test_a_component_has_one_default_export_and_asks_for_all_its_modules(
    name: str, files: list[str]
):
    module, *styles = files
    assert name == f"wgan_{module.partition('/')[0]}"
    assert all(style.endswith(".css") for style in styles)
    text = (assets.WIDGETS / module).read_text("utf-8")
    assert len(re.findall(r"^export default\b", text, re.MULTILINE)) == 1
    for file in modules_of(module):
        folder = (assets.WIDGETS / file).parent
        text = (assets.WIDGETS / file).read_text("utf-8")
        imported = re.findall(
            r'\bfrom\s+"([^"]+)"', re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        )
        paths = {(folder / path).resolve().relative_to(assets.WIDGETS) for path in imported}
        assert {path.as_posix() for path in paths} <= set(modules_of(module))


CLASS = re.compile(r"\bwgan-[\w-]+")
RULE = re.compile(r"([^{};]+)\{[^{}]*\}")


def test_a_style_sheet_changes_only_its_own_components():
    """All components share the document, and the styles of a page stay when it is left."""
    classes_of = {  # the classes that a component's modules mention, without the shared modules in base/
        name: {
            each
            for file in modules_of(module)
            if not file.startswith("base/")
            for each in CLASS.findall((assets.WIDGETS / file).read_text("utf-8"))
        }
        for name, (module, *_) in registered().items()
    }
    faults = []
    for style in {style for _, *styles in registered().values() for style in styles}:
        users = {name for name, (_, *styles) in registered().items() if style in styles}
        text = re.sub(
            r"/\*.*?\*/", "", (assets.WIDGETS / style).read_text("utf-8"), flags=re.DOTALL
        )
        text = re.sub(r"@keyframes[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", text)
        for selectors in RULE.findall(text):
            for selector in re.split(r",(?![^(]*\))", selectors):
                own = [
                    each
                    for each in CLASS.findall(selector)
                    if {name for name, all in classes_of.items() if each in all} <= users
                ]
                if not own and not selector.strip().startswith(".js-plotly-plot"):
                    faults.append(f"{style}: {selector.strip()}")
    assert not faults


@pytest.fixture(scope="module")
def page_browser() -> TestClient:
    """A browser of Streamlit's own page and of a downloaded HTML file, behind the middleware."""
    report = Route("/media/report.html", lambda request: HTMLResponse("<p>Report</p>"))
    static = create_streamlit_static_handler(str(Path(st.__file__).parent / "static"), "")
    routes = [report, Mount("/", static)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(page_html.PageMiddleware)]))


@pytest.mark.parametrize("path", ["/", "/critic", "/critic?run=a.b"])
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_our_script_runs_before_streamlits(page_browser: TestClient, path: str, encoding: str):
    answer = page_browser.get(path, headers={"Accept-Encoding": encoding})
    modules = re.findall(r'<script type="module"[^>]* src="([^"]+)"', answer.text)
    assert modules[0] == f"./{assets.address(page_html.SCRIPT)}"
    assert modules[1].startswith("./static/js/index.")
    theirs = (Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
    ours = f'<script type="module" src="{modules[0]}"></script>'
    assert answer.text.replace(ours, "").split() == theirs.split()
    head = page_browser.head(path)
    assert not head.content and head.headers["content-length"] == str(len(answer.content))


def test_a_browser_does_not_keep_an_older_page(page_browser: TestClient):
    since = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT", "If-None-Match": "*"}
    answer = page_browser.get("/", headers=since)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-cache"
    assert not {"etag", "last-modified"} & answer.headers.keys()


def test_other_html_is_sent_as_it_is(page_browser: TestClient):
    assert page_browser.get("/media/report.html").text == "<p>Report</p>"


@pytest.fixture
def browser() -> TestClient:
    return TestClient(Starlette(routes=server.routes()))


def test_a_browser_gets_each_file_compressed_and_may_keep_it(browser: TestClient):
    for name, path in assets.files().items():
        answer = browser.get(f"/{assets.address(name)}", headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200 and answer.content == path.read_bytes()
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-type"] == assets.KINDS[Path(name).suffix]
        assert "immutable" in answer.headers["cache-control"]


def test_a_browser_that_reads_no_gzip_gets_the_file_as_it_is(browser: TestClient):
    answer = browser.get(f"/{assets.address('chart/chart.js')}", headers={"Accept-Encoding": ""})
    assert "content-encoding" not in answer.headers
    assert answer.content == (assets.WIDGETS / "chart" / "chart.js").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "wgan-assets/0123456789ab/chart/chart.js",  # another version
        "{folder}/chart/chart.py",
        "{folder}/base/dom.test.js",
        "{folder}/../../main.py",
        "{folder}/%2e%2e/%2e%2e/main.py",
        "{folder}/",
    ],
)
def test_nothing_else_is_served(browser: TestClient, path: str):
    folder = f"{assets.FOLDER}/{assets.version()}"
    assert browser.get("/" + path.format(folder=folder)).status_code == 404


def test_a_published_file_is_served_until_newer_ones_take_its_place(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(assets, "_published", OrderedDict())
    monkeypatch.setattr(assets, "MAX_PUBLISHED_BYTES", 10)
    old, new = assets.publish(b"12345"), assets.publish(b"54321")
    assert browser.get(f"/{old}").content == b"12345"
    assert assets.publish(b"12345") == old  # now it is the newest
    assets.publish(b"6")
    assert browser.get(f"/{old}").content == b"12345" and browser.get(f"/{new}").status_code == 404
    large = assets.publish(bytes(20))  # one file is always kept
    assert browser.get(f"/{large}").content == bytes(20)
    assert browser.get(f"/{assets.PUBLISHED}/..%2f..%2fmain.py").status_code == 404


def test_the_routes_are_below_the_base_address(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(st, "get_option", {"server.baseUrlPath": "/lab/"}.__getitem__)
    below = TestClient(Starlette(routes=server.routes()))
    assert below.get("/lab/healthz").status_code == 200
    assert below.get(f"/lab/{assets.address('chart/chart.js')}").status_code == 200
    assert below.get("/healthz").status_code == 200  # who watches the server need not know the base
    assert below.get(f"/{assets.address('chart/chart.js')}").status_code == 404


def test_a_missing_bundle_has_no_address(monkeypatch: pytest.MonkeyPatch):
    rest = {name: path for name, path in assets.files().items() if name != assets.PLOTLY}
    monkeypatch.setattr(assets, "files", lambda: rest)
    assert assets.address(assets.PLOTLY) == ""


def test_the_compressed_files_are_gzip():
    content, _ = assets.compressed(assets.version(), "base/dom.js") or (b"", "")
    assert gzip.decompress(content) == assets.decompressed(content)
