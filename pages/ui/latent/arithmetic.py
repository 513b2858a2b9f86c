"""Arithmetic of kept points, a − b + c, and interpolation between two classes."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.core import downloads
from pages.ui.core.plain_text import plain_text
from pages.ui.core.state import page_state
from pages.ui.latent import bookmarks
from pages.ui.latent.frame import GeneratorView
from pages.ui.latent.state import Bookmark, LatentState
from pages.ui.widgets.generator.generator import on_browser
from pages.ui.widgets.sample_grid.sample_grid import local_blend, local_samples, sample_grid
from wgan.arrays import F32, U8
from wgan.latent import preview_z, slerp, truncated

BETWEEN = 8
ROWS, COLUMNS = 6, 11

SUM_HELP = """z is a vector, so you can calculate with it: a − b + c. The picture of the result has features
of a that b does not have, and features of c that a does not have (Radford et al. 2016,
arXiv:1511.06434, figure 7, with faces). The result is scaled to the usual length of z, because
the generator was trained with z of this length."""

CLASS_HELP = """Each row has one fixed z. From left to right, only the class changes: the vector of the first
class is mixed with that of the second. What stays the same in a row, such as slant and stroke
thickness, is stored in z."""


def sums(generator_view: GeneratorView) -> None:
    """Show a − b + c of kept points, and the path from a to it."""
    st.markdown("**a − b + c**", help=SUM_HELP)
    points = list(bookmarks.points(generator_view.run))
    names = list(bookmarks.NAMES[: len(points)])
    if len(points) < 3:
        # Samples take the places of the points that are missing.
        samples = preview_z(generator_view.models.config, 3)[len(points) :]
        points += [Bookmark(z, generator_view.label, "sample") for z in samples]
        names += [f"sample {i + 1}" for i in range(len(samples))]
        _offer_samples(generator_view, samples)
    _show_sum(generator_view, points, names)
    bookmarks.show(generator_view.run, generator_view.models, generator_view.share)


def _offer_samples(generator_view: GeneratorView, samples: F32) -> None:
    """State that the sum contains samples, because fewer than three points are kept, and offer to keep them.

    Args:
        generator_view: The generator.
        samples: z of the samples, (N, latent_dim).
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            ":material/push_pin: Fewer than three points are kept, so random samples are added. You can keep points in "
            "Plane, Directions and Invert a picture.",
            width="content",
        )
        st.button(
            "Keep the samples",
            icon=":material/casino:",
            key="sums_random",
            on_click=_keep_samples,
            args=(generator_view, samples),
        )


def _show_sum(
    generator_view: GeneratorView, points: Sequence[Bookmark], names: Sequence[str]
) -> None:
    """Let the visitor choose a, b and c; show them, their sum, and the path from a to it.

    Args:
        generator_view: The generator.
        points: At least three points.
        names: Their names on screen.
    """
    columns = st.columns([1, 1, 1, 1.4], vertical_alignment="bottom")
    terms = _choose_terms(columns[:3], names)
    a, b, c = (points[term].z for term in terms)
    z = _sum(a, b, c)
    with columns[3]:
        st.button(
            "Keep the sum",
            icon=":material/push_pin:",
            key="sum_keep",
            type="primary",
            on_click=bookmarks.keep,
            args=(generator_view.run, z, generator_view.label, "sum"),
        )
    if generator_view.label is not None:
        name = generator_view.models.config.dataset.class_names()[generator_view.label]
        st.caption(
            f"These pictures all have the class chosen in the sidebar, {plain_text(name)}. The kept "
            "points below have their own classes."
        )
    term_names = [names[term] for term in terms]
    _grid(
        generator_view,
        np.stack([a, b, c, z]),
        key="sum",
        max_height=150,
        caption="",
        alt="a, b, c and their sum",
        notes=(term_names[0], f"− {term_names[1]}", f"+ {term_names[2]}", "="),
    )
    path = slerp(a, z, np.linspace(0, 1, BETWEEN, dtype=np.float32))
    _grid(
        generator_view,
        path,
        key="sum_way",
        max_height=90,
        caption=f"From {term_names[0]} to the sum, along the sphere",
        alt="Pictures from a to the sum",
    )


