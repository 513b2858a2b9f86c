"""Everything there is to learn from: look at it, bring pictures of your own, draw a density."""

import streamlit as st

from pages.components.entry import guard

guard()

from pages.components import gallery, intake
from wgan.data import Drawing

dataset = gallery.sidebar()
adding = gallery.heading(dataset)
intake.chores()
if adding:
    intake.form()
    st.stop()
if isinstance(dataset, Drawing):
    gallery.draw(dataset)
if gallery.absent(dataset):
    st.stop()
gallery.show(dataset)
