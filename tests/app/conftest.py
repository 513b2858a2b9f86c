import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.ui.core.state import DrawnControls, State, state_key
from wgan.session import close_shared_sessions


def state_of(app: AppTest, kind: type[State]) -> State:
    """What a page remembers of a visit, as `page_state` returns it to the page."""
    key = state_key(kind)
    if key not in app.session_state:
        app.session_state[key] = kind()
    state: State = app.session_state[key]
    return state


def times_closed(app: AppTest, popover: str) -> int:
    """How often a popover got a new key. With a new key, the browser draws it closed."""
    return state_of(app, DrawnControls).versions.get(popover, 0)


@pytest.fixture(autouse=True)
def no_search_for_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app adds its components itself. A search in all installed packages takes 0.1 s in each test."""
    with contextlib.suppress(ImportError, AttributeError):  # it is not part of Streamlit's API
        monkeypatch.setattr(
            "streamlit.components.v2.manifest_scanner.scan_component_manifests", lambda *_: []
        )


@pytest.fixture(autouse=True)
def no_double_clicks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clicks are never a double click, however fast a test is."""
    monkeypatch.setattr("pages.ui.core.run_actions.DOUBLE_CLICK_S", 0.0)


@pytest.fixture(autouse=True)
def no_session_is_left() -> Iterator[None]:
    """End the session that a page began: it belongs to the process, which goes on with other tests."""
    yield
    close_shared_sessions()


@pytest.fixture
def clean(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a test its own folder of runs, without values that other tests have cached."""
    monkeypatch.setenv("WGAN_RUNS", str(runs_dir))
    yield
    st.cache_resource.clear()
    st.cache_data.clear()
