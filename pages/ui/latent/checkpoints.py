"""The same z in every checkpoint of a run, and the same walk at two checkpoints."""

import numpy as np
import streamlit as st

from pages.ui.core import downloads
from pages.ui.core.datasets import real_examples
from pages.ui.core.state import page_state
from pages.ui.core.weights_picker import stored
from pages.ui.latent import walks
from pages.ui.latent.frame import GeneratorView
from pages.ui.latent.state import LatentState
from pages.ui.widgets.image_grid.image_grid import image_grid
from pages.ui.widgets.walk_player.walk_player import Walk, walk_player
from wgan import theme
from wgan.arrays import F32, U8
from wgan.imaging import encode, scatter, tile
from wgan.latent import Models, draw_z, preview_z, truncated, walk
from wgan.runs import RunError

ROWS, MAX_CHECKPOINTS = 5, 11
GAP = 2
SIDE, POINTS = 120, 400

SAME_HELP = """Each row is one z, and each column is a checkpoint: you see how the generator learned to draw
it. If a row still changes late in training, the generator still changes, even if the curves are
flat."""

POINTS_HELP = """Each picture shows a checkpoint with the same 400 z: you see where the generator places them.
Green: real points. Pink: samples."""

PAIR_HELP = """The same walk, frame by frame, with the weights of two checkpoints."""


def show(generator_view: GeneratorView) -> None:
    """Show the samples of the same z, and of the same walk, at the run's checkpoints."""
    steps = list(generator_view.snapshot.checkpoint_steps)
    if len(steps) < 2:
        st.info(
            "This run has "
            + ("one checkpoint" if steps else "no checkpoint yet")
            + ", so there is nothing to compare. A training writes checkpoints at regular "
            "steps (“Checkpoint every”, under Reporting).",
            icon=":material/timeline:",
        )
        return
    shown_steps = [
        steps[round(i)] for i in np.linspace(0, len(steps) - 1, min(MAX_CHECKPOINTS, len(steps)))
    ]
    models = {
        step: opened_models
        for step in shown_steps
        if (opened_models := _models(generator_view, step)) is not None
    }
    if len(models) < len(shown_steps):
        st.caption(
            f"{len(shown_steps) - len(models)} checkpoints cannot be read and are not shown."
        )
    shown_steps = list(models)
    if not shown_steps:
        return
    notes = [f"{step:,}" for step in shown_steps]
    has_pictures = generator_view.models.config.dataset.kind == "pictures"
    if has_pictures:
        z = truncated(preview_z(generator_view.models.config, ROWS), generator_view.share)
        columns = [_make(models[step], z, generator_view.label) for step in shown_steps]
        sheet = np.stack(columns, axis=1).reshape(-1, *columns[0].shape[1:])  # ordered by z
        rows = ROWS
    else:
        sheet = _scatters(generator_view, [models[step] for step in shown_steps])
        rows = 1
    # With few columns there is room for the walk beside them.
    has_room = has_pictures and len(shown_steps) <= 6
    left, right = st.columns(2, gap="large") if has_room else (st.container(), st.container())
    with left:
        st.markdown(
            "**The same z through training**", help=SAME_HELP if has_pictures else POINTS_HELP
        )
        image_grid(
            encode(tile(sheet, len(shown_steps))),
            key="through",
            rows=rows,
            columns=len(shown_steps),
            max_height=(400 if has_room else 260) if has_pictures else 170,
            caption="The first row shows the step of each checkpoint"
            if has_pictures
            else "Each picture with its step. Green: real points. Pink: samples with the same z.",
            notes=notes,
            alt="The same z in each checkpoint",
        )
        downloads.sheet(lambda: sheet, len(shown_steps), f"{generator_view.run}-through", "through")
    if has_pictures:
        with right:
            _pair(generator_view, steps)


def _make(models: Models, z: F32, label: int | None) -> U8:
    return models.make(z, None if label is None else [label] * len(z))


def _scatters(generator_view: GeneratorView, models: list[Models]) -> U8:
    config = generator_view.models.config
    z = truncated(draw_z(77, POINTS, config.latent_dim), generator_view.share)
    real = real_examples(config.dataset, POINTS)
    extent = 3.0 if real is None else float(abs(real).max() * 1.25)
    palette = theme.DARK if st.context.theme.type == "dark" else theme.LIGHT
    ground, true, made_up = (theme.rgb(palette[name]) for name in ("background", "real", "fake"))
    layers = [] if real is None else [(real, true)]
    point_sets = [
        scatter([*layers, (each.make(z), made_up)], extent, side=SIDE, dot=2, ground=ground)
        for each in models
    ]
    return np.stack(point_sets).transpose(0, 3, 1, 2)


def _pair(generator_view: GeneratorView, steps: list[int]) -> None:
    st.markdown("**The same walk at two steps**", help=PAIR_HELP)
    left, right = st.columns(2, gap="medium")
    with left:
        a = st.selectbox(
            "Left",
            steps,
            index=min(1, len(steps) - 1),
            key=f"pair_a-{generator_view.run}",
            persist_state="session",
            format_func=lambda s: f"step {s:,}",
        )
    with right:
        b = st.selectbox(
            "Right",
            steps,
            index=len(steps) - 1,
            key=f"pair_b-{generator_view.run}",
            persist_state="session",
            format_func=lambda s: f"step {s:,}",
        )
    stops = draw_z(
        1000 + page_state(LatentState).walk_seed, 5, generator_view.models.config.latent_dim
    )
    z_path, marks = walk(stops, 70)
    z_path = truncated(z_path, generator_view.share)
    both = [_models(generator_view, step) for step in (a, b)]
    pair = [_make(models, z_path, generator_view.label) for models in both if models is not None]
    if len(pair) < 2:
        st.caption("One of these checkpoints cannot be read. Choose another one.")
        return
    gap = np.full((*pair[0].shape[:3], GAP), 128, np.uint8)
    frames = np.concatenate([pair[0], gap, pair[1]], axis=3)
    content: Walk = walks.sprite(
        frames, token=f"{generator_view.key}-{a}-{b}", fps=walks.FPS, loop=True, waypoints=marks
    )
    walk_player(
        content, key="pair", height=230, alt=f"The same walk at step {a:,} and at step {b:,}"
    )
    downloads.film(frames, f"{generator_view.run}-{a}-{b}", "pair")


def _models(generator_view: GeneratorView, step: int) -> Models | None:
    """Return the networks of a checkpoint; None if it is damaged or was just deleted to save space."""
    try:
        return stored(generator_view.run, step, generator_view.snapshot.config.model_dump_json())
    except (RunError, ValueError):
        return None
