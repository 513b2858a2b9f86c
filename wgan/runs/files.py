"""Files that are whole or not there, and processes that live or do not."""

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
    """Return arrays as the bytes of an npz."""
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def unpack_arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an npz; nothing in it is ever unpickled. Raises RunError."""
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # zipfile and NumPy answer bad bytes with many kinds of exceptions.
        raise RunError("A preview of the run is damaged.") from error


def is_webp(content: bytes) -> bool:
    """Tell whether bytes are as long as the header of a WebP file says; they are not decoded."""
    length = int.from_bytes(content[4:8], "little") + 8
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP" and length == len(content)


def is_preview(suffix: str, content: bytes) -> bool:
    """Tell whether bytes are a whole preview: a WebP file, or arrays of points and their extent."""
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
    """Write a file under a temporary name and put it in place. Raises RunError."""
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
    """Return when a live process began, which tells it from a later one of the same number.

    None if it is dead; "unknown" where the system does not tell.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None if sys.platform == "linux" else "unknown"


def versions() -> dict[str, str]:
    """Return what the program stands on: Python, the system, the packages that matter."""
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
