"""A Plotly chart that keeps its zoom, hover and legend choices while its data change."""

import base64
import math
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pages.ui.widgets.base import assets
from pages.ui.widgets.base.registry import HEADING, component, shared, space

if TYPE_CHECKING:
    import plotly.graph_objects as go

_CHART = component(
    "wgan_chart",
    "chart/chart.js",
    "base/controls.css",
    "chart/chart.css",
)

# dtypes that Plotly.js reads. 64-bit numbers are converted, because they need twice the bytes and
# look the same.
_NARROW = {"f2": "f4", "f8": "f4", "i8": "i4", "u8": "u4"}


def _array(array: np.ndarray) -> Any:
    """Encode `array` as Plotly's base64 typed array, or as a list if it holds no numbers."""
    if array.dtype.kind not in "fiu" or array.ndim == 0:
        return _encode(array.tolist())
    code = array.dtype.str[1:]
    # Use the browser's byte order, which is always little-endian.
    array = np.ascontiguousarray(array, dtype="<" + _NARROW.get(code, code))
    spec = {
        "dtype": array.dtype.str[1:],
        "bdata": base64.b64encode(array.tobytes()).decode("ascii"),
    }
    if array.ndim > 1:
        spec["shape"] = ", ".join(map(str, array.shape))
    return spec


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, Mapping):
        if value.keys() >= {"dtype", "bdata"}:  # the form in which a go.Figure contains arrays
            if value["dtype"] not in _NARROW:
                return dict(value)
            array = np.frombuffer(base64.b64decode(value["bdata"]), dtype="<" + value["dtype"])
            shape = value.get("shape")
            if shape is not None:
                array = array.reshape([int(n) for n in str(shape).split(",")])
            return _array(array)
        # Leave out Plotly's template, which has 7 kB; ours is in theme.js.
        return {str(name): _encode(item) for name, item in value.items() if name != "template"}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no NaN
    return value


def encode_figure(figure: "Mapping[str, Any] | go.Figure") -> dict[str, Any]:
    """Encode a figure as JSON for the browser: arrays as float32 in base64, no template."""
    mapping = figure if isinstance(figure, Mapping) else figure.to_dict()
    encoded: dict[str, Any] = _encode(mapping)
    return encoded


def without_repeated_arrays(figure: dict[str, Any]) -> dict[str, Any]:
    """Replace repeated x arrays in an encoded figure: {"as": index of the earlier trace}."""
    first: dict[tuple[str, str], int] = {}
    for i, trace in enumerate(figure.get("data", ())):
        x = trace.get("x")
        if isinstance(x, dict) and (place := first.setdefault((x["dtype"], x["bdata"]), i)) != i:
            trace["x"] = {"as": place}
    return figure


def chart(
    figure: "Mapping[str, Any] | go.Figure | Callable[[], Mapping[str, Any]]",
    *,
    key: str,
    run: str,
    height: int,
    alt: str,
    title: str = "",
    help: str = "",
    version: Hashable = None,
    steps_of: str | None = None,
    dots: bool = False,
) -> None:
    """Show a figure.

    Zoom, hover and legend choices persist while `run` stays the same. Colours written as `@critic`,
    `@real/0.3`, `@surface`, … follow the theme (see `theme.js`).

    Args:
        figure: The figure, or a function that returns it.
        key: The component's key.
        run: Identifies the content whose zoom is kept.
        height: Height in pixels.
        alt: Description for screen readers.
        title: The heading. The toolbar appears in its line.
        help: Tooltip of the heading.
        version: Visitors with the same version and key share the encoded figure, which is made only
            once.
        steps_of: The run whose steps the x axis shows, or the `moments` of a grid of runs. A line then marks
            the step that the timeline shows, and pointing at the chart shows the samples of that step.
        dots: Whether each line has a dot at that step.
    """
    total = height + HEADING  # without a title, this is the room of the toolbar

    def make() -> dict[str, Any]:
        return {
            "figure": without_repeated_arrays(
                encode_figure(figure() if callable(figure) else figure)
            ),
            "run": run or "-",  # Plotly ignores an empty revision
            "height": height,
            "alt": alt,
            "plotly": assets.address(assets.PLOTLY),
            "space": space(total),
            "title": title,
            "help": help,
            **({} if steps_of is None else {"stepsOf": steps_of, "dots": dots}),
        }

    data = make() if version is None else shared((key, version), make)
    _CHART(key=key, data=data, height=total)
