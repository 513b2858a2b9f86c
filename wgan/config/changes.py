"""Changes to the plain values of a config: a mapping as it is in JSON, with one mapping for each part."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from wgan.config.parts import PARTS


def parts_by_name(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with each part that is given by its name alone as a mapping with this name."""
    return {
        key: {"name": value} if key in PARTS and isinstance(value, str) else value
        for key, value in values.items()
    }


def replace_parts(values: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Replace parts in place. Another variant takes its own defaults; the same variant keeps its settings.

    Args:
        values: The plain values of a config.
        changes: Parts by their key: a name, a mapping or a model. Other keys are ignored.
    """
    for part, value in changes.items():
        if part not in PARTS:
            continue
        part_values = value.model_dump() if isinstance(value, BaseModel) else value
        part_values = {"name": part_values} if isinstance(part_values, str) else part_values
        is_same_variant = (
            isinstance(part_values, Mapping) and part_values.get("name") == values[part]["name"]
        )
        values[part] = {**values[part], **part_values} if is_same_variant else part_values


def replace_settings(values: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Replace settings in place; a dotted key such as `network.width` replaces a setting of a part."""
    for path, value in changes.items():
        part, dot, field = path.partition(".")
        if dot and part in PARTS:
            if not isinstance(values[part], dict):
                values[part] = {"name": values[part]}
            values[part] = {**values[part], field: value}
        elif path not in PARTS:
            values[path] = value
