"""The state of the Latent page for one visit."""

from dataclasses import dataclass, field

from wgan.arrays import F32


@dataclass
class LatentState:
    """The seeds and waypoints of the sections."""

    walk_seed: int = 0
    plane_seed: int = 0
    directions_seed: int = 0
    classes_seed: int = 0
    waypoints: tuple[int, ...] = ()  # samples of the grid that the visitor has picked


@dataclass(frozen=True)
class Bookmark:
    """A kept point: z, its class, and its origin as text."""

    z: F32  # (latent_dim,)
    label: int | None
    origin: str


@dataclass
class BookmarksState:
    """The points that the visitor has kept."""

    by_run: dict[str, list[Bookmark]] = field(default_factory=dict)
    message: tuple[str, str] | None = None  # message about the last click, and its icon
    needs_redraw: bool = False  # something outside of the fragment must be redrawn


@dataclass
class InversionState:
    """The visitor's inversions."""

    tasks: dict[str, str] = field(default_factory=dict)  # key of the newest one, by run
    last_status: tuple[str, bool] | None = None  # task, and whether it had ended, when last drawn
    problem: str = ""  # why the last inversion could not begin; empty if it could
    picked: list[int] = field(default_factory=lambda: [0])  # indices of the chosen real pictures
