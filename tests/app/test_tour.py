"""The tour and the glossary: every link leads to a page and to a section that are there."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from benchmarks.tour_pictures import COLOURS, FOLDER, PICTURES
from pages.ui.core.navigation import CRITIC_SECTIONS, LATENT_SECTIONS
from pages.ui.core.state import FIRST_PRESET, NextRun
from pages.ui.labs.registry import STABILITY, WASSERSTEIN, by_key
from pages.ui.tour import glossary
from pages.ui.tour.state import TourState
from pages.ui.tour.steps import STEPS
from pages.ui.widgets.looping_picture.looping_picture import COLUMNS, FRAMES, HEIGHT, WIDTH
from tests.app.conftest import state_of
from tests.conftest import app_at
from wgan.config import PRESETS
from wgan.export import EXAMPLES
from wgan.runs import Run
from wgan.theme import DARK, LIGHT, rgb

ROOT = Path(__file__).parents[2]
LABS = {"wasserstein": by_key(WASSERSTEIN), "stability": by_key(STABILITY)}
SECTIONS = {
    "latent": set().union(*LATENT_SECTIONS.values()),
    "critic": set().union(*CRITIC_SECTIONS.values()),
}
LINKS = [(place.page, place.section) for step in STEPS for place in step.places]
LINKS += [(term.page, term.section) for term in glossary.TERMS]


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    st.cache_resource.clear()


@pytest.mark.parametrize(("page", "section"), sorted(set(LINKS)))
def test_a_link_leads_somewhere(page: str, section: str):
    assert (ROOT / "pages" / f"{page}.py").is_file()
    query = dict(parse_qsl(section, strict_parsing=bool(section)))
    if step := query.pop("weights", None):
        assert int(step) in Run(ROOT / "checkpoints" / query["run"]).checkpoints.steps()
    for key, value in query.items():
        known = {
            "lab": LABS.get(page, {}),
            "section": SECTIONS.get(page, set()),
            "run": EXAMPLES,
        }
        assert value in known[key]


def test_the_first_step_sets_up_its_pictures_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path))
    app = app_at()
    app.run()
    points = PRESETS["toy-ring"].config
    state_of(app, NextRun).config = points
    app.switch_page("../tour.py").run()
    app.button(key="tour_open_1_0").click().run()
    assert not app.exception and state_of(app, NextRun).config == PRESETS[FIRST_PRESET].config
    assert state_of(app, NextRun).undo == [points]
    # Who comes back to the step keeps the settings.
    state_of(app, NextRun).config = points
    app.switch_page("../train.py").run()
    app.switch_page("../tour.py").run()
    app.button(key="tour_open_1_0").click().run()
    assert not app.exception and state_of(app, NextRun).config == points


def tour_page(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The Tour page of a visitor who has no runs."""
    monkeypatch.setenv("WGAN_RUNS", str(runs_dir))
    app = app_at()
    app.run()
    return app.switch_page("../tour.py").run()


def test_the_bar_follows_a_visitor_who_opens_another_place_of_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    app = tour_page(tmp_path, monkeypatch)
    app.button(key="tour_open_3_0").click().run()
    app.query_params["lab"] = "earth"
    app.switch_page("../wasserstein.py").run()
    assert [m for m in app.markdown if STEPS[2].places[0].do in m.value]
    app.button_group(key="lab").set_value("dual").run()
    assert not app.exception and app.query_params["tour"] == "3.2"
    assert [m for m in app.markdown if STEPS[2].places[1].do in m.value]
    # A lab that is in no step changes nothing.
    app.button_group(key="lab").set_value("learned").run()
    assert [m for m in app.markdown if STEPS[2].places[1].do in m.value]


def test_the_lab_of_mode_collapse_opens_with_the_updates_of_which_the_step_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    app = tour_page(tmp_path, monkeypatch)
    app.button(key="tour_open_4_1").click().run()
    app.query_params["lab"] = "collapse"
    app.switch_page("../stability.py").run()
    assert not app.exception and app.button_group(key="collapse_judged").value == 1


