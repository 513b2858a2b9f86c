"""Types of NumPy arrays, by their dtype. Shapes are in the docstrings."""

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

Real = npt.NDArray[np.floating[Any]]
"""Floating-point numbers of any width."""

Number = npt.NDArray[np.floating[Any] | np.integer[Any]]
"""Numbers of an axis, which may be whole: steps and counts."""


def evenly_spaced(n: int, most: int) -> I64:
    """Return at most `most` of the indices 0 to n − 1, evenly spaced, including the first and the last."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)


def float32_base64(values: Any) -> str:
    """Return an array as float32, little-endian, in base64: `rowsOf` in latent.js reads it."""
    content = np.ascontiguousarray(values, dtype="<f4").tobytes()
    return base64.b64encode(content).decode("ascii")
