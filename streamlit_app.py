"""WGAN Explorer: watch a Wasserstein GAN learn. Start it with `streamlit run streamlit_app.py`."""

import streamlit as st

from pages.components import entry  # before torch is loaded
from pages.components.app import ICON, tab_title

st.set_page_config(page_title=tab_title(), page_icon=ICON, layout="wide")
entry.enter()
page = st.navigation(
    {
        "": [
            st.Page(
                "pages/train.py", title="Train", icon=":material/model_training:", default=True
            ),
            st.Page("pages/tour.py", title="Tour", icon=":material/school:"),
            st.Page("pages/runs.py", title="Runs", icon=":material/inventory_2:"),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
            st.Page("pages/datasets.py", title="Data", icon=":material/photo_library:"),
            st.Page("pages/presets.py", title="Presets", icon=":material/menu_book:"),
            st.Page("pages/latent.py", title="Latent", icon=":material/route:"),
            st.Page("pages/critic.py", title="Critic", icon=":material/search_insights:"),
        ],
        # A menu of their own: side by side with the others they do not fit at 1280 pixels.
        "Labs": [
            st.Page("pages/wasserstein.py", title="Wasserstein lab", icon=":material/landscape:"),
            st.Page("pages/stability.py", title="Stability lab", icon=":material/balance:"),
        ],
    },
    position="top",
)
page.run()
entry.settle()
