"""A slice of latent space as a map of pictures; for points, the grid mapped by the generator."""

import numpy as np
import streamlit as st

from pages.ui.core import downloads
from pages.ui.core.datasets import real_examples
from pages.ui.core.state import page_state
from pages.ui.latent import bookmarks
from pages.ui.latent.frame import GeneratorView
from pages.ui.latent.state import LatentState
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.generator.generator import browser_makes, on_browser
from pages.ui.widgets.latent_map.latent_map import Window, latent_map, map_window
from wgan import figures
from wgan.arrays import U8, float32_base64
from wgan.imaging import encode, tile
from wgan.latent import MAX_SIDE, Slice, random_slice, slice_through, warped_grid

KEY = "latent_map"
SIDES = (7, 11, 15, MAX_SIDE)

PLANE_HELP = """Each picture is made from one z on a plane in latent space. The axes x and y are two
perpendicular directions. **Drag** to move, use the **wheel** to zoom, **point** at a picture to
preview it, **click** to keep it. With the keyboard: arrow keys point, with Shift they move, + and −
zoom, Enter keeps.

In many dimensions, nearly all z have the same length: they lie on a sphere. So a random plane is
wrapped around the sphere. Then x and y are angles in radians, and the same pictures repeat after
2π. Each kept point is marked once. A plane through three kept points is flat."""

GRID_HELP = r"""A square grid over the first two latent dimensions, from −2.5 to 2.5, as the generator bends it
into the plane of the data. **Dark and thick** lines: many samples fall here. **Pale** lines:
few samples (the normal density of z divided by the stretched area, |det ∂x/∂z|). A good
generator is dark on the real points and pale between them. Thin bridges remain, because a
continuous map cannot tear the grid."""


def settings(run: str, dim: int) -> tuple[int, int, bool]:
    """Draw the sidebar of this section; return the pictures per side, the seed, and whether to use
    kept points.
    """
    with st.sidebar:
        st.divider()
        side = st.select_slider(
            "Pictures per side",
            SIDES,
            11,
            key="map_side",
            persist_state="session",
            help="More pictures show more detail, but take longer.",
        )
        possible = len(bookmarks.points(run)) >= 3
        through = st.toggle(
            "Through the kept points A, B and C",
            disabled=not possible,
            key="map_through",
            persist_state="session",
            help="The plane that contains the kept points A, B and C.",
        )
        st.button(
            "New plane",
            icon=":material/casino:",
            on_click=_choose_new_plane,
            width="stretch",
            disabled=(possible and through) or dim < 3,
        )
    return int(side), page_state(LatentState).plane_seed, possible and through


def _choose_new_plane() -> None:
    page_state(LatentState).plane_seed += 1


def show(generator_view: GeneratorView, side: int, seed: int, through: bool) -> None:
    """Show the map of pictures."""
    dim = generator_view.models.config.latent_dim
    points = bookmarks.points(generator_view.run)
    home = Window(half=1.5)
    if through and len(points) >= 3:
        corners = np.stack([point.z for point in points[:3]])
        plane, source = (
            slice_through(corners),
            f"{generator_view.run}-kept-{hash(corners.tobytes())}",
        )
        home = Window(half=1.3 * float(np.linalg.norm(corners[1:] - corners[0], axis=1).max()))
    else:
        plane, source = random_slice(seed, dim), f"{generator_view.run}-{seed}"
    window = map_window(KEY, source, home)

    def pictures() -> U8:
        return generator_view.make(plane.window(window.x, window.y, window.half, side))

    def keep(x: float, y: float) -> None:
        bookmarks.keep(
            generator_view.run,
            plane.at(np.array([x]), np.array([y]))[0],
            generator_view.label,
            "plane",
        )

    local = on_browser(generator_view.run, generator_view.models, generator_view.label)
    if local is not None:
        local["plane"] = float32_base64(np.stack([plane.centre, plane.u, plane.v]))
        local |= {"shell": plane.shell, "share": generator_view.share}
    by_browser = local is not None and browser_makes(KEY)
    latent_map(
        None if by_browser else encode(tile(pictures(), side)),
        window,
        local=local,
        key=KEY,
        source=source,
        side=side,
        home=home,
        marks=_marks(plane, generator_view.run),
        on_keep=keep,
        height=430,
        title="A plane of latent space",
        help=PLANE_HELP,
        alt="Pictures over a plane of latent space",
    )
    downloads.sheet(pictures, side, f"{generator_view.run}-plane", "plane")
    bookmarks.show(generator_view.run, generator_view.models, generator_view.share)


def _marks(plane: Slice, run: str) -> list[tuple[float, float, str]]:
    """Return the positions of those kept points that are on the plane."""
    marks = []
    for point, name in zip(bookmarks.points(run), bookmarks.NAMES, strict=False):
        place = plane.place(point.z)
        if place is not None:
            marks.append((*place, name))
    return marks


def grid(generator_view: GeneratorView) -> None:
    """Show a grid in latent space beside its image under the generator, coloured by density."""
    warped = warped_grid(generator_view.models)
    real = real_examples(generator_view.models.config.dataset, 512)
    left, right = st.columns([0.62, 0.38], gap="large")
    with left:
        chart(
            figures.bent_grid(warped.lines, warped.density, real),
            key="warped",
            run=generator_view.run,
            height=500,
            title="The bent grid",
            help=GRID_HELP,
            alt="A square grid of latent space as the generator bends it into the plane of the data",
        )
    with right:
        st.markdown(
            "A generator of points is a **map**: it bends the square grid of latent space so "
            "that it covers the data. Many samples fall where the lines are close together "
            "and dark."
        )
        st.markdown(
            "Choose an early checkpoint in the sidebar, then later ones: the grid spreads, "
            "reaches all parts of the data, and becomes thin between them. It never tears, "
            "because the map is continuous."
        )
        if generator_view.models.config.latent_dim > 2:
            st.caption(
                f"Latent space has {generator_view.models.config.latent_dim} dimensions. This "
                "is the slice of the first two; the others are 0."
            )
