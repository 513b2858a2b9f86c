"""Grids of pictures, and image files of them."""

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]


def tile(pictures: Bytes, columns: int, gap: int = 0) -> Bytes:
    """Return pictures side by side in rows: (N, C, H, W) uint8 → (rows·H, columns·W, C).

    A last row that is not full is padded with black, and `gap` black pixels lie between.
    """
    n, channels, height, width = pictures.shape
    rows = -(-n // columns)
    grid = np.zeros((rows * columns, channels, height + gap, width + gap), dtype=np.uint8)
    grid[:n, :, :height, :width] = pictures
    grid = grid.reshape(rows, columns, *grid.shape[1:])
    whole: Bytes = grid.transpose(0, 3, 1, 4, 2).reshape(
        rows * (height + gap), columns * (width + gap), channels
    )
    return whole[: whole.shape[0] - gap, : whole.shape[1] - gap]


def encode(picture: Bytes, kind: str = "WEBP") -> bytes:
    """Return an (H, W, 1 or 3) array as the bytes of an image file: WEBP for pages, or PNG."""
    settings: dict[str, Any] = {"quality": 90, "method": 0} if kind == "WEBP" else {}
    buffer = BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).save(
        buffer, kind, **settings
    )
    return buffer.getvalue()
