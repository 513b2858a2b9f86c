"""Every page, through Streamlit's own AppTest: a new page in pages/ is tested unasked."""

import gc
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx
from streamlit.testing.v1 import AppTest

from pages.ui.compare.curves import quality_metrics
from pages.ui.compare.page import EXAMPLES
from pages.ui.compare.race import other_changes, race_configs
from pages.ui.core import session, startup
from pages.ui.core.run_picker import run_titles
from pages.ui.core.state import NextRun, Steering, Visitor
from tests.app.conftest import state_of, times_closed
from tests.conftest import app_at, tiny, train_to_the_end
from wgan import access, figures
from wgan.config import PRESETS, Group, TrainConfig, hyperparameters, unused_settings
from wgan.diagnosis import RULES, SCENARIOS
from wgan.jobs import TrainingJob
from wgan.objectives import OBJECTIVES, WganLp
from wgan.runs import Measured, Run, Status, list_runs, throw_away, trash
from wgan.session import SUMMARY_CACHE_S, Session
from wgan.training import this_machine

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.name for path in (ROOT / "pages").glob("*.py"))


@pytest.fixture
def app(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("WGAN_RUNS", str(runs_dir))
    yield app_at()
    st.cache_resource.clear()
    st.cache_data.clear()


def sound(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    assert not app.error, [error.value for error in app.error]
    return app


def control(widgets: Iterable[Any], path: str) -> Any:
    """A hyperparameter's control, however often something else changed its value."""
    return next(w for w in widgets if re.fullmatch(rf"w:{re.escape(path)}(:v\d+)?", w.key or ""))


def preset(app: AppTest) -> Any:
    return next(w for w in app.selectbox if re.fullmatch(r"preset(:v\d+)?", w.key or ""))


def button(app: AppTest, key: str) -> Any:
    return next(widget for widget in app.button if widget.key == key)


def set_up_fork(app: AppTest) -> Any:
    return next(widget for widget in app.button if widget.label == "Set up fork")


def has_button(app: AppTest, key: str) -> bool:
    """Whether there is a button that can be pressed."""
    return any(widget.key == key and not widget.disabled for widget in app.button)


def until_button(app: AppTest, key: str) -> None:
    end = time.monotonic() + 180
    while not has_button(app, key):
        assert time.monotonic() < end, [widget.key for widget in app.button]
        time.sleep(0.1)
        app.run()


def finished_run(runs_dir: Path, **changes: object) -> Run:
    return train_to_the_end(Run.create(tiny(**changes), runs_dir))


def test_what_is_loaded_leaves_the_garbage_collectors_sight(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(startup, "_modules_when_frozen", 0)
    gc.unfreeze()
    sound(app.run())
    assert gc.get_freeze_count() > 100_000 and gc.get_threshold() == startup.SERVING_THRESHOLDS
    out_of_sight = gc.get_freeze_count()
    later = [[n] for n in range(1000)]
    startup.freeze_loaded_objects()  # once is enough, until more is loaded
    assert gc.get_freeze_count() <= out_of_sight
    monkeypatch.setattr(startup, "_modules_when_frozen", len(sys.modules) - startup.MIN_NEW_MODULES)
    startup.freeze_loaded_objects()
    assert gc.get_freeze_count() > out_of_sight + len(later) // 2


def test_the_status_data_and_objective_are_below_the_choice_of_a_run(app: AppTest, runs_dir: Path):
    """The box of the sidebar is too narrow for them, whatever the name of the run is."""
    finished_run(runs_dir, seed=1)  # there is a choice if there are several runs
    run = finished_run(runs_dir)
    run.set_fact("name", "A name that is much longer than the box in which it is shown")
    app.query_params["run"] = run.id
    described = [caption.value for caption in sound(app.run()).sidebar.caption]
    title = run.config().title
    assert any("Finished" in text and title in text for text in described), described


def test_a_forecast_does_not_hold_the_first_page_back(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(startup, "_modules_when_frozen", 0)
    app.query_params["setup"] = '{"batch_size":13}'  # which no other test forecasts
    sound(app.run())

    def caption_text() -> str:
        return " ".join(caption.value for caption in app.caption)

    time.sleep(0.5)  # in which a worker that was asked would have begun
    config = next_config(app)
    assert config.batch_size == 13 and "measuring" in caption_text()
    assert session.session().forecast(config, measure=False) is None
    end = time.monotonic() + 180
    while "about" not in caption_text():
        assert time.monotonic() < end, caption_text()
        time.sleep(0.1)
        app.run()


def next_config(app: AppTest) -> TrainConfig:
    """The settings of the next run, all of which the sidebar shows."""
    return state_of(app, NextRun).config


def visit(app: AppTest, page: str) -> AppTest:
    return app.run() if page == "train.py" else app.switch_page(f"../{page}").run()


@pytest.mark.parametrize("ran", [False, True])
def test_every_page(app: AppTest, runs_dir: Path, ran: bool, subtests: pytest.Subtests):
    """On a first visit, and with a finished run."""
    if ran:
        finished_run(runs_dir)
    app.run()
    for page in PAGES:
        with subtests.test(page=page):
            sound(visit(app, page))
            assert len(app.markdown) > 0


def open_groups(app: AppTest) -> None:
    """Open the expanders of all groups of the sidebar."""
    for group in Group:
        app.session_state[f"advanced-{group.lower()}"] = True


def sidebar_controls(app: AppTest) -> dict[str, Any]:
    """The sidebar's controls by the path of their hyperparameter."""
    kinds = ("selectbox", "slider", "select_slider", "number_input", "toggle", "multiselect")
    widgets = [w for kind in kinds for w in app.sidebar.get(kind) if w.key]
    return {w.key.split(":")[1]: w for w in widgets if w.key.startswith("w:")}


@pytest.mark.parametrize("name", ["quick-mnist", "toy-ring", "brownlee"])
def test_the_sidebar_shows_the_hyperparameters_that_apply_by_group(app: AppTest, name: str):
    open_groups(app)
    app.run()
    sound(preset(app).set_value(name).run())
    config = PRESETS[name].config
    unused = unused_settings(config, this_machine())
    shown = sidebar_controls(app)
    known = {v.path: v for v in hyperparameters(config) if not v.hidden}
    assert shown.keys() == known.keys() - unused
    for path, control in shown.items():
        assert known[path].help in control.help, path
    for expander in app.sidebar.expander:
        paths = [w.key.split(":")[1] for w in expander if (w.key or "").startswith("w:")]
        assert paths and {known[path].group for path in paths} == {expander.label}


def test_a_setting_appears_with_what_it_depends_on(app: AppTest):
    open_groups(app)
    app.run()
    preset(app).set_value("quick-mnist-unlabelled").run()
    assert "warmup_updates" not in sidebar_controls(app)
    sidebar_controls(app)["warmup_steps"].set_value(3).run()
    assert "warmup_updates" in sidebar_controls(app)


def test_every_preset_can_be_chosen(app: AppTest, subtests: pytest.Subtests):
    app.run()
    for name in PRESETS:
        with subtests.test(preset=name):
            sound(preset(app).set_value(name).run())
            assert next_config(app) == PRESETS[name].config


def test_what_a_late_browser_says_of_a_control_that_was_overtaken_is_not_heard(app: AppTest):
    """A control gets a new key where something else moved it, and only there and then."""

    def keys() -> dict[str, str]:
        return {
            w.key.split(":")[1]: w.key
            for w in [
                *app.sidebar.selectbox,
                *app.sidebar.slider,
                *app.sidebar.select_slider,
                *app.sidebar.multiselect,
            ]
            if w.key.startswith("w:")
        }

    open_groups(app)
    app.run()
    first = keys()
    assert len(first) > 5 and set(first.values()) == {f"w:{path}" for path in first}
    control(app.slider, "n_critic").set_value(3).run()
    app.run()
    assert keys() == first  # moved by the visitor: the same control
    preset(app).set_value("toy-ring").run()
    after = keys()
    assert after["dataset"] != first["dataset"] and after["n_critic"] != first["n_critic"]
    assert after["objective"] == first["objective"]  # WGAN-GP before and after
    app.run()
    assert keys() == after
    assert next_config(app) == PRESETS["toy-ring"].config


def test_a_rerun_does_not_set_the_controls_anew(app: AppTest):
    # The browser would lose what the visitor is typing, and a move that it has not sent yet.
    sound(app.run())
    open_groups(app)
    app.run()
    control(app.slider, "n_critic").set_value(3).run()
    app.run()
    kinds = ("selectbox", "slider", "number_input", "checkbox", "multiselect", "text_input")
    controls = [
        w
        for kind in kinds
        for w in app.sidebar.get(kind)
        if (w.key or "").startswith(("w:", "pre"))
    ]
    assert len(controls) > 30
    assert [w.key for w in controls if w.proto.set_value] == []


@pytest.mark.parametrize("page", ["compare", "datasets", "wasserstein"])
def test_a_rerun_of_a_page_does_not_set_its_controls_anew(app: AppTest, runs_dir: Path, page: str):
    runs = [finished_run(runs_dir).id for _ in range(2)]
    other = app_at(page)
    other.query_params["runs"] = ",".join(runs)
    sound(other.run())
    sound(other.run())
    keys = ("compare_runs", "d:", "earth-preset")
    controls = [
        w
        for kind in ("selectbox", "slider", "number_input", "multiselect")
        for w in other.get(kind)
        if (w.key or "").startswith(keys)
    ]
    assert controls and [w.key for w in controls if w.proto.set_value] == []


def test_the_choice_of_runs_to_compare_can_be_cleared(app: AppTest, runs_dir: Path):
    runs = [finished_run(runs_dir).id for _ in range(2)]
    page = app_at("compare")
    page.query_params["runs"] = ",".join(runs)
    sound(page.run())
    assert page.sidebar.multiselect[0].value == runs
    sound(page.sidebar.multiselect[0].set_value([]).run())
    assert page.sidebar.multiselect[0].value == []
    sound(page.run())
    assert page.sidebar.multiselect[0].value == [] and "".join(page.query_params["runs"]) == ""


def test_no_two_runs_have_the_same_title(app: AppTest, runs_dir: Path):
    for name in ("A #2", "A", "A"):
        finished_run(runs_dir).set_fact("name", name)
    sound(app.run())
    [box] = [b for b in app.selectbox if b.label == "Run on show"]
    assert len(set(box.options)) == 3


def test_a_late_browser_does_not_take_an_undo_back(app: AppTest):
    app.run()
    control(app.slider, "n_critic").set_value(3).run()
    late = app._tree.get_widget_states()
    for pressed in [w for w in late.widgets if w.HasField("trigger_value")]:
        late.widgets.remove(pressed)  # a browser tells of those that are pressed only
    button(app, "undo").click().run()
    assert control(app.slider, "n_critic").value == 1
    app._run(late)
    assert control(app.slider, "n_critic").value == 1 and next_config(app).n_critic == 1


def test_edit_undo_reset_and_own_presets(app: AppTest):
    app.run()
    control(app.slider, "n_critic").set_value(3).run()
    assert next_config(app).n_critic == 3
    assert preset(app).value is None
    button(app, "undo").click().run()
    assert next_config(app) == PRESETS["quick-mnist"].config
    control(app.selectbox, "objective").set_value("wgan").run()
    assert next_config(app).objective.name == "wgan"
    assert control(app.select_slider, "objective.clip_value")
    next(w for w in app.text_input if w.key == "preset_name").set_value("Mine")
    next(b for b in app.button if b.label == "Save preset").click().run()
    sound(app)
    assert preset(app).value == "Mine"
    assert times_closed(app, "save_settings") == 1
    control(app.slider, "n_critic").set_value(4).run()
    next(b for b in app.button if b.label == "Reset").click().run()
    assert next_config(app).n_critic == 1 and next_config(app).objective.name == "wgan"
    next(b for b in app.button if b.label == "Delete preset").click().run()
    assert preset(sound(app)).value is None
    assert times_closed(app, "save_settings") == 2


def test_curves_are_drawn_as_the_visitor_wants_them(
    app: AppTest, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    looks: list[figures.ChartLook] = []
    draw = figures.losses

    def losses(*args: Any, look: figures.ChartLook, **options: Any) -> Any:
        looks.append(look)
        return draw(*args, look=look, **options)

    monkeypatch.setattr(figures, "losses", losses)
    finished_run(runs_dir)
    app.run()
    assert looks == [figures.DEFAULT_LOOK]
    app.slider(key="curve_smoothing").set_value(20)
    app.toggle(key="curve_log").set_value(True).run()
    sound(app)
    assert looks[-1] == figures.ChartLook(smoothing=0.2, log=True)


def test_the_settings_of_a_live_run_are_saved_as_a_preset(app: AppTest):
    app.run()
    preset(app).set_value("toy-ring").run()
    button(app, "start").click().run()
    until_button(app, "pause")
    control(app.select_slider, "critic_learning_rate").set_value(5e-4).run()
    live = session.session().live()
    assert live is not None and live.config.critic_learning_rate == 5e-4
    of_run = next(w for w in app.selectbox if (w.key or "").startswith("preset_of_run"))
    assert of_run.disabled and next(b for b in app.button if b.label == "Reset").disabled
    next(w for w in app.text_input if w.key == "preset_name").set_value("Steered")
    next(b for b in app.button if b.label == "Save preset").click().run()
    sound(app)
    assert session.session().presets.all()["Steered"] == live.config
    app.button_group(key="settings_of").set_value("Next run").run()
    assert preset(app).value == "toy-ring"  # the next run keeps its settings
    session.session().stop(live.run)


def test_what_cannot_be_is_a_sentence_and_nothing_is_lost(app: AppTest):
    open_groups(app)
    app.run()
    control(app.selectbox, "network").set_value("mlp").run()
    assert "Choose the network dcgan" in app.error[0].value
    assert not app.exception
    assert next_config(app) == PRESETS["quick-mnist"].config


def test_choosing_points_takes_everything_along(app: AppTest):
    app.run()
    control(app.selectbox, "objective").set_value("wgan-lp").run()
    before = next_config(app)
    control(app.selectbox, "dataset").set_value("two-moons").run()
    sound(app)
    points = PRESETS["toy-ring"].config
    config = next_config(app)
    # The settings suit points, and the objective is still the visitor's own.
    assert config.network == points.network and config.batch_size == points.batch_size
    assert config.objective == WganLp(penalty_weight=0.1)
    notice = next(m.value for m in app.markdown if "changed to suit Two moons" in m.value)
    assert "0.1 (was 10)" in notice
    button(app, "keep_settings").click().run()
    sound(app)
    kept = next_config(app)
    assert kept.dataset.name == "two-moons" and kept.network.name == "mlp"
    assert kept.objective == before.objective and kept.batch_size == before.batch_size
    assert not [m for m in app.markdown if "changed to suit" in m.value]
    button(app, "undo").click().run()
    assert next_config(app) == before


def test_a_card_explains_the_objective_and_the_menu_has_one_line_each(app: AppTest):
    app.run()
    menu = control(app.selectbox, "objective")
    lines = [line for line in menu.help.split("\n\n") if line.startswith("**")]
    assert len(lines) == len(OBJECTIVES) and max(map(len, lines)) < 160
    button(app, "about-objective").click().run()
    sound(app)
    page_text = " ".join(m.value for m in app.markdown)
    assert OBJECTIVES["wgan-gp"].explanation in page_text and "$$" in page_text


def test_a_data_set_of_the_same_kind_keeps_all_settings(app: AppTest):
    app.run()
    control(app.slider, "n_critic").set_value(3).run()
    control(app.selectbox, "dataset").set_value("mnist").run()
    sound(app)
    expected = PRESETS["quick-mnist"].config.changed({"n_critic": 3, "dataset": "mnist"})
    assert next_config(app) == expected
    assert not [m for m in app.markdown if "changed to suit" in m.value]


def test_a_notice_about_changed_settings_ends_when_the_run_starts(app: AppTest):
    app.run()
    control(app.selectbox, "dataset").set_value("two-moons").run()
    assert [m for m in app.markdown if "changed to suit Two moons" in m.value]
    button(app, "start").click().run()
    until_button(app, "pause")
    sound(app)
    assert not [m for m in app.markdown if "changed to suit" in m.value]
    assert [m for m in app.markdown if "[Details](#what-is-happening)" in m.value]


def test_what_another_page_sets_up_is_shown_in_place_of_the_last_run(app: AppTest, runs_dir: Path):
    run = finished_run(runs_dir)
    app.run()
    assert has_button(app, "reuse")
    app.switch_page("../presets.py").run()
    button(app, "preset-quick-fashion").click().run()
    button(app, "use_preset").click().run()
    app.switch_page("../train.py").run()  # AppTest does not follow `st.switch_page`
    titles = [m.value for m in sound(app).markdown if m.value.startswith("## ")]
    assert titles == [f"## {PRESETS['quick-fashion'].title}"]
    assert not button(app, "start").disabled and not has_button(app, "reuse")
    # A change of the settings does not bring the last run back.
    change = control(app.number_input, "steps")
    change.set_value(30).run()
    assert not has_button(sound(app), "reuse")
    button(app, "leave_setup").click().run()
    assert has_button(sound(app), "reuse") and app.query_params["run"] == run.id
    assert next_config(app) == PRESETS["quick-fashion"].config.changed({"steps": 30})


def test_a_run_in_training_stays_on_show_while_another_is_set_up(app: AppTest):
    app.run()
    preset(app).set_value("toy-ring").run()
    button(app, "start").click().run()
    until_button(app, "pause")
    app.switch_page("../presets.py").run()
    button(app, "preset-quick-fashion").click().run()
    button(app, "use_preset").click().run()
    app.switch_page("../train.py").run()
    title = PRESETS["quick-fashion"].title
    assert [c for c in sound(app).caption if f"**{title}** is set up in the sidebar" in c.value]
    # Also after its end: nobody wants to lose sight of a result.
    button(app, "stop").click().run()
    until_button(app, "resume")
    assert not has_button(sound(app), "leave_setup")


def test_start_steer_stop_resume(app: AppTest):
    app.run()
    preset(app).set_value("toy-ring").run()
    button(app, "start").click().run()
    until_button(app, "pause")
    sound(app)
    run = app.query_params["run"]
    locked = control(app.select_slider, "batch_size")
    assert locked.disabled and "the order of the examples depends on it. To use" in locked.help
    assert any("Grey settings are fixed" in caption.value for caption in app.sidebar.caption)
    rate = control(app.select_slider, "critic_learning_rate")
    assert not rate.disabled
    rate.set_value(0.001).run()
    sound(app)
    assert control(app.select_slider, "critic_learning_rate").value == 0.001
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


def test_a_finished_run_is_resumed_to_a_later_step(app: AppTest, runs_dir: Path):
    run = finished_run(runs_dir, steps=10, decay="linear")
    app.query_params["run"] = run.id
    app.run()
    sound(app)
    assert not has_button(app, "resume")
    until = next(n for n in app.number_input if n.key == f"resume_until_{run.id}")
    assert until.value == 40  # four times as long
    until.set_value(40).run()
    assert any("begin at 75 % of their values" in caption.value for caption in app.caption)
    button(app, "train_on").click().run()
    until_button(app, "train_on")
    sound(app)
    assert run.checkpoints.steps()[-1] == 40
    assert [(c.step, c.path, c.after) for c in run.changes()] == [(10, "steps", 40)]


def test_an_example_cannot_be_resumed_and_says_why(app: AppTest, runs_dir: Path):
    run = finished_run(runs_dir, steps=10)
    run.set_fact("status", Status.SHIPPED)
    app.query_params["run"] = run.id
    app.run()
    sound(app)
    resume = button(app, "resume")
    assert resume.disabled and "Fork this one" in resume.help


def test_the_class_on_show_is_chosen_while_a_run_is_active_and_explained_afterwards(app: AppTest):
    app.run()
    preset(app).set_value("quick-mnist").run()
    button(app, "start").click().run()
    until_button(app, "pause")
    button(app, "pause").click().run()
    until_button(app, "step_once")
    (bar,) = [group for group in app.segmented_control if group.label == "Class shown"]
    bar.set_value(3).run()
    sound(app)
    button(app, "stop").click().run()
    until_button(app, "resume")
    assert not [group for group in app.segmented_control if group.label == "Class shown"]
    explanation = (
        "Class on show: 3. This run has ended. The Latent page shows samples of one class."
    )
    assert explanation in [caption.value for caption in app.caption]


def test_the_title_of_a_run_stays_when_another_begins_in_the_same_minute(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WGAN_RUNS", str(runs_dir))
    first = Run.create(tiny(), runs_dir)
    first.set_fact("name", "Ring")
    before = run_titles()
    second = Run.create(tiny(), runs_dir)
    second.set_fact("name", "Ring")
    time.sleep(SUMMARY_CACHE_S + 0.1)
    assert list(run_titles().items()) == [(second.id, "Ring #2"), *before.items()]


def test_a_second_start_offers_to_queue_or_stop(app: AppTest):
    app.run()
    preset(app).set_value("toy-ring").run()
    button(app, "start").click().run()
    until_button(app, "pause")
    app.button_group(key="settings_of").set_value("Next run").run()
    button(app, "start").click().run()
    assert has_button(app, "dialog_queue") and has_button(app, "dialog_stop")
    assert any("What should happen to the new run" in text.value for text in app.markdown)


def test_a_start_during_a_race_offers_to_stop_all_its_runs(app: AppTest):
    app.run()
    racers = session.session().race([tiny(steps=10**6, seed=seed) for seed in (0, 1)])
    button(app, "start").click().run()
    stop = button(sound(app), "dialog_stop")
    assert stop.label == "Stop the race and start it now"
    assert [m for m in app.markdown if "in a race of 2 runs" in m.value]
    stop.click().run()
    live = session.session().live()
    end = time.monotonic() + 180
    while live is None or live.run in racers:
        assert time.monotonic() < end
        time.sleep(0.05)
        live = session.session().live()
    for run in (*racers, live.run):
        session.session().stop(run)


def test_a_double_click_starts_one_run_and_asks_nothing(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pages.ui.core.run_actions.DOUBLE_CLICK_S", 3600.0)
    app.run()
    preset(app).set_value("toy-ring").run()
    button(app, "start").click().run()
    until_button(app, "pause")
    app.button_group(key="settings_of").set_value("Next run").run()
    button(app, "start").click().run()  # the label was Start when it was pressed
    assert not has_button(sound(app), "dialog_queue")
    assert len(list_runs(session.session().runs_dir)) == 1


def test_nobody_is_asked_about_a_run_that_has_ended_meanwhile(app: AppTest):
    """Else the next start, which succeeds, is followed by an offer to stop the run just begun."""
    app.run()
    first = session.session().start(tiny(steps=10**6))
    button(app, "start").click().run()
    assert has_button(app, "dialog_stop")
    session.session().stop(first)
    end = time.monotonic() + 180
    while session.session().live() is not None:
        assert time.monotonic() < end
        time.sleep(0.05)
    sound(app.run())
    assert not has_button(app, "dialog_stop")
    button(app, "start").click().run()
    assert not has_button(sound(app), "dialog_stop")
    live = session.session().live()
    assert live is not None and live.run != first
    session.session().stop(live.run)


def test_a_run_of_a_race_that_is_prepared_after_another_can_be_looked_at(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
):
    go_on, prepare, prepared = threading.Event(), TrainingJob.prepare, []

    def slowly(job: TrainingJob, *args: Any) -> None:
        prepared.append(job)
        assert go_on.wait(180)
        prepare(job, *args)

    monkeypatch.setattr(TrainingJob, "prepare", slowly)
    runs = session.session().race([tiny(steps=50), tiny(steps=50, objective="wgan")])
    end = time.monotonic() + 180
    while not prepared:
        assert time.monotonic() < end
        time.sleep(0.01)
    app.query_params["run"] = runs[1]
    sound(app.run())
    go_on.set()
    while session.session().live() is not None:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("method", ["start", "fork"])
def test_a_run_is_shown_even_if_a_newer_message_ends_the_callback_that_started_it(
    app: AppTest, runs_dir: Path, monkeypatch: pytest.MonkeyPatch, method: str
):
    """Streamlit ends a callback at its next access to the session state if the browser has sent something."""
    old = finished_run(runs_dir)
    sound(app.run())
    if method == "fork":
        set_up_fork(app).click().run()
    act = getattr(Session, method)

    def act_beside_a_message(self: Session, *args: Any, **named: Any) -> str:
        run = str(act(self, *args, **named))
        context = get_script_run_ctx()
        assert context is not None and context.script_requests is not None
        context.script_requests.request_rerun(RerunData(query_string=f"run={old.id}&at=10"))
        return run

    monkeypatch.setattr(Session, method, act_beside_a_message)
    button(app, "start").click()
    sound(app.run())
    live = session.session().live()
    assert live is not None and live.run != old.id
    assert app.query_params["run"] == live.run and "at" not in app.query_params
    assert state_of(app, NextRun).fork is None
    session.session().stop(live.run)


def test_a_race_says_what_it_changes_besides_the_objective():
    names = ["gan", "wgan", "wgan-gp"]
    points = other_changes(PRESETS["toy-ring"].config, names)
    assert points == ["WGAN gets Clip value c 0.1, Optimiser RMSprop."]
    assert other_changes(PRESETS["quick-mnist"].config, names) == []
    # From a GAN, the penalty is that of the presets for points.
    gan = PRESETS["toy-ring"].config.changed({"objective": "gan"})
    assert "WGAN-GP gets Penalty weight λ 0.1." in other_changes(gan, names)


def test_a_race_is_measured_even_if_the_settings_turn_it_off(app: AppTest):
    app.query_params["setup"] = '{"measure":false,"steps":40}'
    assert not next_config(sound(app.run())).measure
    page = sound(visit(app, "compare.py"))
    page.button(key="first_race").click()
    sound(page.run())
    assert any("“Measure while training” is on for these runs" in c.value for c in page.caption)
    configs = race_configs(next_config(app), ["gan", "wgan"])
    assert [config.measure for config in configs] == [True, True]


def test_a_new_tab_shows_a_race_that_waits_and_says_so(app: AppTest):
    first = session.session().start(tiny(steps=10**6))
    racing = [tiny(steps=50), tiny(steps=50, objective="wgan")]
    runs = session.session().race(racing, queue=True)
    assert session.session().race_on() == runs
    page = sound(app_at("compare").run())
    assert page.query_params["runs"] == ",".join(runs)
    assert any("Waiting for" in text.value for text in page.info)
    keys = {button.key for button in page.button}
    assert "stop_all" in keys and not {"pause_all", "resume_all"} & keys
    for run in (*runs, first):
        session.session().stop(run)
    assert session.session().race_on() == []


def test_a_fork_is_prepared_in_the_sidebar_and_started(app: AppTest, runs_dir: Path):
    parent = finished_run(runs_dir)
    app.run()
    before = next_config(app)
    next(b for b in app.selectbox if (b.key or "").startswith(f"fork_step_{parent.id}")).set_value(
        20
    ).run()
    known = app._tree.get_widget_states()
    for pressed in [w for w in known.widgets if w.HasField("trigger_value")]:
        known.widgets.remove(pressed)  # a browser tells of those that are pressed only
    set_up_fork(app).click().run()
    prepared = next_config(app)
    app._run(known)  # a late browser, which still shows the sidebar of before
    assert next_config(app) == prepared and prepared.dataset.name == "ring-8"
    sound(app)
    assert "Fork from step 20" in app.sidebar.info[0].value
    assert control(app.selectbox, "dataset").disabled
    control(app.selectbox, "objective").set_value("wgan").run()
    button(app, "start").click().run()
    child = app.query_params["run"]
    assert child != [parent.id]
    end = time.monotonic() + 180
    while True:
        run = Run.find(child[0] if isinstance(child, list) else child, runs_dir)
        if run.status() is Status.FINISHED:
            break
        assert time.monotonic() < end
        time.sleep(0.1)
    origin = run.parent()
    assert origin is not None and (origin.run, origin.step) == (parent.id, 20)
    assert run.config().objective.name == "wgan" and run.config().n_critic == 2
    # The sidebar is a new run's again.
    sound(app.run())
    assert next_config(app) == before == parent.config()


def test_a_second_fork_begins_with_the_newest_checkpoint(app: AppTest, runs_dir: Path):
    parent = finished_run(runs_dir)

    def choice() -> Any:
        return next(w for w in app.selectbox if f"fork_step_{parent.id}" in (w.key or ""))

    app.run()
    newest = choice().value
    assert newest == 40
    choice().set_value(20).run()
    set_up_fork(app).click().run()
    assert any("Fork from step 20" in text.value for text in app.info)
    assert choice().value == newest
    set_up_fork(app).click().run()
    assert any("Fork from step 40" in text.value for text in app.info)
    sound(app)


def test_a_double_click_prepares_one_fork_from_the_chosen_step(app: AppTest, runs_dir: Path):
    parent = finished_run(runs_dir)
    app.run()
    choice = next(w for w in app.selectbox if f"fork_step_{parent.id}" in (w.key or ""))
    choice.set_value(20).run()
    set_up_fork(app).click()
    click = app._tree.get_widget_states()
    for other in [w for w in click.widgets if w.HasField("trigger_value") and not w.trigger_value]:
        click.widgets.remove(other)  # a browser tells of those that are pressed only
    app._run(click)
    app._run(click)
    assert "Fork from step 20" in sound(app).sidebar.info[0].value


def test_no_fork_gives_the_settings_back(app: AppTest, runs_dir: Path):
    finished_run(runs_dir)
    app.run()
    before = next_config(app)
    set_up_fork(app).click().run()
    assert next_config(app).dataset.name == "ring-8"
    button(app, "no_fork").click().run()
    assert next_config(app) == before
    sound(app)


def page_alone(name: str) -> AppTest:
    return sound(app_at(name.removesuffix(".py")).run())


@pytest.fixture
def runs_page(app: AppTest, runs_dir: Path) -> Callable[[], AppTest]:
    return lambda: page_alone("runs.py")


def test_the_table_is_filtered_and_says_when_nothing_is_like_that(
    runs_page: Callable[[], AppTest], runs_dir: Path
):
    finished_run(runs_dir)
    finished_run(runs_dir, objective="wgan")
    app = runs_page()
    assert len(app.dataframe[0].value) == 2
    next(w for w in app.text_input if w.key == "filter").set_value("clipping").run()
    assert list(app.dataframe[0].value["Objective"]) == ["WGAN"]
    next(w for w in app.text_input if w.key == "filter").set_value("nothing").run()
    assert any("No runs match the filter" in c.value for c in sound(app).caption)


def test_metrics_are_numbers_in_the_table_so_that_they_can_be_sorted(
    runs_page: Callable[[], AppTest], runs_dir: Path
):
    for value in (0.01, 0.1, 0.0025):
        run = finished_run(runs_dir, measure=False)
        run.add_metrics([Measured(10, "emd_512", value), Measured(20, "emd_512", 2 * value)])
    table = runs_page().dataframe[0].value
    column = table["Best Exact W₁, 512 samples (units)"]
    assert sorted(column) == [0.0025, 0.01, 0.1]
    assert all(table[name].dtype.kind in "if" for name in ("Step", "Time", "Size"))


def test_a_viewer_sees_no_pencils_and_only_the_stars_that_were_given(
    runs_page: Callable[[], AppTest], runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    finished_run(runs_dir)
    finished_run(runs_dir, seed=1).set_fact("star", "1")
    table = runs_page().dataframe[0].value
    assert set(table["Rename"]) == {":material/edit:"} and set(table["Star"]) == {"☆", "★"}
    monkeypatch.setattr(session, "visitor", lambda: access.Visitor("v", access.Role.VIEWER))
    table = runs_page().dataframe[0].value
    assert table["Rename"].isna().all() and set(table["Star"].fillna("")) == {"", "★"}


def test_the_trash_gives_back_and_is_emptied(runs_page: Callable[[], AppTest], runs_dir: Path):
    run = finished_run(runs_dir)
    other = finished_run(runs_dir, seed=1)
    key = throw_away(run).key
    app = runs_page()
    button(app, f"restore-{key}").click().run()
    sound(app)
    assert {r.id for r in list_runs(runs_dir)} == {run.id, other.id}
    assert times_closed(app, "trash") == 1
    throw_away(run)
    time.sleep(SUMMARY_CACHE_S)  # what another process did is seen at the next look
    sound(app.run())
    next(b for b in app.checkbox if b.key == "sure").set_value(True).run()
    button(app, "empty_trash").click().run()
    assert trash(runs_dir) == [] and [r.id for r in list_runs(runs_dir)] == [other.id]
    assert times_closed(app, "trash") == 2


def test_a_hostile_upload_is_a_sentence(runs_page: Callable[[], AppTest], runs_dir: Path):
    run = finished_run(runs_dir)
    app = runs_page()
    app.file_uploader[0].set_value(("run.zip", b"no zip at all", "application/zip")).run()
    assert times_closed(app, "import") == 1
    end = time.monotonic() + 180
    while has_button(app, "cancel_import"):
        assert time.monotonic() < end
        time.sleep(0.1)
        app.run()
    assert "not a ZIP file" in app.error[0].value and not app.exception
    assert [r.id for r in list_runs(runs_dir)] == [run.id]


def test_compare_says_what_differs(app: AppTest, runs_dir: Path):
    a = finished_run(runs_dir, measure=True)
    b = finished_run(runs_dir, measure=True, objective="wgan", critic_learning_rate=0.002)
    app = app_at("compare")
    app.query_params["runs"] = f"{a.id},{b.id}"
    sound(app.run())
    table = app.dataframe[0].value
    rows = dict(zip(table.iloc[:, 0], table.iloc[:, 1:].values.tolist(), strict=True))
    assert rows["Objective"] == ["WGAN-GP", "WGAN"]
    assert rows["Critic learning rate"] == ["0.0001", "0.002"]
    assert "Batch size" not in rows and "Exact W₁, 512 samples, last" in rows


def test_compare_offers_two_examples_while_nothing_is_chosen(app: AppTest, runs_dir: Path):
    page = sound(app_at("compare").run())
    assert "compare_examples" not in {button.key for button in page.button}
    for name in EXAMPLES:
        shutil.copytree(ROOT / "checkpoints" / name, runs_dir / name)
    session.session().library.invalidate()
    page = sound(app_at("compare").run())
    page.button(key="compare_examples").click().run()
    [chosen] = sound(page).sidebar.multiselect
    assert chosen.value == list(EXAMPLES)
    assert "compare_examples" not in {button.key for button in page.button}


def test_compare_opens_on_the_quality_of_the_samples(app: AppTest, runs_dir: Path):
    a = finished_run(runs_dir, measure=True)
    b = finished_run(runs_dir, measure=True, objective="gan")
    app = app_at("compare")
    app.query_params["runs"] = f"{a.id},{b.id}"
    sound(app.run())
    assert any("the lowest Exact W₁, 512 samples: **" in text.value for text in app.markdown)
    curve = next(box for box in app.selectbox if box.key == "compare_curve")
    assert curve.value == "Sample quality" and "Critic gap" in curve.options
    keys = {str(element.proto.id) for element in app.get("bidi_component")}
    shown = ("compare-emd", "compare-modes", "compare-high_quality")
    assert all(any(name in key for key in keys) for name in shown), keys
    curve.set_value("Critic gap").run()
    sound(app)


@pytest.mark.usefixtures("app")
def test_compare_opens_on_the_fid_that_was_measured_during_training(runs_dir: Path):
    runs = [finished_run(runs_dir, measure=False) for _ in range(2)]
    for run in runs:
        run.add_metrics([Measured(step, "fid64_1k", 5.0) for step in (10, 20)])
        run.add_metrics([Measured(40, "fid64_10k", 5.0), Measured(40, "kid64_1k", 0.1)])
    snapshots = [session.session().snapshot(run.id) for run in runs]
    assert quality_metrics(snapshots) == ["fid64_1k"]


def test_a_failed_run_offers_a_bug_report(app: AppTest, runs_dir: Path):
    job = TrainingJob(Run.create(tiny(), runs_dir), threads=1)
    job.prepare()
    job.step()
    job.finish(Status.FAILED, "It broke.", "the trace")
    app.run().switch_page("../runs.py").run()
    assert not app.exception and "It broke." in app.error[0].value
    assert any("Bug report" in str(e.proto) for e in app.get("download_button"))


def test_titles_of_runs_tell_them_apart_and_do_not_change_with_their_state(
    app: AppTest, runs_dir: Path
):
    """A browser sends a title back as the choice: it must mean one run, also when it has ended."""
    first, second = finished_run(runs_dir), finished_run(runs_dir)
    app.run()
    sound(app)
    box = next(b for b in app.selectbox if b.label == "Run on show")
    assert len(box.options) == 2 and len(set(box.options)) == 2
    before = list(box.options)
    first.set_fact("status", Status.STOPPED)
    app.run()
    again = next(b for b in app.selectbox if b.label == "Run on show")
    assert list(again.options) == before
    assert app.query_params["run"] in ([first.id], [second.id], first.id, second.id)


def test_a_fault_is_told_with_its_evidence_and_a_fork_that_mends_it(app: AppTest, runs_dir: Path):
    objective = {"name": "wgan-gp", "penalty_weight": 1000.0}
    run = finished_run(runs_dir, objective=objective, measure=False)
    looks = {"penalty_pull": 30.0, "slope_hat": 1.0, "gradient_depth": 0.2, "generator_signal": 1.0}
    run.add_metrics([Measured(s, name, v) for s in (10, 20, 30) for name, v in looks.items()])
    sound(app.run())
    page_text = " ".join(text.value for text in app.markdown)
    assert "The penalty is too strong" in page_text and "gradient is 30 times as large" in page_text
    button(app, "mend-strong-penalty-0").click().run()
    sound(app)
    assert "Fork from step" in app.sidebar.info[0].value
    assert f"{run.id}@" in str(app.query_params["fork"])
    assert next_config(app).flat()["objective.penalty_weight"] == 100.0
    assert button(app, "start").label == "Start fork"


@pytest.mark.usefixtures("app")
def test_the_next_proposal_waits_for_a_measurement_after_the_applied_one(runs_dir: Path):
    """It takes the place of the one that was pressed, below the pointer."""
    run = finished_run(runs_dir, measure=False)
    run.add_metrics([Measured(30, "penalty_pull", 30.0)])

    def script(run: str) -> None:
        import streamlit as st

        from pages.ui.core.session import session
        from pages.ui.core.state import page_state
        from pages.ui.train import diagnosis
        from pages.ui.train.state import AppliedProposal, TrainState

        waits = []
        for step in (None, 29, 30, 35):
            if step is not None:
                page_state(TrainState).applied[run] = AppliedProposal("A change", {}, step)
            waits.append(diagnosis._was_applied_now(session().snapshot(run)))
        st.text(waits)

    shown = AppTest.from_function(script, kwargs={"run": run.id}, default_timeout=180).run()
    assert sound(shown).text[0].value == "[False, False, True, True]"


def test_of_a_run_that_was_hardly_measured_nothing_is_claimed(app: AppTest, runs_dir: Path):
    finished_run(runs_dir, measure=True)
    sound(app.run())
    page_text = " ".join(text.value for text in (*app.markdown, *app.caption))
    assert "so there is no diagnosis" in page_text and "No problems found" not in page_text


@pytest.mark.usefixtures("app")
def test_the_health_line_shows_the_findings_of_the_diagnosis_below(runs_dir: Path):
    """The diagnosis is drawn less often than the line, so newer findings may be known already."""
    run = finished_run(runs_dir, measure=True)

    def script(run: str) -> None:
        from pages.ui.core.state import page_state
        from pages.ui.train.diagnosis import health_line
        from pages.ui.train.state import TrainState
        from wgan.diagnosis import RULES, Finding, Reading

        finding = Finding("plateau", RULES["plateau"], Reading("It is level.", True))
        page_state(TrainState).findings_on_show = {run: [finding]}
        health_line(run)

    line = AppTest.from_function(script, kwargs={"run": run.id}, default_timeout=180).run()
    assert f"**{RULES['plateau'].title}**" in sound(line).markdown[0].value


def test_a_sound_run_is_called_so(app: AppTest, runs_dir: Path):
    run = finished_run(runs_dir, measure=False)
    looks = {"penalty_pull": 1.0, "slope_hat": 1.0, "gradient_depth": 0.2, "generator_signal": 1.0}
    run.add_metrics([Measured(s, name, v) for s in (10, 20, 30) for name, v in looks.items()])
    sound(app.run())
    assert any("No problems found" in text.value for text in app.markdown)


def test_numbers_that_cannot_be_compared_never_share_an_axis(app: AppTest, runs_dir: Path):
    runs = [
        finished_run(runs_dir, dataset={"name": "ring-8", "scale": scale}, measure=True).id
        for scale in (1, 1, 2)
    ]
    app.query_params["runs"] = ",".join(runs)
    app.query_params["curve"] = "emd_512"
    app.run()
    app.switch_page("../compare.py")
    app.query_params["runs"] = ",".join(runs)
    app.query_params["curve"] = "emd_512"
    sound(app.run())
    captions = [text.value for text in app.caption if "Not drawn" in text.value]
    assert len(captions) == 1 and "Exact W₁, 512 samples was measured on other data" in captions[0]
    table = app.dataframe[0].value
    row = table[table[""] == "Exact W₁, 512 samples, last"].iloc[0].tolist()
    assert row[-1] == "not comparable" and "not comparable" not in row[:-1]
    # The critic's own numbers are no metric: they are not offered, and neither are floors.
    offered = next(box for box in app.selectbox if box.key == "compare_curve").options
    assert "Exact W₁, 512 samples" in offered and not any("floor" in o for o in offered)


def test_many_who_watch_are_each_shown_less_often(app: AppTest):
    from pages.ui.core import refresh, session

    sound(app.run())
    run = session.session().start(tiny(steps=10**6))
    app.query_params["run"] = run

    def slowly() -> bool:
        sound(app.run())
        return any("shown every 3 seconds" in caption.value for caption in app.caption)

    last_seen = refresh.last_visits()
    assert not slowly() and len(last_seen) == 1
    now = time.monotonic()
    last_seen |= {f"visitor {i}": (now, 1.0) for i in range(25)}
    assert slowly()
    # Who is silent has left; what is drawn for a visitor less often is silent for longer.
    now = time.monotonic()
    last_seen |= {
        f"visitor {i}": (now - refresh.SILENCE_S - 3.0, 1.0 if i else 60.0) for i in range(25)
    }
    assert not slowly() and set(last_seen) - {"visitor 0"} == {state_of(app, Visitor).id}
    assert "visitor 0" in last_seen
    session.session().stop(run)


def test_a_remedy_that_needs_another_run_is_set_up(app: AppTest):
    app.run()
    app.switch_page("../presets.py").run()
    button(app, "preset-mode-collapse").click().run()
    button(app, "start_scenario").click().run()
    app.switch_page("../train.py").run()
    until_button(app, "pause")
    live = session.session().live()
    assert live is not None and live.config.objective.name == "gan"
    remedy = button(sound(app), "remedy")
    assert remedy.label == "Set up the remedy"
    remedy.click().run()
    assert next_config(sound(app)).objective.name == "wgan-gp"
    session.session().stop(live.run)


def test_a_scenario_starts_with_one_click_and_its_remedy_is_recorded(app: AppTest):
    app.run()
    app.switch_page("../presets.py").run()
    button(app, "preset-saturated-clipping").click().run()
    sound(app)
    assert "saturated" in " ".join(m.value for m in app.markdown).lower()
    button(app, "start_scenario").click().run()
    app.switch_page("../train.py").run()
    until_button(app, "pause")
    sound(app)
    assert [m for m in app.markdown if "**Saturated clipping, on purpose.**" in m.value]
    remedy = button(app, "remedy")
    assert remedy.label == "Try the remedy" and not remedy.disabled
    remedy.click().run()
    sound(app)
    assert button(app, "remedy").disabled and button(app, "remedy").label == "Remedy applied"
    run = session.session().library.run(app.query_params["run"])
    button(app, "stop").click().run()
    until_button(app, "resume")
    assert [(c.path, c.after) for c in run.changes() if c.path != "engine"] == [
        ("objective.clip_value", 0.1)
    ]


def test_a_scenario_that_waits_for_another_run_is_the_one_that_starts(app: AppTest):
    """The dialog must not start what the sidebar holds, nor the fork that is being prepared."""
    app.run()
    button(app, "start").click().run()
    until_button(app, "pause")
    app.switch_page("../presets.py").run()
    button(app, "preset-exploding-critic").click().run()
    button(app, "start_scenario").click().run()
    app.switch_page("../train.py").run()
    sound(app)
    text = " ".join(m.value for m in app.markdown)
    assert "What should happen to the new run, **Exploding critic**?" in text
    blocked = state_of(app, Steering).blocked_start
    assert blocked is not None and not blocked.is_fork
    assert blocked.config == SCENARIOS["exploding-critic"].config
    button(app, "dialog_queue").click().run()
    queued = session.session().queued()
    assert [snapshot.config for snapshot in queued] == [SCENARIOS["exploding-critic"].config]
