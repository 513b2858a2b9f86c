"""What stays: at a reload, in a second tab, when a section or the page is left and come back to."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.actions import address, still
from tests.browser.conftest import ROOT, train, train_digits, until
from tests.browser.test_slow_reruns import BARS, bars, draw_bar
from wgan.config import TrainConfig, hyperparameters

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)

TITLES = {value.path: value.title for value in hyperparameters(TrainConfig())}


@pytest.fixture(scope="module")
def site(serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an app with two finished runs: digits, and the newest, a grid of points."""
    runs = tmp_path_factory.mktemp("runs")
    train_digits(runs, "--steps", "6", "--checkpoint-every", "3")
    train(runs, "--preset", "toy-grid", "--steps", "40")
    return str(serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)}))


@pytest.fixture
def second(page) -> Iterator[object]:
    """A second tab of the same browser; Streamlit takes it for another visitor."""
    other = page.context.new_page()
    yield other
    other.close()


def sidebar(page):
    return page.get_by_test_id("stSidebar")


def control(page, path: str):
    """The sidebar's control of a hyperparameter."""
    return sidebar(page).get_by_label(re.compile(f"^{re.escape(TITLES[path])}")).first


def chosen(page, name: str) -> str:
    return str(sidebar(page).get_by_role("combobox", name=name).first.input_value())


def slider_at(page, path: str) -> str | None:
    value: str | None = (
        sidebar(page).get_by_role("slider", name=TITLES[path]).first.get_attribute("aria-valuetext")
    )
    return value


def choose(page, name: str, option: str) -> None:
    sidebar(page).get_by_role("combobox", name=name).first.click()
    page.get_by_role("option", name=option, exact=True).click()


def go(page, name: str) -> None:
    page.mouse.move(640, 700)  # what a control says of itself may lie over the links
    page.get_by_role("link", name=name, exact=True).click()


def section(page, name: str):
    return page.get_by_test_id("stMain").get_by_role("radio", name=name).first


def is_chosen(radio) -> bool:
    return str(radio.get_attribute("aria-checked")) == "true"


def test_a_reload_shows_the_setup_of_the_run_on_show_and_what_was_changed_of_it(page, site: str):
    page.goto(site)
    page.get_by_text("Finished").first.wait_for(timeout=120_000)
    until(lambda: "run=" in address(page))
    page.reload()
    page.get_by_text("Finished").first.wait_for()
    until(lambda: chosen(page, "Data set").startswith("Grid"))
    assert "digits" not in chosen(page, "Preset")
    page.get_by_role("slider", name=TITLES["n_critic"]).first.focus()
    before = slider_at(page, "n_critic")
    page.keyboard.press("ArrowRight")
    until(lambda: slider_at(page, "n_critic") != before)
    until(lambda: "setup=" in address(page))
    after = slider_at(page, "n_critic")
    page.reload()
    until(lambda: slider_at(page, "n_critic") == after)
    assert chosen(page, "Data set").startswith("Grid")
    page.get_by_role("button", name="Reset", exact=True).click()
    until(lambda: slider_at(page, "n_critic") != after)


def test_a_fork_in_preparation_survives_a_reload(page, site: str):
    page.goto(site)
    page.get_by_role("button", name="Fork", exact=True).click(timeout=120_000)
    page.get_by_role("button", name="Set up fork").click()
    page.get_by_role("button", name="Start fork").wait_for()
    until(lambda: "fork=" in address(page))
    page.reload()
    page.get_by_role("button", name="Start fork").wait_for()
    page.get_by_role("button", name="Cancel the fork").click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    until(lambda: "fork=" not in address(page))


def test_a_drawing_stays_when_sections_and_pages_are_left(page, site: str):
    page.goto(site)
    page.get_by_text("Finished").first.wait_for(timeout=120_000)
    go(page, "Critic")
    page.get_by_role("heading", name="Critic of").wait_for()
    choose_model(page)
    section(page, "One picture").click()
    page.get_by_role("radio", name="Draw", exact=True).click()
    pad = page.get_by_role("application")
    pad.wait_for()
    page.get_by_text("Draw with the mouse").wait_for()
    draw_bar(page, pad, BARS[1])
    page.get_by_text("Draw with the mouse").wait_for(state="detached")
    section(page, "Layers").click()
    pad.wait_for(state="detached")
    section(page, "One picture").click()
    pad.wait_for()
    assert bars(pad) == [2] and is_chosen(page.get_by_role("radio", name="Draw", exact=True))
    draw_bar(page, pad, BARS[3])
    until(lambda: bars(pad) == [2, 4])
    still(page)
    go(page, "Latent")
    pad.wait_for(state="detached")
    section(page, "Plane").wait_for()
    go(page, "Critic")
    pad.wait_for()
    assert bars(pad) == [2, 4] and is_chosen(section(page, "One picture"))
    assert is_chosen(page.get_by_role("radio", name="Draw", exact=True))


