"""Directions in latent space: sliders that move all samples at once."""

import numpy as np
import streamlit as st

from pages.ui.core import downloads
from pages.ui.core.state import page_state
from pages.ui.latent import bookmarks
from pages.ui.latent.frame import GeneratorView
from pages.ui.latent.state import LatentState
from pages.ui.widgets.generator.generator import browser_makes, on_browser
from pages.ui.widgets.slider_panel.slider_panel import moved_sliders, slider_panel
from wgan.arrays import U8, float32_base64
from wgan.format import fmt_number
from wgan.imaging import encode, tile
from wgan.latent import WAYS, Directions, preview_z, truncated

KEY = "latent_dials"
COUNT = 6
ROWS, COLUMNS = 4, 8

NAMES = {"ganspace": "GANSpace", "sefa": "SeFa"}

SHARES = {
    "ganspace": "Percentages: the share of the variance of the activations of the generator's first layer.",
    "sefa": "Percentages: how much of the total stretching by the first layer is in this direction.",
}
"""What the percentage beside a direction means, by method."""

HELP = """**GANSpace** (Härkönen et al. 2020): the principal components of the generator's first
activations over 1,000 z. **SeFa** (Shen and Zhou 2021): the directions that the generator's
first weight matrix stretches most; it needs no samples.

Both methods need no labels. What a direction means (slant, thickness, another digit) is for you to
see.
**Keep first sample** keeps the sample at the top left, moved by the sliders."""


def settings() -> str:
    """Draw the sidebar of this section, and return the method that finds the directions."""
    with st.sidebar:
        st.divider()
        method = str(
            st.segmented_control(
                "Method",
                list(NAMES),
                format_func=NAMES.__getitem__,
                default="ganspace",
                required=True,
                key="directions_way",
                persist_state="session",
                width="stretch",
                help=HELP,
            )
        )
        st.button(
            "New samples", icon=":material/casino:", on_click=_draw_new_samples, width="stretch"
        )
    return method


def _draw_new_samples() -> None:
    page_state(LatentState).directions_seed += 1


def show(generator_view: GeneratorView, method: str) -> None:
    """Show the sliders, and 32 samples that they move."""
    # Use a separate fragment: only it is redrawn when a slider moves, so its pictures come quickly.
    st.fragment(_sliders)(generator_view, method)
    bookmarks.show(generator_view.run, generator_view.models, generator_view.share)


def _sliders(generator_view: GeneratorView, method: str) -> None:
    if bookmarks.take_redraw():
        st.rerun()  # the kept points are outside this fragment
    directions = _directions(
        f"{generator_view.run}-{generator_view.models.step}", method, generator_view
    )
    seed = page_state(LatentState).directions_seed
    config = generator_view.models.config.model_copy(
        update={"preview_seed": generator_view.models.config.preview_seed + seed}
    )
    z = preview_z(config, ROWS * COLUMNS)
    source = f"{generator_view.run}-{method}-{seed}"
    count = len(directions.vectors)
    values = moved_sliders(KEY, source, count)

    def moved_z(by: list[float]) -> np.ndarray:
        return z + np.asarray(by, np.float32) @ directions.vectors

    def keep(by: list[float]) -> None:
        bookmarks.keep(generator_view.run, moved_z(by)[0], generator_view.label, NAMES[method])

    labels = [
        f"Direction {i + 1} · {fmt_number(round(100 * float(s), 1))} %"
        for i, s in enumerate(directions.strength)
    ]

    def pictures() -> U8:
        return generator_view.make(moved_z(values))

    local = on_browser(generator_view.run, generator_view.models, generator_view.label)
    if local is not None:
        local["z"] = float32_base64(truncated(z, generator_view.share))
        local["directions"] = float32_base64(truncated(directions.vectors, generator_view.share))
    by_browser = local is not None and browser_makes(KEY)
    slider_panel(
        None if by_browser else encode(tile(pictures(), COLUMNS)),
        values,
        local=local,
        key=KEY,
        source=source,
        labels=labels,
        rows=ROWS,
        columns=COLUMNS,
        on_keep=keep,
        height=400,
        caption=f"{SHARES[method]} The sliders are in units of z: 1 is one standard deviation. Double-click a slider "
        "to reset it to 0.",
        alt="Samples moved by the sliders",
        title="Strongest directions",
        help=HELP,
    )
    downloads.sheet(pictures, COLUMNS, f"{generator_view.run}-directions", "directions")


@st.cache_resource(show_spinner=False, max_entries=12)
def _directions(key: str, method: str, _view: GeneratorView) -> Directions:
    return WAYS[method](_view.models, COUNT)
