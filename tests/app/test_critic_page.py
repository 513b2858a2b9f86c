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
from tests.conftest import app_at, tiny, until
from wgan.data import DATASETS, DataError
from wgan.format import fmt_sig
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


@pytest.mark.parametrize("objective", ["wgan", "wgan-gp", "gan"])
def test_every_section_of_points(objective: str, runs_dir: Path, subtests: pytest.Subtests):
    finished_run(runs_dir, objective=objective)
    app = page_alone("critic.py")
    assert "Critic of step 40;" in page_text(app)
    for section in SECTIONS["points"]:
        with subtests.test(section):
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
    weights = next(b for b in app.selectbox if b.label == "Weights")
    assert "This result is of" not in page_text(app)
    sound(weights.set_value(20).run())
    assert "This result is of the critic of step 40. For step 20, press" in page_text(app)
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


# ---- one step in slow motion --------------------------------------------------------------------


def stage_title(app: AppTest) -> str:
    return next(m.value for m in app.markdown if m.value.startswith("##### "))[6:]


def titles(app: AppTest) -> list[str]:
    """The titles of all stages, by pressing Next."""
    found = [stage_title(app)]
    while not button(app, "slow_next").disabled:
        sound(button(app, "slow_next").click().run())
        found.append(stage_title(app))
    return found


@pytest.mark.parametrize(
    ("changes", "updates", "penalised"),
    [
        pytest.param({"objective": "wgan", "n_critic": 2}, 2, False, marks=pytest.mark.slow),
        ({"objective": "wgan-gp", "n_critic": 3}, 3, True),
        pytest.param({"objective": "r3gan", "n_critic": 1}, 1, True, marks=pytest.mark.slow),
        (PICTURES, 1, True),
        (PICTURES | {"network": "brownlee", "objective": "wgan", "split_updates": True}, 1, False),
    ],
)
def test_the_stages_of_a_step(changes, updates: int, penalised: bool, runs_dir: Path):
    finished_run(runs_dir, **changes)
    app = page_alone("critic.py")
    open_section(app, "step")
    found = titles(app)
    expected = ["The generator makes fakes", "A batch of real examples"]
    for i in range(updates):
        of = f": critic update {i + 1} of {updates}" if updates > 1 else ""
        loss = "Loss and penalty" if penalised else "Loss"
        expected += [f"The critic scores both{of}", f"{loss}{of}", f"The critic is updated{of}"]
    expected += ["What the critic tells the generator", "The generator is updated"]
    assert found == expected
    assert "made on a copy of the networks" in page_text(app)
    sound(app.button_group(key="slow_part").set_value("generator").run())
    assert titles(app) == expected[-2:]
    sound(app.button_group(key="slow_part").set_value("critic").run())
    assert titles(app) == expected[:-2]
    sound(button(app, "slow_back").click().run())
    assert stage_title(app) == expected[-4]


def test_the_numbers_of_the_stages_are_those_of_the_step(runs_dir: Path):
    run = finished_run(runs_dir, n_critic=1)
    app = page_alone("critic.py")
    open_section(app, "step")
    step = session().slow_step(run.id)
    (update,), generator = step.critic, step.generator
    assert generator is not None
    texts = []
    for _ in range(7):
        texts.append(page_text(app))
        if not button(app, "slow_next").disabled:
            sound(button(app, "slow_next").click().run())
    gap = float(update.real_scores.mean() - update.fake_scores.mean())
    gap_after = float(update.real_scores_after.mean() - update.fake_scores_after.mean())
    assert f"**{fmt_sig(gap)}**" in texts[2]
    assert f"**{fmt_sig(update.loss)}**" in texts[3]
    assert f"**{fmt_sig(update.penalty)}**" in texts[3]
    assert f"from {fmt_sig(gap)} to **{fmt_sig(gap_after)}**" in texts[4]
    assert f"**{fmt_sig(generator.loss)}**" in texts[5]
    assert f"to **{fmt_sig(float(generator.scores_after.mean()))}**" in texts[6]


def test_a_step_is_applied_to_a_paused_run_only(runs_dir: Path):
    run = session().start(tiny(steps=1_000_000, checkpoint_every=1_000_000))
    until(lambda: session().snapshot(run).step >= 2)
    app = page_alone("critic.py")
    open_section(app, "step")
    assert button(app, "slow_apply").disabled
    assert "Pause the run first" in button(app, "slow_apply").help
    session().pause(run)
    until(lambda: session().snapshot(run).status is Status.PAUSED)
    step = session().snapshot(run).step
    sound(app.run())  # shows the next step of the paused run without a press
    assert f"Step {step + 1:,}, made" in page_text(app)
    sound(app.button_group(key="slow_part").set_value("critic").run())
    assert "Only a step of both networks" in button(app, "slow_apply").help
    sound(app.button_group(key="slow_part").set_value("both").run())
    shown = session().slow_step(run).generator
    assert shown is not None and not button(app, "slow_apply").disabled
    sound(button(app, "slow_apply").click().run())
    assert session().snapshot(run).step == step + 1
    assert f"Step {step + 2:,}, made" in page_text(app)
    session().stop(run)


def test_a_step_that_cannot_be_made_is_a_sentence(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    finished_run(runs_dir, **PICTURES)
    app = page_alone("critic.py")

    def fail(*_: object, **__: object) -> None:
        raise DataError("The file of the pictures is damaged.")

    monkeypatch.setattr("wgan.session.session.Session.slow_step", fail)
    open_section(app, "step")
    assert "The file of the pictures is damaged." in page_text(app)
    assert not has_button(app, "slow_next")


def test_the_step_after_the_end_of_a_schedule_is_not_shown(runs_dir: Path):
    """There the learning rates are 0, so nothing would change."""
    finished_run(runs_dir, decay="linear")
    app = page_alone("critic.py")
    open_section(app, "step")
    text = page_text(app)
    assert "Step 21," in text and "the learning rates are 0, so earlier weights are used" in text
