"""A file of a foreign source, and how to read it without trusting its size."""

from dataclasses import dataclass
from typing import IO

from wgan.untrusted.limits import Meter

CHUNK = 1 << 20


@dataclass(frozen=True)
class Member:
    """A file of a source: its path in the source, and its content or the problem with it."""

    name: str
    content: bytes = b""
    problem: str = ""
    share: float = 0.0  # of the source that has been read, in [0, 1]
    is_file: bool = True  # False for an unreadable folder, and for a whole archive


def read_bounded(file: IO[bytes], meter: Meter, chunk_bytes: int = CHUNK) -> bytes | None:
    """Return the content of a member, or None if it exceeds the limit of one member.

    The size that the archive claims has no influence.
    """
    content = bytearray()
    while chunk := file.read(min(chunk_bytes, meter.limits.member + 1 - len(content))):
        meter.count_bytes(len(chunk))
        content += chunk
        if len(content) > meter.limits.member:
            return None
    return bytes(content)
