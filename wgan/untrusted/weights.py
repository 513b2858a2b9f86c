"""Copy a safetensors file after checking its header.

The format: eight bytes with the length of the header, the header as JSON (name → dtype, shape and
offsets), and the bytes of all tensors without gaps.
"""

import json
import math
from pathlib import Path
from typing import IO, Any

from wgan.schema import SchemaError, parse_json, table, text, whole

MAX_HEADER_BYTES = 1 << 20
MAX_TENSORS = 5_000
MAX_DIMENSIONS = 8
CHUNK = 1 << 20
BITS = {
    "F64": 64,
    "F32": 32,
    "F16": 16,
    "BF16": 16,
    "I64": 64,
    "I32": 32,
    "I16": 16,
    "I8": 8,
    "U8": 8,
    "BOOL": 8,
}


def copy_weights(source: IO[bytes], size: int, target: Path) -> None:
    """Copy a checkpoint to a file, with a checked header.

    Args:
        source: The stream.
        size: Its number of bytes.
        target: The file.

    Raises:
        SchemaError: The header does not describe the file.
    """
    length = int.from_bytes(source.read(8), "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
        raise SchemaError("it is not a safetensors file")
    header = table(parse_json(_decoded(source.read(length)), "its header"), "its header")
    checked = check_header(header, size - 8 - length)
    written = json.dumps(checked, separators=(",", ":")).encode("utf-8")
    written += b" " * (-len(written) % 8)
    with target.open("wb") as out:
        out.write(len(written).to_bytes(8, "little") + written)
        while chunk := source.read(CHUNK):
            out.write(chunk)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SchemaError("its header is not text") from error


def check_header(header: dict[str, Any], data_bytes: int) -> dict[str, Any]:
    """Return the valid part of a header. Raises SchemaError.

    Each tensor must have the size of its shape, and together they must fill the file. So a file
    cannot claim more data than it has.
    """
    metadata = table(header.get("__metadata__", {}), "its metadata")
    checked: dict[str, Any] = {
        "__metadata__": {
            text(k, "its metadata", 100): text(v, "its metadata") for k, v in metadata.items()
        }
    }
    if len(header) > MAX_TENSORS:
        raise SchemaError(f"it has more than {MAX_TENSORS:,} tensors")
    spans = []
    for name, value in header.items():
        if name == "__metadata__":
            continue
        entry = table(value, "a tensor")
        dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
        if not isinstance(dtype, str) or dtype not in BITS:
            raise SchemaError("a tensor has an unknown type")
        if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
            raise SchemaError("a tensor has no shape")
        sizes = [whole(length, "a length", 0, data_bytes) for length in shape]
        if not isinstance(offsets, list) or len(offsets) != 2:
            raise SchemaError("a tensor has no position in the file")
        begin, end = (whole(at, "an offset", 0, data_bytes) for at in offsets)
        if end - begin != math.prod(sizes) * BITS[dtype] // 8:
            raise SchemaError("the size of a tensor does not match its shape")
        spans.append((begin, end))
        checked[text(name, "the name of a tensor", 300)] = {
            "dtype": dtype,
            "shape": sizes,
            "data_offsets": [begin, end],
        }
    at = 0
    for begin, end in sorted(spans):
        if begin != at:
            raise SchemaError("its tensors overlap or leave gaps")
        at = end
    if at != data_bytes:
        raise SchemaError("it is cut off, or longer than its tensors")
    return checked
