"""What the Stability lab is made of: four labs in one frame."""

from typing import Any

from pages.ui.labs import clipping, collapse, sensitivity, tasks, vanishing
from pages.ui.labs.frame import ask_prediction, choose

LABS: dict[str, Any] = {m.LAB.key: m for m in (vanishing, collapse, clipping, sensitivity)}


def show() -> None:
    """Draw the page: the choice of a lab, its question, what can be moved, and what happens."""
    lab = choose({key: part.LAB for key, part in LABS.items()})
    part = LABS[lab.key]
    said = ask_prediction(part.asked() if hasattr(part, "asked") else lab)
    goes = part.settings()

    def look() -> None:
        """Show how far the work has come."""
        part.show(said)

    tasks.watched(look, part.title(), goes=goes)
