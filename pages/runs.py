"""Every run kept: find, open, name, fork, export, throw away and take back."""

import streamlit as st

from pages.components.entry import guard

guard()

from pages.components import shelf
from pages.components.app import session, shown_run

shelf.importing()
cards = session().cards()
shelf.heading(cards)
shelf.offer_undo()
shelf.queue()
shelf.watch_runs()
if not cards:
    st.markdown("Whatever you train is kept here: with its pictures, its curves and its weights.")
    st.page_link(
        "pages/train.py", label="Go to Train and press Start", icon=":material/play_arrow:"
    )
    st.stop()
chosen, found = shelf.table(cards)
run = chosen[0] if len(chosen) == 1 else (None if chosen else shown_run(example=True))
if run not in found:
    run = None
if len(chosen) > 1:
    shelf.several(chosen)
elif run is not None:
    shelf.opened(run)
