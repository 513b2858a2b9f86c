"""Walk through latent space, map it, turn its dials, and find pictures in it: of any generator."""

import streamlit as st

from pages.components.entry import guard

guard()

from pages.components import (
    latent,
    latent_directions,
    latent_find,
    latent_plane,
    latent_sums,
    latent_through,
    walks,
)
from pages.components.app import session, shown_run

run = shown_run(example=True)
if run is None:
    st.markdown("### A walk through latent space")
    st.markdown(
        "A generator turns every point **z** of latent space into a picture; neighbouring points "
        "give similar pictures. Train a first model, and walk through it here, even while it "
        "learns."
    )
    st.page_link(
        "pages/train.py", label="Go to Train and press Start", icon=":material/play_arrow:"
    )
    st.stop()

view = session().view(run)
section = latent.section_of(view)
choice = latent.sidebar(view, section)
every = latent.refresh(view, choice, section)
if section == "walk":
    stroll = walks.settings(view)
elif section == "plane":
    plane = latent_plane.settings(view.run, view.config.latent_dim)
elif section == "directions":
    way = latent_directions.settings()
elif section == "find":
    every = latent_find.refresh(view.run) or every


def body(looked: latent.Looked) -> None:
    """Show the chosen section."""
    if section == "walk":
        walks.show(looked, stroll)
    elif section == "plane":
        latent_plane.show(looked, *plane)
    elif section == "directions":
        latent_directions.show(looked, way)
    elif section == "sums":
        latent_sums.sums(looked)
    elif section == "classes":
        latent_sums.classes(looked)
    elif section == "find":
        latent_find.show(looked, view, choice)
    elif section == "grid":
        latent_plane.grid(looked)
    else:
        latent_through.show(looked)


with st.container():
    st.fragment(latent.show, run_every=every)(view, choice, body)
