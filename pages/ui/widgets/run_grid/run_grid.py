"""Several runs' pictures side by side, with one timeline for all."""

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
    """One run of the grid: `at` is where each of its `steps` lies on the common axis."""

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
    at: float | None = None,
    on_move: Callable[[int | None], None] | None = None,
) -> None:
    """Show the runs' newest frames, and any earlier moment on demand.

    `fetch` is asked for the frames of a run at some steps, and may leave out what it cannot find.
    It opens at the moment `at` of the common axis, or follows the newest, and calls `on_move` with the
    moment that the visitor goes to, or None for the newest.
    """

    def rest() -> None:
        report_moment(st.session_state[key].get("moment"), on_move)

    request = take_request(key)
    by_run = request if isinstance(request, dict) else {}
    data = {
        "items": [_item(item, by_run.get(item.run), fetch) for item in items],
        "unit": unit,
        "moment": at,
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
