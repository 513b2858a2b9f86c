"""A run, its data and a preset with hostile names, on every page that shows them."""

import csv
import io
import json
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from pages.ui.core.navigation import CRITIC_SECTIONS, LATENT_SECTIONS
from tests.browser.actions import press, runs_table, still, wait_for_chart
from tests.browser.conftest import ROOT, train, until
from wgan.data.intake import prepare
from wgan.data.prepared_sets import Recipe
from wgan.export import export
from wgan.runs import Run, list_runs
from wgan.session.session import PRESETS_FOLDER

RULE = "$$\\rule{9000px}{9000px}$$"
CLASSES = ("$$x^{99}$$", "<img src=x onerror=a()>", "[a](javascript:a())")
OTHER_NAME = "=<b>1</b>+&lt;1 <img src=x>"
TITLE = ":red[**data**] `x` $\\rule{9000px}{9px}$"
PRESET = "=**mine** :smile: $\\rule{9000px}{9px}$"

HARM = """() => ({
  fetching: [...document.querySelectorAll("img, iframe, object, embed, link, script")]
    .map((element) => element.src ?? element.href ?? element.data).filter((src) => /x\\.png|[/]x$/.test(src)),
  links: [...document.links].map((link) => link.getAttribute("href")).filter((href) => /^javascript:|x\\.png/.test(href)),
  formulas: [...document.querySelectorAll(".katex")].map((formula) => formula.textContent)
    .filter((text) => /rule|99/.test(text)),
  overflow: document.documentElement.scrollWidth - window.innerWidth,
  below: Math.max(0, ...[...document.querySelectorAll("[data-testid=stMain]")]
    .map((part) => part.scrollWidth - part.clientWidth)),
})"""


@dataclass
class Hostile:
    """An app with hostile texts, and the requests that a picture in the name of its run has caused."""

    url: str
    run: str
    name: str
    note: str
    runs: Path
    pictures: str
    requests: list[str]


def picture(shade: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), shade, np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def hostile(serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    picture_address = f"http://127.0.0.1:{server.server_port}/x.png"
    name = f"![t]({picture_address})"
    note = f"{RULE} <img src={picture_address}> {' '.join(CLASSES)} {picture_address} " + "w" * 300

    data, runs = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("runs")
    files = [
        (f"set/{kind}/{i}.png", picture(80 * c + i))
        for c, kind in enumerate(CLASSES)
        for i in range(40)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WGAN_DATA", str(data))
        prepared = prepare(files, Recipe(title=TITLE, side=32, unique=False), data)
        flags = "--preset quick-mnist --network.size small --batch-size 16 --conditional true"
        own = ["--dataset", "own", "--dataset.pictures", prepared.key]
        steps = ["--steps", "12", "--checkpoint-every", "6"]
        ids = [train(runs, *flags.split(), *own, *steps, "--seed", seed) for seed in "12"]
    run = Run(runs / ids[0])
    run.set_fact("name", name)
    run.set_fact("note", note)
    Run(runs / ids[1]).set_fact("name", OTHER_NAME)
    (runs / PRESETS_FOLDER).mkdir()
    (runs / PRESETS_FOLDER / f"{PRESET}.json").write_text(run.config().model_dump_json(), "utf-8")
    url = serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs), "WGAN_DATA": str(data)})
    yield Hostile(url, run.id, name, note, runs, prepared.key, requests)
    server.shutdown()
    server.server_close()


def words(page) -> str:
    """Return all texts of the page, and the values of its fields, with single spaces."""
    text = page.evaluate(
        """() => [document.body.textContent, ...[...document.querySelectorAll("input, textarea")]
          .map((field) => field.value)].join(" ")"""
    )
    return " ".join(text.split())


def assert_harmless(page, hostile: Hostile) -> None:
    harm = page.evaluate(HARM)
    assert harm == {
        "fetching": [],
        "links": [],
        "formulas": [],
        "overflow": harm["overflow"],
        "below": 0,
    }
    assert harm["overflow"] <= 0
    assert hostile.requests == []


def visit(page, hostile: Hostile, address: str, *texts: str) -> None:
    """Open a page, wait until it shows some texts as they are, and look for what they could have done."""
    page.goto(f"{hostile.url}/{address}")
    expect_harmless(page, hostile, address, *texts)


def open_section(page, hostile: Hostile, title: str, *texts: str) -> None:
    """Choose another section of the page on show, and look at it as `visit` does."""
    name = title.partition(": ")[2]  # without its icon
    page.get_by_test_id("stMain").get_by_role("radio", name=name, exact=True).first.click()
    still(page)
    expect_harmless(page, hostile, name, *texts)


def expect_harmless(page, hostile: Hostile, place: str, *texts: str) -> None:
    expected = [" ".join(text.split()) for text in texts]
    missing: list[str] = []

    def shows_all() -> bool:
        on_page = words(page)
        missing[:] = [text for text in expected if text not in on_page]
        return not missing

    try:
        until(shows_all, 60)
    except AssertionError:
        pytest.fail(f"{place} lacks {missing}")
    still(page)
    assert_harmless(page, hostile)


