"""The Critic page: scores, slopes and layers of the critic, and training it to convergence."""

import time
from dataclasses import dataclass

import streamlit as st

from pages.ui.core import navigation
from pages.ui.core.navigation import CRITIC_SECTIONS
from pages.ui.core.plain_text import plain_text
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.run_on_show import shown_run
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.core.status import heading
from pages.ui.core.weights_picker import choose_source, keep_look, models_of, recent_models
from pages.ui.critic import convergence, layers, saliency, scores, slow_motion
from pages.ui.critic.inputs import CriticView, absent, open_critic, weights_caption
from pages.ui.critic.state import CriticState
from pages.ui.panels.networks import networks
from wgan.jobs import RunSnapshot
from wgan.runs import RunError

UPDATE_INTERVAL_S = 2.5  # seconds between two updates for a live run
VIEW = "critic"
LIVE_SECTIONS = ("scores", "slopes", "layers", "networks")


@dataclass(frozen=True)
class Choice:
    """The choices in the sidebar: the weights, and how to train the critic alone."""

    run: str
    step: int | None  # None for the newest weights
    order: convergence.Order


def show() -> None:
    """Draw the page."""
    run = shown_run(example=True)
    if run is None:
        st.markdown("### Inside the critic")
        st.markdown(
            "A critic gives every example a **score**: high for real examples, low for fakes. A generator learns "
            "only from the slope of this score. Train a model first; then this page shows its critic, even "
            "during training."
        )
        navigation.link_to_start()
        return
    snapshot = session().snapshot(run)
    choice = _sidebar(snapshot)
    trains_alone = _header(snapshot, choice)
    section = navigation.choose_section(
        "critic_section", CRITIC_SECTIONS[snapshot.config.dataset.kind]
    )
    with st.container():
        st.fragment(_fragment, run_every=_refresh(snapshot, choice, section, trains_alone))(
            snapshot, choice, section, trains_alone
        )


def _sidebar(snapshot: RunSnapshot) -> Choice:
    """Draw the sidebar and return its choices."""
    with st.sidebar:
        step = choose_source(snapshot, prefix="critic", interval="2.5 seconds")
        st.divider()
        st.markdown("**To convergence**", help=convergence.WHAT_HELP)
        return Choice(snapshot.run, step, convergence.settings(snapshot))


def _header(snapshot: RunSnapshot, choice: Choice) -> bool:
    """Show the critic's run and its buttons; return whether the critic is being trained alone."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        heading(snapshot, "Critic of ")
        alone = convergence.button(snapshot, choice.step, choice.order)
    if problem := page_state(CriticState).problem:
        st.error(plain_text(problem), icon=":material/error:")
    return alone


def _refresh(snapshot: RunSnapshot, choice: Choice, section: str, alone: bool) -> float | None:
    """Return the seconds between two reruns of a section; None if only the visitor causes them."""
    if section == "alone":
        return 1.0 if alone else None
    if section == "step" and slow_motion.is_playing():
        return slow_motion.PLAY_INTERVAL_S * refresh_interval()
    if choice.step is None and snapshot.status == "running" and section in LIVE_SECTIONS:
        return UPDATE_INTERVAL_S * refresh_interval()
    # If a run or a task ends, the header must be drawn again.
    return 3 * UPDATE_INTERVAL_S * refresh_interval() if alone or snapshot.status.active else None


def _fragment(snapshot: RunSnapshot, choice: Choice, section: str, alone: bool) -> None:
    """Show a section. The body of the page's fragment.

    `alone`: whether the page shows the button that stops training the critic alone.
    """
    try:
        latest_snapshot = session().snapshot(choice.run)
    except RunError as error:
        st.error(plain_text(str(error)), icon=":material/error:")
        return
    if latest_snapshot.status != snapshot.status or convergence.is_running(snapshot.run) != alone:
        st.rerun()  # the header shows the status, and the page sets the interval of this fragment
    refresh_interval()  # count this visitor as present
    if section == "alone":
        convergence.show(latest_snapshot, choice.step)
        return
    if section == "step":
        slow_motion.show(latest_snapshot, choice.step)
        return
    live = section in LIVE_SECTIONS and choice.step is None and latest_snapshot.status == "running"
    began = time.monotonic()
    models = recent_models(latest_snapshot.run, VIEW) if live else None
    models = models or models_of(latest_snapshot, choice.step)
    if models is None:
        return
    _section(open_critic(models, choice.run), section)
    if live:
        keep_look(latest_snapshot.run, models, VIEW, began)


def _section(critic_view: CriticView, section: str) -> None:
    models = critic_view.models
    st.caption(weights_caption(models, critic_view))
    if critic_view.examples is None and section in ("scores", "slopes"):
        absent(models.config.dataset)
        return
    pictures = models.config.dataset.kind == "pictures"
    if section == "scores":
        (scores.ranking if pictures else scores.surface)(critic_view)
    elif section == "slopes":
        layers.slopes(critic_view)
    elif section == "layers":
        layers.layers(critic_view)
    elif section == "networks":
        networks(models, critic_view.key)
    elif pictures:
        saliency.picture(critic_view.key, models, critic_view.examples)
    else:
        saliency.units(critic_view.key, models, critic_view.extent)
