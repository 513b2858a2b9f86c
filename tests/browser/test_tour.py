"""The tour in a real browser: its bar through all steps, what the browser remembers, and the moving pictures."""

import os
import shutil
from collections.abc import Callable

import pytest

if not os.environ.get("CI"):  # in CI it must be there: without it, the import below fails
    pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import BrowserContext, Page, expect

from pages.ui.tour.steps import STEPS
from tests.browser.actions import address, button, press, still
from tests.browser.conftest import ROOT, Serve, until
from wgan.export import EXAMPLES


@pytest.fixture(scope="module")
def tour(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the app with all examples."""
    runs = tmp_path_factory.mktemp("examples")
    for name in EXAMPLES:
        shutil.copytree(ROOT / "checkpoints" / name, runs / name)
    return serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})


def expect_step(page: Page, number: int) -> None:
    title = f"Tour · Step {number} of 6: {STEPS[number - 1].title}"
    expect(page.locator(".st-key-tour_bar")).to_contain_text(title)


def remembered(page: Page) -> str:
    cookies = {cookie.get("name"): cookie.get("value") for cookie in page.context.cookies()}
    return str(cookies.get("wgan-tour"))


# A text or a control of each step's page, which its sentence promises.
PROMISES = (
    "Watch a network learn to draw",
    "Which distance still changes?",
    "The mould: real",
    "Mode collapse since step 2,400",
    "How close does this critic's lower bound get to the Wasserstein distance?",
    "its length ‖z‖ is usually close to √32",
)


def test_next_leads_through_all_steps_and_the_browser_remembers_them(page: Page, tour: str):
    page.goto(f"{tour}/tour")
    press(page, "Start the tour")
    heights = set()
    for number in range(1, 7):
        expect_step(page, number)
        expect(page.get_by_test_id("stMain")).to_contain_text(PROMISES[number - 1])
        still(page)
        bar = page.locator(".st-key-tour_bar").bounding_box()
        assert bar is not None
        heights.add((bar["y"], bar["height"]))
        if number == 3:  # a reload keeps the place
            page.reload()
            expect_step(page, 3)
            still(page)
            until(lambda: remembered(page) == "3-1.2.3")
        if number < 6:
            press(page, "Next")
    assert len(heights) == 1  # the bar has its place on every page
    until(lambda: remembered(page) == "6-1.2.3.4.5.6")
    press(page, "Finish")
    expect(page.get_by_test_id("stMain")).to_contain_text("You have seen all six steps.")


@pytest.mark.long_browser
def test_the_bar_stays_in_sight_leads_back_and_ends(page: Page, tour: str):
    page.goto(f"{tour}/?tour=4&run=example-ring-gan-collapsed")
    expect_step(page, 4)
    page.get_by_text("What is happening?").scroll_into_view_if_needed()
    expect(button(page, "Next")).to_be_in_viewport()
    page.get_by_role("link", name="Compare").click()
    expect(page.locator(".st-key-tour_bar")).to_contain_text("This step is on the page Train.")
    press(page, "Return")
    expect(page.get_by_test_id("stMain")).to_contain_text("Mode collapse since step 2,400")
    # A page without settings has no sidebar, also if a button opens it.
    still(page)
    press(page, "Mode collapse")
    expect(page.get_by_test_id("stMain")).to_contain_text("Which model collapses")
    still(page)
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    press(page, "A collapsed GAN")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    press(page, "End tour")
    expect(page.locator(".st-key-tour_bar")).to_have_count(0)
    until(lambda: "tour=" not in address(page))

    # A new visit with the same browser can go on.
    page.goto(f"{tour}/tour")
    press(page, "Continue the tour at step 4")
    expect_step(page, 4)
    # Back in the browser leads to the Tour page, which has no bar. Streamlit 1.67 loses Back if a rerun
    # by a timer follows while a script runs, because that rerun names the old page.
    page.get_by_text("next run:").wait_for()  # the timer that waits for the forecast has ended
    still(page)
    page.go_back()
    button(page, "Continue the tour at step 4").wait_for()
    press(page, "Start over")
    button(page, "Start the tour").wait_for()
    still(page)
    until(lambda: remembered(page) == "None")


@pytest.mark.parametrize(
    ("cookie", "label"),
    [
        ("3-1.2.3", "Continue the tour at step 3"),
        ("9-9.x", "Start the tour"),
        *(
            pytest.param(*values, marks=pytest.mark.long_browser)
            for values in (
                ("0-1.2", "Start the tour"),
                ("3-", "Continue the tour at step 3"),
                ("7-7.7", "Start the tour"),
                ('{"step":3}', "Start the tour"),
                ("3-" + 1000 * "1.", "Start the tour"),
            )
        ),
    ],
)
def test_a_visit_begins_with_the_cookie_if_it_is_valid(
    cookie: str, label: str, page: Page, tour: str
):
    page.context.add_cookies([{"name": "wgan-tour", "value": cookie, "url": tour}])
    page.goto(f"{tour}/tour")
    button(page, label).wait_for()
    still(page)
    assert button(page, "Start over").count() == (cookie in ("3-1.2.3", "0-1.2"))


def test_a_link_to_a_section_replaces_the_one_that_was_open(page: Page, tour: str):
    page.goto(f"{tour}/critic?run=example-ring-wgan-gp&section=slopes")
    expect(page.get_by_test_id("stMain")).to_contain_text("Critic of step 3,000")
    page.get_by_role("link", name="Tour").click()
    press(page, "To convergence")
    expect_step(page, 5)
    button(page, "Train the critic to convergence").wait_for()
    expect(page.get_by_test_id("stMain")).to_contain_text(
        "How close does this critic's lower bound get to the Wasserstein distance?"
    )
    expect(page.get_by_role("combobox", name="Weights")).to_have_value("Step 0")


def frame_of(page: Page) -> int:
    picture = page.locator(".st-key-tour_picture_1 .wgan-loop")
    return int(picture.get_attribute("data-frame") or -1)


def test_a_moving_picture_can_be_paused(page: Page, tour: str):
    page.goto(f"{tour}/tour")
    until(lambda: frame_of(page) > 0)
    pause = page.locator(".st-key-tour_picture_1").get_by_role("button")
    expect(pause).to_have_accessible_name("Pause")
    pause.click()
    expect(pause).to_have_accessible_name("Play")
    frame = frame_of(page)
    other = page.locator(".st-key-tour_picture_2 .wgan-loop")
    # Another picture moves on; this one does not.
    seen = other.get_attribute("data-frame")
    until(lambda: other.get_attribute("data-frame") != seen)
    assert frame_of(page) == frame


def test_with_reduced_motion_no_picture_moves_by_itself(
    new_context: Callable[..., BrowserContext], tour: str
):
    page = new_context(reduced_motion="reduce").new_page()
    page.goto(f"{tour}/tour")
    play = page.locator(".st-key-tour_picture_1").get_by_role("button")
    expect(play).to_have_accessible_name("Play")
    until(lambda: frame_of(page) > 0)
    last = frame_of(page)  # the last one, which shows the result
    play.click()
    until(lambda: frame_of(page) != last)
