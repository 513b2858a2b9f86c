"""Files of prepared pictures in the safetensors format: written in chunks, read whole or mapped.

The safetensors library writes whole tensors only, and its memory mapping may make the system
reserve the full size of the file. A file holds a JSON header and numbers, so it cannot contain
code.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["I64", "U8"]
KINDS: dict[Kind, npt.DTypeLike] = {"I64": np.dtype("<i8"), "U8": np.dtype("u1")}
MAX_HEADER_BYTES = 64 << 20
"""Maximum length of a header, in bytes."""


@dataclass(frozen=True)
class ArrayLocation:
    """Type, shape and position of an array in a file."""

    kind: Kind
    shape: tuple[int, ...]
    begin: int  # bytes from the start of the file

    @property
    def nbytes(self) -> int:
        """Size of the array in bytes."""
        return int(np.prod(self.shape, dtype=object)) * np.dtype(KINDS[self.kind]).itemsize


@dataclass(frozen=True)
class ArrayToWrite:
    """An array to write, in chunks along its first axis."""

    kind: Kind
    shape: tuple[int, ...]
    pieces: Iterable[npt.NDArray[Any]]


def write(file: IO[bytes], metadata: dict[str, str], arrays: dict[str, ArrayToWrite]) -> None:
    """Write arrays and metadata, byte for byte as safetensors does."""
    order = sorted(arrays, key=lambda name: (arrays[name].kind != "I64", name))
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name in order:
        new = arrays[name]
        begin, end = end, end + ArrayLocation(new.kind, new.shape, 0).nbytes
        header[name] = {"dtype": new.kind, "shape": new.shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in order:
        for piece in arrays[name].pieces:
            file.write(np.ascontiguousarray(piece, KINDS[arrays[name].kind]).data)


def layout(path: Path) -> tuple[dict[str, str], dict[str, ArrayLocation]]:
    """Read the header of a file: its metadata, and the position of each array.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file has another format or is incomplete.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
            raise ValueError("the header is not whole")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    metadata = header.pop("__metadata__", {})
    parts, end = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, stop = entry["data_offsets"]
        shape = tuple(entry["shape"])
        if entry["dtype"] not in KINDS or not all(
            type(n) is int and n >= 0 for n in (*shape, begin, stop)
        ):
            raise ValueError("an array of another kind")
        part = parts[name] = ArrayLocation(entry["dtype"], shape, 8 + length + begin)
        if begin != end or stop != begin + part.nbytes:
            raise ValueError("the arrays do not lie one after the other")
        end = stop
    if 8 + length + end != size:
        raise ValueError("it is not whole")
    return metadata, parts


def read(path: Path, part: ArrayLocation) -> npt.NDArray[Any]:
    """Read an array of a file.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is too short.
    """
    count = int(np.prod(part.shape))
    read = np.fromfile(path, KINDS[part.kind], count, offset=part.begin)
    return read.reshape(part.shape)
