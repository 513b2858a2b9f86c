"""The static site, served by a plain file server below a path."""

import functools
import http.server
import os
import re
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import numpy as np
import pytest

if not os.environ.get("CI"):  # in CI it must be there: without it, the import below fails
    pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import Browser, Page, Response, expect

from pages.ui.labs.transport import EARTH
from pages.ui.site.build import CARDS, build, rendered
from tests.browser.conftest import until
from tests.browser.test_accessibility import AXE, CHECK, TAGS
from wgan.export import EXAMPLES
from wgan.labs.divergences import gaussians
from wgan.labs.transport import PILES, cheapest_plan


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, which is not at the root of its server."""
    root = tmp_path_factory.mktemp("served")
    (root / "some" / "path").mkdir(parents=True)
    for name in ("index.html", "CNAME"):
        (root / "some" / "path" / name).write_text("from before")
    assert build(root / "some" / "path") == len(EXAMPLES) + 2
    handler = functools.partial(_Files, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert (root / "some" / "path" / "CNAME").read_text() == "from before"
        yield f"http://127.0.0.1:{server.server_port}/some/path"
        server.shutdown()


@pytest.fixture
def reader(chromium: Browser, below: str) -> Iterator[Page]:
    """A page of a phone. The test fails if a file is absent, another host is asked, or the console has an error."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))

    def note(response: Response) -> None:
        inside = response.url.startswith((below, "data:", "blob:"))
        if response.status >= 400 or not inside:
            faults.append(f"{response.status} {response.url}")

    page.on("response", note)
    yield page
    context.close()
    assert not faults, faults


def narrow(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth") <= 390)


def test_every_link_of_the_site_leads_to_a_page_of_it(reader: Page, below: str):
    todo, seen = [f"{below}/index.html"], set()
    while todo:
        address = todo.pop()
        seen.add(address)
        reader.goto(address)
        reader.get_by_role("heading", level=1).wait_for()
        assert narrow(reader), address
        links = reader.eval_on_selector_all("a[href]", "(links) => links.map((a) => a.href)")
        todo += sorted({link.partition("#")[0] for link in links} - seen - set(todo))
    assert {urlsplit(address).path.rpartition("/")[2] for address in seen} == {
        "index.html",
        "labs.html",
        *(f"{name}.html" for name in EXAMPLES),
    }
    assert set(CARDS) == set(EXAMPLES)


def test_an_example_of_pictures_makes_new_ones(reader: Page, below: str):
    reader.goto(f"{below}/index.html")
    reader.get_by_text("A generator that draws the digit that you choose.").click()
    reader.get_by_role("heading", name="Latent space").wait_for()
    before = reader.locator("#sheet").evaluate("(canvas) => canvas.toDataURL()")
    reader.get_by_label("Class").select_option("4")
    until(lambda: reader.locator("#sheet").evaluate("(canvas) => canvas.toDataURL()") != before)


def test_both_labs_of_piles_follow_the_same_piles(reader: Page, below: str):
    reader.goto(f"{below}/labs.html")
    for name, (_, piles) in PILES.items():
        reader.locator("#dual select").select_option(name)
        cost = f"{cheapest_plan(piles).cost:.2f}"
        expect(reader.locator("#earth")).to_contain_text(f"cheapest plan: {cost}")
        expect(reader.locator("#dual output")).to_contain_text(f"W₁ is {cost}")
        expect(reader.locator("#earth select")).to_have_value(name)

    # What the visitor shapes reaches the other lab.
    before = reader.locator("#dual output").inner_text()
    reader.locator("#plan [tabindex='0']").first.press("PageUp")
    expect(reader.locator("#dual output")).not_to_have_text(before)
    expect(reader.locator("#dual select")).to_have_value("")


def test_a_bent_function_raises_the_bound_and_stays_when_the_piles_change(reader: Page, below: str):
    reader.goto(f"{below}/labs.html")
    reader.locator("#dual select").select_option("slide")
    drawing = reader.locator("#bend svg[role=application]")
    drawing.focus()
    for _ in range(15):
        drawing.press("ArrowRight")
    for _ in range(3):
        drawing.press("PageUp")
    bound = re.compile(r"your lower bound is (\S+) ")
    says = reader.locator("#dual output")
    until(lambda: float(bound.findall(says.inner_text())[0]) > 0.5)
    height = drawing.get_attribute("aria-label")
    reader.locator("#dual select").select_option("split")
    expect(says).to_contain_text(f"W₁ is {cheapest_plan(PILES['split'][1]).cost:.2f}")
    assert drawing.get_attribute("aria-label") == height


def test_a_prediction_is_answered(reader: Page, below: str):
    reader.goto(f"{below}/labs.html")
    result = reader.locator("#earth .result")
    expect(result).to_be_hidden()
    reader.locator("#earth").get_by_label(EARTH.answers[0]).check()
    expect(result).to_contain_text("You predicted: Yes, if heaps are mixed. It is: No, never.")
    reader.locator("#earth").get_by_label(EARTH.answers[1]).check()
    expect(result).to_contain_text("As you predicted: No, never.")
    assert result.locator("math").count() == 1


def test_the_distances_follow_the_offset(reader: Page, below: str):
    reader.goto(f"{below}/labs.html")
    lab = reader.locator("#apart")
    expect(lab.locator("#curves")).to_be_hidden()
    lab.get_by_role("button", name="Skip the prediction").click()
    lab.get_by_label("Gaussians").check()
    for theta in (-4.0, -0.35, 3.9):
        lab.get_by_role("slider").fill(str(theta))
        distances = gaussians(np.array([theta]))
        shown = lab.locator("[data-value]").all_inner_texts()
        assert shown == [f"{value:.3f}" for value in distances.values[:, 0]]
        slopes = [f"slope {v:.3f}".replace("-", "−") for v in distances.slopes[:, 0]]
        assert lab.locator(".slope").all_inner_texts() == slopes
    lab.get_by_label("W₁ and KL").check()
    expect(lab.locator(".result")).to_contain_text("As you predicted: W₁ and KL.")
    lab.get_by_label("Boxes").check()
    expect(lab.locator(".result")).to_contain_text("You predicted: W₁ and KL. It is: Only W₁.")
    lab.get_by_role("slider").fill("0.5")
    expect(lab.locator(".result")).to_be_hidden()
    expect(lab).to_contain_text("Move θ further from 0 until they hardly overlap.")
    assert lab.locator("#curves figure:visible").count() == 2
    assert narrow(reader)


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long_browser)])
@pytest.mark.parametrize("name", ["index", "labs", "example-mnist-classes"])
def test_the_site_is_accessible(reader: Page, below: str, name: str, scheme):
    if not AXE.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("axe-core is not installed: npm ci")
    reader.emulate_media(color_scheme=scheme)
    reader.add_init_script(path=AXE)
    reader.goto(f"{below}/{name}.html")
    reader.get_by_role("heading", level=1).wait_for()
    if name == "labs":
        reader.get_by_role("button", name="Skip the prediction").click()
    assert not reader.evaluate(CHECK, [{"type": "tag", "values": TAGS}, []])


def test_formulas_become_mathml():
    html = rendered(r"Let $a_1 < b$, **and** $|x|$.")
    assert html.count("<math") == 2 and "$" not in html and "<strong>and</strong>" in html
