"""The critic on show, and the examples that it scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.ui.core import navigation
from pages.ui.core.datasets import critic_examples
from pages.ui.core.plain_text import plain_text
from pages.ui.core.weights_picker import weights_key
from wgan import critic
from wgan.data import Dataset
from wgan.latent import Models

EXAMPLES = {"pictures": 96, "points": critic.COMPARED["points"]}
"""Number of real examples, held-out examples and fakes. Of pictures, as many as can be scored in 0.1 s; of points, as
many as the exact distance is computed from in all sections."""


@dataclass(frozen=True)
class CriticView:
    """A critic and its input; `examples` is None if the data set is not on this machine."""

    run: str
    key: str  # equal for equal weights
    models: Models
    examples: critic.RealFakeBatch | None
    extent: float  # half the side of the points' window; 0 for pictures

    def cached(self, name: str, compute: Callable[[], Any]) -> Any:
        """Return a cached value for these weights, or compute it."""
        return _cached(self.key, name, compute)


@st.cache_resource(show_spinner=False, max_entries=60)
def _cached(key: str, name: str, _compute: Callable[[], Any]) -> Any:
    return _compute()


def open_critic(models: Models, run: str) -> CriticView:
    """Combine a critic with examples of its data set."""
    config = models.config
    key = weights_key(run, models)
    loaded = critic_examples(config.dataset, EXAMPLES[config.dataset.kind])
    if loaded is None:
        return CriticView(run, key, models, None, 3.0)
    examples, extent = loaded
    return CriticView(run, key, models, _sides(key, models, examples), extent)


@st.cache_resource(show_spinner=False, max_entries=3)  # each takes some megabytes
def _sides(key: str, _models: Models, _examples: critic.Examples) -> critic.RealFakeBatch:
    return critic.with_fakes(_models, _examples)


def weights_caption(models: Models, critic_view: CriticView) -> str:
    """Return a caption with the weights and the source of the examples."""
    text = f"Critic of step {models.step:,}; fakes of the averaged generator of the same step"
    if critic_view.examples is not None:
        text += ". Real examples and z are the same at every step"
    return f"{text}."


def absent(dataset: Dataset) -> None:
    """Show that there are no real examples on this machine, and what to do."""
    st.info(
        f"{plain_text(dataset.title)} is not on this machine, so there are no real examples for the critic. "
        "Its layers and the generator's samples are available.",
        icon=":material/download:",
    )
    st.page_link(
        navigation.page("datasets"),
        label="Download it on the Data page",
        icon=":material/photo_library:",
    )
