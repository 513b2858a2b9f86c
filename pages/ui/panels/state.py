"""The state of the panels for one visit."""

from dataclasses import dataclass, field

from wgan.arrays import U8


@dataclass
class Timelines:
    """The step at which the visitor left each run's timeline; None for the newest."""

    steps: dict[str, int | None] = field(default_factory=dict)  # by run


@dataclass(frozen=True)
class UploadedFile:
    """An uploaded file."""

    name: str
    content: bytes


@dataclass
class OwnImages:
    """The visitor's own pictures, by the prefix of the panel."""

    drawings: dict[tuple[str, int], U8] = field(default_factory=dict)  # by prefix and side: (S, S)
    uploads: dict[str, UploadedFile] = field(default_factory=dict)
