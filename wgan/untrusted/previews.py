"""Copies of previews: images are decoded and encoded again, arrays are loaded and saved again."""

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from wgan.imaging import encode

MAX_PREVIEW_BYTES = 8 << 20
MAX_PREVIEW_PIXELS = 16_000_000

_SHAPES = {"points": (None, 2), "surface": (None, None), "arrows": (None, 4), "extent": ()}
"""The shapes of the arrays of a preview of points. None stands for any length."""


def copy_preview(content: bytes, target: Path) -> None:
    """Write a preview anew to a .webp or .npz file. Raises an exception of any type if it is damaged."""
    if target.suffix == ".webp":
        _copy_image(content, target)
    else:
        _copy_arrays(content, target)


def _copy_image(content: bytes, target: Path) -> None:
    with Image.open(BytesIO(content), formats=["WEBP"]) as picture:
        if picture.width * picture.height > MAX_PREVIEW_PIXELS:
            raise ValueError("it is too large for a preview")
        array = np.asarray(picture.convert("RGB"))
    target.write_bytes(encode(array))


def _copy_arrays(content: bytes, target: Path) -> None:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_PREVIEW_BYTES:
            raise ValueError("it is too large for a preview")
    with np.load(BytesIO(content), allow_pickle=False) as file:
        arrays = {name: np.asarray(file[name]) for name in file.files}
    _check_arrays(arrays)
    with target.open("wb") as out:
        np.savez(out, allow_pickle=False, **{k: v.astype(np.float32) for k, v in arrays.items()})


def _check_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Check the names, shapes and values of the arrays of a preview. Raises ValueError."""
    if not {"points", "extent"} <= arrays.keys() <= _SHAPES.keys():
        raise ValueError("it has other arrays than a preview")
    for name, array in arrays.items():
        shape = _SHAPES[name]
        fits = array.ndim == len(shape) and all(
            size in (None, length) for size, length in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype.kind != "f" or not np.isfinite(array).all() or not array.size:
            raise ValueError(f"its {name} are not those of a preview")
    if "surface" in arrays and arrays["surface"].shape[0] != arrays["surface"].shape[1]:
        raise ValueError("its surface is not square")
    if arrays["extent"] <= 0:
        raise ValueError("its extent is not positive")
