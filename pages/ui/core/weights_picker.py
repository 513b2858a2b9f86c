"""The choice of weights: the newest of a run, or those of a checkpoint."""

import streamlit as st

from pages.ui.core.plain_text import plain_text
from pages.ui.core.run_picker import choose_run
from pages.ui.core.session import session
from pages.ui.core.state import WeightsOnShow, page_state
from pages.ui.core.url import came_by_link
from wgan.jobs import RunSnapshot
from wgan.latent import Models
from wgan.runs import RunError

NEWEST = -1


def choose_source(snapshot: RunSnapshot, *, prefix: str, interval: str) -> int | None:
    """Let the visitor choose a run and its weights.

    Args:
        snapshot: The run on show.
        prefix: The first part of the widget's key.
        interval: A text about how often the newest weights are loaded.

    Returns:
        The step of a checkpoint; None for the newest weights.
    """
    choose_run(
        "Model",
        snapshot.run,
        "The run whose networks are shown. It can be a run that is still training.",
    )
    steps = list(reversed(snapshot.checkpoint_steps))
    newest = "Newest"
    if not snapshot.status.active and steps:
        newest = f"Last, step {steps.pop(0):,}"
    # A step of one run means nothing for another.
    key = f"{prefix}_step"
    runs = page_state(WeightsOnShow).runs
    if runs.setdefault(prefix, snapshot.run) != snapshot.run:
        runs[prefix] = snapshot.run
        st.session_state[key] = NEWEST
    # Use NEWEST in place of None, with which the box would be empty and have a button to clear it.
    from_address = st.query_params.get("weights", "")
    by_link = came_by_link("weights")
    is_step = from_address.isascii() and from_address.isdigit() and len(from_address) < 13
    if is_step and (by_link or key not in st.session_state):
        st.session_state[key] = int(from_address)
    st.session_state.setdefault(key, NEWEST)
    if st.session_state[key] not in (NEWEST, *steps):
        st.session_state[key] = NEWEST
    step: int = st.selectbox(
        "Weights",
        [NEWEST, *steps],
        key=key,
        persist_state="session",
        format_func=lambda s: newest if s == NEWEST else f"Step {s:,}",
        help="The weights of the last step, or of a checkpoint. While a run trains, its newest weights are "
        f"loaded every {interval}.",
    )
    # Whoever opens this address sees the same weights.
    if step == NEWEST:
        st.query_params.pop("weights", None)
    elif st.query_params.get("weights") != str(step):
        st.query_params["weights"] = str(step)
    return None if step == NEWEST else step


def models_of(snapshot: RunSnapshot, step: int | None) -> Models | None:
    """Return the networks with the chosen weights. If there are none, show a message and return None."""
    try:
        if step is None and snapshot.status.active and not snapshot.is_trained_by_other_process:
            return session().models(snapshot.run)
        at = step if step is not None else (snapshot.checkpoint_steps or (None,))[-1]
        return stored(snapshot.run, at, snapshot.config.model_dump_json())
    except (RunError, ValueError) as error:
        st.info(plain_text(str(error)), icon=":material/hourglass_empty:")
        return None


@st.cache_resource(show_spinner=False, max_entries=16)
def stored(run: str, step: int | None, config: str) -> Models:
    """Return the networks of a checkpoint; `config` is JSON. Raises RunError or ValueError."""
    return session().models(run, step)
