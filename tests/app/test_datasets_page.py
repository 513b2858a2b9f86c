"""The Data page: what it says about a data set."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from pages.ui.core.state import NextRun
from tests.app.conftest import state_of
from tests.conftest import app_at
from wgan.data import Ring8, SwissRoll
from wgan.objectives import WganGp


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


def test_a_data_set_is_explained_in_one_line_and_with_formulas_on_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path))
    app = app_at("datasets")
    app.query_params["set"] = "ring-8"
    app.run()
    assert not app.exception and not app.error
    assert Ring8.summary in [caption.value for caption in app.caption]
    assert Ring8.explanation in [text.value for text in app.markdown]


def test_a_number_keeps_its_digits_behind_the_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WGAN_RUNS", str(tmp_path))
    app = app_at("datasets")
    app.query_params["set"] = "swiss-roll"
    app.run()
    for _ in range(2):
        app.run()
        radius = next(w for w in app.number_input if w.key == "d:dataset.scale")
        assert radius.value == SwissRoll().scale == 1.885
    next(b for b in app.button if b.key == "train_on_this").click().run()
    config = state_of(app, NextRun).config
    assert config is not None and config.dataset == SwissRoll()
    # The settings before were for pictures.
    assert config.network.name == "mlp" and config.objective == WganGp(penalty_weight=0.1)
