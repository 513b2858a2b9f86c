"""A walk through latent space: waypoints, interpolation, easing, and downloads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.ui.core import downloads
from pages.ui.core.datasets import real_examples
from pages.ui.core.state import page_state
from pages.ui.latent import bookmarks
from pages.ui.latent.frame import GeneratorView
from pages.ui.latent.state import LatentState
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.generator.generator import on_browser
from pages.ui.widgets.image_picker.image_picker import image_picker
from pages.ui.widgets.walk_player.walk_player import Walk, walk_player
from wgan import figures
from wgan.arrays import F32, U8, float32_base64
from wgan.export import write_walk
from wgan.imaging import encode, tile
from wgan.jobs import RunSnapshot
from wgan.latent import Easing, Method, draw_z, preview_z, truncated, walk, warped_grid
from wgan.verdicts import latent as latent_verdicts

FPS = 14.0
SPRITE_COLUMNS = 16
GRID = 64  # samples to pick waypoints from, with the z of the Train page's grid

LENGTHS = "latent-walk"
"""Name under which the player tells the chart of ‖z‖ its frame."""

SOURCES = {"random": "Random", "picked": "Picked", "kept": "Kept"}
METHODS: dict[Method, str] = {"slerp": "Spherical (slerp)", "lerp": "Linear (lerp)"}
PACES: dict[Easing, str] = {
    "even": "None: constant speed",
    "gentle": "Slow near waypoints",
    "rest": "Stop at waypoints",
}

LENGTH_HELP = """Nearly all z in training have a length near √(latent dimensions): the shaded band. A straight
line between two z passes closer to 0, where the generator was hardly trained: pictures there are often
greyer or more alike. Spherical interpolation (slerp) keeps the length.

