"""The newest samples of a run, with a timeline of all earlier ones."""

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.widgets.base import assets
from pages.ui.widgets.base.registry import HEADING, component, shared, space
from pages.ui.widgets.chart.chart import encode_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

from pages.ui.widgets.base.images import data_uri

_STAGE = component(
    "wgan_sample_timeline",
    "sample_timeline/sample_timeline.js",
    "base/controls.css",
    "chart/chart.css",
    "base/sprite.css",
    "sample_timeline/sample_timeline.css",
)

_LOG = logging.getLogger(__name__)

_MAX_FRAMES = 16  # maximum per message; the browser requests at most this many (stage.js)


@dataclass(frozen=True)
class Frame:
    """A preview at `step`: a sheet of samples without gaps (WebP or PNG), or else a figure."""

    step: int
    image: bytes | None = None
    figure: "Mapping[str, Any] | go.Figure | None" = None


@dataclass(frozen=True)
class Nearest:
    """The real picture nearest to a sample."""

    image: bytes
    """WebP or PNG."""
    text: str
    """How much they differ."""


@dataclass
class _Requests:
    """What the browser has requested and not received, by the component's key."""

    by_key: dict[str, object] = field(default_factory=dict)


def remember_request(key: str, kind: str = "want") -> None:
    """Store a request of the browser. Use it as the component's callback of that kind.

    A callback runs before the fragment, so the same rerun sends the answer.
    """
    name = key if kind == "want" else f"{key}:{kind}"
    page_state(_Requests).by_key[name] = st.session_state[key].get(kind)


def take_request(key: str) -> object:
    """Return the browser's request since the last call; None if there is none."""
    return page_state(_Requests).by_key.pop(key, None)


def _frame(frame: Frame) -> dict[str, Any]:
    if frame.figure is not None:
        return {"step": frame.step, "figure": encode_figure(frame.figure)}
    return {"step": frame.step, "image": data_uri(frame.image or b"")}


def sample_timeline(
    *,
    key: str,
    run: str,
    steps: Sequence[int],
    latest: Callable[[], Frame | None],
    fetch: Callable[[Sequence[int]], Mapping[int, Frame]],
    live: bool,
    rows: int = 8,
    columns: int = 8,
    alt: str,
    max_height: int = 460,
    title: str = "",
    help: str = "",
    real: Callable[[], bytes | None] = lambda: None,
    empty_text: str = "The first picture appears here in a few seconds.",
    at: int | None = None,
    on_move: Callable[[int | None], None] | None = None,
    version: Hashable = None,
    moments: str | None = None,
    nearest: Callable[[int, int], Nearest | None] | None = None,
) -> None:
    """Show the newest frame of a run, and earlier ones on demand.

    Call it in a fragment that reruns while the run is live.

    Args:
        key: The component's key.
        run: Identifies the pictures. With another name, the browser drops its frames.
        steps: Steps of all previews, ascending.
        latest: Returns the newest frame; None if there is none yet.
        fetch: Returns the frames at some steps that the browser lacks. It may leave out missing
            ones.
        live: Whether more frames will come.
        rows: Number of rows of a frame.
        columns: Number of columns of a frame.
        alt: Description for screen readers.
        max_height: Maximum height in pixels.
        title: The heading.
        help: Tooltip of the heading.
        real: Returns a sheet of `rows` × 2 real pictures to show beside; None for none.
        empty_text: Text while there is no picture.
        at: The step at which it opens; None for the newest frame.
        on_move: Called with the step that the visitor chooses, or None for the newest frame.
        version: Visitors with the same version who lack no frame share the encoded data.
        moments: The run for charts with `steps_of`: they mark the step on show.
        nearest: Returns the real picture nearest to a sample, by its step and its index in the frame.
    """

    def rest() -> None:
        report_moment(st.session_state[key].get("moment"), on_move)

    request = take_request(key)
    near = _near(take_request(f"{key}:near"), nearest)

    def data() -> dict[str, Any]:
        sheet = real()
        return {
            "at": at,
            "run": run or "-",
            **frames(request, steps, latest(), fetch),
            "live": live,
            "rows": rows,
            "columns": columns,
            "height": max_height,
            "alt": alt,
            "plotly": assets.address(assets.PLOTLY),
            "title": title,
            "help": help,
            "words": empty_text,
            "real": None if sheet is None else _real_sheet(sheet, rows),
            "moments": moments,
            "near": near,
            "space": space(
                max_height,
                ratio=columns / rows,
                # As in sample_timeline.css, two of ten columns are real pictures.
                width="100%" if sheet is None else "(100% - 56px) * 0.8 + 24px",
                above=HEADING if title else 0,
                below="3rem",
            ),
        }

    _STAGE(
        key=key,
        data=data() if request or near or version is None else shared((key, version, at), data),
        on_want_change=lambda: remember_request(key),
        on_near_change=lambda: remember_request(key, "near"),
        on_moment_change=rest,
    )


def _near(
    request: object, nearest: Callable[[int, int], Nearest | None] | None
) -> dict[str, object] | None:
    """Return the answer to the browser's request for the real picture nearest to a sample.

    It has an empty image if there is no such picture, so that the browser does not ask again. None
    if there is no request.
    """
    if nearest is None or not isinstance(request, Mapping):
        return None
    step, index = request.get("step"), request.get("index")
    if type(step) is not int or type(index) is not int or index < 0:
        return None
    try:
        picture = nearest(step, index)
    except Exception:
        _LOG.exception("The nearest real picture of sample %s at step %s failed.", index, step)
        picture = None
    image, text = ("", "") if picture is None else (data_uri(picture.image), picture.text)
    return {"step": step, "index": index, "image": image, "words": text}


def _real_sheet(image: bytes, rows: int) -> dict[str, object]:
    return {
        "image": data_uri(image),
        "rows": rows,
        "columns": 2,
        "alt": "Real pictures of the data set",
    }


def report_moment(moment: object, on_move: Callable[[int | None], None] | None) -> None:
    """Call `on_move` with the chosen step, if the browser has sent a valid one."""
    if on_move is not None and isinstance(moment, int | float) and abs(moment) < 1e12:
        on_move(round(moment) if moment >= 0 else None)


def frames(
    request: object,
    steps: Sequence[int],
    latest: Frame | None,
    fetch: Callable[[Sequence[int]], Mapping[int, Frame]],
) -> dict[str, Any]:
    """Return the data of a run for the browser: all `steps`, the `latest` frame, and requested frames."""
    all_steps = set(steps)
    # The request comes from the browser, so it may be anything.
    request = request[:_MAX_FRAMES] if _is_steps(request) else []
    requested = [step for step in request if step in all_steps]
    fetched = _fetched(fetch, requested) if requested else {}
    return {
        "steps": [int(step) for step in steps],
        "latest": None if latest is None else _frame(latest),
        "frames": [_frame(fetched[step]) for step in requested if step in fetched],
        "absent": [step for step in request if step not in fetched],
    }


def _fetched(
    fetch: Callable[[Sequence[int]], Mapping[int, Frame]], steps: Sequence[int]
) -> Mapping[int, Frame]:
    try:
        return fetch(steps)
    except Exception:
        # A failure with an old frame must not hide the newest one.
        _LOG.exception("Fetching the previews of the steps %s failed.", steps)
        return {}


def _is_steps(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(step) is int for step in value)
