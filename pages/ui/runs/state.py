"""The state of the Runs page for one visit."""

from dataclasses import dataclass, field

from wgan.background import BackgroundTask


@dataclass
class RunsState:
    """The selection, the runs deleted last, and the current import."""

    selected: list[str] = field(default_factory=list)  # runs in the order of the table
    clicked: list[str] = field(default_factory=list)  # the run in whose row was clicked last
    renamed: str | None = None  # the run whose name the visitor wants to change
    trashed: list[str] = field(default_factory=list)  # keys in the trash, which Undo restores
    import_task: BackgroundTask | None = None
    import_count: int = 0  # number of imports; each one gets a new upload field
