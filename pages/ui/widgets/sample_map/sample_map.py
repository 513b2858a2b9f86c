"""Linked views of samples: a sheet, a map with real pictures, the scores, and the nearest training picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pages.ui.widgets.base.images import data_uri
from pages.ui.widgets.base.registry import component
from wgan.arrays import F32, U8
from wgan.imaging import encode, tile

_MAP = component(
    "wgan_sample_map",
    "sample_map/sample_map.js",
    "base/controls.css",
    "base/sprite.css",
    "sample_map/sample_map.css",
)

HEIGHT = 520  # pixels (sample_map.css)


@dataclass(frozen=True)
class MapSamples:
    """Samples of one kind: pictures (N, C, H, W), positions on the map (N, 2), and scores (N,)."""

    pictures: U8
    positions: F32
    scores: F32


def sample_map(
    fake: MapSamples,
    real: MapSamples,
    nearest: U8 | None,
    differences: F32 | None,
    *,
    key: str,
    rows: int,
    columns: int,
    help: str,
) -> None:
    """Show linked views of fakes and real pictures. All of it happens in the browser.

    Args:
        fake: rows × columns fakes.
        real: As many real pictures.
        nearest: The training picture nearest to each fake, (N, C, H, W); None if it is unknown.
        differences: Root mean square difference of each pair, of 255, (N,); None if unknown.
        key: The component's key.
        rows: Number of rows of the sheet.
        columns: Number of columns of the sheet.
        help: Explanation of the map.
    """
    sides = {
        name: {
            "image": data_uri(encode(tile(samples.pictures, columns))),
            "x": _rounded(samples.positions[:, 0]),
            "y": _rounded(samples.positions[:, 1]),
            "scores": _rounded(samples.scores),
        }
        for name, samples in (("fake", fake), ("real", real))
    }
    data = {
        **sides,
        "nearest": None if nearest is None else data_uri(encode(tile(nearest, columns))),
        "differences": None if differences is None else _rounded(differences),
        "rows": rows,
        "columns": columns,
        "help": help,
        "space": f"height:{HEIGHT}px",
    }
    _MAP(key=key, data=data)


def _rounded(values: F32) -> Sequence[float]:
    """Return numbers with four digits, which are enough to draw them."""
    return [float(f"{value:.4g}") for value in np.nan_to_num(values)]
