"""A run's own ZIP file of any usual size is uploaded, imported and shown."""

import os
from pathlib import Path

import pytest

from tests.browser.actions import press, still
from tests.browser.conftest import until
from tests.conftest import tiny
from wgan.export import export
from wgan.runs import Run, list_runs

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_zip_of_thirty_megabytes_is_taken_in(page, serve, tmp_path: Path):
    runs, file = tmp_path / "runs", tmp_path / "run.zip"
    run = Run.create(tiny(), runs)
    (run.folder / "error.log").write_bytes(os.urandom(30 << 20))
    export(run, file)
    url = serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})
    page.goto(f"{url}/runs")
    page.get_by_role("button", name="Import", exact=True).click(timeout=120_000)
    still(page)
    page.get_by_text("Up to 500 MB").wait_for()
    page.locator("[class*=st-key-import_file] input[type=file]").set_input_files(file)
    until(lambda: f"{run.id}-2" in [stored_run.id for stored_run in list_runs(runs)])
    page.get_by_text("Imported ").wait_for()
    page.keyboard.press("Escape")
    file.write_bytes(b"no ZIP file")
    press(page, "Import")
    page.locator("[class*=st-key-import_file] input[type=file]").set_input_files(file)
    page.get_by_text("This is not a ZIP file").wait_for()
