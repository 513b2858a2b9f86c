"""Atomic writes of files, and checks whether processes are alive."""

import contextlib
import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wgan.runs.records import RunError


def pack_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Encode arrays as the bytes of an npz file."""
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def unpack_arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Decode the arrays of an npz file without unpickling. Raises RunError."""
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # zipfile and NumPy raise many types of exceptions for damaged bytes
        raise RunError("A preview of the run is damaged.") from error


def is_webp(content: bytes) -> bool:
    """Return whether bytes have the length in their WebP header. They are not decoded."""
    length = int.from_bytes(content[4:8], "little") + 8
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP" and length == len(content)


def is_preview(suffix: str, content: bytes) -> bool:
    """Return whether bytes are a complete preview: a WebP file, or arrays of points and their extent."""
    if suffix == "webp":
        return is_webp(content)
    try:
        arrays = unpack_arrays(content)
    except RunError:
        return False
    points, extent = arrays.get("points"), arrays.get("extent")
    if points is None or extent is None or extent.shape != () or extent.dtype.kind != "f":
        return False
    return points.ndim == 2 and points.shape[1] == 2 and float(extent) > 0


def write(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file under a temporary name and rename it. Raises RunError.

    Args:
        path: The file.
        content: Its bytes.
        durable: Whether to flush the file to disk before the renaming.
    """
    half = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with half.open("wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise RunError(
            f"{path.name} could not be written to {path.parent} ({error.strerror or error}). Free "
            "some space or make the folder writable."
        ) from error


def process_start(pid: int) -> str | None:
    """Return the start time of a process, which distinguishes it from a later one with the same id.

    Returns None if the process is dead, and "unknown" if the system does not provide the time.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None if sys.platform == "linux" else "unknown"


def versions() -> dict[str, str]:
    """Return the versions of Python, the system and the main packages."""
    by_name = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("torch", "torchvision", "numpy", "streamlit", "plotly", "pydantic"):
        with contextlib.suppress(PackageNotFoundError):
            by_name[package] = version(package)
    return by_name


def files_below(folder: Path) -> list[Path]:
    """Return the paths of all files in a folder and its subfolders, sorted.

    Another process may delete files and folders at the same time. `Path.rglob` then raises FileNotFoundError
    before Python 3.13; `os.walk` does not.
    """
    return sorted(Path(parent, name) for parent, _, names in os.walk(folder) for name in names)


def size_below(folder: Path) -> int:
    """Return the bytes that the files in a folder and its subfolders take."""
    total = 0
    for path in files_below(folder):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total
