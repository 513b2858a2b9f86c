"""How curves are drawn on the pages: smoothing and the kind of the y axis."""

from dataclasses import dataclass

import streamlit as st

from pages.ui.core.state import page_state
from wgan.figures import DEFAULT_LOOK, ChartLook


@dataclass
class _Look:
    """The visitor's choice, which the fragments of the pages read."""

    look: ChartLook = DEFAULT_LOOK


def chart_look() -> ChartLook:
    """Return how the visitor wants curves to be drawn."""
    return page_state(_Look).look


def chart_look_controls() -> None:
    """Show the controls for curves in an expander."""
    with st.expander("Curves", icon=":material/show_chart:", key="curve_settings"):
        share = st.slider(
            "Smoothing (% of the curve)",
            0,
            50,
            round(100 * DEFAULT_LOOK.smoothing),
            key="curve_smoothing",
            persist_state="session",
            help="The thick line is an average over this share of the curve; the thin line shows the values as "
            "they were measured. 0: no smoothing.",
        )
        log = st.toggle(
            "Logarithmic y axis",
            key="curve_log",
            persist_state="session",
            help="For curves that fall over several powers of ten. Values of 0 or below are not drawn.",
        )
    page_state(_Look).look = ChartLook(share / 100, log)
