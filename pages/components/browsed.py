"""The data set on show on the Datasets page, apart from the one that is trained next."""

from typing import Any

import streamlit as st

from pages.components import controls
from wgan.config import ConfigError, TrainConfig
from wgan.data import DATASETS, Dataset


def browsed() -> TrainConfig:
    """Return a config that holds the data set on show; nothing else of it is used."""
    asked = st.query_params.get("set", "")
    known: TrainConfig | None = st.session_state.get("browsed")
    if known is None:
        start = asked if asked in DATASETS else controls.draft().dataset
        known = TrainConfig().changed({"dataset": start})
        st.session_state.browsed = known
    return known


def browse(changes: dict[str, Any]) -> None:
    """Change the data set on show; what cannot be is kept as a sentence."""
    st.session_state.browse_problem = ""
    try:
        st.session_state.browsed = browsed().changed(changes)
    except ConfigError as error:
        st.session_state.browse_problem = str(error)


def look_at(dataset: Dataset) -> None:
    """Put a data set on show."""
    st.session_state.adding = False
    browse({"dataset": dataset})
