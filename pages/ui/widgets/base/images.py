"""Pictures as data URIs, and the data of a sheet of samples."""

import base64
from collections.abc import Sequence
from typing import Any

from pages.ui.widgets.base.registry import space

CAPTION_HEIGHT = (
    "calc(0.4rem + 1.3125rem)"  # one line below a picture, with its margin (sprite.css)
)


def data_uri(image: bytes) -> str:
    """Return `image` as a data URI. Unlike an address in `/media`, it never expires."""
    kind = "png" if image[:4] == b"\x89PNG" else "jpeg" if image[:2] == b"\xff\xd8" else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"


def strip_data(
    image: bytes | None,
    *,
    rows: int,
    columns: int,
    max_height: int,
    caption: str,
    alt: str,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the data of a sheet of samples: `StripData` in sprite.js.

    Args:
        image: The sheet without gaps, as WebP, PNG or JPEG; None if the browser makes it.
        rows: Number of rows.
        columns: Number of columns.
        max_height: Maximum height in pixels.
        caption: A line below the sheet.
        alt: Description for screen readers.
        notes: A few characters for the corner of each sample.
    """
    return {
        "image": None if image is None else data_uri(image),
        "rows": rows,
        "columns": columns,
        "height": max_height,
        "caption": caption,
        "alt": alt,
        "notes": list(notes),
        "space": space(max_height, ratio=columns / rows, below=CAPTION_HEIGHT),
    }
