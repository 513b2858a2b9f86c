"""A sheet of samples from which the visitor picks some in an order."""

from collections.abc import Callable, Sequence
from typing import Any

from pages.ui.widgets.base.edits import edited, receive
from pages.ui.widgets.base.images import strip_data
from pages.ui.widgets.base.registry import component

_PICKER = component(
    "wgan_image_picker",
    "image_picker/image_picker.js",
    "base/controls.css",
    "base/sprite.css",
    "image_picker/image_picker.css",
)


def _checked(value: object, count: int, most: int) -> list[int] | None:
    """Return the valid picks from the browser's message; None if it is invalid."""
    if not isinstance(value, list) or len(value) > most:
        return None
    if not all(type(index) is int and 0 <= index < count for index in value):
        return None
    return value if len(set(value)) == len(value) else None


def image_picker(
    image: bytes,
    *,
    key: str,
    rows: int,
    columns: int,
    picked: Sequence[int],
    on_change: Callable[[list[int]], None],
    most: int = 8,
    caption: str,
    alt: str,
    max_height: int = 300,
) -> list[int]:
    """Show a sheet of `rows` × `columns` samples and return the picked ones, in order.

    Args:
        image: The sheet without gaps.
        key: The component's key.
        rows: Number of rows.
        columns: Number of columns.
        picked: Indices of the samples to show as picked.
        on_change: Stores new picks. It must not draw.
        most: Maximum number of picks.
        caption: A line below the sheet.
        alt: Description for screen readers.
        max_height: Maximum height in pixels.
    """

    def check(value: Any) -> list[int] | None:
        return _checked(value, rows * columns, most)

    edit = edited(key, list(picked), check, on_change)
    strip = strip_data(
        image, rows=rows, columns=columns, max_height=max_height, caption=caption, alt=alt
    )
    data = strip | {"picked": edit.value, "edit": edit.answer, "most": most}
    _PICKER(key=key, data=data, on_edit_change=lambda: receive(key, check))
    return edit.value
