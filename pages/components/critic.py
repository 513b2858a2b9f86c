"""What the Critic page is made of: the choice of a critic, and its sections."""

import time
from dataclasses import dataclass

import streamlit as st

from pages.components import critic_alone, critic_inside, critic_layers, critic_scores
from pages.components.app import badge, came_by_history, refresh_interval, session
from pages.components.critic_opened import Opened, absent, open_critic, whose
from pages.components.source import choose_source, models_of
from wgan.jobs import RunSnapshot
from wgan.latent import Models
from wgan.runs import RunError

SECTIONS = {
    "pictures": {
        "scores": ":material/leaderboard: Scores",
        "slopes": ":material/trending_up: Slopes",
        "layers": ":material/layers: Layers",
        "inside": ":material/image_search: One picture",
        "alone": ":material/vertical_align_top: To convergence",
    },
    "points": {
        "scores": ":material/landscape: Surface",
        "slopes": ":material/trending_up: Slopes",
        "layers": ":material/layers: Layers",
        "inside": ":material/grid_view: Units",
        "alone": ":material/vertical_align_top: To convergence",
    },
}


EVERY = 2.5  # seconds between two looks at a run that trains
LIVE = ("scores", "slopes", "layers")


@dataclass(frozen=True)
class Choice:
    """What the sidebar says: which weights, and how the critic is to be trained on."""

    run: str
    step: int | None  # None: the newest
    order: critic_alone.Order


def sidebar(view: RunSnapshot) -> Choice:
    """Draw the sidebar and return what it says."""
    with st.sidebar:
        step = choose_source(view, prefix="critic", every="2.5 seconds")
        st.divider()
        st.markdown("**Critic to convergence**", help=critic_alone.WHAT_HELP)
        return Choice(view.run, step, critic_alone.settings(view))


def header(view: RunSnapshot, choice: Choice) -> bool:
    """Show whose critic it is and what can be done with it; return whether it is being trained alone."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"#### Critic of {view.name or view.config.title}", width="content")
        badge(view)
        alone = critic_alone.button(view, choice.step, choice.order)
    if problem := st.session_state.get("critic_problem"):
        st.error(problem, icon=":material/error:")
    return alone


def sections(view: RunSnapshot) -> str:
    """Let the visitor choose a section; return which."""
    names = SECTIONS[view.config.dataset.kind]
    asked = st.query_params.get("section", "")
    if asked in names and (came_by_history() or "critic_section" not in st.session_state):
        st.session_state["critic_section"] = asked
    st.session_state.setdefault("critic_section", "scores")
    section = str(
        st.segmented_control(
            "Section",
            list(names),
            format_func=names.__getitem__,
            required=True,
            key="critic_section",
            persist_state="session",
            label_visibility="collapsed",
        )
    )
    if asked != section:
        st.query_params["section"] = section  # whoever gets the address sees the same
    return section


def refresh(view: RunSnapshot, choice: Choice, section: str, alone: bool) -> float | None:
    """Return after how many seconds a section is drawn anew; None: not by itself."""
    if section == "alone":
        return 1.0 if alone else None
    if choice.step is None and view.status == "running" and section in LIVE:
        return EVERY * refresh_interval()
    # What goes on ends some time: what is around the section says how it stands.
    return 3 * EVERY * refresh_interval() if alone or view.status.active else None


def show(view: RunSnapshot, choice: Choice, section: str, alone: bool) -> None:
    """Show a section. The body of the page's fragment; `alone`: whether the page offers to stop the critic."""
    try:
        now = session().view(choice.run)
    except RunError as error:
        st.error(str(error), icon=":material/error:")
        return
    if now.status != view.status or critic_alone.going(view.run) != alone:
        st.rerun()  # what surrounds the section says how the run stands, and how often to look
    refresh_interval()  # this visitor is still there
    if section == "alone":
        critic_alone.show(now)
        return
    live = section in LIVE and choice.step is None and now.status == "running"
    begun = time.monotonic()
    models = _kept(now.run, begun) if live else None
    models = models or models_of(now, choice.step)
    if models is None:
        return
    _section(open_critic(models, choice.run), section)
    if live:
        # Where a look takes long, it is taken less often: a twentieth of the time at most.
        pause = 20 * (time.monotonic() - begun)
        kept = st.session_state.get("critic_look")
        if kept is None or kept[1] is not models:
            st.session_state["critic_look"] = (now.run, models, begun + pause)


def _kept(run: str, at: float) -> Models | None:
    """Return the weights of the last look, where it is too early for another."""
    kept = st.session_state.get("critic_look")
    if kept is None or kept[0] != run or at > kept[2]:
        return None
    models: Models = kept[1]
    return models


def _section(opened: Opened, section: str) -> None:
    models = opened.models
    st.caption(whose(models, opened))
    if opened.sides is None and section in ("scores", "slopes"):
        absent(models.config.dataset)
        return
    pictures = models.config.dataset.kind == "pictures"
    if section == "scores":
        (critic_scores.ranking if pictures else critic_scores.surface)(opened)
    elif section == "slopes":
        critic_layers.slopes(opened)
    elif section == "layers":
        critic_layers.layers(opened)
    elif pictures:
        critic_inside.picture(opened.key, models, opened.sides)
    else:
        critic_inside.units(opened.key, models, opened.extent)