def choose_model(page) -> None:
    box = sidebar(page).get_by_role("combobox", name="Model").first
    box.click()
    page.get_by_role("option", name=re.compile("10,000 digits")).first.click()
    section(page, "One picture").wait_for()


def test_an_uploaded_picture_stays(page, site: str, tmp_path: Path):
    from PIL import Image

    path = tmp_path / "gradient.png"
    Image.linear_gradient("L").save(path)
    page.goto(f"{site}/critic?section=inside")
    page.get_by_role("heading", name="Critic of").wait_for(timeout=120_000)
    choose_model(page)
    section(page, "One picture").click()
    page.get_by_role("radio", name="Upload", exact=True).click()
    page.locator("input[type=file]").first.set_input_files(path)
    page.get_by_text("As the networks see it").wait_for()
    still(page)
    section(page, "Layers").click()
    page.get_by_text("As the networks see it").wait_for(state="detached")
    section(page, "One picture").click()
    page.get_by_text("As the networks see it").wait_for()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_text("As the networks see it").wait_for(state="detached")


def test_latent_keeps_its_section_and_choices(page, site: str):
    page.goto(f"{site}/latent")
    page.get_by_role("radio", name="Walk").first.wait_for(timeout=120_000)
    choose_model_of_latent(page)
    section(page, "Plane").click()
    side = page.get_by_role("slider", name="Pictures per side")
    side.focus()
    page.keyboard.press("ArrowLeft")
    until(lambda: side.get_attribute("aria-valuetext") == "7")
    page.get_by_role("slider", name="Truncation").focus()
    page.keyboard.press("ArrowLeft")
    share = page.get_by_role("slider", name="Truncation")
    until(lambda: share.get_attribute("aria-valuetext") == "0.95")
    still(page)
    go(page, "Critic")
    page.get_by_role("heading", name="Critic of").wait_for()
    go(page, "Latent")
    side.wait_for()
    assert is_chosen(section(page, "Plane"))
    assert side.get_attribute("aria-valuetext") == "7"
    assert share.get_attribute("aria-valuetext") == "0.95"
    page.reload()
    side.wait_for()
    assert is_chosen(section(page, "Plane"))


@pytest.mark.long_browser
def test_the_filter_of_the_runs_stays_and_is_in_the_address(page, site: str):
    field = page.get_by_role("textbox", name="Filter")
    page.goto(f"{site}/runs?filter=nothing+like+this")
    page.get_by_text("No runs match the filter").wait_for(timeout=120_000)
    until(lambda: field.input_value() == "nothing like this")
    field.fill("grid")
    field.press("Enter")
    until(lambda: "filter=grid" in address(page))
    page.get_by_text("No runs match the filter").wait_for(state="detached")
    still(page)
    go(page, "Train")
    page.get_by_text("Finished").first.wait_for()
    go(page, "Runs")
    until(lambda: field.input_value() == "grid")
    until(lambda: "filter=grid" in address(page))
    page.reload()
    until(lambda: field.input_value() == "grid")
    field.fill("")
    field.press("Enter")
    until(lambda: "filter=" not in address(page))


def choose_model_of_latent(page) -> None:
    sidebar(page).get_by_role("combobox", name="Model").first.click()
    page.get_by_role("option", name=re.compile("10,000 digits")).first.click()
    section(page, "Plane").wait_for()


@pytest.mark.long_browser
def test_a_drawn_density_comes_back(page, site: str):
    page.goto(f"{site}/datasets?set=drawing")
    pad = page.get_by_role("application", name="Drawing of a density")
    pad.wait_for(timeout=120_000)
    page.get_by_role("button", name="Clear", exact=True).click()
    draw_bar(page, pad, BARS[0])
    until(lambda: bars(pad) == [1] and "setup=" in address(page))
    choose(page, "Data set", "Ring of 8 Gaussians")
    pad.wait_for(state="detached")
    choose(page, "Data set", drawing_title())
    pad.wait_for()
    until(lambda: bars(pad) == [1])
    still(page)
    page.get_by_role("button", name="Set up a run").click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    choose(page, "Preset", "Eight Gaussians")
    until(lambda: chosen(page, "Data set") == "Ring of 8 Gaussians")
    go(page, "Data")
    pad.wait_for()
    until(lambda: bars(pad) == [1])
    page.reload()
    pad.wait_for()
    until(lambda: bars(pad) == [1])


