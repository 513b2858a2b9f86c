"""The layout of the pages in a real browser: nothing jumps, nothing is cut or covered."""

from pathlib import Path

import pytest

from tests.browser.actions import button, press, step, still
from tests.browser.conftest import train, until
from wgan.runs import list_runs

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)

PHONE = {"width": 390, "height": 844}

RECORD_TOPS = """() => {
  window.tops = {};
  const record = () => {
    const panel = document.querySelector(".st-key-numbers")?.getBoundingClientRect();
    const scrolled = document.querySelector("[data-testid=stMain]").scrollTop;
    const heading = document.querySelector("[data-testid=stMainBlockContainer]").innerText.slice(0, 300);
    if (panel?.height) tops[Math.round(panel.top + scrolled)] ??= heading;
    requestAnimationFrame(record);
  };
  record();
}"""
"""Records each place of the panel, with the texts above it."""


def left_edges(page) -> list[int]:
    """The left edges of the buttons above the panel."""
    keys = ("step_once", "stop", "new_z", "reuse", "start")
    return [round(page.locator(f".st-key-{key}").bounding_box()["x"]) for key in keys]


@pytest.mark.parametrize("phone", [False, True])
def test_the_buttons_of_a_run_move_neither_the_page_nor_each_other(
    page, url: str, runs: Path, phone: bool
):
    train(runs, "--preset", "toy-ring", "--steps", "20", "--checkpoint-every", "10")
    if phone:
        page.set_viewport_size(PHONE)
    page.goto(f"{url}/?setup=" + '{"steps":100000}')
    button(page, "Start").wait_for(timeout=120_000)
    page.locator(".st-key-numbers dd").first.wait_for()
    page.get_by_text("about ").first.wait_for()  # the forecast
    still(page)
    edges = left_edges(page)
    page.evaluate(RECORD_TOPS)
    press(page, "Start")
    until(lambda: len(list_runs(runs)) > 1 and button(page, "Pause").is_enabled())
    until(lambda: step(page) > 0)
    running = left_edges(page)
    press(page, "Pause")
    button(page, "Resume").wait_for()
    assert left_edges(page) == running == edges
    press(page, "Resume")
    button(page, "Pause").wait_for()
    press(page, "Stop")
    button(page, "Resume").wait_for()
    until(lambda: button(page, "Start").is_enabled())
    still(page)
    assert left_edges(page) == edges
    tops = page.evaluate("tops")
    assert len(tops) == 1, tops
