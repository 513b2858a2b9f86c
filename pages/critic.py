"""The critic, opened up: what it says, how steep it is, what its layers hold, how good it can get."""

import streamlit as st

from pages.components.entry import guard

guard()

from pages.components import critic
from pages.components.app import session, shown_run

run = shown_run(example=True)
if run is None:
    st.markdown("### The critic, opened up")
    st.markdown(
        "A critic gives every picture a **score**: high for real ones, low for made ones. Its slope is "
        "all that a generator learns from. Train a first model, and look into its critic here, even "
        "while it learns."
    )
    st.page_link(
        "pages/train.py", label="Go to Train and press Start", icon=":material/play_arrow:"
    )
    st.stop()

view = session().view(run)
choice = critic.sidebar(view)
alone = critic.header(view, choice)
section = critic.sections(view)


def look() -> None:
    """Show the chosen section with the newest weights of the chosen source."""
    critic.show(view, choice, section, alone)


with st.container():
    st.fragment(look, run_every=critic.refresh(view, choice, section, alone))()