def drawing_title() -> str:
    from wgan.data import DATASETS

    return str(DATASETS["drawing"].title)


@pytest.mark.slow
def test_a_saved_preset_is_on_presets_at_once_in_every_tab(page, second, site: str):
    second.goto(f"{site}/presets")
    second.get_by_role("button", name="Set up a run").wait_for(timeout=120_000)
    page.goto(site)
    page.get_by_role("button", name="Save", exact=True).click(timeout=120_000)
    page.get_by_label("Name of the preset").fill("My grid")
    page.get_by_role("button", name="Save preset").click()
    sidebar(second).get_by_role("button", name="My grid").wait_for()
    page.keyboard.press("Escape")
    go(page, "Presets")
    sidebar(page).get_by_role("button", name="My grid").click()
    page.get_by_role("heading", name="My grid").wait_for()
    until(lambda: "preset=My" in address(page))
    page.reload()
    page.get_by_role("heading", name="My grid").wait_for()
    page.get_by_role("button", name="Delete", exact=True).click()
    sidebar(second).get_by_role("button", name="My grid").wait_for(state="detached")


@pytest.mark.long_browser
def test_two_tabs_of_a_live_run_agree_undo_goes_back_and_a_queued_run_waits(
    page, second, site: str
):
    page.goto(site)
    page.get_by_role("button", name="Start", exact=True).wait_for(timeout=120_000)
    choose(page, "Preset", "Eight Gaussians")
    until(lambda: chosen(page, "Data set") == "Ring of 8 Gaussians")
    steps = sidebar(page).get_by_role("spinbutton", name=TITLES["steps"]).first
    steps.fill("100000")  # the run must not end by itself
    steps.press("Enter")
    still(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Pause", exact=True).wait_for()
    second.goto(page.url)
    second.get_by_role("button", name="Pause", exact=True).wait_for()
    # The settings can be changed as soon as the run is prepared.
    playwright.expect(page.get_by_role("button", name="Pause", exact=True)).to_be_enabled()
    page.bring_to_front()  # only the tab in front has the focus
    still(page)  # a slider that is drawn anew loses it
    values = ["2", "3", "4"]
    for value in values[1:]:
        page.get_by_role("slider", name=TITLES["n_critic"]).first.focus()
        page.keyboard.press("ArrowRight")
        until(lambda: slider_at(page, "n_critic") == value)  # noqa: B023
        until(lambda: slider_at(second, "n_critic") == value)  # noqa: B023
    # Undo in the other tab, also after a reload: back through the history, one change each.
    second.reload()
    for expected in reversed(values[:-1]):
        still(second)  # a button that is drawn anew while it is pressed hears of no click
        second.get_by_role("button", name="Undo", exact=True).click()
        until(lambda: slider_at(second, "n_critic") == expected)  # noqa: B023
        until(lambda: slider_at(page, "n_critic") == expected)  # noqa: B023
    until(lambda: second.get_by_role("button", name="Undo", exact=True).is_disabled())
    # What is typed in one tab stays while the other tab changes something.
    steps.focus()
    page.keyboard.press("End")
    page.keyboard.type("7")
    typed = steps.input_value()
    assert typed.endswith("7")
    still(second)
    second.get_by_role("button", name="Redo", exact=True).click()
    until(lambda: slider_at(page, "n_critic") == values[1])
    still(page)
    assert steps.input_value() == typed

    # Queued: the live run stays on show, and the waiting one is a link.
    live = address(page)
    page.get_by_text("Next run", exact=True).click()
    page.get_by_role("button", name="Start next").click()
    page.get_by_role("button", name="Start it afterwards").click()
    page.get_by_text("Waiting:").wait_for()
    assert page.get_by_role("button", name="Pause", exact=True).is_visible()
    run = re.search(r"run=[^&]*", live).group()
    assert run in address(page)
    page.get_by_test_id("stMain").get_by_role("link", name=re.compile("Ring of 8")).first.click()
    page.get_by_role("button", name="Cancel", exact=True).wait_for()
    assert run not in address(page)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Stop", exact=True).last.click()
