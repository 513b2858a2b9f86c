"""Limits on what reading a foreign source may cost."""

import time
from dataclasses import dataclass, field

from wgan.sandbox import Refused


@dataclass(frozen=True)
class Limits:
    """What one source may cost."""

    archive: int = 1 << 30  # bytes of the packed archive
    members: int = 200_000
    member: int = 64 << 20  # bytes of one unpacked file
    unpacked: int = 4 << 30  # bytes of all unpacked files
    pixels: int = 64_000_000  # of one picture
    prepared: int = 1 << 30  # bytes of the prepared pictures
    seconds: float = 900.0
    memory: int = 1536 << 20  # bytes for the reader; the largest picture takes about 1 GB


OF_YOUR_OWN = Limits(
    archive=1 << 40,
    members=2_000_000,
    unpacked=1 << 40,
    prepared=1 << 38,
    seconds=86_400.0,
    memory=4 << 30,
)
"""What a source on the command line may cost: the user names it, so nobody else can have sent it."""


@dataclass
class Meter:
    """Counts the cost of a source. Raises Refused if it exceeds a limit."""

    limits: Limits
    members: int = 0
    unpacked: int = 0
    start: float = field(default_factory=time.monotonic)

    def count_member(self) -> None:
        """Count a member."""
        self.members += 1
        self.allow_members(self.members)
        self.check_time()

    def allow_members(self, n: int) -> None:
        """Raise Refused if a source may not have `n` members."""
        if n > self.limits.members:
            raise Refused(
                f"It contains more than {self.limits.members:,} files. Use a smaller part."
            )

    def count_bytes(self, n: int) -> None:
        """Count unpacked bytes."""
        self.allow_bytes(n)
        self.unpacked += n
        self.check_time()

    def allow_bytes(self, n: int) -> None:
        """Raise Refused if `n` more bytes may not be unpacked."""
        if self.unpacked + n > self.limits.unpacked:
            raise Refused(
                f"It is larger than {size_text(self.limits.unpacked)} when unpacked. Use a "
                "smaller part."
            )

    def check_time(self) -> None:
        """Raise Refused if the reading takes too long."""
        if time.monotonic() - self.start > self.limits.seconds:
            raise Refused(
                f"It took longer than {self.limits.seconds:,.0f} seconds. Use a smaller part."
            )

    def too_large_reason(self) -> str:
        """Return why a member that exceeds the limit of one member has no content."""
        return f"it is larger than {size_text(self.limits.member)}"


def size_text(n: int) -> str:
    """Return a number of bytes in GB or MB, as a limit is written."""
    return f"{n / (1 << 30):g} GB" if n >= 1 << 30 else f"{n / (1 << 20):g} MB"
