"""The Wasserstein lab through AppTest: every lab, what is trained, and what the browser may send."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.core.session import session
from pages.ui.labs.clouds import MovedPoints, plane_lab
from pages.ui.labs.divergences import FIRST_THETA, NAMES, slide_lab
from pages.ui.labs.learned_dual import learned_lab
from pages.ui.labs.opposed import opposed_lab
from pages.ui.widgets.cloud_editor import cloud_editor
from pages.ui.widgets.plan_editor import plan_editor
from pages.ui.widgets.potential_editor import potential_editor
from tests.app.test_pages import button, has_button, sound
from tests.conftest import app_at, tiny
from wgan.labs import divergences, dual
from wgan.labs.divergences import DISTANCES, SHAPES, OpposedNetworks
from wgan.labs.dual import MAX_HEIGHT, LearnedDual, optimal
from wgan.labs.transport import (
    MAX_MOVES,
    PILES,
    PLACES,
    POINTS,
    cloud_points,
    plans_between,
)
from wgan.verdicts.wasserstein import hardly_overlap

LABS = ("earth", "plane", "dual", "learned", "apart", "opposed")
HAVE_RESULTS = ("plane", "apart", "opposed")


pytestmark = pytest.mark.usefixtures("clean")


def opened(lab: str) -> AppTest:
    app = app_at()
    app.query_params["lab"] = lab
    app.run()
    app.switch_page("../wasserstein.py").run()
    sound(app.button_group(key="lab").set_value(lab).run())
    return app


def page_text(app: AppTest) -> str:
    return "\n".join(m.value for m in [*app.markdown, *app.caption, *app.info, *app.warning])


@pytest.mark.parametrize("lab", LABS)
def test_every_lab_asks_first_and_gives_nothing_away(lab: str):
    app = opened(lab)
    text = page_text(app)
    assert "?" in text and "**Why.**" not in text and "Source:" not in text
    assert app.button_group(key=f"prediction-{lab}").value is None
    if lab in HAVE_RESULTS:  # they show their result at once, but not before a prediction
        assert has_button(app, f"skip-{lab}")
        return
    sound(app.button_group(key=f"prediction-{lab}").set_value(0).run())
    assert "**Why.**" not in page_text(app)
    if lab in ("earth", "dual"):  # the visitor must do something, and no button says so
        assert "Your answer is noted." in page_text(app)


@pytest.mark.parametrize("lab", HAVE_RESULTS)
def test_a_result_that_is_there_at_once_waits_for_a_prediction_or_a_skip(lab: str):
    app = opened(lab)
    assert "appears when you choose an answer" in page_text(app)
    sound(app.button_group(key=f"prediction-{lab}").set_value(0).run())
    assert "appears when you choose an answer" not in page_text(app)
    sound(app.button_group(key=f"prediction-{lab}").set_value(None).run())
    assert "appears when you choose an answer" in page_text(app)
    sound(button(app, f"skip-{lab}").click().run())
    assert "appears when you choose an answer" not in page_text(app)
    assert not has_button(app, f"skip-{lab}")


def test_clouds_are_blurred():
    app = opened("plane")
    assert "% more" not in page_text(app) and "Converged" not in page_text(app)
    sound(app.button_group(key="prediction-plane").set_value(2).run())
    for name in ("balls", "ring", "cross"):
        sound(app.selectbox(key="plane-clouds").set_value(name).run())
    sound(app.button_group(key="plane-p").set_value(2).run())
    sound(app.select_slider(key="plane-epsilon").set_value(1.0).run())
    assert (
        "% more" in page_text(app)
        and "Converged" in page_text(app)
        and "**Why.**" in page_text(app)
    )
    sound(app.select_slider(key="plane-epsilon").set_value(0.003).run())
    assert "Not converged" in page_text(app)
    assert "As you predicted" in page_text(app)
    sound(app.button_group(key="prediction-plane").set_value(0).run())
    assert "You predicted" in page_text(app) and "It raises it" in page_text(app)


def test_shapes_are_slid_apart():
    app = opened("apart")
    sound(button(app, "skip-apart").click().run())
    assert "**0.693**" in page_text(app) and "**Why.**" in page_text(app)  # they do not overlap
    sound(app.slider(key="apart-theta").set_value(0.5).run())
    assert "**Why.**" not in page_text(app) and "Here the shapes overlap" in page_text(app)
    for shape in ("gaussians", "lines", "boxes"):
        for theta in (0.0, -3.5):
            sound(app.button_group(key="apart-shape").set_value(shape).run())
            sound(app.slider(key="apart-theta").set_value(theta).run())
    assert "slope **−1.000**" in page_text(app)
    # The answer is another for Gaussians, whose KL goes on growing.
    sound(app.button_group(key="prediction-apart").set_value(3).run())
    assert "**It is:** Only W₁" in page_text(app)
    sound(app.button_group(key="apart-shape").set_value("gaussians").run())
    assert "As you predicted:** W₁ and KL" in page_text(app)
    # What was set, and said, is still there when one comes back.
    sound(app.button_group(key="lab").set_value("earth").run())
    sound(app.button_group(key="lab").set_value("apart").run())
    assert app.slider(key="apart-theta").value == -3.5
    assert app.button_group(key="prediction-apart").value == 3


def test_piles_are_chosen_and_shared_by_the_labs():
    app = opened("earth")
    sound(app.selectbox(key="earth-preset-earth").set_value("slide").run())
    assert "**6.00** columns" in page_text(app)
    sound(app.button_group(key="lab").set_value("dual").run())
    assert app.selectbox(key="earth-preset-dual").value == "slide"


def until(app: AppTest, key: str) -> None:
    end = time.monotonic() + 180
    while not has_button(app, key):
        assert time.monotonic() < end, [widget.key for widget in app.button]
        time.sleep(0.1)
        app.run()


@pytest.mark.parametrize(
    ("lab", "phrase"), [("learned", "of W₁, with"), ("opposed", "the gradient at the fakes is")]
)
def test_networks_are_trained_beside_a_run_stopped_and_trained_to_the_end(
    lab: str, phrase: str, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    name = session().start(tiny(steps=1_000_000))
    app = opened(lab)
    work = {"learned": dual.learn, "opposed": divergences.oppose}[lab]
    with monkeypatch.context() as long:
        long.setattr(work, "__kwdefaults__", {**(work.__kwdefaults__ or {}), "updates": 10**6})
        button(app, f"{lab}_run").click().run()
        button(app, f"{lab}_stop").click().run()
        until(app, f"{lab}_run")
    assert "Stopped" in page_text(sound(app)) and "**Why.**" not in page_text(app)
    session().stop(name)
    sound(button(app, f"{lab}_run").click().run())
    until(app, f"{lab}_run")
    assert phrase in page_text(sound(app)) and "**Why.**" in page_text(app)
    # Another lab and back: what was trained is still there.
    sound(app.button_group(key="lab").set_value("earth").run())
    sound(app.button_group(key="lab").set_value(lab).run())
    assert phrase in page_text(app)
    if lab == "learned":  # it names its settings, and that others are chosen now
        assert "600 of 600 updates, c = 0.1, λ = 10, one-sided" in page_text(app)
        assert "other settings" not in page_text(app)
        sound(app.select_slider(key="learned-clip").set_value(0.3).run())
        sound(app.toggle(key="learned-sided").set_value(False).run())
        assert "other settings than those chosen now (c, one-sided)" in page_text(app)


def test_what_goes_wrong_is_a_sentence(monkeypatch: pytest.MonkeyPatch):
    def fails(_: int) -> None:
        raise ValueError("The networks' scores are no longer finite.")

    monkeypatch.setattr("wgan.labs.divergences.oppose", lambda *_, **__: map(fails, [0]))
    app = opened("opposed")
    button(app, "opposed_run").click().run()
    end = time.monotonic() + 180
    while not app.error:
        assert time.monotonic() < end
        time.sleep(0.1)
        app.run()
    assert not app.exception and "no longer finite" in app.error[0].value


def test_what_a_browser_may_send_of_piles():
    good = {
        "fake": [1] * PLACES,
        "real": [0] * (PLACES - 1) + [3],
        "moves": [[0, 1], [2.0, 3]],
        "mode": "move",
        "seen": True,
    }
    plan = plan_editor.parse_edit(good)
    assert plan is not None and plan.piles.real[-1] == 3
    assert plan.moves == ((0, 1), (2, 3)) and plan.mode == "move" and plan.seen
    assert not plan_editor.parse_edit(good | {"seen": "yes"}).seen
    for value in (
        good | {"fake": [0] * PLACES},
        good | {"fake": [1.5] * PLACES},
        good | {"fake": [float("nan")] * PLACES},
        good | {"fake": [float("inf")] * PLACES},
        good | {"fake": ["1"] * PLACES},
        good | {"real": [True] * PLACES},
        good | {"real": [1000] * PLACES},
        good | {"real": [1] * 3},
        {},
        "x",
        good | {"moves": [[0, PLACES]]},
        good | {"moves": [[-1, 0]]},
        good | {"moves": [[0]]},
        good | {"moves": [[0, 1, 2]]},
        good | {"moves": [None]},
        good | {"moves": [[0, 0]] * (MAX_MOVES + 1)},
        good | {"mode": "other"},
        good | {"mode": ["move"]},
    ):
        assert plan_editor.parse_edit(value) is None, value


def test_what_a_browser_may_send_of_a_function():
    assert potential_editor.parse_edit({"f": [0, 1.5] * (PLACES // 2)}).f.shape == (PLACES,)
    assert potential_editor.parse_edit({"f": [0] * PLACES, "shown": True}).shown
    for f in (
        [0.0] * 3,
        "x",
        None,
        [None] * PLACES,
        [True] * PLACES,
        [float("nan")] * PLACES,
        [float("inf")] * PLACES,
        [2 * MAX_HEIGHT] * PLACES,
        {"f": 1},
    ):
        assert potential_editor.parse_edit({"f": f}) is None, f
    assert potential_editor.parse_edit([0.0] * PLACES) is None


def test_what_a_browser_may_send_of_clouds():
    cloud = [[0.5, -1]] * POINTS
    clouds = cloud_editor.parse_edit({"fake": cloud, "real": cloud})
    assert clouds is not None and clouds.real.shape == (POINTS, 2)
    for bad in (
        None,
        "x",
        cloud[1:],
        [[0.5]] * POINTS,
        [[0.5, None]] * POINTS,
        [[True, 0]] * POINTS,
        [[float("nan"), 0]] * POINTS,
        [[float("inf"), 0]] * POINTS,
        [[99.0, 0]] * POINTS,
        ["ab"] * POINTS,
    ):
        assert cloud_editor.parse_edit({"fake": cloud, "real": bad}) is None, bad
        assert cloud_editor.parse_edit({"fake": bad, "real": cloud}) is None, bad
    assert cloud_editor.parse_edit([cloud, cloud]) is None


def test_moved_points_belong_to_the_clouds_from_which_they_were_moved():
    moved = MovedPoints()
    first = moved.points("pair", 2.5)
    assert np.array_equal(first.real, cloud_points("pair", 2.5)[1])
    edit = cloud_editor.PointClouds(first.fake + 1, first.real)
    moved.update(edit)
    assert moved.points("pair", 2.5) is edit
    moved.reset()
    assert np.array_equal(moved.points("pair", 2.5).fake, first.fake)
    moved.update(edit)
    assert np.array_equal(moved.points("ring", 2.5).fake, cloud_points("ring", 2.5)[0])
    assert np.array_equal(moved.points("pair", 2.5).fake, first.fake)


def test_the_answer_of_a_lab_is_what_was_measured():
    shaped = PILES["split"][1]
    learned = LearnedDual(
        shaped,
        3.0,
        10,
        np.array([0, 10]),
        np.array([[0.0, 1.5], [0.0, 2.9]]),
        np.ones(2),
        np.stack([optimal(shaped)] * 2),
        0.5,
    )
    assert learned_lab(learned).right == 1
    other = learned_lab(replace(learned, lower_bound=learned.lower_bound[::-1]))
    assert other.right == 0 and "Here it is not" in other.why
    unclipped = learned_lab(replace(learned, lower_bound=np.full((2, 2), 2.9), clip_saturation=0.0))
    assert unclipped.right == 2 and "No weight reached ±c" in unclipped.why
    assert learned_lab(replace(learned, lower_bound=np.full((2, 2), 2.0))).right == 2
    assert learned_lab(replace(learned, w1=0.0)).right == 2  # there is nothing to prove

    x = np.linspace(0, 1, 5)
    opposed = OpposedNetworks(6.0, 10, 10, x, x, x, 1e-3, 2.0, 1.0, 1.06)
    assert opposed_lab(opposed).right == 1
    overlapping = opposed_lab(replace(opposed, mu=1.0, minimax=0.6))
    assert overlapping.right == 2 and "still unsure" in overlapping.why
    assert opposed_lab(replace(opposed, minimax=0.6, slope=0.1)).right == 0


def test_the_question_about_shapes_fits_what_is_shown_first():
    first = SHAPES["boxes"][1](np.array([FIRST_THETA]))
    slopes = dict(zip(DISTANCES, first.slopes[:, 0].tolist(), strict=True))
    assert hardly_overlap(slopes["JS"], slopes["TV"])
    # It names the shapes, and each answer's abbreviation is spelled out.
    for shape, (title, _) in SHAPES.items():
        assert title.lower().rstrip("s") in slide_lab(shape, slopes).question.lower()
    assert all(f"**{name}**" in NAMES for name in DISTANCES)


def test_the_answer_about_shapes_and_clouds_follows_from_the_numbers():
    flat = {"W₁": 1.0, "JS": 0.0, "KL": float("nan"), "TV": 0.0}
    assert slide_lab("boxes", flat).right == 2
    assert slide_lab("gaussians", flat | {"KL": 12.0}).right == 3
    points = cloud_points("pair", 2.5)
    assert plane_lab(plans_between(*points, 1, 0.1)).right == 2
    # Of one place, every plan costs the same: "It stays the same" is right.
    still = np.zeros((POINTS, 2))
    assert plane_lab(plans_between(still, still + 1, 1, 0.1)).right == 1
