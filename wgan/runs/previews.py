"""Previews: pictures of a run's samples, one file per step."""

import contextlib
import os
import re
from pathlib import Path

import numpy as np

from wgan.runs.files import is_preview, write

KEEP_PREVIEWS = 500
THUMB = "thumb.webp"


class Previews:
    """The previews of a run: WebP pictures of samples, or npz arrays of points."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, step: int, suffix: str, content: bytes) -> None:
        """Store a preview (suffix webp or npz). If there are too many, every second one is deleted."""
        self.write(step, suffix, content)
        steps = self.steps()
        if len(steps) > KEEP_PREVIEWS:
            for i, old in enumerate(steps[:-1]):
                if i % 2:
                    self._path(old, suffix).unlink(missing_ok=True)

    def write(self, step: int, suffix: str, content: bytes) -> None:
        """Write the file of one preview."""
        write(self._path(step, suffix), content, durable=False)

    def _path(self, step: int, suffix: str) -> Path:
        return self.folder / "previews" / f"{step:08d}.{suffix}"

    def steps(self) -> list[int]:
        """Return the steps of all stored previews."""
        with contextlib.suppress(OSError):
            names = os.listdir(self.folder / "previews")
            return sorted(int(n[:8]) for n in names if re.fullmatch(r"\d{8}\.(webp|npz)", n))
        return []

    def spread_steps(self, most: int) -> list[int]:
        """Return the steps of at most `most` previews, evenly spaced, including the first and the last."""
        steps = self.steps()
        positions = np.linspace(0, len(steps) - 1, most) if steps else ()
        return sorted({steps[round(i)] for i in positions})

    def read(self, step: int) -> tuple[str, bytes] | None:
        """Return suffix and content of a preview; None if it was deleted or is damaged."""
        for suffix in ("webp", "npz"):
            with contextlib.suppress(OSError):
                content = self._path(step, suffix).read_bytes()
                return (suffix, content) if is_preview(suffix, content) else None
        return None

    def set_thumbnail(self, picture: bytes) -> None:
        """Store a thumbnail of the samples (WebP) for tables of runs."""
        if picture:
            write(self.folder / THUMB, picture, durable=False)

    def remove_after(self, step: int) -> None:
        """Delete the previews of later steps."""
        for later in self.steps():
            if later > step:
                for suffix in ("webp", "npz"):
                    self._path(later, suffix).unlink(missing_ok=True)
