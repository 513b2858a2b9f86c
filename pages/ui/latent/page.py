"""The Latent page: walk through latent space, map it, and find pictures in it."""

from collections.abc import Callable

import streamlit as st

from pages.ui.core import navigation
from pages.ui.core.run_on_show import shown_run
from pages.ui.core.session import session
from pages.ui.latent import (
    arithmetic,
    checkpoints,
    directions,
    frame,
    inversion,
    plane,
    walks,
)
from pages.ui.latent.frame import Choice, GeneratorView
from wgan.jobs import RunSnapshot


def show() -> None:
    """Draw the page."""
    run = shown_run(example=True)
    if run is None:
        st.markdown("### A walk through latent space")
        st.markdown(
            "A generator turns every point **z** of latent space into a picture, and similar "
            "z give similar pictures. Train a first model. Then you can walk through its "
            "latent space here, even while it trains."
        )
        navigation.link_to_start()
        return
    snapshot = session().snapshot(run)
    section = frame.choose_section(snapshot)
    choice = frame.sidebar(snapshot, section)
    interval = frame.refresh(snapshot, choice, section)
    if section == "find":
        interval = inversion.refresh(snapshot.run) or interval
    body = _body(snapshot, choice, section)
    with st.container():
        st.fragment(frame.show, run_every=interval)(snapshot, choice, body)


def _body(snapshot: RunSnapshot, choice: Choice, section: str) -> Callable[[GeneratorView], None]:
    """Draw the settings of a section; return the function that draws the section."""
    if section == "walk":
        walk = walks.settings(snapshot)
        return lambda generator_view: walks.show(generator_view, walk)
    if section == "plane":
        side, seed, through_kept = plane.settings(snapshot.run, snapshot.config.latent_dim)
        return lambda generator_view: plane.show(generator_view, side, seed, through_kept)
    if section == "directions":
        method = directions.settings()
        return lambda generator_view: directions.show(generator_view, method)
    if section == "find":
        return lambda generator_view: inversion.show(generator_view, snapshot, choice)
    return {
        "sums": arithmetic.sums,
        "classes": arithmetic.classes,
        "grid": plane.grid,
        "through": checkpoints.show,
    }[section]
