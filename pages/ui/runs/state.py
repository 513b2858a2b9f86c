"""What the Runs page remembers of a visit."""

from dataclasses import dataclass, field

from wgan.background import BackgroundTask


@dataclass
class RunsState:
    """The selection, the runs deleted last, and the import in progress."""

    selected: list[str] = field(default_factory=list)  # runs, in the table's order
    trashed: list[str] = field(default_factory=list)  # keys in the trash that Undo takes back
    import_task: BackgroundTask | None = None
    import_count: int = 0  # each import leaves an empty field, which is a new one
