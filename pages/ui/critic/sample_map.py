"""Linked views of fakes and real pictures: the sheet, the map of their features, and the scores."""

import numpy as np
import streamlit as st

from pages.ui.core.datasets import critic_examples
from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import session
from pages.ui.critic.inputs import CriticView, absent
from pages.ui.widgets.sample_map.sample_map import MapSamples, sample_map
from wgan import critic
from wgan.arrays import F32, U8
from wgan.data import DataError
from wgan.format import fmt_percent

ROWS, COLUMNS = 10, 15

MAP_HELP = """Each dot is a picture: its place comes from {features}. The map is the plane in which the real pictures vary most (principal
components); it shows {share} of their variance, so pictures that are near on the map can still differ.

**Point at a fake**, in the sheet or on the map: its score is marked below, and its nearest training picture is shown.

**Press a place** of the map to see the real pictures there. If no fake is as near, the generator hardly makes such pictures.
**Show a gap** goes to such places."""

FEATURES = {
    True: "the 64 features with which the FID is measured",
    False: "64 features of a random network",
}


def show(critic_view: CriticView) -> None:
    """Show the linked views."""
    models = critic_view.models
    dataset = models.config.dataset
    loaded = critic_examples(dataset, ROWS * COLUMNS)
    if loaded is None:
        absent(dataset)
        return
    batch: critic.RealFakeBatch = critic_view.cached(
        "map-batch", lambda: critic.with_fakes(models, loaded[0])
    )
    try:
        positions: critic.SampleMap = critic_view.cached(
            "map", lambda: critic.sample_map(models, batch)
        )
    except DataError as error:
        st.error(plain_text(str(error)), icon=":material/error:")
        return
    fakes = critic.pictures_of(batch.fake)
    nearest, differences = critic_view.cached("map-nearest", lambda: _nearest(critic_view, fakes))
    sample_map(
        MapSamples(fakes, positions.fake, positions.fake_scores),
        MapSamples(critic.pictures_of(batch.real), positions.real, positions.real_scores),
        nearest,
        differences,
        key="critic_map",
        rows=ROWS,
        columns=COLUMNS,
        help=MAP_HELP.format(
            features=FEATURES[positions.classifies], share=fmt_percent(positions.explained)
        ),
    )


def _nearest(critic_view: CriticView, fakes: U8) -> tuple[U8 | None, F32 | None]:
    """Return the training picture nearest to each fake, and their differences; None if unknown."""
    result = session().datasets.nearest(critic_view.models.config.dataset, fakes, 1)
    if result is None:
        return None, None
    pictures, differences = result
    return pictures[:, 0], np.asarray(differences[:, 0], np.float32)
