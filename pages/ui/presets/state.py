"""What the Presets page remembers of a visit."""

from dataclasses import dataclass


@dataclass
class PresetsState:
    """The preset on show."""

    name: str = ""  # empty: not chosen yet
