"""A tar reader that reads forward, header by header, so that no header can claim more than the file has.

The standard library's reader seeks by any claimed size, and stores extended headers of any length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

BLOCK = 512
CHUNK = 1 << 20
MAX_HEADER_BYTES = 1 << 17
"""Maximum size of a member's extended headers: paths and attributes need a few kB."""


class BrokenTar(Exception):
    """The bytes are no tar file, or end early."""


@dataclass(frozen=True)
class Entry:
    """The header of a member."""

    name: str
    kind: str  # "file", "folder", "link" or "other"
    size: int  # number of bytes of its content


class Stream:
    """A stream that is read forward only. `size` is its number of bytes; None if unknown."""

    def __init__(self, file: IO[bytes] | Any, size: int | None) -> None:
        self._file, self._size, self._at = file, size, 0

    @property
    def left(self) -> int | None:
        """Number of remaining bytes; None if unknown."""
        return None if self._size is None else self._size - self._at

    def read(self, n: int) -> bytes:
        """Return the next `n` bytes; fewer at the end."""
        content = bytearray()
        while len(content) < n and (piece := self._file.read(min(CHUNK, n - len(content)))):
            content += piece
        self._at += len(content)
        return bytes(content)

    def exactly(self, n: int) -> bytes:
        """Return the next `n` bytes. Raises BrokenTar if there are fewer."""
        if self.left is not None and n > self.left:
            raise BrokenTar("it is cut off")
        content = self.read(n)
        if len(content) < n:
            raise BrokenTar("it is cut off")
        return content

    def skip(self, n: int) -> None:
        """Skip `n` bytes of a file whose size is known."""
        if self.left is None or n > self.left:
            raise BrokenTar("it is cut off")
        self._file.seek(n, 1)
        self._at += n


def entries(stream: Stream) -> Iterator[Entry]:
    """Yield the members of a tar file. The caller must read `size` bytes and `padding(size)` bytes of each.

    Raises:
        BrokenTar: The bytes are no tar file, or end early.
    """
    while (entry := _next_entry(stream)) is not None:
        yield entry


def padding(size: int) -> int:
    """Return the number of padding bytes after a member's content."""
    return -size % BLOCK


def _next_entry(stream: Stream) -> Entry | None:
    budget = MAX_HEADER_BYTES
    long_name: str | None = None
    attributes: dict[str, bytes] = {}
    while True:
        block = stream.read(BLOCK)
        if not block.strip(b"\0"):  # the end is marked by blocks of zeros; some archives just end
            if len(block) not in (0, BLOCK):
                raise BrokenTar("it is cut off")
            return None
        if len(block) < BLOCK:
            raise BrokenTar("it is cut off")
        size, kind = _checked(block)
        if kind not in b"LKxgX":
            break
        budget -= BLOCK + size
        if budget < 0:
            raise BrokenTar("its headers are too long")
        content = stream.exactly(size + padding(size))[:size]
        if kind == b"L":
            long_name = _text(content)
        elif kind in b"xX":
            attributes |= _attributes(content)
    name = long_name if long_name is not None else _name(block)
    if "path" in attributes:
        name = _text(attributes["path"])
    sparse = kind == b"S" or any(key.startswith("GNU.sparse.") for key in attributes)
    if kind == b"S":
        more = block[482]
        while more:
            budget -= BLOCK
            if budget < 0:
                raise BrokenTar("its headers are too long")
            more = stream.exactly(BLOCK)[504]
    if "size" in attributes:
        size = _decimal(attributes["size"])
    if kind in b"123456":  # links, devices, folders and pipes have no content
        return Entry(name, {b"1": "link", b"2": "link", b"5": "folder"}.get(kind, "other"), 0)
    if kind in b"\x000" and name.endswith("/"):  # a folder, in the oldest format
        return Entry(name, "folder", size)
    return Entry(name, "file" if kind in b"\x0007" and not sparse else "other", size)


def _checked(block: bytes) -> tuple[int, bytes]:
    """Return size and kind from a header after verifying its checksum. Raises BrokenTar."""
    number = _number(block[148:156])
    blank = block[:148] + b" " * 8 + block[156:]
    # Some old programs add signed bytes.
    if number != sum(blank) and number != sum(blank) - 256 * sum(byte > 127 for byte in blank):
        raise BrokenTar("a header is damaged")
    return _number(block[124:136]), block[156:157]


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # a binary number, for sizes from 8 GB; 0xff begins a negative one
        if field[0] == 0xFF:
            raise BrokenTar("a size is negative")
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:])
    digits = field.split(b"\0")[0].strip(b" ")
    if not re.fullmatch(rb"[0-7]*", digits):
        raise BrokenTar("a header is damaged")
    return int(digits or b"0", 8)


def _decimal(digits: bytes) -> int:
    if not re.fullmatch(rb"[0-9]{1,20}", digits):
        raise BrokenTar("a size is damaged")
    return int(digits)


def _text(content: bytes) -> str:
    return content.split(b"\0")[0].decode("utf-8", "surrogateescape")


def _name(block: bytes) -> str:
    name = _text(block[:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _attributes(content: bytes) -> dict[str, bytes]:
    """Parse the records of a pax header: `LENGTH KEY=VALUE` and a line feed each."""
    attributes, at = {}, 0
    while at < len(content) and content[at]:
        space = content.find(b" ", at, at + 10)
        if space < 0:
            raise BrokenTar("a header is damaged")
        end = at + _decimal(content[at:space])
        key, equals, value = content[space + 1 : end - 1].partition(b"=")
        if end <= space + 1 or end > len(content) or not equals:
            raise BrokenTar("a header is damaged")
        attributes[key.decode("utf-8", "replace")] = value
        at = end
    return attributes
