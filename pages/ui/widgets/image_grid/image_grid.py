"""A grid of pictures, each of which can be enlarged."""

from collections.abc import Sequence

from pages.ui.widgets.base.images import strip_data
from pages.ui.widgets.base.registry import component

_IMAGE_GRID = component(
    "wgan_image_grid", "image_grid/image_grid.js", "base/controls.css", "base/sprite.css"
)


def image_grid(
    image: bytes,
    *,
    key: str,
    rows: int,
    columns: int,
    caption: str,
    alt: str,
    max_height: int = 460,
    notes: Sequence[str] = (),
) -> None:
    """Show a sheet of `rows` × `columns` pictures, each of which can be enlarged.

    Args:
        image: The sheet without gaps, as WebP, PNG or JPEG.
        key: The component's key.
        rows: Number of rows.
        columns: Number of columns.
        caption: A line below the grid.
        alt: Description for screen readers.
        max_height: Maximum height in pixels.
        notes: A few characters for the corner of each picture.
    """
    data = strip_data(
        image,
        rows=rows,
        columns=columns,
        max_height=max_height,
        caption=caption,
        alt=alt,
        notes=notes,
    )
    _IMAGE_GRID(key=key, data=data)
