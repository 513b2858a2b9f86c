"""The Stability lab through AppTest: each lab begins, is stopped, and keeps what it found."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ButtonGroup

from pages.ui.core.session import session
from pages.ui.labs import clipping as clipping_page
from pages.ui.labs import collapse as collapse_page
from pages.ui.labs import tasks, vanishing
from pages.ui.labs.frame import Lab
from tests.app.test_pages import button, has_button, page_alone, sound
from tests.conftest import tiny
from wgan.jobs import TaskProgress, TaskSteps
from wgan.labs import clipping, collapse, sensitivity
from wgan.labs.vanishing import VANISHING, Vanishing
from wgan.session.scheduler import TASKS_KEPT
from wgan.verdicts.stability import ClippedCritic, TrainedGan

LABS = ("vanishing", "collapse", "clipping", "sensitivity")


@pytest.fixture(autouse=True)
def clean(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WGAN_RUNS", str(runs_dir))
    monkeypatch.setattr(collapse, "COMPARED_SAMPLES", 16)
    monkeypatch.setattr(sensitivity, "SAMPLES", 32)
    monkeypatch.setattr(clipping, "MEASURE_EVERY_UPDATES", 2)
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


def lab(app: AppTest, key: str) -> AppTest:
    return sound(app.button_group(key="lab").set_value(key).run())


def page_text(app: AppTest) -> str:
    return "\n".join(m.value for m in [*app.markdown, *app.caption, *app.info])


def prediction(app: AppTest, key: str) -> ButtonGroup[Any]:
    return next(g for g in app.button_group if (g.key or "").startswith(f"prediction-{key}"))


def until(app: AppTest, true: Callable[[], object]) -> None:
    """Run the page until something is on it."""
    end = time.monotonic() + 180
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
        app.run()


def ended(app: AppTest, key: str) -> None:
    """Run the page until the lab's button offers to begin again."""
    # The button is disabled where a result is known already.
    until(app, lambda: any(widget.key == f"{key}_run" for widget in app.button))
    sound(app)


@pytest.mark.parametrize("key", LABS)
def test_each_lab_asks_first_and_gives_nothing_away(key: str):
    app = lab(page_alone("stability.py"), key)
    # The first lab needs no word in the address.
    assert app.query_params.get("lab", ["vanishing"]) in (key, [key])
    assert has_button(app, f"{key}_run") and button(app, f"{key}_run").help
    assert "press" in page_text(app).lower() or "trains" in page_text(app)
    assert "**Why.**" not in page_text(app) and "**Result.**" not in page_text(app)
    prediction(app, key).set_value(0).run()
    assert "As you predicted" not in page_text(sound(app))


def test_every_control_has_its_explanation():
    app = page_alone("stability.py")
    for key in LABS:
        lab(app, key)
        kinds = (app.select_slider, app.selectbox, app.number_input, app.button)
        for widget in (w for kind in kinds for w in kind):
            assert widget.help, (key, widget.label)


def test_vanishing_gradients_to_the_end_and_back_to_any_moment():
    app = page_alone("stability.py")
    app.button_group(key="prediction-vanishing").set_value(2)
    app.select_slider(key="vanishing_updates").set_value(200).run()
    button(app, "vanishing_run").click().run()
    assert has_button(app, "vanishing_stop") or has_button(app, "vanishing_run")
    ended(app, "vanishing")
    assert "You predicted:** Wasserstein" in page_text(app) and "It is:** Minimax" in page_text(app)
    assert "After 200 updates the mean D at fakes is" in page_text(app) and "**Why.**" in page_text(
        app
    )
    slider = next(s for s in app.select_slider if s.label == "After update")
    assert slider.value == 200
    sound(slider.set_value(1).run())
    app.button_group(key="vanishing_push").set_value("non-saturating").run()
    # The result of the other data is another; that of these is found again, as after a reload.
    app.button_group(key="vanishing_set").set_value("ring-8").run()
    assert "After 200 updates the mean D at fakes is" not in page_text(sound(app))
    app.button_group(key="vanishing_set").set_value("gaussians").run()
    assert "After 200 updates the mean D at fakes is" in page_text(sound(app))
    # A reload, or another visitor: the result is found again, but not before the question is answered.
    again = page_alone("stability.py")
    assert "After 200 updates the mean D at fakes is" not in page_text(again)
    button(again, "skip-vanishing").click().run()
    assert "After 200 updates the mean D at fakes is" in page_text(sound(again))
    # A result with other settings answers no prediction.
    again.select_slider(key="vanishing_updates").set_value(200).run()
    again.button_group(key="prediction-vanishing").set_value(0).run()
    assert "As you predicted" in page_text(again) or "You predicted" in page_text(again)
    again.select_slider(key="vanishing_updates").set_value(5_000).run()
    text = page_text(sound(again))
    assert "other settings than those chosen now (updates)" in text and "redicted" not in text


