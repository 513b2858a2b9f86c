"""The Wasserstein lab: move the earth, bend the dual, and see why not JS."""

from pages.ui.labs import registry


def show() -> None:
    """Draw the page."""
    registry.show_labs(registry.WASSERSTEIN)
