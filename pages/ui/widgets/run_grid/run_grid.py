"""The samples of several runs side by side, with a common timeline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from pages.ui.widgets.base import assets
from pages.ui.widgets.base.registry import component
from pages.ui.widgets.sample_timeline.sample_timeline import (
    Frame,
    frames,
    remember_request,
    report_moment,
    take_request,
)

_WALL = component(
    "wgan_run_grid",
    "run_grid/run_grid.js",
    "base/controls.css",
    "chart/chart.css",
    "base/sprite.css",
    "sample_timeline/sample_timeline.css",
    "run_grid/run_grid.css",
)


@dataclass(frozen=True)
class RunSamples:
    """A run of the grid; `at` is the position of each of its `steps` on the common axis."""

    run: str
    title: str
    colour: str
    steps: Sequence[int]
    at: Sequence[float]
    latest: Frame | None
    live: bool
    words: str
    columns: int = 8
    rows: int = 8


def run_grid(
    items: Sequence[RunSamples],
    *,
    key: str,
    unit: str,
    fetch: Callable[[str, Sequence[int]], Mapping[int, Frame]],
    max_height: int = 420,
    moments: str,
    at: float | None = None,
    on_move: Callable[[int | None], None] | None = None,
) -> None:
    """Show the newest frames of some runs, and earlier ones on demand.

    Args:
        items: The runs.
        key: The component's key.
        unit: Unit of the common axis.
        fetch: Returns the frames of a run at some steps. It may leave out missing ones.
        max_height: Maximum height in pixels.
        moments: Name for charts with the same axis (`steps_of` of `chart`): they mark the position on show.
        at: Position on the common axis at which it opens; None for the newest frames.
        on_move: Called with the position that the visitor chooses, or None for the newest frames.
    """

    def rest() -> None:
        report_moment(st.session_state[key].get("moment"), on_move)

    request = take_request(key)
    by_run = request if isinstance(request, dict) else {}
    data = {
        "items": [_item(item, by_run.get(item.run), fetch) for item in items],
        "unit": unit,
        "moment": at,
        "moments": moments,
        "height": max_height,
        "plotly": assets.address(assets.PLOTLY),
        "space": f"height:{max_height // 2}px",
    }
    _WALL(key=key, data=data, on_want_change=lambda: remember_request(key), on_moment_change=rest)


def _item(
    item: RunSamples, request: object, fetch: Callable[[str, Sequence[int]], Mapping[int, Frame]]
) -> dict[str, object]:
    return {
        "run": item.run,
        "title": item.title,
        "colour": item.colour,
        **frames(request, item.steps, item.latest, lambda steps: fetch(item.run, steps)),
        "at": [round(float(at), 3) for at in item.at],
        "live": item.live,
        "words": item.words,
        "rows": item.rows,
        "columns": item.columns,
        "alt": f"Samples of {item.title}",
        "real": None,
    }
