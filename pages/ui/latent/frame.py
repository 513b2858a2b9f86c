"""The common part of the sections of the Latent page: the run, step, class and truncation."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.ui.core import navigation
from pages.ui.core.navigation import LATENT_SECTIONS
from pages.ui.core.plain_text import plain_text
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.session import session
from pages.ui.core.status import heading
from pages.ui.core.weights_picker import choose_source, models_of
from pages.ui.latent import bookmarks
from wgan.arrays import F32, U8
from wgan.jobs import RunSnapshot
from wgan.latent import Models, truncated
from wgan.runs import RunError

UNTRUNCATED = ("grid", "find")
"""Sections that show the whole latent space, without truncation."""

ALL_CLASSES = ("classes", "find")
"""Sections that choose classes themselves."""

LIVE_SECTIONS = ("walk", "plane", "directions", "grid")
UPDATE_INTERVAL_S = 2.0  # seconds between two updates for a live run

TRUNCATION_HELP = """Every z is multiplied by this factor. Below 1, z is closer to the middle of latent space: the
pictures are more typical and less varied. Above 1, they are rarer, and finally unlike anything
from training. Warped grid and Invert a picture do not use it."""


@dataclass(frozen=True)
class GeneratorView:
    """The generator on show, with the chosen class and truncation."""

    run: str
    snapshot: RunSnapshot
    models: Models
    label: int | None  # None if the generator takes no class
    share: float  # truncation: every z is multiplied by it

    @property
    def key(self) -> str:
        """A text that is equal for equal weights and settings."""
        return f"{self.run}-{self.models.step}-{self.label}-{self.share}"

    def make(self, z: F32) -> U8:
        """Return the pictures or points of z, (N, latent_dim), with these settings."""
        labels = None if self.label is None else [self.label] * len(z)
        return self.models.make(truncated(z, self.share), labels)


@dataclass(frozen=True)
class Choice:
    """The choices in the sidebar about the generator."""

    run: str
    step: int | None  # None for the newest weights
    label: int | None
    share: float
    class_name: str | None = None  # to be named above the section


def choose_section(snapshot: RunSnapshot) -> str:
    """Let the visitor choose a section of the page; return its name."""
    kind = snapshot.config.dataset.kind
    names = dict(LATENT_SECTIONS[kind])
    if not snapshot.config.conditional:
        names.pop("classes", None)
    return navigation.choose_section(f"latent_section_{kind}_{snapshot.config.conditional}", names)


def sidebar(snapshot: RunSnapshot, section: str) -> Choice:
    """Draw the common part of the sidebar, and return its choices.

    A control that the section does not use is disabled instead of hidden, so that its value is
    kept.
    """
    with st.sidebar:
        step = choose_source(snapshot, prefix="latent", interval="two seconds")
        label = class_name = None
        if snapshot.config.conditional:
            names = snapshot.config.dataset.class_names()
            label = st.selectbox(
                "Class",
                range(len(names)),
                format_func=names.__getitem__,
                key=f"latent_class-{snapshot.run}",
                persist_state="session",
                disabled=section in ALL_CLASSES,
                help="The class that the generator makes. Classes and Invert a picture choose the "
                "class themselves.",
            )
            class_name = None if section in (*ALL_CLASSES, "sums") else names[label]
        share = st.slider(
            "Truncation",
            0.0,
            1.5,
            1.0,
            0.05,
            key="latent_truncation",
            persist_state="session",
            disabled=section in UNTRUNCATED,
            help=TRUNCATION_HELP,
        )
    share = 1.0 if section in UNTRUNCATED else float(share)
    return Choice(snapshot.run, step, label, share, class_name)


def refresh(snapshot: RunSnapshot, choice: Choice, section: str) -> float | None:
    """Return the seconds between two reruns of a section; None if only the visitor causes them."""
    if choice.step is not None or not snapshot.status.active:
        return None
    if section in LIVE_SECTIONS and snapshot.status == "running":
        return UPDATE_INTERVAL_S * refresh_interval()
    return (
        3 * UPDATE_INTERVAL_S * refresh_interval()
    )  # the first weights may come, or the run may end


def _class_text(choice: Choice) -> str:
    if choice.class_name is None:
        return ""
    return f" · class {plain_text(choice.class_name)}, chosen in the sidebar"


def show(snapshot: RunSnapshot, choice: Choice, body: Callable[[GeneratorView], None]) -> None:
    """Show a section with the chosen weights. The body of the page's fragment."""
    try:
        latest_snapshot = session().snapshot(choice.run)
    except RunError as error:
        st.error(plain_text(str(error)), icon=":material/error:")
        return
    # The sidebar is outside this fragment. It shows the number of kept points, and the page sets
    # the interval of this fragment.
    redraw = bookmarks.take_redraw()
    if redraw or latest_snapshot.status.active != snapshot.status.active:
        st.rerun()
    bookmarks.show_message()
    refresh_interval()  # count this visitor as present
    models = models_of(latest_snapshot, choice.step)
    if models is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        heading(latest_snapshot)
        st.caption(f"weights of step {models.step:,}{_class_text(choice)}", width="content")
    body(GeneratorView(choice.run, latest_snapshot, models, choice.label, choice.share))
