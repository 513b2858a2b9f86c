"""Downloads of files that are created when a button is pressed, also for pictures and films."""

import mimetypes
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from wgan.arrays import U8
from wgan.export import write_film
from wgan.imaging import encode, tile

FILMS = {".gif": "Film (GIF)", ".webp": "Film (WebP)", ".mp4": "Film (MP4)"}


def file_maker(suffix: str, write: Callable[[Path], object]) -> Callable[[], bytes]:
    """Return a function that creates a file and returns its content.

    Args:
        suffix: Suffix of the file.
        write: Writes the file to a given path.
    """

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / f"made{suffix}"
            write(out)
            return out.read_bytes()

    return make


def download(label: str, make: Callable[[], bytes], name: str, **options: Any) -> None:
    """Show a download button for a file that is created when it is pressed. It causes no rerun.

    `options` are passed to `st.download_button`.
    """
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    visitor = get_script_run_ctx()

    def make_and_hold() -> bytes:
        content = make()

        # Streamlit deletes a file that was created on request after the scripts of any visitors
        # have ended twice. With a class of students on one page that takes a quarter of a second,
        # often less than the browser needs to fetch it. A file of the visitor's own script remains
        # until that script reruns or the visitor leaves.
        def hold() -> None:
            runtime.get_instance().media_file_mgr.add(
                content, kind, f"made {name}", file_name=name, is_for_static_download=True
            )

        if runtime.exists():
            holder = Thread(target=hold)
            add_script_run_ctx(holder, visitor)
            holder.start()
            holder.join()
        return content

    st.download_button(label, make_and_hold, name, kind, on_click="ignore", **options)


def sheet(pictures: Callable[[], U8], columns: int, name: str, key: str) -> None:
    """Offer pictures as one PNG file. `pictures` returns them, (N, C, H, W), when the file is wanted."""
    download(
        "Picture (PNG)",
        lambda: encode(tile(pictures(), columns, gap=1), "PNG"),
        f"{name}.png",
        icon=":material/download:",
        key=f"take-{key}",
        type="tertiary",
        help="What is shown, as the generator made it, pixel by pixel.",
    )


def offer(kinds: Mapping[str, str], write: Callable[[Path], object], name: str, key: str) -> None:
    """Offer a walk as files.

    Args:
        kinds: Titles by suffix.
        write: Writes the file to a given path.
        name: Name of the file without suffix.
        key: Key of the control.
    """
    with st.popover("Export", icon=":material/download:", help="This walk as a file."):
        st.caption("Each is made when you press it.")
        for suffix, title in kinds.items():
            download(
                title,
                file_maker(suffix, write),
                f"{name}{suffix}",
                key=f"{key}{suffix}",
                width="stretch",
            )


def film(frames: U8, name: str, key: str) -> None:
    """Offer frames, (F, C, H, W), as a film."""
    offer(FILMS, lambda out: write_film(frames, out), name, f"take-{key}")