def test_six_steps_and_words_that_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path))
    app = app_at()
    app.run()
    app.switch_page("../tour.py").run()
    assert not app.exception
    assert sum("##### " in element.value for element in app.markdown) == 6
    # A folder of runs without the models that some steps look at is offered them.
    assert any("Steps 4, 5 and 6" in element.value for element in app.markdown)

    def disabled_links() -> list[str]:
        return [button.label for button in app.button if button.disabled]

    assert {"A collapsed GAN", "To convergence", "Walk", "Invert a picture"} <= {*disabled_links()}
    app.button(key="tour_examples").click().run()
    assert not app.exception and not app.error and disabled_links() == []
    assert all((tmp_path / name).is_dir() for name in EXAMPLES)
    assert not any("Steps 4, 5 and 6" in element.value for element in app.markdown)

    def listed_terms() -> list[str]:
        texts = [element.value for element in app.markdown]
        return [term.word for term in glossary.TERMS if f"**{term.word}**: {term.meaning}" in texts]

    assert listed_terms() == [term.word for term in glossary.TERMS]
    app.text_input(key="glossary").set_value("lipschitz").run()
    assert "1-Lipschitz" in listed_terms() and "FID" not in listed_terms()
    app.text_input(key="glossary").set_value("discriminator").run()
    assert "Critic" in listed_terms()
    app.text_input(key="glossary").set_value("no such word").run()
    assert listed_terms() == [] and any(
        "No entry matches" in element.value for element in app.caption
    )


PROMISES = {
    # What a visitor is sent to see: a text or a button of the page.
    "Train": "Start",
    "Why not JS": "Which distance still changes?",
    "Move the earth": "cheapest plan",
    "The dual, by hand": "slope",
    "A collapsed GAN": "**Mode collapse** since step",
    "Mode collapse": "Train all three",
    "To convergence": "Train the critic to convergence",
    "Clipping": "clip",
    "Walk": "its length ‖z‖ is usually close to √32 ≈ 5.7",
    "Plane": "weights of step 4,000",
    "Invert a picture": "weights of step 4,000",
}


