"""A grid of samples that the browser makes itself if it can run the generator."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui.widgets.base.images import strip_data
from pages.ui.widgets.base.registry import component
from wgan.arrays import U8, float32_base64
from wgan.imaging import encode, tile

_SAMPLE_GRID = component(
    "wgan_sample_grid", "sample_grid/sample_grid.js", "base/controls.css", "base/sprite.css"
)

CANNOT = "cannot"
"""Name of the component's state: whether the browser could not run the generator."""


def sample_grid(
    make: Callable[[], U8],
    *,
    local: Mapping[str, Any] | None,
    key: str,
    columns: int,
    count: int,
    caption: str,
    alt: str,
    max_height: int,
    notes: Sequence[str] = (),
) -> None:
    """Show `count` samples, each of which can be enlarged.

    The server makes them only if the browser cannot: it says so once, and the page is then drawn again.

    Args:
        make: Returns the samples, (N, C, H, W).
        local: What the browser needs to make the samples itself: `local_samples` or `local_blend`; None if
            it cannot.
        key: The component's key.
        columns: Number of columns.
        count: Number of samples, a multiple of `columns`.
        caption: A line below the grid.
        alt: Description for screen readers.
        max_height: Maximum height in pixels.
        notes: A few characters for the corner of each sample.
    """
    by_server = local is None or bool(st.session_state.get(key, {}).get(CANNOT))
    strip = strip_data(
        encode(tile(make(), columns)) if by_server else None,
        rows=count // columns,
        columns=columns,
        max_height=max_height,
        caption=caption,
        alt=alt,
        notes=notes,
    )
    _SAMPLE_GRID(key=key, data=strip | {"local": local}, on_cannot_change=lambda: None)


def local_samples(generator: Mapping[str, Any] | None, z: Any) -> dict[str, Any] | None:
    """Return what the browser needs to make the samples of z, (N, latent_dim).

    Args:
        generator: From `on_browser`; None if the browser cannot run the generator.
        z: With the truncation applied.
    """
    return None if generator is None else {**generator, "z": float32_base64(z)}


def local_blend(
    generator: Mapping[str, Any] | None, z: Any, to: int, shares: Sequence[float]
) -> dict[str, Any] | None:
    """Return what the browser needs to make samples between two classes: `Models.blend`.

    Args:
        generator: From `on_browser` with the class at share 0; None if the browser cannot run the generator.
        z: (N, latent_dim), with the truncation applied.
        to: The class at share 1.
        shares: The share of that class for each z, in [0, 1].
    """
    local = local_samples(generator, z)
    return None if local is None else {**local, "blend": {"to": to, "shares": list(shares)}}
