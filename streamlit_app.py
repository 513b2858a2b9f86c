"""WGAN Explorer: watch a Wasserstein GAN learn. Start it with `streamlit run streamlit_app.py`."""

import streamlit as st

from pages.components.app import ICON, tab_title

st.set_page_config(page_title=tab_title(), page_icon=str(ICON), layout="wide")
page = st.navigation(
    [
        st.Page("pages/train.py", title="Train", icon=":material/model_training:", default=True),
        st.Page("pages/latent.py", title="Latent space", icon=":material/route:"),
    ],
    position="top",
)
page.run()