def _grid(
    generator_view: GeneratorView,
    z: F32,
    *,
    key: str,
    max_height: int,
    caption: str,
    alt: str,
    notes: Sequence[str] = (),
) -> None:
    """Show the samples of z, (N, latent_dim), in one row."""
    generator = on_browser(generator_view.run, generator_view.models, generator_view.label)
    sample_grid(
        lambda: generator_view.make(z),
        local=local_samples(generator, truncated(z, generator_view.share)),
        key=key,
        columns=len(z),
        count=len(z),
        max_height=max_height,
        caption=caption,
        alt=alt,
        notes=notes,
    )


def _choose_terms(columns: Sequence[DeltaGenerator], names: Sequence[str]) -> list[int]:
    """Let the visitor choose a, b and c among points with these names; return their indices."""
    terms = []
    for i, (column, label) in enumerate(zip(columns, ("a", "minus b", "plus c"), strict=True)):
        with column:
            term = st.selectbox(
                label,
                range(len(names)),
                index=i,
                format_func=names.__getitem__,
                key=f"sum-{i}-{'-'.join(names)}",
                persist_state="session",
            )
        terms.append(term)
    return terms


def _sum(a: F32, b: F32, c: F32) -> F32:
    z = a - b + c
    length = float(np.linalg.norm(z))
    return np.asarray(z * (len(z) ** 0.5 / length if length > 1e-6 else 1.0), dtype=np.float32)


def _keep_samples(generator_view: GeneratorView, samples: F32) -> None:
    for z in samples:
        bookmarks.keep(generator_view.run, z, generator_view.label, "sample")


def classes(generator_view: GeneratorView) -> None:
    """Show the interpolation between two classes, one row for each z."""
    names = generator_view.models.config.dataset.class_names()
    st.markdown("**From class to class**", help=CLASS_HELP)
    left, middle, right = st.columns([1, 1, 1], vertical_alignment="bottom")
    with left:
        a = st.selectbox(
            "From",
            range(len(names)),
            index=min(3, max(0, len(names) - 2)),
            format_func=names.__getitem__,
            key=f"blend_a-{generator_view.run}",
            persist_state="session",
        )
    with middle:
        b = st.selectbox(
            "To",
            range(len(names)),
            index=min(8, len(names) - 1),
            format_func=names.__getitem__,
            key=f"blend_b-{generator_view.run}",
            persist_state="session",
        )
    with right:
        st.button("New z", icon=":material/casino:", key="blend_new", on_click=_draw_new_z)
    seed = page_state(LatentState).classes_seed
    config = generator_view.models.config.model_copy(
        update={"preview_seed": generator_view.models.config.preview_seed + seed}
    )
    z = np.repeat(truncated(preview_z(config, ROWS), generator_view.share), COLUMNS, axis=0)
    t = np.tile(np.linspace(0, 1, COLUMNS, dtype=np.float32), ROWS)

    def blend() -> U8:
        return generator_view.models.blend(z, a, b, t)

    generator = on_browser(generator_view.run, generator_view.models, a)
    sample_grid(
        blend,
        local=local_blend(generator, z, b, t.tolist()),
        key="blend",
        columns=COLUMNS,
        count=ROWS * COLUMNS,
        max_height=370,
        caption=f"From {names[a]} to {names[b]}, a row for each z",
        alt=f"Pictures from class {names[a]} to class {names[b]}",
    )
    downloads.sheet(blend, COLUMNS, f"{generator_view.run}-classes", "classes")


def _draw_new_z() -> None:
    page_state(LatentState).classes_seed += 1