@pytest.fixture
def with_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The Tour page of a folder that has all examples."""
    for name in EXAMPLES:
        shutil.copytree(ROOT / "checkpoints" / name, tmp_path / name)
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path))
    app = app_at()
    app.run()
    return app.switch_page("../tour.py").run()


def press(app: AppTest, key: str, page: str) -> None:
    """Press a button that leads to a page. AppTest does not notice `st.switch_page`: its next run is of the page before."""
    app.button(key=key).click().run()
    assert not app.exception
    app.switch_page(f"../{page}.py")


def bar(app: AppTest) -> str:
    """The text of the bar; empty if there is none."""
    return next((m.value for m in app.markdown if m.value.startswith("**Tour · ")), "")


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.button]
    return "\n".join(str(getattr(e, "label", "") or e.value) for e in elements)


@pytest.mark.parametrize(
    ("number", "index"),
    [(n, i) for n, step in enumerate(STEPS, 1) for i in range(len(step.places))],
)
def test_a_place_of_a_step_shows_what_it_promises(number: int, index: int, with_examples: AppTest):
    place = STEPS[number - 1].places[index]
    app = with_examples
    app.button(key=f"tour_open_{number}_{index}").click().run()
    assert not app.exception
    assert bar(app) == (f"**Tour · Step {number} of 6: {STEPS[number - 1].title}**  \n{place.do}")
    assert PROMISES[place.label] in texts(app)
    chosen = {
        "lab": lambda: app.session_state["lab"],
        "section": lambda: next(g.value for g in app.segmented_control if g.label == "Section"),
        "run": lambda: next(b.value for b in app.selectbox if b.label in ("Model", "Run on show")),
        "weights": lambda: str(app.session_state["critic_step"]),
    }
    for key, value in place.query.items():
        assert chosen[key]() == value


def test_next_leads_through_all_steps_and_back(with_examples: AppTest):
    app, pages = with_examples, [step.places[0].page for step in STEPS]
    press(app, "tour_start", pages[0])
    for number in range(1, 7):
        assert f"Step {number} of 6" in bar(app)
        assert app.button(key="tour_back").disabled == (number == 1)
        if number < 6:
            press(app, "tour_next", pages[number])
    assert state_of(app, TourState).seen_steps == {1, 2, 3, 4, 5, 6}
    press(app, "tour_back", pages[4])
    assert "Step 5 of 6" in bar(app)
    press(app, "tour_next", pages[5])
    assert app.button(key="tour_next").label == "Finish"
    press(app, "tour_next", "tour")
    assert bar(app) == ""
    assert "You have seen all six steps." in texts(app)
    assert app.button(key="tour_start").label == "Start the tour"
    app.button(key="tour_forget").click().run()
    assert state_of(app, TourState).seen_steps == set()


def test_the_bar_stays_on_other_pages_leads_back_and_is_switched_off(with_examples: AppTest):
    app = with_examples
    press(app, "tour_open_3_1", "datasets")
    app.run()
    assert "This step is on the page **Wasserstein lab**." in bar(app)
    press(app, "tour_return", "wasserstein")
    assert STEPS[2].places[1].do in bar(app)
    assert app.session_state["lab"] == "dual"
    press(app, "tour_other", "wasserstein")
    assert STEPS[2].places[0].do in bar(app)
    assert app.session_state["lab"] == "earth"
    app.button(key="tour_end").click().run()
    assert bar(app) == "" and "tour" not in app.query_params
    app.switch_page("../tour.py").run()
    assert app.button(key="tour_start").label == "Continue the tour at step 3"


def test_a_step_without_its_example_offers_to_add_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path))
    app = app_at("critic")
    app.query_params["tour"] = "5"
    app.run()
    assert "This step needs “Example: ring of 8”" in bar(app)
    app.button(key="tour_add").click().run()
    assert not app.exception
    assert STEPS[4].places[0].do in bar(app)


@pytest.mark.parametrize("position", ["0", "7", "3.9", "3.0", "x", "3.2.1", "³", ""])
def test_an_invalid_position_in_the_address_starts_no_tour(
    position: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path))
    app = app_at("datasets")
    app.query_params["tour"] = position
    app.run()
    assert not app.exception and bar(app) == ""


def test_old_links_with_seen_steps_still_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path))
    app = app_at("tour")
    app.query_params["seen"] = "1.2.x.9"
    app.run()
    assert not app.exception and "seen" not in app.query_params
    assert state_of(app, TourState).seen_steps == {1, 2}
    assert "2 of 6 steps seen" in texts(app)


def test_the_pictures_are_small_and_complete():
    sizes = []
    for number in range(1, len(PICTURES) + 1):
        path = FOLDER / f"step-{number}.webp"
        sizes.append(path.stat().st_size)
        with Image.open(path) as picture:
            assert picture.size == (WIDTH * COLUMNS, HEIGHT * FRAMES // COLUMNS)
            assert picture.mode == "RGBA"  # the ground is transparent
            frames = [
                picture.crop((x, y, x + WIDTH, y + HEIGHT)).tobytes()
                for y in range(0, picture.height, HEIGHT)
                for x in range(0, picture.width, WIDTH)
            ]
            assert len(frames) == FRAMES and len(set(frames)) > FRAMES / 2  # it moves
    assert len(sizes) == len(STEPS) and max(sizes) < 200_000 and sum(sizes) < 1_000_000


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    shares = [value / 255 for value in rgb(colour)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ground", [LIGHT["background"], DARK["background"]])
def test_the_colours_of_the_pictures_are_visible_on_both_grounds(ground: str):
    for colour in COLOURS.values():
        low, high = sorted([luminance(colour), luminance(ground)])
        assert (high + 0.05) / (low + 0.05) >= 3


def test_where_no_example_is_at_hand_it_is_said_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("wgan.export.examples.SHIPPED", tmp_path)
    app = app_at()
    app.run()
    app.switch_page("../tour.py").run()
    assert any("python -m wgan examples --runs-dir" in element.value for element in app.markdown)
    assert "tour_examples" not in [button.key for button in app.button]


def test_the_bar_offers_no_example_that_is_not_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("wgan.export.examples.SHIPPED", tmp_path)
    app = app_at("critic")
    app.query_params["tour"] = "5"
    app.run()
    assert "The Tour page says how to get it." in bar(app)
    assert "tour_add" not in [button.key for button in app.button]
