"""The script that Streamlit runs for every page: the page's settings and the navigation."""

from pathlib import Path

import streamlit as st

from pages.ui.core import navigation, startup
from pages.ui.core.browser_tab import ICON, tab_title

st.set_page_config(page_title=tab_title(), page_icon=ICON, layout="wide")
page = st.navigation(
    {
        "": [navigation.page(name) for name in navigation.PAGES],
        # Use a menu, because these pages do not fit beside the others in 1280 pixels.
        "Labs": [navigation.page(name) for name in navigation.LABS],
    },
    position="top",
)
st.html(Path(__file__).parent / "core" / "app.css")
page.run()
startup.freeze_loaded_objects()
