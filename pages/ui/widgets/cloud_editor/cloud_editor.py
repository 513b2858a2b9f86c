"""Two clouds of points in the plane that the visitor moves, and a plan between them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pages.ui.widgets.base.edits import edited, receive
from pages.ui.widgets.base.registry import HEADING, component
from wgan.arrays import F64
from wgan.labs.transport import POINTS

_CLOUDS = component(
    "wgan_cloud_editor",
    "cloud_editor/cloud_editor.js",
    "base/controls.css",
    "cloud_editor/cloud_editor.css",
)

LARGEST = 10.0
"""Coordinates beyond this are not accepted from the browser."""

HELP = """

**Drag a point** to move it. Or click a point to choose it, then click its new place.

With the keyboard: Page Up and Page Down choose a point, the arrow keys move it."""


@dataclass(frozen=True)
class PointClouds:
    """Two clouds of points of equal weight."""

    fake: F64  # (POINTS, 2)
    real: F64  # (POINTS, 2)


def cloud_editor(
    clouds: PointClouds,
    plan_of: Callable[[PointClouds], Sequence[int]],
    *,
    key: str,
    span: tuple[float, float, float, float],
    title: str,
    help: str,
    on_change: Callable[[PointClouds], None],
) -> PointClouds:
    """Show two clouds and a plan between them, and return the clouds with the visitor's edits.

    Args:
        clouds: The clouds.
        plan_of: Returns the index of the real point to which each fake of some clouds is moved.
        key: The component's key.
        span: The window: left, right, bottom, top.
        title: The heading.
        help: Tooltip of the heading; it explains the plan.
        on_change: Stores the visitor's edits.
    """
    edit = edited(key, clouds, parse_edit, on_change, _same)
    left, right, bottom, top = span
    data = {
        "fake": edit.value.fake.tolist(),
        "real": edit.value.real.tolist(),
        "matches": list(plan_of(edit.value)),
        "span": list(span),
        "title": title,
        "help": help + HELP,
        "edit": edit.answer,
        "space": f"aspect-ratio:{(right - left) / (top - bottom):.4f};width:100%;padding-top:{HEADING}px",
    }
    _CLOUDS(key=key, data=data, on_edit_change=lambda: receive(key, parse_edit))
    return edit.value


def _same(one: PointClouds, other: PointClouds) -> bool:
    return bool(np.allclose(one.fake, other.fake) and np.allclose(one.real, other.real))


def parse_edit(value: Any) -> PointClouds | None:
    """Validate a message from the browser; return None if it is no pair of clouds."""
    if not isinstance(value, dict):
        return None
    clouds = [_points(value.get(name)) for name in ("fake", "real")]
    return None if clouds[0] is None or clouds[1] is None else PointClouds(clouds[0], clouds[1])


def _points(value: Any) -> F64 | None:
    if not isinstance(value, list) or len(value) != POINTS:
        return None
    for point in value:
        if not isinstance(point, list) or len(point) != 2:
            return None
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in point):
            return None
        if not all(math.isfinite(v) and abs(v) <= LARGEST for v in point):
            return None
    return np.array(value, np.float64)
