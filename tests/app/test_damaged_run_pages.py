"""A run that cannot be read is a sentence on every page, and can be deleted on Runs; an import can fail and be cancelled."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.ui.core.session import session
from pages.ui.runs.state import RunsState
from tests.app.conftest import state_of
from tests.app.test_pages import PAGES, ROOT, button, finished_run
from tests.conftest import app_at
from tests.test_damaged_runs import HARMS
from wgan.export import export
from wgan.runs import Run, list_runs, trash

SOME = ["fact engines = bracket", "reports.step = text, all", "config.json = deep", "no database"]


@pytest.fixture(scope="module")
def source_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finished_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def pair(
    source_run: Run, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Run, Run]]:
    """A whole run, and one to be damaged that is older."""
    monkeypatch.setenv("WGAN_RUNS", str(runs_dir))
    for name in ("20200101-000000-damaged", source_run.id):
        shutil.copytree(source_run.folder, runs_dir / name)
    yield Run(runs_dir / source_run.id), Run(runs_dir / "20200101-000000-damaged")
    st.cache_resource.clear()
    st.cache_data.clear()


def alone(page: str) -> AppTest:
    return app_at(page.removesuffix(".py"))


def opened(page: str, run: str) -> AppTest:
    app = app_at()
    app.query_params["run"] = run
    app.run()
    if page != "train.py":
        app.switch_page(f"../{page}")
        app.query_params["run"] = run
        app.run()
    return app


def page_text(app: AppTest) -> str:
    return " ".join(str(element.value) for element in (*app.error, *app.toast, *app.markdown))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_drawn_beside_a_damaged_run(pair: tuple[Run, Run], page: str):
    _, damaged = pair
    HARMS["fact engines = bracket"](damaged.folder)
    app = opened(page, damaged.id)
    assert not app.exception, app.exception


@pytest.mark.parametrize(
    "name",
    ["../outside", 5000 * "x", 200 * "é"],
    ids=["a path", "a long name", "a name of many bytes"],
)
@pytest.mark.parametrize("page", PAGES)
def test_an_address_opens_no_run_outside_the_folder(pair: tuple[Run, Run], page: str, name: str):
    whole, other = pair
    shutil.copytree(other.folder, whole.folder.parents[1] / "outside")
    Run(whole.folder.parents[1] / "outside").set_fact("name", "A foreign run")
    app = opened(page, name)
    assert not app.exception, app.exception
    everything = page_text(app) + " ".join(str(o) for box in app.selectbox for o in box.options)
    assert "A foreign run" not in everything


@pytest.mark.parametrize("name", SOME)
def test_the_train_page_says_that_a_run_cannot_be_read_and_shows_another(
    pair: tuple[Run, Run], name: str
):
    whole, damaged = pair
    HARMS[name](damaged.folder)
    app = opened("train.py", damaged.id)
    assert not app.exception and app.query_params["run"] in (whole.id, [whole.id])
    assert "damaged" in page_text(app) or "cannot be" in page_text(app) or "lost" in page_text(app)


@pytest.mark.parametrize("name", [*SOME, "reports.critic_loss = text, all"])
def test_comparing_with_a_damaged_run_is_a_sentence(pair: tuple[Run, Run], name: str):
    whole, damaged = pair
    HARMS[name](damaged.folder)
    app = alone("compare.py")
    app.query_params["runs"] = f"{damaged.id},{whole.id}"
    app.run()
    assert not app.exception, app.exception


@pytest.mark.parametrize("name", SOME)
def test_the_runs_page_deletes_a_damaged_run(pair: tuple[Run, Run], name: str):
    whole, damaged = pair
    HARMS[name](damaged.folder)
    app = alone("runs.py")
    state_of(app, RunsState).selected = [damaged.id]
    app.run()
    assert not app.exception and len(app.dataframe[0].value) == 2
    assert "damaged" in page_text(app) or "cannot be" in page_text(app) or "lost" in page_text(app)
    button(app, "delete").click().run()
    assert not app.exception
    # A button of a dialog is lost in AppTest; this is what it calls.
    session().throw_away(damaged.id)
    assert [run.id for run in list_runs(damaged.folder.parent)] == [whole.id]
    assert [trashed_run.run for trashed_run in trash(damaged.folder.parent)] == [damaged.id]


def upload(app: AppTest, content: bytes) -> AppTest:
    app.file_uploader[0].set_value(("run.zip", content, "application/zip")).run()
    end = time.monotonic() + 180
    while any(widget.key == "cancel_import" for widget in app.button):
        assert time.monotonic() < end
        time.sleep(0.1)
        app.run()
    return app


def test_an_upload_is_imported_and_shown(pair: tuple[Run, Run], tmp_path: Path):
    whole, _ = pair
    export(whole, tmp_path / "run.zip")
    app = alone("runs.py").run()
    upload(app, (tmp_path / "run.zip").read_bytes())
    assert not app.exception and not app.error
    assert f"Imported {whole.id}-2." in page_text(app)
    assert len(list_runs(whole.folder.parent)) == 3
    upload(app, b"no zip at all")
    assert "not a ZIP file" in app.error[0].value and not app.exception


def test_one_upload_limit_is_set_shown_and_enforced(pair: tuple[Run, Run]):
    limit = st.get_option("server.maxUploadSize")
    assert f"maxUploadSize = {limit} " in (ROOT / ".streamlit" / "config.toml").read_text("utf-8")
    for page in ("runs.py", "datasets.py"):
        app = alone(page).run()
        if page == "datasets.py":
            button(app, "add_pictures").click().run()
        assert [field.proto.max_upload_size_mb for field in app.file_uploader] == [limit]
        assert f"Up to {limit:,} MB" in " ".join(caption.value for caption in app.caption)
    for file in (ROOT / "pages").rglob("*.py"):
        assert "max_upload_size" not in file.read_text("utf-8"), file
