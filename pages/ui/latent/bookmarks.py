"""Kept points of latent space, for walks, sums and downloads."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import streamlit as st

from pages.ui.core.datasets import require_dataset
from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.latent.state import Bookmark, BookmarksState
from pages.ui.widgets.image_grid.image_grid import image_grid
from wgan.arrays import F32, U8
from wgan.imaging import encode, tile
from wgan.latent import Models, truncated

MAX_POINTS = 8
NAMES = "ABCDEFGH"

NEIGHBOURS = 3
ALL = "Remove all"

NEAREST_HELP = """Below each kept sample, the three training pictures with the most similar pixels. If they are
the same picture as the sample, the generator has memorised it."""

HELP = """Points z of this run that you have kept: from the plane, the sliders, a sum, or a search. You
can walk through them, add and subtract them, or download them."""


def points(run: str) -> list[Bookmark]:
    """Return the kept points of a run, A first."""
    return page_state(BookmarksState).by_run.setdefault(run, [])


def keep(run: str, z: F32, label: int | None, origin: str) -> None:
    """Keep a point, unless it is kept already or there are too many; queue a message about it."""
    state, kept_points = page_state(BookmarksState), points(run)
    for name, other in zip(NAMES, kept_points, strict=False):
        if np.array_equal(z, other.z) and label == other.label:
            state.message = f"This point is already kept, as {name}.", ":material/push_pin:"
            return
    if len(kept_points) >= MAX_POINTS:
        state.message = (
            f"There are already {MAX_POINTS} kept points. Remove one first.",
            ":material/block:",
        )
        return
    state.needs_redraw = True
    kept_points.append(Bookmark(np.asarray(z, np.float32), label, origin))
    state.message = f"Kept as {NAMES[len(kept_points) - 1]}.", ":material/push_pin:"


def show_message() -> None:
    """Show the message of the last click, because a callback in a fragment cannot draw."""
    state = page_state(BookmarksState)
    if state.message is not None:
        (text, icon), state.message = state.message, None
        st.toast(plain_text(text), icon=icon)


def take_redraw() -> bool:
    """Return whether the whole page must be redrawn, and reset the flag."""
    state = page_state(BookmarksState)
    needs_redraw, state.needs_redraw = state.needs_redraw, False
    return needs_redraw


def _remove(run: str) -> None:
    name = st.session_state["kept_remove"]
    if name == ALL:
        points(run).clear()
    elif name is not None:
        del points(run)[NAMES.index(name)]
    page_state(BookmarksState).needs_redraw = True


def pictures(models: Models, bookmarks: Sequence[Bookmark], share: float) -> U8:
    """Return the pictures of kept points, (N, C, H, W), with the page's truncation."""
    z = truncated(np.stack([point.z for point in bookmarks]), share)
    labels = [point.label or 0 for point in bookmarks] if models.config.conditional else None
    return models.make(z, labels)


def show(run: str, models: Models, share: float) -> None:
    """Show the kept points, with buttons to remove and download them."""
    kept_points = points(run)
    if not kept_points:
        st.caption(
            ":material/push_pin: Nothing is kept yet. Kept points can be walked through and added up."
        )
        return
    images = pictures(models, kept_points, share)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown("**Kept**", help=HELP, width="content")
        shows_nearest = st.toggle(
            "Nearest training pictures",
            key="kept_nearest",
            persist_state="session",
            help=NEAREST_HELP,
        )
        st.menu_button(
            "Remove",
            [*NAMES[: len(kept_points)], ALL],
            key="kept_remove",
            icon=":material/close:",
            on_click=_remove,
            args=(run,),
            help="Remove one point, or all.",
        )
        st.download_button(
            "z (.npy)",
            as_npy(np.stack([point.z for point in kept_points])),
            f"{run}-kept.npy",
            key="kept_npy",
            on_click="ignore",
            help="The kept z as a NumPy array, float32, one row per point.",
        )
    image_grid(
        encode(tile(images, len(images))),
        key="kept_strip",
        rows=1,
        columns=len(images),
        max_height=76,
        caption="",
        alt=f"{len(kept_points)} kept points",
        notes=NAMES[: len(kept_points)],
    )
    if shows_nearest:
        _nearest(models, images)


def _nearest(models: Models, images: U8) -> None:
    dataset = models.config.dataset
    present = dataset.present(session().root)
    try:
        neighbours = _nearest_pictures(
            dataset.model_dump_json(), present, images.tobytes(), models, images
        )
    except LookupError:
        st.caption(
            f"{plain_text(models.config.dataset.title)} is not on this machine or is damaged, so there "
            "are no training pictures to compare with."
        )
        return
    nearest, distances = neighbours
    n = len(images)
    rows = np.concatenate([images[None], nearest.swapaxes(0, 1)])  # (1 + K, N, C, H, W)
    notes = [*NAMES[:n], *(f"{d:.0f}" for d in distances.T.ravel())]
    image_grid(
        encode(tile(rows.reshape(-1, *rows.shape[2:]), n)),
        key="kept_near",
        rows=len(rows),
        columns=n,
        max_height=76 * len(rows),
        notes=notes,
        alt="Kept samples, below each the nearest training pictures",
        caption="Distance: root mean square difference of the pixels, from 0 to 255",
    )


@st.cache_data(show_spinner="Comparing with the training pictures …", max_entries=16)
def _nearest_pictures(
    dataset: str, present: bool, images: bytes, _models: Models, _images: U8
) -> tuple[U8, F32]:
    return require_dataset(session().datasets.nearest(_models.config.dataset, _images, NEIGHBOURS))


def as_npy(z: F32) -> bytes:
    """Return z as the bytes of a .npy file."""
    buffer = BytesIO()
    np.save(buffer, np.asarray(z, np.float32), allow_pickle=False)
    return buffer.getvalue()
