"""The visitor's own picture, drawn or uploaded, in the shape of a data set."""

import numpy as np
import streamlit as st

from pages.ui.core.permissions import permitted, refusal_to_add
from pages.ui.core.plain_text import plain_text
from pages.ui.core.state import page_state
from pages.ui.panels.state import OwnImages, UploadedFile
from pages.ui.widgets.image_grid.image_grid import image_grid
from pages.ui.widgets.sketch_pad.sketch_pad import sketch_pad
from wgan import critic
from wgan.arrays import U8
from wgan.data import PICTURE_SUFFIXES, DataError
from wgan.imaging import encode, tile
from wgan.latent import Models


def draw_picture(models: Models, prefix: str, height: int = 250) -> U8 | None:
    """Let the visitor draw a picture, (C, H, W) uint8; None while it is empty."""
    channels, side, _ = models.config.dataset.shape
    drawings = page_state(OwnImages).drawings

    def keep(drawing: U8) -> None:
        drawings[prefix, side] = drawing

    drawing = sketch_pad(
        drawings.get((prefix, side), np.zeros((side, side), np.uint8)),
        key=f"{prefix}_sketch_{side}",
        on_change=keep,
        height=height,
        night=True,
        alt="Your own picture, white on black",
    )
    if not drawing.any():
        st.caption("Draw with the mouse: white on black, like the training pictures.")
        return None
    return np.repeat(drawing[None], channels, axis=0)


def upload_picture(models: Models, prefix: str) -> U8 | None:
    """Let the visitor upload a picture, (C, H, W) uint8; None until there is a readable one."""
    shape = models.config.dataset.shape
    uploads, key = page_state(OwnImages).uploads, f"{prefix}_file"

    def keep() -> None:
        """Store the file, because Streamlit forgets it while its field is not on the page."""
        file = st.session_state[key]
        if file is None:
            forget()
        else:
            uploads[prefix] = UploadedFile(file.name, file.getvalue())

    def forget() -> None:
        uploads.pop(prefix, None)

    file = st.file_uploader(
        "Upload a picture",
        type=list(PICTURE_SUFFIXES),
        key=key,
        on_change=keep,
        **permitted(
            refusal_to_add(),
            help="The picture is cropped to a square and scaled to the size of the data set.",
        ),
    )
    invert = st.toggle(
        "Invert brightness",
        key=f"{prefix}_invert",
        persist_state="session",
        help="MNIST digits are white on black. For a photo of dark ink on white paper, turn this "
        "on.",
    )
    upload = uploads.get(prefix)
    if upload is None:
        return None
    if file is None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f":material/image: {plain_text(upload.name)}", width="content")
            st.button(
                "Remove",
                key=f"{prefix}_forget",
                type="tertiary",
                icon=":material/close:",
                on_click=forget,
            )
    try:
        picture = critic.picture_from(upload.content, shape, invert=invert)
    except DataError as error:
        st.error(plain_text(str(error)), icon=":material/error:")
        return None
    image_grid(
        encode(tile(picture[None], 1)),
        key=f"{prefix}_cut",
        rows=1,
        columns=1,
        max_height=110,
        caption="As the networks see it",
        alt="The uploaded picture, cropped and scaled",
    )
    return picture
