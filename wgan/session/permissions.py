"""Permissions: what the visitor of a session may do."""

import copy
import functools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar

from wgan.access import LOCAL_VISITOR, Limits, Owners, Role, Visitor, audit
from wgan.background import BackgroundTask
from wgan.config import TrainConfig
from wgan.data import Progress
from wgan.jobs import JobLimits
from wgan.runs import RunError

Kind = Literal["run", "preset", "pictures"]

VIEWERS_ONLY_WATCH = (
    "You opened the app with the link for viewers: you can look at everything, but not change it. "
    "Ask for the control link to train runs of your own."
)
SHARED_DATA = (
    "All visitors share this data set, so only an administrator can create it from a file."
)
OWNED_BY_ANOTHER = {
    "run": "Another visitor started this run. Only they or an administrator can change it.",
    "preset": "Another visitor saved this preset. Only they or an administrator can change it.",
    "pictures": "Another visitor added these pictures. Only they or an administrator can delete "
    "them.",
}


@dataclass(frozen=True)
class StoredItem:
    """Something that uses disk space: a run, also one in the trash, or prepared pictures."""

    kind: Kind
    name: str
    size: int  # bytes


class NotAllowed(RunError):
    """The visitor may not do this; the message says why."""


@dataclass(frozen=True)
class Permissions:
    """What a visitor may do with the runs, presets and pictures of a session.

    Each question has the answer "" if it is allowed, or else a sentence that says why not.

    Args:
        visitor: The visitor.
        owners: Who owns which run, preset and pictures.
        stored: A function that returns everything that uses disk space.
        limits: Limits for members.
        tasks: The unfinished tasks of all visitors.
    """

    visitor: Visitor
    owners: Owners
    stored: Callable[[], Iterable[StoredItem]]
    limits: Limits = field(default_factory=Limits)
    tasks: "RunningTasks" = field(default_factory=lambda: RunningTasks())

    def refusal_to_add(self) -> str:
        """Say why the visitor may not start runs, begin tasks, or add presets and pictures."""
        return VIEWERS_ONLY_WATCH if self.visitor.role is Role.VIEWER else ""

    def refusal_to_add_shared_data(self) -> str:
        """Say why the visitor may not upload the files of a data set that all visitors share."""
        return "" if self.visitor.is_admin else self.refusal_to_add() or SHARED_DATA

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

    def refusal_to_store(self) -> str:
        """Say why the visitor may not store anything more: there are too many bytes already."""
        if self.visitor.is_admin:
            return ""
        own, in_all = self._stored_bytes()
        if own >= self.limits.disk_mb * 1_000_000:
            return (
                f"Your runs and pictures use {own / 1e6:,.0f} MB of the {self.limits.disk_mb:,} MB "
                "that a member has on this server. Delete runs on the Runs page and empty its "
                "trash, or delete pictures on the Data page."
            )
        if in_all >= self.limits.disk_mb_in_all * 1_000_000:
            return (
                f"The runs and pictures on this server use {in_all / 1e9:.1f} GB, which is its "
                "limit. Delete some of yours, or ask an administrator."
            )
        return ""

    def free_bytes(self) -> int | None:
        """Return how many bytes the visitor may still store; None for administrators."""
        if self.visitor.is_admin:
            return None
        own, in_all = self._stored_bytes()
        free = min(
            self.limits.disk_mb * 1_000_000 - own, self.limits.disk_mb_in_all * 1_000_000 - in_all
        )
        return max(0, free)

    def _stored_bytes(self) -> tuple[int, int]:
        """Return the bytes of what the visitor owns, and of everything."""
        own = in_all = 0
        for item in self.stored():
            in_all += item.size
            if self.owners.of(item.kind, item.name) == self.visitor.id:
                own += item.size
        return own, in_all

    def refusal_to_save_preset(self, existing: Iterable[str]) -> str:
        """Say why the visitor may not save a new preset beside the existing ones."""
        if refusal := self.refusal_to_add():
            return refusal
        own = len(self.owners.names("preset", self.visitor.id).intersection(existing))
        if not self.visitor.is_admin and own >= self.limits.presets:
            return (
                f"A member can save at most {self.limits.presets} presets on this server, and you "
                f"have {own}. Delete one on the Presets page."
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
        self.owners.set(kind, name, None if self.visitor == LOCAL_VISITOR else self.visitor.id)

    def record(self, action: str, name: str, *details: object, **values: object) -> None:
        """Write a line to the audit log about something that the visitor has done."""
        texts = [str(detail) for detail in details]
        texts += [f"{key}={value}" for key, value in values.items()]
        audit(self.visitor, action, name, " ".join(texts))

    def job_limits(self) -> JobLimits:
        """Return what a run of the visitor may use."""
        if self.visitor.is_admin:
            return JobLimits()
        return JobLimits(
            60.0 * self.limits.minutes,
            60.0 * self.limits.pause_minutes,
            self.refusal_to_store,
        )

    def refusal_to_begin(self) -> str:
        """Say why the visitor may not begin another task now."""
        if refusal := self.refusal_to_add():
            return refusal
        own, in_all = self.tasks.unfinished(self.visitor)
        if self.visitor.is_admin:
            return ""
        if own >= self.limits.tasks:
            return (
                f"At most {self.limits.tasks} of your tasks can run at a time. Wait until one has "
                "ended."
            )
        if in_all >= self.limits.tasks_in_all:
            return "Too many tasks of visitors run on this server. Wait until some have ended."
        return ""

    def begin_background(self, title: str, work: Callable[[Progress], Any]) -> BackgroundTask:
        """Begin work on files in the background. Raises NotAllowed."""
        with self.tasks.lock:
            require(self.refusal_to_begin())
            task = BackgroundTask(title, work)
            self.tasks.add(self.visitor, lambda: not task.done)
        return task


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


class RunningTasks:
    """The unfinished tasks of each visitor. Hold `lock` from a check until a task is added."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        # The visitor's id, the task's key, and whether it is unfinished.
        self._tasks: list[tuple[str, str, Callable[[], bool]]] = []

    def add(self, visitor: Visitor, is_unfinished: Callable[[], bool], key: str = "") -> None:
        """Add a task of a visitor; `key` names it for `refusal_to_cancel`."""
        with self.lock:
            self._tasks.append((visitor.id, key, is_unfinished))

    def unfinished(self, visitor: Visitor) -> tuple[int, int]:
        """Return the number of unfinished tasks of a visitor, and of all. Those that have ended are forgotten."""
        with self.lock:
            self._tasks = [task for task in self._tasks if task[2]()]
            return sum(id == visitor.id for id, _, _ in self._tasks), len(self._tasks)

    def refusal_to_cancel(self, key: str, visitor: Visitor) -> str:
        """Say why a visitor may not cancel a task; "" if it is allowed."""
        with self.lock:
            is_own = any((id, name) == (visitor.id, key) for id, name, _ in self._tasks)
        if visitor.is_admin or is_own:
            return ""
        return "Another visitor began this. Only they or an administrator can end it."
