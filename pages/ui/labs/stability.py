"""The Stability lab: vanishing gradients, lost modes, clipping, sensitivity."""

from pages.ui.labs import registry


def show() -> None:
    """Draw the page."""
    registry.show_labs(registry.STABILITY)