In two dimensions, the band is wide and the difference is small. In 64 dimensions, it is large."""


@dataclass(frozen=True)
class Choice:
    """The choices about a walk: waypoints, interpolation and easing."""

    source: str  # source of the waypoints
    picked: tuple[int, ...]  # chosen samples of the grid
    seed: int
    count: int
    method: Method
    compares: bool  # whether the other interpolation is played beside it
    easing: Easing
    seconds: float  # between two waypoints
    closed: bool


@dataclass(frozen=True)
class RenderedWalk:
    """A rendered walk."""

    path: F32  # (F, latent_dim), after truncation
    other: F32  # with the other interpolation
    marks: tuple[int, ...]
    frames: npt.NDArray[Any]  # (F, C, H, W) uint8 or (F, 2)
    other_frames: npt.NDArray[Any] | None  # with the other interpolation, if it is compared


def settings(snapshot: RunSnapshot) -> Choice:
    """Draw the sidebar of this section, and return its choices."""
    with st.sidebar:
        st.divider()
        source, count = _choose_waypoints(snapshot)
        method = st.segmented_control(
            "Interpolation",
            list(METHODS),
            format_func=METHODS.__getitem__,
            default="slerp",
            required=True,
            key="latent_method",
            persist_state="session",
            width="stretch",
            help=LENGTH_HELP,
        )
        compares = st.toggle(
            "Show both side by side",
            value=True,
            key="latent_both",
            persist_state="session",
            help="Plays the walk with the other interpolation beside it, in step. Downloads contain only "
            "the interpolation that is chosen above.",
        )
        easing = st.selectbox(
            "Easing",
            list(PACES),
            format_func=PACES.__getitem__,
            key="latent_easing",
            persist_state="session",
            help="How the speed changes between two waypoints.",
        )
        seconds = st.select_slider(
            "Seconds between waypoints",
            (0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
            1.0,
            key="latent_seconds",
            persist_state="session",
            help="Time from one waypoint to the next. Each second has 14 pictures.",
        )
        closed = st.toggle(
            "Return to the start", value=True, key="latent_closed", persist_state="session"
        )
    state = page_state(LatentState)
    return Choice(
        source=source,
        picked=state.waypoints if source == "picked" else (),
        seed=state.walk_seed,
        count=count,
        method=method or "slerp",
        compares=compares,
        easing=easing,
        seconds=float(seconds),
        closed=closed,
    )


def _choose_waypoints(snapshot: RunSnapshot) -> tuple[str, int]:
    """Let the visitor choose the source of waypoints; return it, and the number of random ones."""
    pictures = snapshot.config.dataset.kind == "pictures"
    source = str(
        st.segmented_control(
            "Waypoints",
            [source for source in SOURCES if pictures or source != "kept"],
            format_func=SOURCES.__getitem__,
            default="random",
            required=True,
            key="latent_way",
            persist_state="session",
            width="stretch",
            help="The points z that the walk passes through.",
        )
    )
    count = 5
    if source == "random":
        count = st.slider(
            "Number of waypoints", 2, 8, count, key="latent_count", persist_state="session"
        )
        st.button(
            "New waypoints", icon=":material/casino:", on_click=_draw_new_waypoints, width="stretch"
        )
    elif source == "picked":
        st.caption(
            "Click two to eight samples in the grid beside the walk."
            if pictures
            else "Choose two to eight points by their numbers beside the walk."
        )
    else:
        n = len(bookmarks.points(snapshot.run))
        st.caption(
            f"You have kept {n} points."
            + (" They all use the class chosen above." if snapshot.config.conditional else "")
            if n >= 2
            else "Keep at least two points first, in Plane, Directions, Arithmetic or Invert a picture."
        )
    return source, count


def _draw_new_waypoints() -> None:
    page_state(LatentState).walk_seed += 1


def waypoints(generator_view: GeneratorView, choice: Choice) -> F32:
    """Return the z of the waypoints, (W, latent_dim), W ≥ 2."""
    if choice.source == "kept" and len(points := bookmarks.points(generator_view.run)) >= 2:
        return np.stack([point.z for point in points])
    z = preview_z(generator_view.models.config, GRID)
    if choice.source != "random":
        # Use the first three samples until two are picked, so that there is always a walk.
        return z[list(choice.picked) if len(choice.picked) >= 2 else [0, 1, 2]]
    return draw_z(1000 + choice.seed, choice.count, generator_view.models.config.latent_dim)


def render(generator_view: GeneratorView, choice: Choice) -> RenderedWalk:
    """Generate the frames of a walk, and of the one beside it."""
    stops = waypoints(generator_view, choice)
    legs = len(stops) if choice.closed else len(stops) - 1
    frames = max(2, round(FPS * choice.seconds)) * legs
    other: Method = "lerp" if choice.method == "slerp" else "slerp"
    path, marks = walk(
        stops, frames, method=choice.method, closed=choice.closed, easing=choice.easing
    )
    detour, _ = walk(stops, frames, method=other, closed=choice.closed, easing=choice.easing)
    path, detour = (truncated(z, generator_view.share) for z in (path, detour))
    labels = None if generator_view.label is None else [generator_view.label] * len(path)
    make = generator_view.models.make
    other_frames = make(detour, labels) if choice.compares else None
    return RenderedWalk(path, detour, marks, make(path, labels), other_frames)


def show(generator_view: GeneratorView, choice: Choice) -> None:
    """Show the walk, and beside it the grid to pick waypoints from or an explanation."""
    rendered = render(generator_view, choice)
    left, right = st.columns([0.56, 0.44], gap="large")
    with left:
        _play(generator_view, rendered, choice)
    with right:
        if choice.source == "picked":
            _pick(generator_view, choice)
        chart(
            figures.lengths(rendered.path, rendered.other, _short_names(choice)),
            key="lengths",
            run=f"{generator_view.run}-{choice.method}-{len(rendered.path)}",
            height=200,
            title="Length of z along the walk",
            help=LENGTH_HELP,
            steps_of=LENGTHS,
            dots=True,
            alt="Length of z along the walk, for both kinds of interpolation, with a dot at the shown frame",
        )
        if choice.source != "picked":
            _explain(generator_view, rendered, choice)
        _export(generator_view, rendered)


def _pick(generator_view: GeneratorView, choice: Choice) -> None:
    pictures = generator_view.make(preview_z(generator_view.models.config, GRID))
    samples_before = list(choice.picked)
    if len(samples_before) < 2:
        st.caption(":material/info: Until you pick two samples, the walk uses the first three.")

    def keep(samples: list[int]) -> None:
        page_state(LatentState).waypoints = tuple(samples)

    if pictures.ndim == 4:
        samples = image_picker(
            encode(tile(pictures, 8)),
            key="picker",
            rows=8,
            columns=8,
            picked=samples_before,
            on_change=keep,
            caption="Choose two to eight, in the order of the walk",
            alt="Samples to pick waypoints from",
            max_height=290,
        )
    else:
        # Draw them by their z, which are apart, while the generated points lie in a few modes.
        chart(
            figures.numbered_points(
                preview_z(generator_view.models.config, GRID)[:, :2], samples_before
            ),
            key="picked_from",
            run=generator_view.run,
            height=230,
            title="z by number",
            help="The 64 z to choose from, in the first two dimensions of latent space. The large "
            "ones are chosen.",
            alt="The z to choose from, each with its number",
        )
        samples = st.multiselect(
            "z", range(GRID), default=samples_before or [0, 1, 2], max_selections=8, key="picked"
        )
    if samples != samples_before:
        keep(samples)
        st.rerun()


def _names(choice: Choice) -> tuple[str, str]:
    """Return the names of the walk and of the one beside it."""
    other: Method = "lerp" if choice.method == "slerp" else "slerp"
    return METHODS[choice.method], METHODS[other]


def _short_names(choice: Choice) -> tuple[str, str]:
    this, other = _names(choice)
    return this.split()[0], other.split()[0]


def sprite(*walks: U8, **common: Any) -> Walk:
    """Return walks of pictures, (F, C, H, W) each, in the format of the player."""
    frames = np.concatenate(walks, axis=3)
    return Walk(
        sprite=encode(tile(frames, SPRITE_COLUMNS)),
        frame_width=walks[0].shape[3],
        frame_height=frames.shape[2],
        columns=SPRITE_COLUMNS,
        count=len(frames),
        **common,
    )


def _play(generator_view: GeneratorView, rendered: RenderedWalk, choice: Choice) -> None:
    common: dict[str, Any] = {
        "token": f"{generator_view.key}-{choice}-{hash(rendered.path.tobytes())}",
        "fps": FPS,
        "loop": choice.closed,
        "waypoints": rendered.marks,
        "lengths_of": LENGTHS,
    }
    walks = [rendered.frames]
    if rendered.other_frames is not None:
        walks.append(rendered.other_frames)
        common["names"] = _names(choice)
    if rendered.frames.ndim == 4:
        local = on_browser(generator_view.run, generator_view.models, generator_view.label)
        if local is not None:
            paths = [rendered.path, rendered.other][: len(walks)]
            local["z"] = float32_base64(np.stack(paths, axis=1))
        content, content_kind = sprite(*walks, local=local, **common), "pictures"
    else:
        real = real_examples(generator_view.models.config.dataset, 400)
        grid = warped_grid(generator_view.models).lines
        content, content_kind = (
            Walk(path=np.stack(walks, axis=1), real=real, grid=grid, **common),
            "points",
        )
    walk_player(
        content, key="walk", height=430, alt=f"A walk through latent space, in {content_kind}"
    )


def _explain(generator_view: GeneratorView, rendered: RenderedWalk, choice: Choice) -> None:
    if choice.source == "kept" and len(bookmarks.points(generator_view.run)) < 2:
        st.caption(
            ":material/info: Fewer than two points are kept, so the walk uses three samples."
        )
    if rendered.frames.ndim == 4:
        st.markdown(
            f"The walk passes through {len(rendered.marks)} waypoints; each frame is the picture of one "
            "**z**. If the pictures change smoothly, the generator has learned a space of pictures, not "
            "a list."
        )
        linear = rendered.other if choice.method == "slerp" else rendered.path
        st.markdown(latent_verdicts.linear_walk(linear))
    else:
        st.markdown(
            "The lines are a square grid of latent space, as the generator bends it into the "
            "plane of the data. Where the data have gaps, the lines "
            "still cross them, because the map is continuous."
        )


# ---- downloads
# ------------------------------------------------------------------------------------


def _export(generator_view: GeneratorView, rendered: RenderedWalk) -> None:
    kinds = {**downloads.FILMS, ".png": "All frames (PNG)", ".npy": "All z (.npy)"}
    if rendered.frames.ndim != 4:
        kinds.pop(".png")

    def write(out: Path) -> None:
        if out.suffix == ".png":
            out.write_bytes(encode(tile(rendered.frames, SPRITE_COLUMNS, gap=1), "PNG"))
        else:
            write_walk(generator_view.models, rendered.path, out, label=generator_view.label)

    downloads.offer(kinds, write, f"{generator_view.run}-walk", "walk_export")
