"""The script that Streamlit runs for every page: the page's settings, the navigation, and the tour's bar."""

from pathlib import Path

import streamlit as st

from pages.ui.core import navigation, startup
from pages.ui.core.browser_tab import ICON, tab_title
from pages.ui.core.url import arrive
from pages.ui.panels import sharing
from pages.ui.tour import bar

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
arrive(page.url_path)
bar.show(page)
page.run()
bar.remember(page)
sharing.footer()
startup.freeze_loaded_objects()
