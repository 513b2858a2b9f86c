"""The Critic page in a real browser: sections, a critic trained to convergence, a picture drawn and uploaded."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.conftest import hyperparameter, train
from tests.browser.test_app import ROOT, metric, press, still, until
from wgan.runs import Status, list_runs

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def url(serve, runs: Path) -> str:
    return serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})


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


def names(page, key: str) -> list[str]:
    return list(
        page.evaluate(
            """(key) => (document.querySelector(`.st-key-${key} .js-plotly-plot`)?._fullData ?? [])
              .map((t) => t.name)""",
            key,
        )
    )


def pixels(page, key: str) -> list[float]:
    """The numbers of a heat map."""
    return list(
        page.evaluate(
            """(key) => [...(document.querySelector(`.st-key-${key} .js-plotly-plot`)
              ?._fullData?.[0]?.z ?? [])].flatMap((row) => [...row])""",
            key,
        )
    )


@pytest.mark.slow
def test_points_from_the_surface_to_convergence(page, url: str, runs: Path):
    run = train(runs, "--preset", "toy-ring", "--steps", "60")
    page.goto(f"{url}/critic?run={run}")
    page.get_by_role("heading", name="Critic of Ring of 8 Gaussians").wait_for(timeout=120_000)
    for key in ("critic_critic", "critic_optimal", "critic_difference"):
        page.locator(f".st-key-{key} .js-plotly-plot .main-svg").first.wait_for(timeout=120_000)
    assert names(page, "critic_critic") == ["height", "Real", "Fake"]
    assert float(metric(page, "Exact W₁").split()[0]) > 0
    section(page, "Slopes")
    page.locator(".st-key-critic_slopes .js-plotly-plot .main-svg").first.wait_for()
    assert names(page, "critic_slopes") == ["Real", "Fake", "Between"]
    bound = "document.querySelector('.st-key-critic_slopes .js-plotly-plot').layout.shapes[0].x0"
    assert page.evaluate(bound) == 1
    section(page, "Layers")
    page.locator(".st-key-critic_weights .js-plotly-plot .main-svg").first.wait_for()
    until(lambda: names(page, "critic_depth") == ["at the output", "of the weights"])
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
    page.locator(".st-key-alone_bound .js-plotly-plot .main-svg").first.wait_for(timeout=120_000)
    first = plotted(page, "alone_bound")
    until(lambda: plotted(page, "alone_bound") not in (first, "[]"))
    assert names(page, "alone_bound") == ["proved", "exact W₁", "real to real"]
    press(page, "Stop training the critic")
    page.get_by_text("critic updates, stopped").wait_for()
    held = page.get_by_text(re.compile("of the exact distance|settled at|Still rising|tightened"))
    held.first.wait_for()
    page.locator(".st-key-alone_optimal .js-plotly-plot .main-svg").first.wait_for()
    proved, exact = (float(metric(page, name).split()[0]) for name in ("Proved", "Exact W₁"))
    assert 0 <= proved <= exact * 1.01
    assert not page.get_by_text("Traceback").count()


def test_a_picture_is_picked_drawn_and_uploaded(page, url: str, runs: Path, tmp_path: Path):
    run = train(
        runs,
        "--preset",
        "quick-mnist",
        "--dataset",
        "mnist-10k",
        "--steps",
        "6",
        "--batch-size",
        "16",
        "--network.size",
        "small",
    )
    page.goto(f"{url}/critic?run={run}")
    page.locator(".st-key-critic_ranking canvas").first.wait_for(timeout=120_000)
    notes = page.locator(".st-key-critic_ranking button[data-note]")
    until(lambda: notes.count() == 48)
    scores = [
        float(n.get_attribute("data-note").replace("−", "-").replace("×10⁻", "e-").split("e")[0])
        for n in notes.all()[:48:47]
    ]
    assert scores[0] >= scores[1]
    before = notes.first.get_attribute("data-note")
    page.locator(".st-key-critic_ranked").get_by_text("Real", exact=True).click()
    until(lambda: notes.first.get_attribute("data-note") != before)

    section(page, "One picture")
    page.locator(".st-key-critic_saliency .js-plotly-plot .main-svg").first.wait_for()
    until(lambda: len(pixels(page, "critic_saliency")) == 784)
    picked = pixels(page, "critic_saliency")
    cells = page.locator(".st-key-critic_picker_generated .wgan-cells button")
    cells.nth(5).click()
    until(lambda: pixels(page, "critic_saliency") not in ([], picked))
    page.locator(".st-key-critic_maps canvas").first.wait_for()

    # Drawn with the mouse.
    ways = page.locator(".st-key-critic_way")
    ways.get_by_text("Draw", exact=True).click()
    page.get_by_text("Draw with the mouse").wait_for()
    page.locator(".st-key-critic_saliency").wait_for(state="detached")
    canvas = page.locator(".wgan-sketch canvas")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 180, box["y"] + 180, steps=6)
    page.mouse.up()
    page.locator(".st-key-critic_saliency .js-plotly-plot .main-svg").first.wait_for()
    page.get_by_text("Draw with the mouse").wait_for(state="detached")
    first = metric(page, "Score")
    page.mouse.move(box["x"] + 180, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 180, steps=6)
    page.mouse.up()
    until(lambda: metric(page, "Score") != first)

    # Uploaded; a file that is no picture gets a sentence.
    ways.get_by_text("Upload", exact=True).click()
    page.get_by_text("feature maps appear here").wait_for()
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    out = io.BytesIO()
    Image.linear_gradient("L").save(out, "PNG")
    good.write_bytes(out.getvalue())
    bad.write_bytes(out.getvalue()[:200])
    upload = page.locator(".st-key-critic_file input[type=file]")
    upload.set_input_files(good)
    page.locator(".st-key-critic_saliency .js-plotly-plot .main-svg").first.wait_for()
    upload.set_input_files(bad)
    page.get_by_text("This picture cannot be used: it is damaged").wait_for()
    assert not page.get_by_text("Traceback").count()


@pytest.mark.slow
def test_a_live_critic_is_looked_at_again_and_again_and_its_run_goes_on(page, url: str, runs: Path):
    page.goto(url)
    page.get_by_role("button", name="Start", exact=True).wait_for(timeout=120_000)
    page.locator("[class*='st-key-preset'] input").first.click()
    page.get_by_role("option", name="Eight piles of points").click()
    chosen = hyperparameter(page, "dataset").locator("input").first
    until(lambda: chosen.input_value() == "Ring of 8 Gaussians")
    press(page, "Start")
    page.get_by_role("button", name="Pause", exact=True).wait_for(timeout=120_000)
    page.mouse.move(640, 650)  # what the button says of itself would lie over the links
    page.get_by_role("link", name="Critic", exact=True).click()
    seen = page.get_by_text(re.compile(r"Step [\d,]+, beside the averaged generator"))
    seen.wait_for(timeout=120_000)
    page.locator(".st-key-critic_critic .js-plotly-plot .main-svg").first.wait_for()
    before = seen.inner_text()
    until(lambda: seen.inner_text() != before)
    press(page, "Train the critic to convergence")
    page.locator(".st-key-alone_bound .js-plotly-plot .main-svg").first.wait_for(timeout=120_000)
    press(page, "Stop training the critic")
    page.get_by_text("critic updates, stopped").wait_for()
    page.mouse.move(640, 650)
    page.get_by_role("link", name="Train", exact=True).click()
    press(page, "Stop")
    run = list_runs(runs)[0]
    until(lambda: run.status() is Status.STOPPED)
    assert not page.get_by_text("Traceback").count()
