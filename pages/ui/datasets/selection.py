"""The data set on show on the Data page, apart from the one that is trained next."""

from typing import Any

import streamlit as st

from pages.ui.core import draft, setup_url
from pages.ui.core.state import page_state
from pages.ui.datasets.state import DatasetsState
from wgan.config import ConfigError, TrainConfig
from wgan.data import DATASETS, Dataset


def browsed() -> TrainConfig:
    """Return a config that contains the data set on show. Nothing else in it is used."""
    from_address = st.query_params.get("set", "")
    state = page_state(DatasetsState)
    if state.config is None:
        start = from_address if from_address in DATASETS else draft.draft().dataset
        state.config = setup_url.with_address(TrainConfig().changed({"dataset": start}))
        draft.remember_dataset("dataset.", state.config.dataset)
    return state.config


def browse(changes: dict[str, Any]) -> None:
    """Change the data set on show. A refusal is stored as a sentence."""
    state = page_state(DatasetsState)
    state.problem = ""
    try:
        changes = {path: draft.as_edited_before(path, value) for path, value in changes.items()}
        state.config = browsed().changed(changes)
        for path in changes:
            draft.remember_dataset(path, browsed().dataset)
    except ConfigError as error:
        state.problem = str(error)


def keep_in_address() -> None:
    """Write the data set on show to the address, with its changes."""
    dataset = browsed().dataset
    base = TrainConfig().changed({"dataset": dataset.name})
    changes = setup_url.as_text(setup_url.changes_between(browsed(), base))
    address = {"set": dataset.name}
    if changes:
        address[setup_url.PARAMETER] = changes
    st.query_params.from_dict(address)


def look_at(dataset: Dataset) -> None:
    """Show a data set."""
    page_state(DatasetsState).is_adding = False
    browse({"dataset": dataset})
