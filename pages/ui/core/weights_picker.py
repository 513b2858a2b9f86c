"""The choice of weights: the newest of a run, or those of a checkpoint."""

import time
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Look:
    """The weights of a live run that a view has shown last, and how long they remain on show."""

    run: str
    models: Models
    until: float  # `time.monotonic()`


@dataclass
class Looks:
    """The last look of each view at a live run."""

    by_view: dict[str, Look] = field(default_factory=dict)


def recent_models(run: str, view: str) -> Models | None:
    """Return the weights that a view has shown last, if it is too early for new ones."""
    look = page_state(Looks).by_view.get(view)
    is_recent = look is not None and look.run == run and time.monotonic() <= look.until
    return look.models if look is not None and is_recent else None


def keep_look(run: str, models: Models, view: str, began: float) -> None:
    """Keep weights on show for 20 times as long as it took to show them, since `began` (`time.monotonic()`).

    So views take at most a twentieth of the time: the slower a view is, the later it is repeated.
    """
    looks = page_state(Looks).by_view
    if view not in looks or looks[view].models is not models:
        now = time.monotonic()
        looks[view] = Look(run, models, now + 20 * (now - began))


def weights_key(run: str, models: Models) -> str:
    """Return a text that differs if the weights of a run differ, also after it was resumed with other settings."""
    return f"{run}-{models.step}-{hash(models.config.model_dump_json())}"


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
