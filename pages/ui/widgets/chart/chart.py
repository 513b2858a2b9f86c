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

# What Plotly.js reads as typed arrays. 64 bits never reach it: twice the bytes, no more to see.
_NARROW = {"f2": "f4", "f8": "f4", "i8": "i4", "u8": "u4"}


def _array(array: np.ndarray) -> Any:
    """`array` as Plotly's base64 typed array, or as a list where it holds no numbers."""
    if array.dtype.kind not in "fiu" or array.ndim == 0:
        return _encode(array.tolist())
    code = array.dtype.str[1:]
    # In the browser's byte order, which is little-endian everywhere.
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
        if value.keys() >= {"dtype", "bdata"}:  # as a go.Figure writes its arrays
            if value["dtype"] not in _NARROW:
                return dict(value)
            array = np.frombuffer(base64.b64decode(value["bdata"]), dtype="<" + value["dtype"])
            shape = value.get("shape")
            if shape is not None:
                array = array.reshape([int(n) for n in str(shape).split(",")])
            return _array(array)
        # A Figure carries 7 kB of Plotly's own template; ours is in theme.js.
        return {str(name): _encode(item) for name, item in value.items() if name != "template"}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no NaN
    return value


def encode_figure(figure: "Mapping[str, Any] | go.Figure") -> dict[str, Any]:
    """`figure` as plain JSON for the browser: arrays as float32 in base64, no template."""
    mapping = figure if isinstance(figure, Mapping) else figure.to_dict()
    encoded: dict[str, Any] = _encode(mapping)
    return encoded


def without_repeated_arrays(figure: dict[str, Any]) -> dict[str, Any]:
    """The encoded `figure`, where a trace with the x of an earlier one says which: {"as": its place}."""
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
) -> None:
    """Show `figure`, `height` pixels high, read out as `alt`, below a `title` with its `help`.

    Zoom, hover and legend choices last as long as `run` stays the same. Colours written as
    `@critic`, `@real/0.3`, `@surface`, … follow the theme (see `theme.js`).

    With a `version`, all visitors who are shown the same one, by the same `key`, get what the first of
    them got; where the figure is a function it is not made again.
    """
    total = height + (HEADING if title else 0)

    def make() -> dict[str, Any]:
        return {
            "figure": without_repeated_arrays(
                encode_figure(figure() if callable(figure) else figure)
            ),
            "run": run or "-",  # Plotly reads an empty revision as none
            "height": height,
            "alt": alt,
            "plotly": assets.address(assets.PLOTLY),
            "space": space(total),
            "title": title,
            "help": help,
        }

    data = make() if version is None else shared((key, version), make)
    _CHART(key=key, data=data, height=total)
