"""The Critic page in a real browser: sections, a critic trained to convergence, a picture drawn and uploaded."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.actions import (
    button,
    choose_points,
    drag,
    metric,
    press,
    still,
    traces,
    wait_for_chart,
)
from tests.browser.conftest import train, train_digits, until
from wgan.runs import Status, list_runs

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)


def section(page, name: str) -> None:
    page.locator(".st-key-critic_section").get_by_text(name, exact=False).first.click()


def plotted(page, key: str) -> str:
    """What a chart shows: names and lengths of its traces."""
    return str(
        page.evaluate(
            """(key) => JSON.stringify((document.querySelector(`.st-key-${key} .js-plotly-plot`)
              ?._fullData ?? []).map((t) => [t.name, (t.x ?? t.z ?? []).length, (t.y ?? []).at?.(-1)]))""",
            key,
        )
    )


def pixels(page, key: str) -> list[float]:
    """The numbers of a heat map."""
    return list(
        page.evaluate(
            """(key) => [...(document.querySelector(`.st-key-${key} .js-plotly-plot`)
              ?._fullData?.find((t) => t.z?.length)?.z ?? [])].flatMap((row) => [...row])""",
            key,
        )
    )


@pytest.mark.slow
def test_points_from_the_surface_to_convergence(page, url: str, runs: Path):
    run = train(runs, "--preset", "toy-ring", "--steps", "60")
    page.goto(f"{url}/critic?run={run}")
    page.get_by_role("heading", name="Critic of Ring of 8 Gaussians").wait_for(timeout=120_000)
    for key in ("critic_critic", "critic_optimal", "critic_difference"):
        wait_for_chart(page, key)
    assert traces(page, "critic_critic") == ["height", "Real", "Fake"]
    assert float(metric(page, "Exact W₁").split()[0]) > 0
    section(page, "Slopes")
    wait_for_chart(page, "critic_slopes")
    assert traces(page, "critic_slopes") == ["Real", "Fake", "Between"]
    bound = "document.querySelector('.st-key-critic_slopes .js-plotly-plot').layout.shapes[0].x0"
    assert page.evaluate(bound) == 1
    section(page, "Layers")
    wait_for_chart(page, "critic_weights")
    until(lambda: traces(page, "critic_depth") == ["at the output", "of the weights"])
    section(page, "Units")
    page.locator(".st-key-critic_maps canvas").first.wait_for()

    # The primary action: the curve grows, below the exact distance, and ends in words.
    place = ".st-key-alone_updates_points"
    page.locator(f"{place} input, {place} [role=slider]").first.focus()
    page.keyboard.press(
        "End"
    )  # 10,000 updates: else a fast machine has ended before Stop is pressed
    still(page)
    press(page, "Train the critic to convergence")
    wait_for_chart(page, "alone_bound")
    first = plotted(page, "alone_bound")
    until(lambda: plotted(page, "alone_bound") not in (first, "[]"))
    assert traces(page, "alone_bound") == ["lower bound", "exact W₁", "floor"]
    press(page, "Stop training the critic")
    page.get_by_text("critic updates, stopped").wait_for()
    verdict = re.compile("of the exact distance|Stopped after")
    page.get_by_text(verdict).first.wait_for()
    wait_for_chart(page, "alone_optimal")
    lower_bound, exact = (
        float(metric(page, name).split()[0]) for name in ("Lower bound", "Exact W₁")
    )
    assert 0 <= lower_bound <= exact * 1.01
    assert not page.get_by_text("Traceback").count()


def test_a_picture_is_picked_drawn_and_uploaded(page, url: str, runs: Path, tmp_path: Path):
    run = train_digits(runs, "--steps", "6")
    page.goto(f"{url}/critic?run={run}")
    samples_are_ranked(page)
    samples_are_linked(page)
    section(page, "One picture")
    picture_is_picked(page)
    page.locator(".st-key-critic_way").get_by_text("Draw", exact=True).click()
    picture_is_drawn(page)
    page.locator(".st-key-critic_way").get_by_text("Upload", exact=True).click()
    picture_is_uploaded(page, tmp_path)
    assert not page.get_by_text("Traceback").count()


CUT = """() => [...document.querySelectorAll('.wgan-cards dd, .wgan-cards small')]
  .filter((part) => part.scrollWidth > part.clientWidth + 1).map((part) => part.textContent)"""


def test_no_number_is_cut_on_a_phone(page, site: str):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site}/critic?section=slopes")
    page.locator(".wgan-cards > div").first.wait_for(timeout=120_000)
    for name in ("Slopes", "Scores", "One picture"):
        section(page, name)
        still(page)
        page.locator(".wgan-cards dd").first.wait_for()
        assert page.evaluate(CUT) == []


def samples_are_ranked(page) -> None:
    """From the highest score to the lowest; real ones, too."""
    page.locator(".st-key-critic_ranking canvas").first.wait_for(timeout=120_000)
    notes = page.locator(".st-key-critic_ranking button[data-note]")
    until(lambda: notes.count() == 48)
    first, last = (
        float(n.get_attribute("data-note").replace("−", "-").replace("×10⁻", "e-").split("e")[0])
        for n in notes.all()[:48:47]
    )
    assert first >= last
    before = notes.first.get_attribute("data-note")
    page.locator(".st-key-critic_view").get_by_text("Real pictures by score", exact=True).click()
    until(lambda: notes.first.get_attribute("data-note") != before)


def samples_are_linked(page) -> None:
    """Pointing at a fake marks its score and its place; a gap of the map shows real pictures."""
    page.locator(".st-key-critic_view").get_by_text("Map of both", exact=True).click()
    cells = page.locator(".wgan-linked .wgan-cells button")
    until(lambda: cells.count() == 150)
    words = page.locator(".wgan-linked-pair p")
    page.locator(".wgan-linked-chosen").wait_for()

    def place() -> tuple[str | None, ...]:
        mark, score = page.locator(".wgan-linked-chosen"), page.locator(".wgan-linked-score")
        return mark.get_attribute("cx"), mark.get_attribute("cy"), score.get_attribute("x1")

    first = place()
    cells.nth(7).hover()
    until(lambda: "Sample 8:" in words.inner_text())
    assert place() != first and "nearest training picture" in words.inner_text()
    page.keyboard.press("Tab")
    cells.nth(7).focus()
    page.keyboard.press("ArrowRight")
    until(lambda: "Sample 9:" in words.inner_text())
    dot = page.locator(".wgan-linked-fake circle").nth(20)  # the map leads to the sheet, too
    dot.hover(force=True)
    until(lambda: not words.inner_text().startswith("Sample 9:"))
    assert page.locator(".wgan-linked-pictures").is_hidden()
    page.get_by_role("button", name="Show a gap").click()
    page.locator(".wgan-linked-pictures").wait_for()
    gap = page.locator(".wgan-linked-note").inner_text()
    assert gap.startswith("The 8 real pictures nearest to this place")
    page.locator(".wgan-linked-plane").click(position={"x": 12, "y": 12})
    until(lambda: page.locator(".wgan-linked-cross").count() == 1)


def picture_is_picked(page) -> None:
    wait_for_chart(page, "critic_saliency")
    until(lambda: len(pixels(page, "critic_saliency")) == 784)
    before = pixels(page, "critic_saliency")
    page.locator(".st-key-critic_picker_generated .wgan-cells button").nth(5).click()
    until(lambda: pixels(page, "critic_saliency") not in ([], before))
    # A step uphill raises the score; Reset takes it back.
    score = metric(page, "Score")
    press(page, "Step uphill")
    until(lambda: "+" in metric(page, "Score"))
    wait_for_chart(page, "critic_climb")
    press(page, "Reset")
    until(lambda: metric(page, "Score") == score)
    page.locator(".st-key-critic_maps canvas").first.wait_for()


def picture_is_drawn(page) -> None:
    """With the mouse: a second stroke changes the score."""
    page.get_by_text("Draw with the mouse").wait_for()
    page.locator(".st-key-critic_saliency").wait_for(state="detached")
    box = page.locator(".wgan-sketch canvas").bounding_box()
    x, y = box["x"], box["y"]
    drag(page, (x + 60, y + 60), (x + 180, y + 180))
    wait_for_chart(page, "critic_saliency")
    page.get_by_text("Draw with the mouse").wait_for(state="detached")
    before = metric(page, "Score")
    drag(page, (x + 180, y + 60), (x + 60, y + 180))
    until(lambda: metric(page, "Score") != before)


def picture_is_uploaded(page, folder: Path) -> None:
    """A file that is no picture gets a sentence."""
    page.get_by_text("of your picture appear here").wait_for()
    whole, broken = folder / "whole.png", folder / "broken.png"
    content = io.BytesIO()
    Image.linear_gradient("L").save(content, "PNG")
    whole.write_bytes(content.getvalue())
    broken.write_bytes(content.getvalue()[:200])
    upload = page.locator(".st-key-critic_file input[type=file]")
    upload.set_input_files(whole)
    wait_for_chart(page, "critic_saliency")
    upload.set_input_files(broken)
    page.get_by_text("This picture cannot be used: it is damaged").wait_for()


@pytest.mark.slow
def test_a_live_critic_is_looked_at_again_and_again_and_its_run_goes_on(page, url: str, runs: Path):
    choose_points(page, url)
    press(page, "Start")
    page.get_by_role("button", name="Pause", exact=True).wait_for(timeout=120_000)
    page.mouse.move(640, 650)  # what the button says of itself would lie over the links
    page.get_by_role("link", name="Critic", exact=True).click()
    weights = page.get_by_text(re.compile(r"Critic of step [\d,]+; fakes of"))
    weights.wait_for(timeout=120_000)
    wait_for_chart(page, "critic_critic")
    before = weights.inner_text()
    until(lambda: weights.inner_text() != before)
    press(page, "Train the critic to convergence")
    wait_for_chart(page, "alone_bound")
    press(page, "Stop training the critic")
    page.get_by_text("critic updates, stopped").wait_for()
    page.mouse.move(640, 650)
    page.get_by_role("link", name="Train", exact=True).click()
    press(page, "Stop")
    run = list_runs(runs)[0]
    until(lambda: run.status() is Status.STOPPED)
    assert not page.get_by_text("Traceback").count()


def test_one_step_plays_to_its_last_stage(page, site: str):
    page.goto(f"{site}/critic?section=step")
    page.get_by_text("The generator makes fakes").wait_for()
    still(page)
    slider = page.get_by_role("slider", name="Stage")
    last = int(str(slider.get_attribute("max")))
    # The keyboard moves the slider, and the stage follows.
    slider.focus()
    for stage in range(2, last - 1):
        slider.press("ArrowRight")
        playwright.expect(slider).to_have_value(str(stage))
    still(page)
    press(page, "Play")
    page.get_by_text("The generator is updated").wait_for()
    button(page, "Play").wait_for()
    playwright.expect(button(page, "Next")).to_be_disabled()
    playwright.expect(page.get_by_role("slider", name="Stage")).to_have_value(str(last))
    # From the last stage, it plays from the first one.
    press(page, "Play")
    page.get_by_text("The generator makes fakes").wait_for()
    press(page, "Pause")
    button(page, "Play").wait_for()


def test_a_layer_of_the_diagram_opens_its_output_and_weights(page, site: str):
    page.goto(f"{site}/critic?section=networks")
    caption = page.locator(".st-key-networks_maps")
    playwright.expect(caption).to_contain_text("Critic, layer 1. Convolution")
    layers = page.locator(".wgan-layer")
    generator = page.get_by_role("group", name=re.compile("^Generator, "))
    # The parameters of the boxes and of the classes add up to all, and a single output is written.
    for title in page.locator(".wgan-network-title").all_inner_texts():
        whole, classes = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+\d", title))
        group = page.get_by_role("group", name=title)
        boxes = re.findall(r"([\d,]+) param", group.inner_text())
        assert sum(int(number.replace(",", "")) for number in boxes) == whole - classes > 0
    critic = page.get_by_role("group", name=re.compile("^Critic, "))
    playwright.expect(critic.locator(".wgan-layer-number").last).to_have_text(
        re.compile(r"^[−\d.]+$")
    )
    last = generator.get_by_role("button").last
    last.click()
    playwright.expect(caption).to_contain_text(re.compile(r"Generator, layer \d+\. Tanh"))
    assert last.get_attribute("aria-pressed") == "true"
    assert layers.locator("xpath=self::*[@aria-pressed='true']").count() == 1
    page.get_by_text("This layer has no kernels and no matrix.").wait_for()
    # With the keyboard, to a layer before it; the picture of the sample changes with another z.
    picture = last.locator("img").get_attribute("src")
    press(page, "Another sample")
    until(lambda: last.locator("img").get_attribute("src") != picture)
    generator.get_by_role("button").first.press("Enter")
    playwright.expect(caption).to_contain_text("Generator, layer 1. Linear")
    page.locator(".st-key-networks_weights img, .st-key-networks_weights canvas").first.wait_for()
