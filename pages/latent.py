"""Walk through latent space: smoothly, on the model that is training now or on any checkpoint."""

import streamlit as st

from pages.components.entry import guard

guard()

from pages.components import walks
from pages.components.app import badge, session, shown_run
from pages.components.chart import chart
from wgan import figures

run = shown_run(example=True)
st.markdown("### A walk through latent space")
if run is None:
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
choice = walks.sidebar(view)


def walk() -> None:
    """Show the walk with the newest weights of the chosen source."""
    now = session().view(choice.run)
    if now.status.active != view.status.active:
        st.rerun()
    made = walks.make(choice)
    if made is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f"**{now.config.dataset.title} · {now.config.objective.title}**", width="content"
        )
        badge(now)
        st.caption(f"weights of step {made.step:,}", width="content")
    show, explain = st.columns([0.56, 0.44], gap="large")
    with show:
        walks.play(made, choice)
    with explain:
        if choice.picking:
            walks.pick(made, choice)
        else:
            walks.explain(made)
        st.markdown("**Length of z along the walk**", help=walks.LENGTH_HELP)
        chart(
            figures.lengths(made.path, made.other, walks.NAMES[choice.method]),
            key="lengths",
            run=f"{choice.run}-{choice.method}-{len(made.path)}",
            height=210,
            alt="Length of z along the walk, for both ways of going",
        )


refreshing = choice.step is None and view.status == "running"
with st.container():
    st.fragment(walk, run_every=2.0 if refreshing else None)()
