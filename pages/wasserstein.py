"""The Wasserstein lab: move the earth, bend the dual, and see why not JS."""

import streamlit as st

from pages.components.entry import guard

guard()

from pages.components import apart, duality, earth
from pages.components.lab import choose
from pages.components.worked import EVERY

LABS = {
    lab.key: lab
    for lab in (
        earth.EARTH, earth.PLANE, duality.DUAL, duality.LEARNED, apart.SLIDE, apart.OPPOSED,
    )
}  # fmt: skip
SHOWN = {
    "earth": earth.show_earth,
    "plane": earth.show_plane,
    "dual": duality.show_dual,
    "learned": duality.show_learned,
    "apart": apart.show_slide,
    "opposed": apart.show_opposed,
}
TRAINS = {"learned": duality.refresh_learned, "opposed": apart.refresh_opposed}

lab = choose(LABS)
trains = lab.key in TRAINS and TRAINS[lab.key]()
with st.container():
    st.fragment(SHOWN[lab.key], run_every=EVERY if trains else None)()