@pytest.mark.long_browser
def test_hostile_names_are_shown_as_they_are_and_do_nothing(page, hostile: Hostile):
    name, run = hostile.name, f"run={hostile.run}"
    other = next(other.id for other in list_runs(hostile.runs) if other.id != hostile.run)

    visit(page, hostile, f"?{run}", name, TITLE)
    assert name not in page.title()
    page.locator("[class*=st-key-run_on_show] input").first.click()  # the choice of a run
    page.get_by_role("option", name=name).wait_for()
    assert_harmless(page, hostile)

    visit(page, hostile, f"runs?{run}", name, hostile.note)
    press(page, "Name and note")
    until(lambda: page.get_by_role("dialog").get_by_label("Name", exact=True).input_value() == name)
    assert_harmless(page, hostile)
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Settings").click()
    page.get_by_role("tab", name="Reproduce").click()
    still(page)
    assert_harmless(page, hostile)
    press(page, "Delete")
    page.get_by_role("dialog").get_by_text(name, exact=True).wait_for()
    assert_harmless(page, hostile)

    visit(page, hostile, f"compare?runs={hostile.run},{other}&curve=Critic+gap", name)
    wait_for_chart(page, "compare")
    legend = page.locator(".st-key-compare .legendtext").all_text_contents()
    assert legend == [name, OTHER_NAME]  # the lines of a name are parts of one text
    assert_harmless(page, hostile)

    setup = json.dumps({"dataset.pictures": hostile.pictures})
    visit(page, hostile, f"datasets?set=own&setup={quote(setup)}", TITLE, *CLASSES)
    wait_for_chart(page, "balance")
    visit(page, hostile, f"presets?preset={quote(PRESET)}", PRESET, TITLE)
    visit(page, hostile, f"latent?{run}&section=walk", name, CLASSES[0])
    latent = {
        "sums": f"chosen in the sidebar, {CLASSES[0]}.",
        "classes": f"From {CLASSES[1]} to {CLASSES[2]}, a row",
    }
    for section, title in LATENT_SECTIONS["pictures"].items():
        open_section(page, hostile, title, name, latent.get(section, CLASSES[0]))
    visit(page, hostile, f"critic?{run}&section=scores", name)
    critic = {"networks": f"Its class is {CLASSES[0]}."}
    for section, title in CRITIC_SECTIONS["pictures"].items():
        open_section(page, hostile, title, name, critic.get(section, name))


def test_an_address_is_shown_as_it_is(page, hostile: Hostile):
    """A link that somebody sends contains text, too."""
    bad = f"![t]({hostile.name[5:]} **x** {RULE}"
    visit(page, hostile, f"?run={quote(bad)}", "is not a valid name of a run")
    visit(page, hostile, f"tour?term={quote(bad)}")


def test_the_cells_of_the_table_of_runs_begin_no_formula(page, hostile: Hostile):
    # Without this function, Streamlit downloads the file without a dialog.
    page.add_init_script("delete window.showSaveFilePicker")
    page.goto(f"{hostile.url}/runs?run={hostile.run}")
    table = runs_table(page)
    table.hover()
    with page.expect_download() as download:
        table.get_by_role("button", name="Download as CSV").click()
    rows = list(csv.reader(download.value.path().read_text("utf-8-sig").splitlines()))
    names = [row[rows[0].index("Run")] for row in rows[1:]]
    assert names == [f"\u200b{OTHER_NAME}", hostile.name]


def test_the_web_page_of_a_run_shows_them_as_they_are(
    new_context, hostile: Hostile, tmp_path: Path
):
    """The exported page is opened from disk. Its program fills the list of classes."""
    export(Run(hostile.runs / hostile.run), tmp_path / "page.html")
    page = new_context(viewport={"width": 390, "height": 844}).new_page()
    faults, fetched = [], []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    page.on("request", lambda request: fetched.append(request.url))
    page.goto((tmp_path / "page.html").as_uri())
    page.get_by_role("heading", name=hostile.name).wait_for()
    assert page.title() == hostile.name
    assert page.get_by_label("Class").locator("option").all_text_contents() == list(CLASSES)
    assert " ".join(hostile.note.split()) in words(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert [url for url in fetched if not url.startswith(("data:", "blob:"))] == [page.url]
    assert faults == [] and hostile.requests == []


def test_the_name_of_a_folder_adds_nothing_to_the_header_of_a_download(page, hostile: Hostile):
    strange = 'x"; filename=evil.html; y="'
    shutil.copytree(hostile.runs / hostile.run, hostile.runs / strange)
    try:
        page.goto(f"{hostile.url}/runs?run={quote(strange)}")
        press(page, "Export")
        with page.expect_download() as download:
            page.get_by_role("button", name="Reports (CSV)").click()
        assert Path(download.value.suggested_filename).suffix == ".csv"
        with urllib.request.urlopen(download.value.url) as response:
            header = response.headers["Content-Disposition"]
        assert header == f"attachment; filename*=utf-8''{quote(strange + '.csv', safe='')}"
    finally:
        shutil.rmtree(hostile.runs / strange)
