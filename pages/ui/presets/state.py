"""The state of the Presets page for one visit."""

from dataclasses import dataclass


@dataclass
class PresetsState:
    """The preset on show."""

    name: str = ""  # empty: not chosen yet
