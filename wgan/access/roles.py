"""Visitors of the app, their roles, and the limits of members."""

import enum
from dataclasses import dataclass
from urllib.parse import quote


class Role(enum.StrEnum):
    """What a visitor may do."""

    VIEWER = "viewer"
    """Look at everything, and change nothing."""
    MEMBER = "member"
    """Also start runs and add data, and change what the visitor has started or added."""
    ADMIN = "admin"
    """Also change and delete what others have started or added, without limits."""

    @property
    def rank(self) -> int:
        """A number that is greater for roles that may do more."""
        return list(Role).index(self)


@dataclass(frozen=True)
class Visitor:
    """A person who uses the app.

    Args:
        id: Identifies the visitor, also in the records of who owns what. It reveals no secret.
        role: The visitor's role.
        name: Name from a login of a reverse proxy, or "".
    """

    id: str
    role: Role
    name: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether the visitor may change everything."""
        return self.role is Role.ADMIN

    def __str__(self) -> str:
        return f"{self.role}:{quote(self.name, safe='@') or self.id}"


LOCAL_VISITOR = Visitor("local", Role.ADMIN)
"""The person at this machine: without `--share`, nobody else can open the app."""


@dataclass(frozen=True)
class Limits:
    """Limits for members. Administrators have none, except for `queued_in_all`."""

    queued: int = 3  # of a member's runs, those that train or wait
    queued_in_all: int = 30  # runs that train or wait
    steps: int = 200_000  # of a run
    minutes: float = 60.0  # of training of a run, since it was started or resumed
    disk_mb: int = 2_000  # of a member's runs and pictures
    disk_mb_in_all: int = 20_000  # of all runs and pictures
    presets: int = 50  # of a member
    upload_mb_per_hour: int = 1_000  # of a member
    upload_mb_per_hour_in_all: int = 2_000
    tasks: int = 2  # unfinished evaluations, searches, labs, imports and preparations of a member
    tasks_in_all: int = 8
    pause_minutes: float = 10.0  # of a member's run while others wait
