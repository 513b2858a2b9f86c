"""WGAN Explorer: watch a Wasserstein GAN learn. Start it with `streamlit run streamlit_app.py`."""

import streamlit as st

from pages.ui import server

app = st.App(
    "pages/ui/main.py",
    routes=server.routes(),
    middleware=server.middleware(),
    lifespan=server.lifespan,
)
