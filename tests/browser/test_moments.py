"""The step on show: the timeline, the cursor on the charts, and an enlarged sample with its history."""

import os
import re
from pathlib import Path

import pytest

if not os.environ.get("CI"):  # in CI it must be there: without it, the import below fails
    pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, Serve, train, train_digits
from wgan.runs import list_runs


@pytest.fixture(scope="module")
def finished(serve: Serve, runs: Path) -> str:
    """The address of the app with runs of 30 and of 60 steps, with a preview at every tenth."""
    for steps in ("30", "60"):
        train_digits(runs, "--steps", steps, "--preview-every", "10", "--report-every", "5")
    return serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})


def cursor_step(page: Page, chart: str) -> float | None:
    """The step at which a chart's cursor is drawn, from its position in pixels."""
    step: float | None = page.evaluate(
        """(chart) => {
            const plot = document.querySelector(`.st-key-${chart} .wgan-plot`);
            const cursor = plot.querySelector(".wgan-step-cursor");
            if (!cursor || cursor.hidden) return null;
            const axis = plot._fullLayout.xaxis;
            const x = cursor.getBoundingClientRect().x + 1 - plot.getBoundingClientRect().x - axis._offset;
            return axis.range[0] + (x / axis._length) * (axis.range[1] - axis.range[0]);
        }""",
        chart,
    )
    return step


def test_the_cursor_follows_the_timeline_and_pointing_at_a_curve_shows_that_step(
    page: Page, finished: str
):
    page.goto(finished)
    shown = page.locator(".st-key-stage .wgan-step")
    expect(shown).to_have_text("step 60")
    page.locator(".st-key-losses .nsewdrag").wait_for()
    assert cursor_step(page, "gap") is None  # the newest picture is followed
    page.locator(".st-key-stage").get_by_label("Training step shown").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(shown).to_have_text("step 30")
    for chart in ("gap", "losses"):
        page.wait_for_function(
            f"!document.querySelector('.st-key-{chart} .wgan-step-cursor').hidden"
        )
        assert cursor_step(page, chart) == pytest.approx(30, abs=0.5)

    page.locator(".st-key-gap").scroll_into_view_if_needed()
    box = page.locator(".st-key-gap .nsewdrag").bounding_box()
    assert box is not None
    end = page.evaluate(
        "document.querySelector('.st-key-gap .wgan-plot')._fullLayout.xaxis.range[1]"
    )
    page.mouse.move(box["x"] + box["width"] * 50 / end, box["y"] + box["height"] / 2, steps=3)
    expect(shown).to_have_text("step 50")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 600, steps=3)
    expect(shown).to_have_text("step 30")


def test_the_curves_of_compared_runs_and_their_pictures_show_the_same_step(
    page: Page, finished: str, runs: Path
):
    long, short = (run.id for run in list_runs(runs))  # the newest first
    page.goto(f"{finished}/compare?runs={long},{short}&curve=Critic+gap&along=Step")
    moment = page.locator(".st-key-wall figcaption small")
    expect(moment).to_have_text(["step 60", "step 30"])
    drawn = page.locator(".st-key-compare .nsewdrag")
    drawn.wait_for()
    assert cursor_step(page, "compare") is None  # the newest pictures are followed
    slider = page.locator(".st-key-wall input[type=range]")
    slider.focus()
    slider.press("Home")
    expect(moment).to_have_text(["step 0", "step 0"])
    page.wait_for_function("!document.querySelector('.st-key-compare .wgan-step-cursor').hidden")
    assert cursor_step(page, "compare") == pytest.approx(0, abs=0.5)

    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    end = page.evaluate(
        "document.querySelector('.st-key-compare .wgan-plot')._fullLayout.xaxis.range[1]"
    )
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 45 / end, box["y"] + box["height"] / 2, steps=3)
    expect(moment).to_have_text(["step 40", "step 30"])
    page.mouse.move(box["x"] + box["width"] / 2, 2, steps=3)
    expect(moment).to_have_text(["step 0", "step 0"])


def test_the_cursor_is_also_drawn_on_the_curve_of_the_quality(
    page: Page, serve: Serve, tmp_path: Path
):
    flags = ("--steps", "200", "--preview-every", "100", "--measure", "true")
    train(tmp_path, "--preset", "toy-ring", *flags)
    page.goto(serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(tmp_path)}))
    page.locator(".st-key-quality_curve .nsewdrag").first.wait_for()
    page.locator(".st-key-stage").get_by_label("Training step shown").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".st-key-stage .wgan-step")).to_have_text("step 100")
    page.wait_for_function(
        "!document.querySelector('.st-key-quality_curve .wgan-step-cursor').hidden"
    )
    assert cursor_step(page, "quality_curve") == pytest.approx(100, abs=2)


LOSE_ONE = """(() => {
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (message) {
    const text = new TextDecoder("latin1").decode(message);
    if (window.lost || !text.includes('"index"')) send.call(this, message);
    else window.lost = text;
  };
})()"""
"""The first request for a nearest real picture is lost, as if its rerun had been interrupted."""


def test_a_lost_request_for_the_nearest_real_picture_is_repeated(page: Page, finished: str):
    page.add_init_script(LOSE_ONE)
    page.goto(finished)
    expect(page.locator(".st-key-stage .wgan-step")).to_have_text("step 60")
    page.locator(".st-key-stage .wgan-made .wgan-cells button").nth(9).click()
    box = page.locator("dialog.wgan-lightbox[open]")
    expect(box.get_by_text(re.compile("at step 60: their pixels differ by"))).to_be_visible()
    assert '"step"' in page.evaluate("window.lost")


def test_an_enlarged_sample_shows_its_history_and_the_nearest_real_picture(
    page: Page, finished: str
):
    page.goto(finished)
    shown = page.locator(".st-key-stage .wgan-step")
    expect(shown).to_have_text("step 60")
    page.locator(".st-key-stage .wgan-made .wgan-cells button").nth(9).click()
    box = page.locator("dialog.wgan-lightbox[open]")
    history = box.get_by_role("group", name="This sample during training").get_by_role("button")
    expect(history).to_have_count(8)  # steps 0, 1, 10, 20, …, 60
    expect(box.get_by_text(re.compile("at step 60: their pixels differ by"))).to_be_visible()
    image = box.get_by_role("img", name="The real picture nearest to this sample")
    assert image.evaluate("image => image.complete && image.naturalWidth") == 28
    history.nth(3).click()
    expect(shown).to_have_text("step 20")
    expect(box.get_by_text(re.compile("at step 20: their pixels differ by"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)
