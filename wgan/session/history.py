"""Undo and redo of a run's changes: two stacks that follow from the recorded changes alone."""

from collections.abc import Iterable

from wgan.runs import Change


def undo_and_redo(changes: Iterable[Change]) -> tuple[list[Change], list[Change]]:
    """Return the changes that can be undone and those that can be redone; the next one is last.

    An undo is recorded as a change, too. So a change that reverses the newest one is its undo, and
    a change that repeats the one undone last is its redo. Any other change is new and clears the
    redo stack. Engine switches are ignored, because the user does not make them.
    """
    done: list[Change] = []
    undone: list[Change] = []
    for change in changes:
        if change.path == "engine":
            continue
        if done and _takes_back(change, done[-1]):
            undone.append(done.pop())
        elif undone and _repeats(change, undone[-1]):
            done.append(undone.pop())
        else:
            done.append(change)
            undone.clear()
    return done, undone


def _takes_back(change: Change, other: Change) -> bool:
    return (change.path, change.before, change.after) == (other.path, other.after, other.before)


def _repeats(change: Change, other: Change) -> bool:
    return (change.path, change.before, change.after) == (other.path, other.before, other.after)
