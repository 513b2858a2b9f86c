"""Grids of pictures, and image files of them."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, WebPImagePlugin  # noqa: F401  # else Pillow looks for WebP in all its 40 plugins

from wgan.arrays import U8, Real


def tile(pictures: U8, columns: int, gap: int = 0) -> U8:
    """Return pictures side by side in rows: (N, C, H, W) uint8 → (rows·H, columns·W, C).

    An incomplete last row is padded with black; `gap` black pixels separate the pictures.
    """
    n, channels, height, width = pictures.shape
    rows = -(-n // columns)
    grid = np.zeros((rows * columns, channels, height + gap, width + gap), dtype=np.uint8)
    grid[:n, :, :height, :width] = pictures
    grid = grid.reshape(rows, columns, *grid.shape[1:])
    whole: U8 = grid.transpose(0, 3, 1, 4, 2).reshape(
        rows * (height + gap), columns * (width + gap), channels
    )
    return whole[: whole.shape[0] - gap, : whole.shape[1] - gap]


def encode(picture: U8, kind: str = "WEBP") -> bytes:
    """Return an array, (H, W, 1 or 3), as an image file: WEBP for pages, or PNG."""
    settings: dict[str, Any] = {"quality": 90, "method": 0} if kind == "WEBP" else {}
    buffer = BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).save(
        buffer, kind, **settings
    )
    return buffer.getvalue()


def corner(grid: U8, samples: int, columns: int) -> U8:
    """Return the first samples × samples square pictures of a grid without gaps, (H, W, channels)."""
    side = samples * (grid.shape[1] // columns)
    return grid[:side, :side]


def decode(image: bytes) -> U8:
    """Decode an image file to (H, W, 1 or 3) uint8."""
    with Image.open(BytesIO(image)) as opened:
        pixels = np.asarray(opened if opened.mode == "L" else opened.convert("RGB"))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def untile(grid: U8, index: int, shape: tuple[int, int, int]) -> U8 | None:
    """Return one picture of a grid without gaps; None if the grid is smaller.

    Args:
        grid: (rows·H, columns·W, 1 or 3) uint8.
        index: Index of the picture, row by row.
        shape: (C, H, W) of the picture. A grey picture is the mean of the grid's channels.

    Returns:
        (C, H, W) uint8.
    """
    channels, height, width = shape
    columns = grid.shape[1] // width
    row, column = divmod(index, columns) if columns else (0, 0)
    part = grid[row * height : (row + 1) * height, column * width : (column + 1) * width]
    if index < 0 or part.shape[:2] != (height, width):
        return None
    if channels == 1:
        part = part.mean(axis=2, keepdims=True).round()
    return np.ascontiguousarray(part.transpose(2, 0, 1)).astype(np.uint8)


def scatter(
    layers: Sequence[tuple[Real, tuple[int, int, int]]],
    extent: float,
    side: int = 64,
    dot: int = 1,
    ground: tuple[int, int, int] = (255, 255, 255),
) -> U8:
    """Draw points as a small picture, (side, side, 3) uint8.

    Args:
        layers: Points, (N, 2), and RGB colour of each layer. Later layers cover earlier ones.
        extent: The picture shows [−extent, extent]².
        side: Side of the picture in pixels.
        dot: Size of a point.
        ground: RGB colour of the background.
    """
    picture = np.full((side, side, 3), ground, dtype=np.uint8)
    for points, colour in layers:
        at = ((points + extent) / (2 * extent) * side).astype(int)
        inside = at[((at >= 0) & (at <= side - dot)).all(axis=1)]
        for dx in range(dot):
            for dy in range(dot):
                picture[side - 1 - (inside[:, 1] + dy), inside[:, 0] + dx] = colour
    return picture
