"""Links of the Tour page to other pages and their sections."""

import streamlit as st

from pages.ui.core import navigation
from pages.ui.core.session import session
from wgan.export import EXAMPLES

PICTURES = "example-mnist-wgan-gp"


def page_link(page: str, label: str, section: str, icon: str | None = None) -> None:
    """Show a link to a section of a page."""
    query = dict(part.split("=") for part in section.split("&") if part)
    run_ids = {summary.run for summary in session().library.summaries()}
    if (
        page == "latent"
        and query.get("section") in navigation.LATENT_SECTIONS["pictures"]
        and "run" not in query
    ):
        # The run on show may be one of points, which has no such section.
        query |= {"run": PICTURES} if PICTURES in run_ids else {}
    run = query.get("run")
    is_missing = run not in run_ids if run else page in ("latent", "critic") and not run_ids
    model = f"“{EXAMPLES[run].title}”" if run else "a run of your own, or an example"
    st.page_link(
        navigation.page(page),
        label=label,
        icon=icon,
        query_params=query or None,
        disabled=is_missing,
        help=f"This needs a run that is not in your list: {model}." if is_missing else None,
    )
