"""A short picture that moves, with a button to pause it."""

from pages.ui.widgets.base import assets
from pages.ui.widgets.base.registry import component

_LOOPING_PICTURE = component(
    "wgan_looping_picture",
    "looping_picture/looping_picture.js",
    "base/controls.css",
    "looping_picture/looping_picture.css",
)

WIDTH, HEIGHT = 320, 180
"""Pixels of a frame."""

FRAMES = 32
COLUMNS = 8
"""Frames in a row of the sheet."""

FPS = 8.0


def looping_picture(name: str, *, key: str, alt: str) -> None:
    """Play a sheet of `FRAMES` frames three times, when it is in sight. Its button plays it again.

    It does not begin by itself if the visitor prefers reduced motion.

    Args:
        name: The file in `looping_picture/pictures/`. `benchmarks.tour_pictures` makes them.
        key: The component's key.
        alt: Description for screen readers.
    """
    data = {
        "image": assets.address(f"looping_picture/pictures/{name}"),
        "width": WIDTH,
        "height": HEIGHT,
        "columns": COLUMNS,
        "count": FRAMES,
        "fps": FPS,
        "alt": alt,
        "space": f"width:100%;aspect-ratio:{WIDTH / HEIGHT:g}",
    }
    _LOOPING_PICTURE(key=key, data=data)
