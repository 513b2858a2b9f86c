"""The palette: one colour each for critic, generator, real and fake, in light and dark.

This module is the source. `pages/ui/widgets/base/theme.js` and `.streamlit/config.toml` hold
copies, and a test compares them.
"""

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "critic": "#1f6fbf",
    "generator": "#d4700c",
    "real": "#00695a",
    "fake": "#c957a5",
    "mark": "#6d5bd0",
    "muted": "#656e7d",
    "text": "#0e1624",
    "background": "#ffffff",
    "panel": "#f3f5f9",
    "border": "#d6dce6",
    "error": "#c9302c",
}

DARK: Mapping[str, str] = {
    "critic": "#5aa9ee",
    "generator": "#f2a03d",
    "real": "#3ddbb0",
    "fake": "#e26fb4",
    "mark": "#a99bff",
    "muted": "#8f9bb0",
    "text": "#e8edf5",
    "background": "#11151c",
    "panel": "#1b212c",
    "border": "#323b4b",
    "error": "#f2706b",
}

CHANNELS = ("#d1495b", "#3c9d5d", "#3a7bd5")
"""The red, green and blue channel of pictures."""


def rgb(colour: str) -> tuple[int, int, int]:
    """Convert a colour such as #1f6fbf to three integers from 0 to 255."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue
