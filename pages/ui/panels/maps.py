"""A sheet of feature maps, units or kernels, which have the same scale."""

import numpy as np
import streamlit as st

from pages.ui.widgets.image_grid.image_grid import image_grid
from wgan.arrays import F32, U8
from wgan.format import fmt_sig
from wgan.imaging import encode, tile

MAX_MAPS = 64


def grey(maps: F32) -> U8:
    """Return maps as shades: the lowest value of all is black, the highest one white."""
    low, high = float(maps.min()), float(maps.max())
    shades: U8 = ((maps - low) / ((high - low) or 1.0) * 255).round().astype(np.uint8)
    return shades


def maps_sheet(
    values: F32, name: str, *, title: str, help: str, key: str, height: int = 250
) -> None:
    """Show the first MAX_MAPS maps below a title.

    Args:
        values: (K, h, w).
        name: What the maps belong to, for the line below them.
        title: The title.
        help: The help of the title.
        key: The component's key.
        height: Maximum height in pixels.
    """
    count = len(values)
    maps = _thickened(values[:MAX_MAPS])
    columns = min(8, len(maps))
    count_text = f", all {count}" if count > 1 else ""
    if count > MAX_MAPS:
        count_text = f", the first {MAX_MAPS} of {count}"
    low, high = float(maps.min()), float(maps.max())
    st.markdown(f"**{title}**", help=help)
    image_grid(
        encode(tile(grey(maps)[:, None], columns), "PNG"),
        key=key,
        rows=-(-len(maps) // columns),
        columns=columns,
        max_height=height,
        caption=f"{name}{count_text}: black is {fmt_sig(low)}, white {fmt_sig(high)}",
        alt=f"{title}: {name}",
    )


def _thickened(maps: F32) -> F32:
    """Return maps that are at most four times as long as wide: the pixels of thin ones are repeated."""
    height, width = maps.shape[1:]
    return maps.repeat(max(1, -(-width // (4 * height))), 1).repeat(
        max(1, -(-height // (4 * width))), 2
    )
