"""Points of latent space that the visitor keeps: waypoints, terms of a sum, starts of a search."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import streamlit as st

from pages.ui.core.datasets import require_dataset
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.latent.state import Bookmark, BookmarksState
from pages.ui.widgets.image_grid.image_grid import image_grid
from wgan.arrays import F32, U8
from wgan.imaging import encode, tile
from wgan.latent import Models, truncated

MOST = 8
NAMES = "ABCDEFGH"

NEAREST = 3
ALL = "All of them"

NEAREST_HELP = """Below each kept sample the three training pictures nearest to it, pixel by pixel. A generator that
learned pictures by heart shows the same picture twice."""

HELP = """Points that you kept on this page, of this run: by a click on the plane, from the sliders, a sum, or a
picture that was found. Walk through them, add and subtract them, or take them away as z."""


def points(run: str) -> list[Bookmark]:
    """Return what was kept of a run, A first."""
    return page_state(BookmarksState).by_run.setdefault(run, [])


def keep(run: str, z: F32, label: int | None, origin: str) -> None:
    """Keep one more point; say so, or that there is no room."""
    state, kept_points = page_state(BookmarksState), points(run)
    for name, other in zip(NAMES, kept_points, strict=False):
        if np.array_equal(z, other.z) and label == other.label:
            state.message = f"That is kept already, as {name}.", ":material/push_pin:"
            return
    if len(kept_points) >= MOST:
        state.message = f"{MOST} points are kept: remove one first.", ":material/block:"
        return
    state.needs_redraw = True
    kept_points.append(Bookmark(np.asarray(z, np.float32), label, origin))
    state.message = f"Kept as {NAMES[len(kept_points) - 1]}.", ":material/push_pin:"


def say() -> None:
    """Show what came of the last click: a callback in a fragment may draw nothing itself."""
    state = page_state(BookmarksState)
    if state.message is not None:
        (text, icon), state.message = state.message, None
        st.toast(text, icon=icon)


def take_redraw() -> bool:
    """Tell whether the whole page must be drawn anew, not only its fragment; once for each change."""
    state = page_state(BookmarksState)
    needs_redraw, state.needs_redraw = state.needs_redraw, False
    return needs_redraw


def _remove(run: str) -> None:
    chosen = st.session_state["kept_remove"]
    if chosen == ALL:
        points(run).clear()
    elif chosen is not None:
        del points(run)[NAMES.index(chosen)]
    page_state(BookmarksState).needs_redraw = True


def pictures(models: Models, shown: Sequence[Bookmark], share: float) -> U8:
    """Return what the generator makes of kept points, truncated as all that is shown: (N, C, H, W)."""
    z = truncated(np.stack([point.z for point in shown]), share)
    labels = [point.label or 0 for point in shown] if models.config.conditional else None
    return models.make(z, labels)


def shelf(run: str, models: Models, share: float) -> None:
    """Show what is kept, with what can be done with it."""
    kept_points = points(run)
    if not kept_points:
        st.caption(
            ":material/push_pin: Nothing is kept yet. Kept points can be walked through and added up."
        )
        return
    images = pictures(models, kept_points, share)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown("**Kept**", help=HELP, width="content")
        near = st.toggle(
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
            help="Forget one of them, or all.",
        )
        st.download_button(
            "z (.npy)",
            as_npy(np.stack([point.z for point in kept_points])),
            f"{run}-kept.npy",
            key="kept_npy",
            on_click="ignore",
            help="The kept z as a NumPy array, float32, one row each.",
        )
    blank = np.zeros((MOST - len(images), *images.shape[1:]), np.uint8)
    image_grid(
        encode(tile(np.concatenate([images, blank]), MOST)),
        key="kept_strip",
        rows=1,
        columns=MOST,
        max_height=76,
        caption="",
        alt=f"{len(kept_points)} kept points",
        notes=NAMES[: len(kept_points)],
    )
    if near:
        _nearest(models, images)


def _nearest(models: Models, made: U8) -> None:
    dataset = models.config.dataset
    present = dataset.present(session().root)
    try:
        neighbours = _found(dataset.model_dump_json(), present, made.tobytes(), models, made)
    except LookupError:
        st.caption(
            f"{models.config.dataset.title} is not on this machine, or damaged: there is nothing to look among."
        )
        return
    near, distances = neighbours
    n = len(made)
    rows = np.concatenate([made[None], near.swapaxes(0, 1)])  # (1 + K, N, C, H, W)
    words = [*NAMES[:n], *(f"{d:.0f}" for d in distances.T.ravel())]
    image_grid(
        encode(tile(rows.reshape(-1, *rows.shape[2:]), n)),
        key="kept_near",
        rows=len(rows),
        columns=n,
        max_height=76 * len(rows),
        notes=words,
        alt="Kept samples, below each the nearest training pictures",
        caption="Distance: root mean square difference of the pixels, 0 to 255",
    )


@st.cache_data(show_spinner="Looking among the training pictures …", max_entries=16)
def _found(dataset: str, present: bool, made: bytes, _models: Models, _made: U8) -> tuple[U8, F32]:
    return require_dataset(session().sets.nearest(_models.config.dataset, _made, NEAREST))


def as_npy(z: F32) -> bytes:
    """Return z as the bytes of a .npy file."""
    buffer = BytesIO()
    np.save(buffer, np.asarray(z, np.float32), allow_pickle=False)
    return buffer.getvalue()
