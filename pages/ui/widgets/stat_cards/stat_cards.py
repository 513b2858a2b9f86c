"""A row of numbers with units and explanations, and a progress bar."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pages.ui.widgets.base.registry import component

_NUMBERS = component(
    "wgan_stat_cards",
    "stat_cards/stat_cards.js",
    "base/controls.css",
    "stat_cards/stat_cards.css",
)

CARD, LINE = 66, 34  # pixels: a card; the line with the progress


@dataclass(frozen=True)
class Stat:
    """A number with its unit. `help` explains it, with **bold**, *italics* and blank lines."""

    label: str
    value: str
    unit: str = ""
    help: str = ""


def stat_cards(
    cards: Sequence[Stat], *, key: str, progress: tuple[float, str] | None = None
) -> None:
    """Show cards, and below them a progress bar: its share in [0, 1], and a text."""
    height = CARD + (LINE if progress else 0)
    data = {
        "cards": [asdict(card) for card in cards],
        "progress": {"share": progress[0], "words": progress[1]} if progress else None,
        "space": f"height:{height}px",
    }
    _NUMBERS(key=key, data=data)
