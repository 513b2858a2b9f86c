"""The tour and the glossary: every link leads to a page and to a section that are there."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import streamlit as st

from pages.ui.core.navigation import CRITIC_SECTIONS, LATENT_SECTIONS
from pages.ui.labs.registry import STABILITY, WASSERSTEIN, by_key
from pages.ui.tour import glossary
from pages.ui.tour import page as tour_page
from tests.conftest import app_at
from wgan.export import EXAMPLES

ROOT = Path(__file__).parents[2]
LABS = {"wasserstein": by_key(WASSERSTEIN), "stability": by_key(STABILITY)}
SECTIONS = {
    "latent": set().union(*LATENT_SECTIONS.values()),
    "critic": set().union(*CRITIC_SECTIONS.values()),
}
LINKS = [(page, section) for step in tour_page.STEPS for page, _, section in step.links]
LINKS += [(term.page, term.section) for term in glossary.TERMS]


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    st.cache_resource.clear()


@pytest.mark.parametrize(("page", "section"), sorted(set(LINKS)))
def test_a_link_leads_somewhere(page: str, section: str):
    assert (ROOT / "pages" / f"{page}.py").is_file()
    for key, value in parse_qsl(section, strict_parsing=bool(section)):
        known = {
            "lab": LABS.get(page, {}),
            "section": SECTIONS.get(page, set()),
            "run": EXAMPLES,
        }
        assert value in known[key]


def test_six_steps_and_words_that_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path))
    app = app_at()
    app.run()
    app.switch_page("../tour.py").run()
    assert not app.exception
    assert len(app.checkbox) == 6
    # A folder of runs without the models that some steps look at is offered them.
    assert any("Steps 4, 5 and 6" in element.value for element in app.markdown)

    def disabled_links() -> list[str]:
        return [link.proto.label for link in app.get("page_link") if link.proto.disabled]

    assert {"A collapsed GAN", "To convergence", "Walk", "Find a picture"} <= {*disabled_links()}
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
    app.checkbox[2].check().run()
    assert app.query_params["seen"] in ("3", ["3"])


def test_where_no_example_is_at_hand_it_is_said_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("wgan.export.examples.SHIPPED", tmp_path)
    app = app_at()
    app.run()
    app.switch_page("../tour.py").run()
    assert any("python -m wgan examples --runs-dir" in element.value for element in app.markdown)
    assert not app.button
