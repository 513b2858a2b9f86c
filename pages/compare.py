"""Two to six runs on common axes and side by side; and races from the same seed and data order."""

import streamlit as st

from pages.components.entry import guard

guard()

from pages.components import comparison
from pages.components.app import refresh_interval

choice = comparison.sidebar()
comparison.race_dialog_if_asked()
if len(choice.runs) < 2:
    comparison.invite(choice)
    st.stop()
stand = comparison.steer(choice.runs)
live = any(status.active for status in stand)
with st.container():
    st.fragment(comparison.panel, run_every=refresh_interval() if live else None)(choice, stand)
comparison.differing(choice.runs)
