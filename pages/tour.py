"""A lecture in six steps, and a glossary."""

import streamlit as st

from pages.components.entry import guard

guard()

from pages.components import tour

st.markdown("#### Why the Wasserstein distance makes GANs trainable, in six steps")
tour.examples()
tour.steps()
st.markdown("#### Glossary")
tour.glossary()
