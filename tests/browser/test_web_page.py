"""The exported web page of a run, opened from disk without a network."""

from pathlib import Path

import pytest

from tests.browser.conftest import until
from wgan.export import EXAMPLES, export
from wgan.paths import shipped_runs
from wgan.runs import Run

pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)

MAX_BYTES = 3_000_000


@pytest.fixture
def offline(chromium):
    """A page without a network, as wide as a phone; the test fails if its console shows an error."""
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, offline=True, reduced_motion="reduce"
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert not faults, faults


def drawn(page, canvas: str) -> int:
    return int(page.locator(canvas).get_attribute("data-drawn"))


def picture(page, canvas: str) -> str:
    return str(page.locator(canvas).evaluate("(canvas) => canvas.toDataURL()"))


def test_the_page_explores_latent_space_without_a_network(offline, tmp_path: Path):
    out = tmp_path / "page.html"
    export(Run(shipped_runs() / "example-mnist-classes"), out)
    assert out.stat().st_size <= MAX_BYTES
    offline.goto(out.as_uri())
    offline.get_by_role("heading", name="Latent space").wait_for()
    assert offline.evaluate("document.documentElement.scrollWidth") == 390

    # The walk plays when asked to: the visitor wishes little motion.
    assert drawn(offline, "#walk") == 1
    offline.get_by_role("button", name="Play").click()
    until(lambda: drawn(offline, "#walk") > 3)
    offline.get_by_role("button", name="Pause").click()

    zeros = [picture(offline, canvas) for canvas in ("#walk", "#plane", "#sheet")]
    offline.get_by_label("Class").select_option("7")
    sevens = [picture(offline, canvas) for canvas in ("#walk", "#plane", "#sheet")]
    assert all(a != b for a, b in zip(zeros, sevens, strict=True))

    offline.get_by_role("slider", name="Direction 1").fill("3")
    assert picture(offline, "#sheet") != sevens[2]
    offline.get_by_role("slider", name="Direction 1").fill("0")
    assert picture(offline, "#sheet") == sevens[2]

    offline.locator("#plane").press("ArrowRight")
    until(lambda: picture(offline, "#plane") != sevens[1])
    offline.locator("#plane").press("ArrowLeft")
    until(lambda: picture(offline, "#plane") == sevens[1])

    first = offline.locator("#sample").get_attribute("src")
    offline.get_by_role("slider", name="Training step shown").fill("0")
    assert offline.locator("#sample").get_attribute("src") != first


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_fits_into_a_message(name: str, tmp_path: Path):
    out = tmp_path / "page.html"
    export(Run(shipped_runs() / name), out)
    assert out.stat().st_size <= MAX_BYTES
