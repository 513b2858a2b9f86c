"""The Latent page through AppTest: the arithmetic of kept points."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.latent.state import Bookmark, BookmarksState
from tests.app.conftest import state_of
from tests.app.test_critic_page import PICTURES
from tests.app.test_pages import button, finished_run, has_button, page_alone, sound

pytestmark = pytest.mark.usefixtures("clean")


def terms(app: AppTest) -> list[str]:
    """Return the names among which a, b and c are chosen."""
    return list(next(box for box in app.selectbox if box.label == "minus b").options)


def test_samples_take_the_places_of_points_that_are_not_kept_yet(runs_dir: Path):
    run = finished_run(runs_dir, **PICTURES)
    app = page_alone("latent.py")
    sound(app.button_group(key="latent_section_pictures_False").set_value("sums").run())
    assert terms(app) == ["sample 1", "sample 2", "sample 3"]
    kept = state_of(app, BookmarksState).by_run.setdefault(run.id, [])
    kept.append(Bookmark(np.ones(8, np.float32), None, "plane"))
    assert terms(sound(app.run())) == ["A", "sample 1", "sample 2"]
    sound(button(app, "sums_random").click().run())
    assert terms(app) == ["A", "B", "C"] and not has_button(app, "sums_random")
