from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from wgan.imaging import encode, tile, untile


def test_tiles_lie_row_by_row():
    pictures = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1).repeat(2, axis=2).repeat(3, axis=3)
    grid = tile(pictures, 3)
    assert grid.shape == (4, 9, 1)
    assert grid[::2, ::3, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_last_row_is_padded_and_gaps_lie_between():
    pictures = np.full((3, 3, 2, 2), 9, dtype=np.uint8)
    grid = tile(pictures, 2, gap=1)
    assert grid.shape == (5, 5, 3)
    assert grid[3:, 3:].sum() == 0 and grid[2].sum() == 0 and grid[:2, :2].min() == 9


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_exact_and_webp_close(channels: int):
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.integers(0, 256, (8, 8, channels)), np.ones((8, 8, 1))).astype(np.uint8)
    png = np.asarray(Image.open(BytesIO(encode(smooth, "PNG"))))
    assert np.array_equal(png.reshape(smooth.shape), smooth)
    mode = "L" if channels == 1 else "RGB"
    webp = np.asarray(Image.open(BytesIO(encode(smooth))).convert(mode)).reshape(smooth.shape)
    assert np.abs(webp.astype(int) - smooth).mean() < 12


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_cut_out_of_its_grid(channels: int):
    pictures = np.random.default_rng(0).integers(0, 256, (6, channels, 4, 5), dtype=np.uint8)
    grid = tile(pictures, columns=3)
    for i, picture in enumerate(pictures):
        cut = untile(grid, i, (channels, 4, 5))
        assert cut is not None and np.array_equal(cut, picture)
    assert untile(grid, 6, (channels, 4, 5)) is None and untile(grid, -1, (channels, 4, 5)) is None
    coloured = np.repeat(tile(pictures[:, :1], columns=3), 3, axis=2)  # as WebP decodes grey
    cut = untile(coloured, 4, (1, 4, 5))
    assert cut is not None and np.array_equal(cut, pictures[4, :1])
