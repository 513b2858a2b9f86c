"""Every page, through Streamlit's own AppTest: a new page in pages/ is tested unasked."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.conftest import tiny
from wgan.config import PRESETS, hyperparameters
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.name for path in (ROOT / "pages").glob("*.py"))


@pytest.fixture
def app(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("WGAN_RUNS", str(runs_dir))
    yield AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    st.cache_resource.clear()
    st.cache_data.clear()


def sound(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    assert not app.error, [error.value for error in app.error]
    return app


def button(app: AppTest, key: str) -> Any:
    return next(found for found in app.button if found.key == key)


def has_button(app: AppTest, key: str) -> bool:
    return any(found.key == key for found in app.button)


def until_button(app: AppTest, key: str) -> None:
    end = time.monotonic() + 60
    while not has_button(app, key):
        assert time.monotonic() < end, [found.key for found in app.button]
        time.sleep(0.1)
        app.run()


def finished_run(runs_dir: Path, **changes: object) -> Run:
    job = TrainingJob(Run.create(tiny(**changes), runs_dir), threads=1)
    job.prepare()
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    return job.run


def visit(app: AppTest, page: str) -> AppTest:
    app.run()
    return app if page == "train.py" else app.switch_page(f"pages/{page}").run()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_on_a_first_visit(app: AppTest, page: str):
    sound(visit(app, page))
    assert len(app.markdown) > 0


@pytest.mark.parametrize("page", PAGES)
def test_every_page_with_a_finished_run(app: AppTest, page: str, runs_dir: Path):
    finished_run(runs_dir)
    sound(visit(app, page))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_with_a_run_that_cannot_be_read(app: AppTest, page: str, runs_dir: Path):
    run = finished_run(runs_dir)
    (run.folder / "config.json").write_text("{")
    visit(app, page)
    assert not app.exception


def test_the_sidebar_shows_every_hyperparameter_with_its_help(app: AppTest):
    sound(app.run())
    kinds = ("selectbox", "slider", "select_slider", "number_input", "toggle")
    shown = {w.key: w for kind in kinds for w in app.sidebar.get(kind) if w.key}
    for value in hyperparameters(PRESETS["quick-mnist"].config):
        assert f"w:{value.path}" in shown, value.path
        assert value.help in shown[f"w:{value.path}"].help, value.path


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_chosen(app: AppTest, name: str):
    app.run()
    next(box for box in app.selectbox if box.key == "preset").set_value(name).run()
    sound(app)
    assert app.session_state.draft == PRESETS[name].config


def test_edit_undo_reset_and_own_presets(app: AppTest):
    app.run()
    next(w for w in app.slider if w.key == "w:n_critic").set_value(3).run()
    assert app.session_state.draft.n_critic == 3
    assert next(b for b in app.selectbox if b.key == "preset").value is None
    button(app, "undo").click().run()
    assert app.session_state.draft == PRESETS["quick-mnist"].config
    next(b for b in app.selectbox if b.key == "w:objective").set_value("wgan").run()
    assert app.session_state.draft.objective.name == "wgan"
    assert any(w.key == "w:objective.clip_value" for w in app.select_slider)
    next(w for w in app.text_input if w.key == "preset_name").set_value("Mine")
    next(b for b in app.button if b.label == "Save preset").click().run()
    sound(app)
    assert next(b for b in app.selectbox if b.key == "preset").value == "Mine"
    next(w for w in app.slider if w.key == "w:n_critic").set_value(4).run()
    next(b for b in app.button if b.label == "Reset").click().run()
    assert (
        app.session_state.draft.n_critic == 1 and app.session_state.draft.objective.name == "wgan"
    )


def test_what_cannot_be_is_a_sentence_and_nothing_is_lost(app: AppTest):
    app.run()
    next(b for b in app.selectbox if b.key == "w:network").set_value("mlp").run()
    assert "Choose the network dcgan" in app.error[0].value
    assert not app.exception
    assert app.session_state.draft == PRESETS["quick-mnist"].config


def test_choosing_points_takes_everything_along(app: AppTest):
    app.run()
    next(b for b in app.selectbox if b.key == "w:dataset").set_value("two-moons").run()
    sound(app)
    assert app.session_state.draft.network.name == "mlp"


def test_start_steer_stop_resume(app: AppTest):
    app.run()
    next(b for b in app.selectbox if b.key == "preset").set_value("toy-ring").run()
    button(app, "start").click().run()
    until_button(app, "pause")
    sound(app)
    run = app.query_params["run"]
    locked = next(w for w in app.select_slider if w.key == "w:batch_size")
    assert locked.disabled and "Cannot change while training" in locked.help
    rate = next(w for w in app.select_slider if w.key == "w:critic_learning_rate")
    assert not rate.disabled
    rate.set_value(0.001).run()
    sound(app)
    assert next(w for w in app.select_slider if w.key == "w:critic_learning_rate").value == 0.001
    button(app, "pause").click().run()
    until_button(app, "step_once")
    button(app, "step_once").click().run()
    button(app, "go_on").click().run()
    until_button(app, "pause")
    button(app, "stop").click().run()
    until_button(app, "resume")
    button(app, "resume").click().run()
    until_button(app, "pause")
    assert app.query_params["run"] == run
    button(app, "stop").click().run()
    until_button(app, "resume")
    sound(app)


def test_a_second_start_offers_to_queue_or_stop(app: AppTest):
    app.run()
    next(b for b in app.selectbox if b.key == "preset").set_value("toy-ring").run()
    button(app, "start").click().run()
    until_button(app, "pause")
    app.button_group(key="settings_of").set_value("Next run").run()
    button(app, "start").click().run()
    assert has_button(app, "dialog_queue") and has_button(app, "dialog_stop")
    assert any("Queue the new run behind it" in words.value for words in app.markdown)
