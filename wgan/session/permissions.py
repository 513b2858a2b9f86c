"""Permissions: what the visitor of a session may do."""

import copy
import functools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Concatenate, Literal, ParamSpec, Self, TypeVar

from wgan.access import LOCAL_VISITOR, Limits, Owners, Role, Visitor, audit
from wgan.config import TrainConfig
from wgan.runs import RunError, RunSummary

Kind = Literal["run", "preset", "pictures"]

VIEWERS_ONLY_WATCH = (
    "You opened the app with the link for viewers: you can look at everything, but not change it. "
    "Ask for the control link to train runs of your own."
)
OWNED_BY_ANOTHER = {
    "run": "Another visitor started this run. Only they or an administrator can change it.",
    "preset": "Another visitor saved this preset. Only they or an administrator can change it.",
    "pictures": "Another visitor added these pictures. Only they or an administrator can delete "
    "them.",
}


class NotAllowed(RunError):
    """The visitor may not do this; the message says why."""


@dataclass(frozen=True)
class Permissions:
    """What a visitor may do with the runs, presets and pictures of a session.

    Each question has the answer "" if it is allowed, or else a sentence that says why not.
    """

    visitor: Visitor
    owners: Owners
    limits: Limits = field(default_factory=Limits)

    def refusal_to_add(self) -> str:
        """Say why the visitor may not start runs, begin tasks, or add presets and pictures."""
        return VIEWERS_ONLY_WATCH if self.visitor.role is Role.VIEWER else ""

    def refusal_to_change(self, kind: Kind, name: str) -> str:
        """Say why the visitor may not change or delete something."""
        if self.visitor.is_admin:
            return ""
        if refusal := self.refusal_to_add():
            return refusal
        return "" if self.owners.of(kind, name) == self.visitor.id else OWNED_BY_ANOTHER[kind]

    def refusal_of_size(self, config: TrainConfig) -> str:
        """Say why a run is too long for the visitor."""
        if self.visitor.is_admin or config.steps <= self.limits.steps:
            return ""
        return (
            f"On this server, runs of members have at most {self.limits.steps:,} steps, and this "
            f"one has {config.steps:,}. Lower “Stop at step”."
        )

    def refusal_to_store(self, summaries: Callable[[], Iterable[RunSummary]]) -> str:
        """Say why the visitor may not add a run to the existing ones: they are too large."""
        if self.visitor.is_admin:
            return ""
        mine = self.owners.names("run", self.visitor.id)
        sizes = [(summary.size, summary.run in mine) for summary in summaries()]
        own, in_all = sum(size for size, own in sizes if own), sum(size for size, _ in sizes)
        if own >= self.limits.disk_mb * 1_000_000:
            return (
                f"Your runs use {own / 1e6:,.0f} MB of the {self.limits.disk_mb:,} MB that a "
                "member has on this server. Delete some of them on the Runs page."
            )
        if in_all >= self.limits.disk_mb_in_all * 1_000_000:
            return (
                f"The runs on this server use {in_all / 1e9:.1f} GB, which is its limit. Delete "
                "some of yours, or ask an administrator."
            )
        return ""

    def refusal_to_queue(self, waiting_runs: Iterable[str], n: int) -> str:
        """Say why the visitor may not add `n` runs to those that train or wait."""
        names = list(waiting_runs)
        if len(names) + n > self.limits.queued_in_all:
            return (
                f"{len(names)} runs train or wait on this server, and its limit is "
                f"{self.limits.queued_in_all}. Wait until some have ended."
            )
        if self.visitor.is_admin:
            return ""
        own = len(self.owners.names("run", self.visitor.id).intersection(names))
        if own + n > self.limits.queued:
            return (
                f"At most {self.limits.queued} of your runs can train or wait at a time, and "
                f"{own} of them do. Wait until one has ended, or stop one."
            )
        return ""

    def own(self, kind: Kind, name: str) -> None:
        """Make the visitor the owner of something that they have added.

        What the person at this machine adds has no owner: it belongs to the administrators.
        """
        if self.visitor != LOCAL_VISITOR:
            self.owners.set(kind, name, self.visitor.id)

    def record(self, action: str, name: str, *details: object, **values: object) -> None:
        """Write a line to the audit log about something that the visitor has done."""
        texts = [str(detail) for detail in details]
        texts += [f"{key}={value}" for key, value in values.items()]
        audit(self.visitor, action, name, " ".join(texts))

    @property
    def max_seconds(self) -> float | None:
        """Seconds that a run of the visitor may train; None if there is no limit."""
        return None if self.visitor.is_admin else 60.0 * self.limits.minutes


def require(refusal: str) -> None:
    """Raise NotAllowed if there is a refusal."""
    if refusal:
        raise NotAllowed(refusal)


class ForVisitors:
    """A class whose methods change something, and check that its visitor may do so.

    `for_visitor` returns a shallow copy. So subclasses must not assign to attributes after `__init__`.
    """

    permissions: Permissions

    def for_visitor(self, permissions: Permissions) -> Self:
        """Return the same object for another visitor. Both share everything else."""
        view = copy.copy(self)
        view.permissions = permissions
        return view


S = TypeVar("S", bound=ForVisitors)
P = ParamSpec("P")
R = TypeVar("R")


def guarded(
    kind: Kind, action: str
) -> Callable[[Callable[Concatenate[S, str, P], R]], Callable[Concatenate[S, str, P], R]]:
    """Decorate a method that changes something by its name: check the permission, and write an audit line.

    Args:
        kind: What the first argument of the method names.
        action: The word for the audit log.
    """

    def decorate(
        method: Callable[Concatenate[S, str, P], R],
    ) -> Callable[Concatenate[S, str, P], R]:
        def checked(self: S, name: str, /, *args: P.args, **values: P.kwargs) -> R:
            require(self.permissions.refusal_to_change(kind, name))
            result = method(self, name, *args, **values)
            self.permissions.record(action, name, *args, **values)
            return result

        return functools.update_wrapper(checked, method)

    return decorate


class TaskCount:
    """The unfinished tasks of each visitor."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owners: dict[str, str] = {}

    def add(self, key: str, visitor: Visitor) -> None:
        """Store whose task this is."""
        with self._lock:
            self._owners[key] = visitor.id

    def refusal_to_cancel(self, key: str, visitor: Visitor) -> str:
        """Say why a visitor may not cancel a task; "" if it is allowed."""
        with self._lock:
            own = visitor.is_admin or self._owners.get(key) == visitor.id
        return (
            "" if own else "Another visitor began this. Only they or an administrator can end it."
        )

    def unfinished(self, visitor: Visitor, is_unfinished: Callable[[str], bool]) -> int:
        """Return how many tasks of a visitor have not ended; those that have are forgotten."""
        with self._lock:
            self._owners = {key: id for key, id in self._owners.items() if is_unfinished(key)}
            return sum(owner == visitor.id for owner in self._owners.values())
