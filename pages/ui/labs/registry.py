"""All labs of both lab pages: one line each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pages.ui.labs import (
    clipping,
    clouds,
    collapse,
    divergences,
    dual,
    learned_dual,
    opposed,
    sensitivity,
    tasks,
    transport,
    vanishing,
)
from pages.ui.labs.frame import Lab, ask_prediction, choose, is_revealed


class TrainedLab(Protocol):
    """A module whose lab trains networks in a task."""

    LAB: Lab

    def settings(self) -> bool:
        """Draw the settings and the button; return whether the task is running."""

    def show(self, prediction: int | None) -> None:
        """Draw the progress and the result, and compare it with the visitor's prediction."""

    def title(self) -> str:
        """Return the title of the task that trains."""


@dataclass(frozen=True)
class Entry:
    """A lab, and the function that draws it."""

    lab: Lab
    draw: Callable[[], None]


def _direct(lab: Lab, show: Callable[[], object], task: str = "") -> Entry:
    """Return a lab that answers each input at once. If it also trains networks, `task` is the title of that task."""
    return Entry(lab, lambda: tasks.live_fragment(show, task, per_visitor=True, interval_s=0.5))


def _trained(module: TrainedLab, current_lab: Callable[[], Lab] | None = None) -> Entry:
    """Return a lab that trains networks in a task.

    `current_lab` returns the lab with its current question and answers, if these depend on the settings.
    """

    def draw() -> None:
        lab = module.LAB if current_lab is None else current_lab()
        prediction = ask_prediction(lab)
        trains = module.settings()
        if tasks.has_foreign_result(module.title()) and not is_revealed(
            lab, prediction, trains=True
        ):
            return  # the training of another visitor, or of this one before a reload, would answer the question
        tasks.live_fragment(lambda: module.show(prediction), module.title(), was_running=trains)

    return Entry(module.LAB, draw)


WASSERSTEIN = (
    _direct(transport.EARTH, transport.show_earth),
    _direct(clouds.PLANE, clouds.show_plane),
    _direct(dual.DUAL, dual.show_dual),
    _direct(learned_dual.LEARNED, learned_dual.show_learned, learned_dual.WORK),
    _direct(divergences.SLIDE, divergences.show_slide),
    _direct(opposed.OPPOSED, opposed.show_opposed, opposed.WORK),
)

STABILITY = (
    _trained(vanishing),
    _trained(collapse, collapse.current_lab),
    _trained(clipping),
    _trained(sensitivity, sensitivity.current_lab),
)


def by_key(entries: tuple[Entry, ...]) -> Mapping[str, Entry]:
    """Return labs by their key, which the address names."""
    return {entry.lab.key: entry for entry in entries}


def show_labs(entries: tuple[Entry, ...]) -> None:
    """Draw a page of labs: the choice of a lab, and the lab."""
    labs = by_key(entries)
    labs[choose({key: entry.lab for key, entry in labs.items()}).key].draw()
