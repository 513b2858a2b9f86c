"""The pages of the app: titles, icons, links, and the sections of some pages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages.ui.core.url import came_by_history, came_by_link

SCRIPTS = Path(__file__).parents[2]

PAGES = {
    "train": ("Train", ":material/model_training:"),
    "tour": ("Tour", ":material/school:"),
    "runs": ("Runs", ":material/inventory_2:"),
    "compare": ("Compare", ":material/compare_arrows:"),
    "datasets": ("Data", ":material/photo_library:"),
    "presets": ("Presets", ":material/menu_book:"),
    "latent": ("Latent", ":material/route:"),
    "critic": ("Critic", ":material/search_insights:"),
}

LABS = {
    "wasserstein": ("Wasserstein lab", ":material/landscape:"),
    "stability": ("Stability lab", ":material/balance:"),
}

LATENT_SECTIONS = {
    "pictures": {
        "walk": ":material/route: Walk",
        "plane": ":material/map: Plane",
        "directions": ":material/tune: Directions",
        "sums": ":material/calculate: Arithmetic",
        "classes": ":material/category: Classes",
        "find": ":material/image_search: Invert a picture",
        "through": ":material/timeline: Through training",
    },
    "points": {
        "walk": ":material/route: Walk",
        "grid": ":material/grid_on: Warped grid",
        "through": ":material/timeline: Through training",
    },
}

CRITIC_SECTIONS = {
    "pictures": {
        "scores": ":material/leaderboard: Scores",
        "slopes": ":material/trending_up: Slopes",
        "layers": ":material/layers: Layers",
        "inside": ":material/image_search: One picture",
        "networks": ":material/account_tree: Networks",
        "step": ":material/slow_motion_video: One step",
        "alone": ":material/vertical_align_top: To convergence",
    },
    "points": {
        "scores": ":material/landscape: Surface",
        "slopes": ":material/trending_up: Slopes",
        "layers": ":material/layers: Layers",
        "inside": ":material/grid_view: Units",
        "networks": ":material/account_tree: Networks",
        "step": ":material/slow_motion_video: One step",
        "alone": ":material/vertical_align_top: To convergence",
    },
}


def page(name: str) -> StreamlitPage:
    """Return a page for the navigation, `st.page_link` and `st.switch_page`."""
    title, icon = (PAGES | LABS)[name]
    return st.Page(SCRIPTS / f"{name}.py", title=title, icon=icon, default=name == "train")


def glossary_link(anchor: str, label: str) -> None:
    """Show a link to an entry of the glossary, by the name of the entry in addresses (`Term.anchor`)."""
    st.page_link(
        page("tour"), label=label, icon=":material/menu_book:", query_params={"term": anchor}
    )


def link_to_start() -> None:
    """Show a link to the Train page, for pages that need a run."""
    st.page_link(
        page("train"), label="Go to Train and press Start", icon=":material/arrow_forward:"
    )


def choose_section(key: str, names: Mapping[str, str]) -> str:
    """Let the visitor choose a section of a page, and return its name.

    The name is in the address, so that links can lead to a section. Back and Forward change it,
    too.

    Args:
        key: The key of the control. Other sections need another key.
        names: The label of each section. The first one is shown at the first visit.
    """
    # `bind="query-params"` was tried in a browser with Streamlit 1.67. It writes the label in place
    # of the name, drops existing names, and carries the section of one page into the address of
    # another.
    state: Any = st.session_state
    from_address = st.query_params.get("section", "")
    by_link = came_by_link("section")
    if from_address in names and (by_link or came_by_history() or key not in state):
        state[key] = from_address
    state.setdefault(key, next(iter(names)))
    section = str(
        st.segmented_control(
            "Section",
            list(names),
            format_func=names.__getitem__,
            required=True,
            key=key,
            persist_state="session",
            label_visibility="collapsed",
        )
    )
    if from_address != section:
        st.query_params["section"] = section
    return section
