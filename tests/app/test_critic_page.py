"""The Critic page through AppTest: every section, for points and pictures, and its states."""

import io
import time
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.ui.core.navigation import CRITIC_SECTIONS as SECTIONS
from pages.ui.core.session import session
from tests.app.test_pages import button, finished_run, has_button, page_alone, sound
from tests.conftest import app_at, tiny
from wgan.data import DATASETS
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status

PICTURES: dict[str, object] = {
    "dataset": "mnist-10k",
    "network": {"name": "dcgan", "size": "small"},
    "latent_dim": 8,
    "batch_size": 8,
    "n_critic": 1,
    "steps": 2,
    "report_every": 1,
    "measure": False,
}


pytestmark = pytest.mark.usefixtures("clean")


def open_section(app: AppTest, section: str) -> AppTest:
    return sound(app.button_group(key="critic_section").set_value(section).run())


def page_text(app: AppTest) -> str:
    return "\n".join(m.value for m in [*app.markdown, *app.caption, *app.info])


@pytest.mark.parametrize("section", SECTIONS["points"])
@pytest.mark.parametrize("objective", ["wgan", "wgan-gp", "gan"])
def test_every_section_of_points(section: str, objective: str, runs_dir: Path):
    finished_run(runs_dir, objective=objective)
    app = page_alone("critic.py")
    assert "Critic of step 40;" in page_text(app)
    open_section(app, section)


@pytest.mark.parametrize("conditional", [False, True])
def test_every_section_of_pictures(conditional: bool, runs_dir: Path):
    finished_run(runs_dir, **PICTURES, conditional=conditional)
    app = page_alone("critic.py")
    for section in SECTIONS["pictures"]:
        open_section(app, section)
    open_section(app, "inside")
    for way in ("real", "drawn", "uploaded", "generated"):
        sound(app.button_group(key="critic_way").set_value(way).run())
    layers = next(b for b in app.selectbox if b.label == "Layer")
    assert layers.options[0].startswith("1. Convolution")
    sound(layers.set_value(layers.options[-1]).run())


def test_an_uploaded_picture_is_judged_and_a_bad_one_is_a_sentence(runs_dir: Path):
    finished_run(runs_dir, **PICTURES)
    app = page_alone("critic.py")
    open_section(app, "inside")
    sound(app.button_group(key="critic_way").set_value("uploaded").run())
    assert "appear here" in page_text(app)
    out = io.BytesIO()
    Image.new("RGB", (50, 40), (200, 10, 90)).save(out, "PNG")
    app.file_uploader[0].set_value(("face.png", out.getvalue(), "image/png")).run()
    assert "Feature maps" in page_text(sound(app))
    app.file_uploader[0].set_value(("face.png", b"\x89PNG no picture", "image/png")).run()
    assert not app.exception and "This picture cannot be used" in app.error[0].value
    assert "appear here" in page_text(app)


def test_a_picture_is_moved_uphill_and_back(runs_dir: Path):
    finished_run(runs_dir, **PICTURES)
    app = page_alone("critic.py")
    open_section(app, "inside")
    assert (
        button(app, "critic_uphill_undo").disabled and button(app, "critic_uphill_reset").disabled
    )
    for _ in range(2):
        sound(button(app, "critic_uphill").click().run())
    for _ in range(2):
        assert not button(app, "critic_uphill_undo").disabled
        sound(button(app, "critic_uphill_undo").click().run())
    assert button(app, "critic_uphill_undo").disabled  # as many as there were steps
    for _ in range(2):
        sound(button(app, "critic_uphill").click().run())
    sound(button(app, "critic_uphill_reset").click().run())
    assert button(app, "critic_uphill_undo").disabled
    # Another picture begins without steps.
    sound(button(app, "critic_uphill").click().run())
    sound(app.button_group(key="critic_way").set_value("real").run())
    assert button(app, "critic_uphill_undo").disabled


def test_the_critic_is_trained_on_and_stopped(runs_dir: Path):
    finished_run(runs_dir, objective="wgan-gp")
    app = page_alone("critic.py")
    app.select_slider(key="alone_updates_points").set_value(100).run()
    button(app, "train_critic").click().run()
    assert app.button_group(key="critic_section").value == "alone"
    end = time.monotonic() + 180
    while not has_button(app, "train_critic"):
        assert time.monotonic() < end
        time.sleep(0.1)
        app.run()
    assert "A copy of the critic of step 40" in page_text(sound(app)) and "%" in page_text(app)
    app.select_slider(key="alone_updates_points").set_value(10_000).run()
    button(app, "train_critic").click().run()
    button(app, "stop_critic").click().run()
    assert has_button(sound(app.run()), "train_critic")


def test_a_checkpoint_is_opened(runs_dir: Path):
    finished_run(runs_dir)
    app = page_alone("critic.py")
    sound(next(b for b in app.selectbox if b.label == "Weights").set_value(20).run())
    assert "Critic of step 20;" in page_text(app)


def test_a_run_without_weights_says_so(runs_dir: Path):
    run = finished_run(runs_dir)
    for file in run.folder.glob("*.safetensors"):
        file.unlink()
    app = page_alone("critic.py")
    assert len(app.info) == 1 and "checkpoint" in app.info[0].value.lower()
    assert not button(app, "train_critic").help.startswith("None")


def test_data_that_are_not_here_are_said_to_be_absent(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    finished_run(runs_dir, **PICTURES)
    monkeypatch.setattr(DATASETS["mnist-10k"], "present", lambda self, root=None: False)
    app = app_at().run()
    sound(app.switch_page("../critic.py").run())
    assert "not on this machine" in page_text(app)
    for section in ("slopes", "layers", "inside"):
        open_section(app, section)
    assert app.button_group(key="critic_way").options == ["Fake", "Draw", "Upload"]


def test_a_live_run_is_looked_at_and_its_run_may_wait(runs_dir: Path):
    name = session().start(tiny(steps=1_000_000))
    end = time.monotonic() + 180
    while session().snapshot(name).step < 5:
        assert time.monotonic() < end
        time.sleep(0.05)
    app = page_alone("critic.py")
    assert any(t.key == "alone_holds" for t in app.toggle)
    for section in SECTIONS["points"]:
        open_section(app, section)
    session().stop(name)


def test_a_failed_beginning_is_no_traceback(runs_dir: Path):
    job = TrainingJob(Run.create(tiny(), runs_dir), threads=1)
    job.prepare()
    job.finish(Status.FAILED, "It broke.")
    app = page_alone("critic.py")
    assert not app.exception
