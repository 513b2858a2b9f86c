"""Pictures and films of the Latent page as files, made when they are asked for."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import streamlit as st

from wgan.export import write_film
from wgan.pictures import encode, tile

Bytes = npt.NDArray[np.uint8]

FILMS = {".gif": "Film (GIF)", ".webp": "Film (WebP)", ".mp4": "Film (MP4)"}


def made(suffix: str, write: Callable[[Path], object]) -> Callable[[], bytes]:
    """Return what makes a file's content: `write` is given a path that ends in `suffix`."""

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / f"made{suffix}"
            write(out)
            return out.read_bytes()

    return make


def sheet(pictures: Bytes, columns: int, name: str, key: str) -> None:
    """Offer pictures, (N, C, H, W), as one PNG."""
    st.download_button(
        "Picture (PNG)", lambda: encode(tile(pictures, columns, gap=1), "PNG"), f"{name}.png",
        icon=":material/download:", key=f"take-{key}", on_click="ignore", type="tertiary",
        help="What is shown, as the generator made it, pixel by pixel.",
    )  # fmt: skip


def offer(kinds: Mapping[str, str], write: Callable[[Path], object], name: str, key: str) -> None:
    """Offer a walk as files: `kinds` are titles by suffix, `write` as for `made`."""
    with st.popover("Export", icon=":material/download:", help="This walk as a file."):
        st.caption("Each is made when you press it.")
        for suffix, title in kinds.items():
            st.download_button(
                title, made(suffix, write), f"{name}{suffix}",
                key=f"{key}{suffix}", on_click="ignore", width="stretch",
            )  # fmt: skip


def film(frames: Bytes, name: str, key: str) -> None:
    """Offer frames, (F, C, H, W), as a film."""
    offer(FILMS, lambda out: write_film(frames, out), name, f"take-{key}")
