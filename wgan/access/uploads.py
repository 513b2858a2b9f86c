"""The amount of data that visitors have uploaded in the last hour."""

import threading
import time
from collections import deque

from wgan.access.roles import Limits, Visitor

HOUR_S = 3600.0


class UploadMeter:
    """Counts uploads against the limits of members and of the server. All methods are thread-safe.

    Args:
        limits: The limits.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.RLock()
        self._uploads: deque[tuple[float, str, int]] = deque()  # time, visitor's id, bytes

    def refusal(self, visitor: Visitor, size: int = 1, *, now: float | None = None) -> str:
        """Say why a visitor may not upload `size` bytes; "" if it is allowed.

        Args:
            visitor: The visitor.
            size: Size of the upload in bytes.
            now: The time in seconds, of `time.monotonic`. Default: now.
        """
        if visitor.is_admin:
            return ""
        with self._lock:
            self._forget(time.monotonic() if now is None else now)
            own = sum(n for _, id, n in self._uploads if id == visitor.id)
            in_all = sum(n for _, _, n in self._uploads)
        limit = self._limits.upload_mb_per_hour
        if own + size > limit * 1_000_000:
            return (
                f"A member can upload at most {limit:,} MB in an hour, and you have uploaded "
                f"{own / 1e6:,.0f} MB. Try again later, or upload less."
            )
        if in_all + size > self._limits.upload_mb_per_hour_in_all * 1_000_000:
            return "This server has received too many uploads in the last hour. Try again later."
        return ""

    def reserve(self, visitor: Visitor, size: int, *, now: float | None = None) -> str:
        """Count an upload of `size` bytes that begins now, or say why it is refused."""
        with self._lock:
            refusal = self.refusal(visitor, size, now=now)
            if not refusal:
                self.add(visitor, size, now=now)
            return refusal

    def add(self, visitor: Visitor, size: int, *, now: float | None = None) -> None:
        """Count an upload of `size` bytes; a negative number corrects an earlier one."""
        with self._lock:
            self._uploads.append((time.monotonic() if now is None else now, visitor.id, size))

    def _forget(self, now: float) -> None:
        while self._uploads and now - self._uploads[0][0] > HOUR_S:
            self._uploads.popleft()
