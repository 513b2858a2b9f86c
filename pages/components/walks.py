"""What the Latent page is made of: choosing a model and waypoints, rendering a walk, showing it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.components.app import session
from pages.components.live import real_examples
from pages.components.picker import picker
from pages.components.player import Walk, player
from pages.components.source import choose_source
from wgan.jobs import View
from wgan.latent import Method, Models, draw_z, preview_z, walk, warped_grid
from wgan.pictures import encode, tile
from wgan.runs import RunError

FRAMES_PER_LEG = 16
SPRITE_COLUMNS = 16
GRID = 64  # samples to pick waypoints from: the same z as the Train page's grid

NAMES: dict[Method, tuple[str, str]] = {
    "slerp": ("along the arc (this walk)", "straight line"),
    "lerp": ("straight line (this walk)", "along the arc"),
}

LENGTH_HELP = """Nearly all z that the generator was trained on have a length near √(latent dimensions),
the shaded band. A straight line between two of them cuts through the inside, where it was hardly
trained: pictures get blurred or alike. Going along the arc (slerp) keeps the length.

In two dimensions the band is wide and the difference small; in 64 it is large."""


@dataclass(frozen=True)
class Choice:
    """What the sidebar says: which model, and which walk."""

    run: str
    step: int | None  # None: the newest weights
    picking: bool  # whether waypoints are picked from the grid, else random
    picked: tuple[int, ...]  # samples of the grid
    seed: int
    count: int
    method: Method
    closed: bool
    label: int | None
    fps: float


@dataclass(frozen=True)
class Made:
    """A rendered walk."""

    models: Models
    step: int
    path: npt.NDArray[np.float32]  # (F, latent_dim)
    other: npt.NDArray[np.float32]  # the same waypoints, the other way
    marks: tuple[int, ...]
    frames: npt.NDArray[Any]  # (F, C, H, W) uint8 or (F, 2)
    stops: npt.NDArray[Any]  # the waypoints' own pictures


def sidebar(view: View) -> Choice:
    """Draw the sidebar and return what it says."""
    with st.sidebar:
        step = choose_source(view, prefix="latent", every="two seconds")
        way = st.segmented_control(
            "Waypoints",
            ["Random", "Picked"],
            default="Random",
            required=True,
            key="latent_way",
            width="stretch",
            help="The z that the walk passes through.",
        )
        picked: tuple[int, ...] = ()
        count = 5
        if way == "Random":
            count = st.slider("How many", 2, 8, 5, key="latent_count")
            st.button("New waypoints", icon=":material/casino:", on_click=_new, width="stretch")
        else:
            picked = tuple(st.session_state.get("latent_picked", ()))
            st.caption(
                "Click two to eight samples in the grid beside the walk."
                if view.config.dataset.kind == "pictures"
                else "Choose two to eight points by their number beside the walk."
            )
        method: Method = (
            "lerp"
            if st.segmented_control(
                "Way",
                ["Arc (slerp)", "Line (lerp)"],
                default="Arc (slerp)",
                required=True,
                key="latent_method",
                width="stretch",
                help=LENGTH_HELP,
            )
            == "Line (lerp)"
            else "slerp"
        )
        closed = st.toggle("Return to the start", value=True, key="latent_closed")
        label = None
        if view.config.conditional:
            names = view.config.dataset.class_names()
            label = st.selectbox("Class", range(len(names)), format_func=names.__getitem__,
                                 key=f"latent_class-{view.run}",
                                 help="What the generator is told to make, all along the walk.")  # fmt: skip
    return Choice(
        view.run,
        step,
        way == "Picked",
        picked,
        st.session_state.get("latent_seed", 0),
        count,
        method,
        closed,
        label,
        fps=14.0,
    )


def _new() -> None:
    st.session_state["latent_seed"] = st.session_state.get("latent_seed", 0) + 1


def make(choice: Choice) -> Made | None:
    """Render the chosen walk with the newest weights there are; say so where it cannot be."""
    try:
        models = session().models(choice.run, choice.step)
    except RunError as error:
        st.info(str(error), icon=":material/hourglass_empty:")
        return None
    z = preview_z(models.config, GRID)
    if choice.picking:
        # Until two are picked, the first three stand in, so that there is always a walk to see.
        stops = z[list(choice.picked) if len(choice.picked) >= 2 else [0, 1, 2]]
    else:
        stops = draw_z(1000 + choice.seed, choice.count, models.config.latent_dim)
    other: Method = "lerp" if choice.method == "slerp" else "slerp"
    frames = FRAMES_PER_LEG * (len(stops) if choice.closed else len(stops) - 1)
    path, marks = walk(stops, frames, method=choice.method, closed=choice.closed)
    detour, _ = walk(stops, frames, method=other, closed=choice.closed)
    whole = np.concatenate([path, stops])
    made = models.make(whole, _labels(choice, len(whole)))
    return Made(models, models.step, path, detour, marks, made[: len(path)], made[len(path) :])


def _labels(choice: Choice, count: int) -> list[int] | None:
    return None if choice.label is None else [choice.label] * count


def pick(made: Made, choice: Choice) -> None:
    """Show the grid of samples, as this generator makes them, to pick waypoints from."""
    pictures = made.models.make(preview_z(made.models.config, GRID), _labels(choice, GRID))
    if pictures.ndim == 4:
        before = list(choice.picked)
        after = picker(
            encode(tile(pictures, 8)),
            key="picker",
            rows=8,
            columns=8,
            picked=before,
            caption="Pick two to eight, in the order of the walk",
            alt="Samples to pick waypoints from",
            max_height=300,
        )
    else:
        st.caption("Waypoints of points are picked by number.")
        before = list(choice.picked)
        after = st.multiselect(
            "Samples", range(GRID), default=before or [0, 1, 2], max_selections=8, key="picked"
        )
    if after != before:
        st.session_state["latent_picked"] = tuple(after)
        st.rerun()


def play(made: Made, choice: Choice) -> None:
    """Show the walk in the player."""
    common: dict[str, Any] = {
        "token": f"{choice}-{made.step}",
        "fps": choice.fps,
        "loop": choice.closed,
        "waypoints": made.marks,
    }
    if made.frames.ndim == 4:
        content = Walk(
            sprite=encode(tile(made.frames, SPRITE_COLUMNS)),
            frame_width=made.frames.shape[3],
            frame_height=made.frames.shape[2],
            columns=SPRITE_COLUMNS,
            count=len(made.frames),
            **common,
        )
        what = "pictures"
    else:
        real = real_examples(made.models.config.dataset, 400)
        content = Walk(
            path=made.frames[:, None, :], real=real, grid=warped_grid(made.models), **common
        )
        what = "points"
    player(content, key="walk", height=430, alt=f"A walk through latent space, in {what}")


def explain(made: Made) -> None:
    """Say what is on show."""
    if made.frames.ndim == 4:
        st.markdown(
            f"Each frame is the generator's picture of one **z**. The walk passes through "
            f"{len(made.stops)} waypoints and takes {len(made.path)} frames. Smooth changes mean "
            "that the generator has learned a space of pictures, not a list."
        )
    else:
        st.markdown(
            "The lines are a square grid of latent space, as the generator bends it into the plane "
            "of the data. Where lines crowd, it puts many points; the bridges between the piles "
            "are where a smooth map must cross empty land."
        )
