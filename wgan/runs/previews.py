"""Previews: the pictures of a run's samples, one file a step."""

import contextlib
import os
import re
from pathlib import Path

import numpy as np

from wgan.runs.files import is_preview, write

KEEP_PREVIEWS = 500
THUMB = "thumb.webp"


class Previews:
    """The previews in the folder of a run: a WebP picture of samples, or an array (npz) of points."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, step: int, suffix: str, content: bytes) -> None:
        """Keep a preview (suffix webp or npz), thinning to every second when there are too many."""
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
        """Return the steps of all previews kept."""
        with contextlib.suppress(OSError):
            names = os.listdir(self.folder / "previews")
            return sorted(int(n[:8]) for n in names if re.fullmatch(r"\d{8}\.(webp|npz)", n))
        return []

    def spread_steps(self, most: int) -> list[int]:
        """Return the steps of at most `most` previews, evenly chosen, first and last among them."""
        steps = self.steps()
        positions = np.linspace(0, len(steps) - 1, most) if steps else ()
        return sorted({steps[round(i)] for i in positions})

    def read(self, step: int) -> tuple[str, bytes] | None:
        """Return a preview's suffix and content; None if it has been thinned away, or is damaged."""
        for suffix in ("webp", "npz"):
            with contextlib.suppress(OSError):
                content = self._path(step, suffix).read_bytes()
                return (suffix, content) if is_preview(suffix, content) else None
        return None

    def set_thumbnail(self, picture: bytes) -> None:
        """Keep a very small picture (WebP) of what the generator makes, for tables of runs."""
        if picture:
            write(self.folder / THUMB, picture, durable=False)

    def remove_after(self, step: int) -> None:
        """Delete the previews of later steps."""
        for later in self.steps():
            if later > step:
                for suffix in ("webp", "npz"):
                    self._path(later, suffix).unlink(missing_ok=True)