def test_collapse_is_stopped_and_keeps_what_it_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(collapse.STEPS, "ring-8", 100_000)
    app = lab(page_alone("stability.py"), "collapse")
    button(app, "collapse_run").click().run()
    end = time.monotonic() + 180
    while not any("of 8 modes" in c.value for c in app.caption):
        assert time.monotonic() < end
        time.sleep(0.1)
        app.run()
    assert "**Result.**" not in page_text(app)
    button(app, "collapse_stop").click().run()
    assert "Stopped at 0 %" in page_text(sound(app)) and "of 8 modes" in page_text(app)
    assert has_button(app, "collapse_run")
    # The numbers stand without a verdict.
    text = page_text(app)
    assert "Stopped too early to tell" in text and "% of its samples are of high quality" in text
    assert "**Why.**" not in text and "It is:" not in text


def test_all_networks_get_as_many_updates_unless_the_question_says_otherwise():
    app = lab(page_alone("stability.py"), "collapse")
    assert app.button_group(key="collapse_judged").value == 5
    assert "the same seed and the same number of updates" in page_text(app)
    sound(app.button_group(key="collapse_judged").set_value(1).run())
    assert "discriminator gets 1 update per step, both critics 5" in page_text(app)


def test_a_result_with_other_updates_does_not_answer_the_question_about_these(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(collapse.STEPS, "grid-25", 2)
    app = lab(page_alone("stability.py"), "collapse")
    app.button_group(key="collapse_set").set_value("grid-25").run()
    button(app, "collapse_run").click().run()
    ended(app, "collapse")
    app.button_group(key="prediction-collapse").set_value(0).run()
    assert "You predicted" in page_text(app) or "As you predicted" in page_text(app)
    app.button_group(key="collapse_judged").set_value(1).run()
    app.button_group(key="prediction-collapse1").set_value(0).run()
    text = page_text(sound(app))
    assert "other settings than those chosen now (discriminator updates)" in text
    assert "redicted" not in text and "**Result.**" in text


def test_collapse_on_digits_shows_which(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(collapse.STEPS, "mnist-10k", 2)
    app = lab(page_alone("stability.py"), "collapse")
    app.button_group(key="collapse_set").set_value("mnist-10k").run()
    button(app, "collapse_run").click().run()
    ended(app, "collapse")
    assert "of 10 digits" in page_text(app) and "**GAN**" in page_text(app)


def test_clipping_keeps_each_c(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        clipping.compare, "__kwdefaults__", {**clipping.compare.__kwdefaults__, "updates": (3, 3)}
    )
    app = lab(page_alone("stability.py"), "clipping")
    button(app, "clipping_run").click().run()
    ended(app, "clipping")
    assert "With c = 0.01 the gradient" in page_text(app) and "GroupSort" in page_text(app)
    # One c cannot show whether c matters, so nothing is judged yet.
    assert "Train a second c" in page_text(app) and "**Why.**" not in page_text(app)
    assert button(app, "clipping_run").disabled  # it is known already
    app.select_slider(key="clipping_c").set_value(1.0).run()
    assert "No complete result for c = 1 yet" in page_text(app)
    assert not button(app, "clipping_run").disabled
    button(app, "clipping_run").click().run()
    ended(app, "clipping")
    assert "Tried so far: c = 0.01:" in page_text(app) and "c = 1:" in page_text(app)


def test_the_grid_is_cancelled_and_keeps_its_cells():
    app = lab(page_alone("stability.py"), "sensitivity")
    app.select_slider(key="sensitivity_steps").set_value(100).run()
    button(app, "sensitivity_run").click().run()
    end = time.monotonic() + 180
    while "best **" not in page_text(app):
        assert time.monotonic() < end
        time.sleep(0.1)
        app.run()
    button(app, "sensitivity_stop").click().run()
    assert "Stopped at" in page_text(sound(app)) and "cells were not trained" in page_text(app)
    assert "of 9 cells" in page_text(app) and "Floor **" in page_text(app)
    # Of another pair it is said that the map is not of it; a new visitor finds the pair of the map.
    assert "The map shows" not in page_text(app)
    app.selectbox(key="sensitivity_columns").set_value("beta1").run()
    assert "The map shows **learning rate** and **critic updates per step**" in page_text(
        sound(app)
    )
    other = lab(page_alone("stability.py"), "sensitivity")
    assert other.selectbox(key="sensitivity_columns").value == "n_critic"
    assert "The map shows" not in page_text(other)


def test_one_hyperparameter_twice_is_refused_in_words():
    app = lab(page_alone("stability.py"), "sensitivity")
    prediction(app, "sensitivity").set_value(1).run()
    app.selectbox(key="sensitivity_columns").set_value("learning_rate").run()
    assert button(sound(app), "sensitivity_run").disabled
    assert "choose two different" in app.info[0].value
    assert not any((g.key or "").startswith("prediction") for g in app.button_group)
    app.selectbox(key="sensitivity_columns").set_value("beta1").run()
    assert not button(sound(app), "sensitivity_run").disabled and not app.info
    # Of another pair nothing was predicted yet; of the first one it is still known.
    assert prediction(app, "sensitivity").value is None
    app.selectbox(key="sensitivity_columns").set_value("n_critic").run()
    assert prediction(sound(app), "sensitivity").value == 1


def test_predictions_and_settings_outlive_other_labs():
    app = page_alone("stability.py")
    moved: dict[str, tuple[str, str, float]] = {
        "vanishing": ("select_slider", "vanishing_updates", 500),
        "collapse": ("number_input", "collapse_seed", 3),
        "clipping": ("select_slider", "clipping_c", 0.1),
        "sensitivity": ("button_group", "sensitivity_side", 4),
    }

    def setting(key: str) -> Any:
        kind, name, _ = moved[key]
        return getattr(app, kind)(key=name)

    for key in LABS:
        lab(app, key)
        setting(key).set_value(moved[key][2])
        prediction(app, key).set_value(1).run()
    for key in LABS:
        lab(app, key)
        assert setting(key).value == moved[key][2] and prediction(app, key).value == 1
        prediction(app, key).set_value(None).run()
    for key in LABS:
        assert prediction(lab(app, key), key).value is None


def test_a_new_visitor_lands_where_something_goes_on():
    def waits() -> TaskSteps:
        while True:
            time.sleep(0.005)
            yield TaskProgress("Waiting", 0.1)

    page_alone("stability.py")
    for title in ("Vanishing gradients, ring-8", "Mode collapse, mnist-10k", "Clipping, grid-25"):
        session().begin_task(title, "", waits)
    app = page_alone("stability.py")
    for key, name in (("vanishing", "ring-8"), ("collapse", "mnist-10k"), ("clipping", "grid-25")):
        assert lab(app, key).button_group(key=f"{key}_set").value == name
        button(app, f"{key}_stop").click().run()


def test_what_breaks_is_told_to_who_began_it_until_the_settings_are_others(
    monkeypatch: pytest.MonkeyPatch,
):
    def breaks(*_: object, **__: object) -> TaskSteps:
        yield TaskProgress("Begun", 0.1)
        raise MemoryError

    monkeypatch.setattr(vanishing, "vanish", breaks)
    app = page_alone("stability.py")
    button(app, "vanishing_run").click().run()
    until(app, lambda: app.error and has_button(app, "vanishing_run"))
    assert not app.exception and "ran out of memory" in app.error[0].value
    assert "**Train both networks** trains" in page_text(app)
    # A visitor who has done nothing hears nothing of it.
    assert not page_alone("stability.py").error
    app.select_slider(key="vanishing_updates").set_value(500).run()
    assert not sound(app).error


def test_work_that_ends_while_the_page_is_drawn_leaves_no_button_that_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    end = threading.Event()

    def ends(*_: object, **__: object) -> TaskSteps:
        while not end.is_set():
            time.sleep(0.005)
            yield TaskProgress("Waiting", 0.1)

    draw_settings = vanishing.settings

    def slowly() -> bool:
        """Draw the button, and end the work before the rest is drawn."""
        is_running = draw_settings()
        if is_running:
            end.set()
            until_done = time.monotonic() + 180
            while tasks.is_running(vanishing.title()):
                assert time.monotonic() < until_done
                time.sleep(0.01)
        return is_running

    monkeypatch.setattr(vanishing, "vanish", ends)
    monkeypatch.setattr(vanishing, "settings", slowly)
    app = page_alone("stability.py")
    button(app, "vanishing_run").click().run()
    assert end.is_set() and has_button(sound(app), "vanishing_run")


def test_a_lab_whose_work_the_session_has_forgotten_can_begin_again():
    """It ended while nobody looked, and so many others have ended since that it is not known any more."""
    app = page_alone("stability.py")
    app.select_slider(key="vanishing_updates").set_value(10_000).run()
    button(app, "vanishing_run").click().run()
    shared = tasks.shared_results()
    until(app, lambda: f"{VANISHING}, gaussians" in shared)
    session().cancel_task(session().tasks("")[0].key)
    for _ in range(TASKS_KEPT + 2):
        done = session().begin_task("Another", "", lambda: iter([TaskProgress("Begun", 0.5)]))
        end = time.monotonic() + 180
        while (now := session().task(done.key)) is not None and not now.done:
            assert time.monotonic() < end
            time.sleep(0.005)
    assert not any(task.title.startswith(VANISHING) for task in session().tasks(""))
    assert has_button(sound(app.run()), "vanishing_run")


def test_a_live_training_is_said_to_share_the_time():
    name = session().start(tiny(steps=1_000_000))
    end = time.monotonic() + 180
    while session().snapshot(name).step < 5:
        assert time.monotonic() < end
        time.sleep(0.05)
    app = page_alone("stability.py")
    for key in LABS:
        assert "both share the processor" in page_text(lab(app, key))
    session().stop(name)


def test_an_order_given_twice_is_begun_once():
    def waits() -> TaskSteps:
        while True:
            time.sleep(0.005)
            yield TaskProgress("Waiting", 0.1)

    page_alone("stability.py")
    tasks.start("A lab", waits, ())
    tasks.start("A lab", waits, ())
    assert [t.title for t in session().tasks("")].count("A lab") == 1
    session().cancel_task(session().tasks("")[0].key)


def vanishing_result(norms: dict[str, list[float]], total: int) -> Vanishing:
    none, empty = np.empty(0), np.empty(0, np.float32)
    updates = np.array([1, 100], np.int64)
    measured = {name: np.array(values) for name, values in norms.items()}
    return Vanishing(
        "gaussians", total, updates, measured, none, none, empty, empty, 1.0, empty, empty, {}
    )


def test_the_loss_that_vanishes_is_the_one_whose_gradient_did():
    norms = {"minimax": [1.0, 1e-4], "non-saturating": [1.0, 3.0], "wasserstein": [1.0, 0.9]}
    lab_now, undecided = vanishing.answered_lab(vanishing_result(norms, 100))
    assert lab_now.all_right == (0,) and not undecided
    # After a few updates none has vanished: nothing is judged.
    weaker = norms | {"minimax": [1.0, 0.2]}
    assert "No gradient has vanished" in vanishing.answered_lab(vanishing_result(weaker, 100))[1]
    assert "Stopped" in vanishing.answered_lab(vanishing_result(norms, 2_000))[1]
    both = norms | {"wasserstein": [1.0, 1e-4]}
    assert vanishing.answered_lab(vanishing_result(both, 100))[0].all_right == (0, 2)


def test_each_network_that_collapsed_first_is_a_right_answer():
    def gan(title: str, collapsed_at: int | None) -> TrainedGan:
        return TrainedGan(title, 5.0, 0.9, collapsed_at, collapsed_at is not None, None)

    def answered(*steps: int | None) -> Lab:
        names = ("GAN", "WGAN", "WGAN-GP")
        return collapse_page.answered_lab([gan(*each) for each in zip(names, steps, strict=True)])

    assert answered(100, 100, None).all_right == (0, 1)
    assert answered(200, 100, None).all_right == (1,)
    assert answered(None, None, None).all_right == (3,)
    # The reason is about the network that collapsed.
    assert "discriminator with few updates" in answered(100, None, None).why
    assert "discriminator with few updates" not in answered(None, 100, None).why


@pytest.mark.parametrize(
    ("tried", "phrase"),
    [
        ([(0.01, 0.05, 0.9)], "Train a second c"),
        (
            [(0.01, 0.05, 0.9), (1.0, 9.0, 0.0)],
            "c = 1 clips no weight",
        ),  # c = 1 clips nothing
        ([(0.01, 0.05, 0.9), (0.02, 0.1, 0.8)], "The same for each c so far"),
    ],
)
def test_clipping_is_judged_when_two_values_of_c_differ(
    tried: list[tuple[float, float, float]], phrase: str
):
    assert phrase in clipping_page.undecided([ClippedCritic(*one) for one in tried])
    tried = [*tried, (0.1, 2.9, 0.4)]
    assert not clipping_page.undecided([ClippedCritic(*one) for one in tried])
