"""A grid of pictures, each of which can be enlarged."""

from collections.abc import Sequence

from pages.ui.widgets.base.images import CAPTION_HEIGHT, data_uri
from pages.ui.widgets.base.registry import component, space

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
        rows: Pictures in a column of the sheet.
        columns: Pictures in a row of the sheet.
        caption: A line below the grid.
        alt: What the grid shows, for screen readers.
        max_height: In pixels.
        notes: A few characters for each picture, written into its corner.
    """
    data = {
        "image": data_uri(image),
        "rows": rows,
        "columns": columns,
        "height": max_height,
        "caption": caption,
        "alt": alt,
        "notes": list(notes),
        "space": space(max_height, ratio=columns / rows, below=CAPTION_HEIGHT),
    }
    _IMAGE_GRID(key=key, data=data)
