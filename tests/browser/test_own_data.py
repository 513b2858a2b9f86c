"""Data of one's own in a real browser: an archive uploaded, trained on and seen; a drawing."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.actions import press, step, still
from tests.browser.conftest import ROOT, hyperparameter, until
from wgan.data import Points
from wgan.rng import keyed_rng
from wgan.runs import Run, Status, list_runs


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two folders of 60 little pictures each, a text among them and one picture broken off."""
    path = tmp_path / "shapes.zip"
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as zipped:
        for kind, shade in (("dark", 30), ("light", 220)):
            for i in range(60):
                picture = np.full((40, 32, 3), shade, np.uint8)
                picture[i % 20 : i % 20 + 12, 4:20] = rng.integers(0, 255, 3)
                buffer = io.BytesIO()
                Image.fromarray(picture).save(buffer, "PNG")
                zipped.writestr(f"shapes/{kind}/{i}.png", buffer.getvalue())
        zipped.writestr("shapes/dark/broken.png", buffer.getvalue()[:60])
        zipped.writestr("shapes/readme.txt", "no picture")
        zipped.writestr("../../escaped.png", buffer.getvalue())
    return path


def test_a_folder_is_added_with_its_subfolders_as_classes(
    page, serve, archive: Path, tmp_path: Path
):
    with zipfile.ZipFile(archive) as zipped:
        names = [name for name in zipped.namelist() if name.startswith("shapes/")]
        zipped.extractall(tmp_path, names)
    env = {"WGAN_RUNS": str(tmp_path / "runs"), "WGAN_DATA": str(tmp_path / "data")}
    page.goto(f"{serve(ROOT / 'streamlit_app.py', env=env)}/datasets")
    page.get_by_role("button", name="Add your own pictures").click(timeout=120_000)
    page.get_by_role("radio", name="Folder").click()
    files = page.locator("[class*=st-key-intake_files_of_folder] input[type=file]")
    files.set_input_files(tmp_path / "shapes", timeout=120_000)
    page.locator("[class*=st-key-recipe_title-shapes] input").wait_for(timeout=120_000)
    press(page, "Create data set")
    page.get_by_role("heading", name="shapes").wait_for(timeout=120_000)
    page.get_by_text("By class: dark, light").wait_for(timeout=120_000)
    press(page, "Skipped files")
    page.get_by_text("121 files read, 120 pictures kept").wait_for()


@pytest.mark.slow
def test_an_archive_of_ones_own_is_trained_on(page, serve, archive: Path, tmp_path: Path):
    runs, root = tmp_path / "runs", tmp_path / "data"
    url = serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs), "WGAN_DATA": str(root)})
    page.goto(f"{url}/datasets")
    page.get_by_role("button", name="Add your own pictures").click(timeout=120_000)
    page.locator("[class*=st-key-intake_files] input[type=file]").set_input_files(archive)
    page.get_by_text("shapes.zip").first.wait_for()
    press(page, "Create data set")
    page.get_by_role("heading", name="shapes").wait_for(timeout=120_000)
    page.get_by_text("By class: dark, light").wait_for(timeout=120_000)
    # What was left out is told.
    press(page, "Skipped files")
    page.get_by_text("files read, 120 pictures kept").wait_for()
    page.keyboard.press("Escape")
    assert not (tmp_path / "escaped.png").exists()

    # Train on it, told the class.
    press(page, "Set up a run")
    box = hyperparameter(page, "conditional")
    box.wait_for(timeout=120_000)
    still(page)
    box.locator("label").first.click()
    until(lambda: box.locator("input").is_checked())
    still(page)
    press(page, "Start")
    until(lambda: step(page) > 20, 120)
    page.locator(".wgan-made canvas").first.wait_for()
    run = list_runs(runs)[0]
    assert run.config().dataset.name == "own" and run.config().conditional
    # One class alone, chosen above the grid.
    page.get_by_role("radio", name="light").or_(
        page.get_by_role("button", name="light")
    ).first.click()
    until(
        lambda: Run.find(run.id, runs).changes() and Run.find(run.id, runs).changes()[-1].after == 1
    )
    press(page, "Stop")
    until(lambda: run.status() is Status.STOPPED)
    assert not page.get_by_text("Traceback").count()


@pytest.mark.slow
def test_a_density_is_drawn_with_the_mouse(page, serve, tmp_path: Path):
    url = serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(tmp_path / "runs")})
    page.goto(f"{url}/datasets?set=drawing")
    canvas = page.locator(".wgan-sketch canvas")
    canvas.wait_for(timeout=120_000)
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("The pad is empty").wait_for()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 80, steps=8)
    page.mouse.up()
    page.get_by_text("The pad is empty").wait_for(state="detached")
    press(page, "Set up a run")
    press(page, "Start")
    until(lambda: step(page) > 20, 120)
    press(page, "Stop")
    config = list_runs(tmp_path / "runs")[0].config()
    data = config.dataset.load()
    assert isinstance(data, Points)
    points = data.sample(2000, keyed_rng(0, "sample"))
    # A level stroke: wide, thin and above the middle.
    assert (
        float(points[:, 0].std()) > 8 * float(points[:, 1].std()) and float(points[:, 1].mean()) > 0
    )


@pytest.mark.slow
def test_the_sprites_are_trained_where_they_are(page, serve, tmp_path: Path):
    root = os.environ.get("WGAN_DATA", "")
    if not root or not any(Path(root).glob("pokesprite-images*.tgz")):
        pytest.skip("no pokesprite-images*.tgz in the data root (WGAN_DATA)")
    runs = tmp_path / "runs"
    url = serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})
    page.goto(f"{url}/presets?preset=quick-pokemon")
    page.get_by_role("button", name="Set up a run").click(timeout=120_000)
    press(page, "Start")
    until(lambda: step(page) > 5, 120)
    page.locator(".wgan-made canvas").first.wait_for()
    press(page, "Stop")
    until(lambda: list_runs(runs)[0].status() is Status.STOPPED)
    assert list_runs(runs)[0].config().dataset.name == "pokemon"
