"""The player of a walk through latent space: smooth, in the browser, and updated while it plays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.ui.widgets.base.images import data_uri
from pages.ui.widgets.base.registry import component, space
from wgan.arrays import float32_base64

_PLAYER = component(
    "wgan_walk_player",
    "walk_player/walk_player.js",
    "base/controls.css",
    "walk_player/walk_player.css",
)


@dataclass(frozen=True)
class Walk:
    """A walk of pictures (`sprite` and the following fields) or of points (`path`, …).

    `token` identifies the content: a new one replaces it without restarting. `waypoints` are frame
    numbers. A `loop` is closed: its first frame follows its last.

    Several walks can be played in step. `names` are their captions; a frame of a sprite then holds one
    picture of each walk, side by side, and a path one point of each. `lengths_of` names the chart that
    follows the playback (`steps_of` of `chart`). `local` is what the browser needs to make the pictures itself,
    from `on_browser`, with the `z` of all frames, (F, K, latent_dim) for K walks.
    """

    token: str
    fps: float
    loop: bool
    waypoints: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    lengths_of: str = ""
    sprite: bytes | None = None
    local: Mapping[str, Any] | None = None
    frame_width: int = 0  # of one picture
    frame_height: int = 0
    columns: int = 1
    count: int = 0
    path: NDArray[np.float32] | None = None  # (F, K, 2): K points walk at once
    real: NDArray[np.float32] | None = None  # (N, 2)
    grid: tuple[NDArray[np.float32], ...] | list[NDArray[np.float32]] = ()  # each (M, 2)

    @property
    def gap(self) -> int:
        """Pixels between two pictures of a frame."""
        return self.frame_width // 7

    @property
    def ratio(self) -> float:
        """Width of a frame divided by its height."""
        if self.sprite is None:
            return 1.0
        pictures = max(1, len(self.names))
        return (pictures * (self.frame_width + self.gap) - self.gap) / self.frame_height


def _content(walk: Walk) -> dict[str, Any]:
    if walk.sprite is not None:
        return {
            "sprite": data_uri(walk.sprite),
            "local": walk.local,
            "width": walk.frame_width,
            "height": walk.frame_height,
            "gap": walk.gap,
            "columns": walk.columns,
            "count": walk.count,
        }
    if walk.path is None or walk.path.ndim != 3 or walk.path.shape[2] != 2:
        raise ValueError("A walk needs a sprite, or a path of shape (F, K, 2).")
    return {
        "path": float32_base64(walk.path),
        "count": walk.path.shape[0],
        "points": walk.path.shape[1],
        "real": "" if walk.real is None else float32_base64(walk.real),
        "grid": [float32_base64(line) for line in walk.grid],
    }


def walk_player(walk: Walk, *, key: str, height: int = 420, alt: str) -> None:
    """Play a walk in a player of at most `height` pixels; `alt` is its description for screen readers."""
    content = {
        "token": walk.token,
        "fps": walk.fps,
        "loop": walk.loop,
        "waypoints": list(walk.waypoints),
        "names": list(walk.names),
        "lengthsOf": walk.lengths_of,
        **_content(walk),
    }
    place = space(height, ratio=walk.ratio, below="4.5rem" if walk.names else "3rem")
    _PLAYER(key=key, data={"walk": content, "height": height, "alt": alt, "space": place})
