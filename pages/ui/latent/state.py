"""What the Latent page remembers of a visit."""

from dataclasses import dataclass, field

from wgan.arrays import F32


@dataclass
class LatentState:
    """The seeds and waypoints of the sections."""

    walk_seed: int = 0
    plane_seed: int = 0
    directions_seed: int = 0
    classes_seed: int = 0
    waypoints: tuple[int, ...] = ()  # samples of the grid that the visitor picked


@dataclass(frozen=True)
class Bookmark:
    """A kept point: z, the class that goes with it, and where it comes from in a word or two."""

    z: F32  # (latent_dim,)
    label: int | None
    origin: str


@dataclass
class BookmarksState:
    """The points that the visitor keeps."""

    by_run: dict[str, list[Bookmark]] = field(default_factory=dict)
    message: tuple[str, str] | None = None  # what came of the last click, and its icon
    needs_redraw: bool = (
        False  # something was done that the whole page shows, not only its fragment
    )


@dataclass
class InversionState:
    """The visitor's searches for a picture."""

    tasks: dict[str, str] = field(default_factory=dict)  # the key of the newest one, by run
    last_status: tuple[str, bool] | None = None  # task and whether it was done, when drawn last
    problem: str = ""  # why the last search could not begin
    picked: list[int] = field(default_factory=lambda: [0])  # of the real pictures
