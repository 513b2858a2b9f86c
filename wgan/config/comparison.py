"""The values in which two configs differ."""

from typing import Any

from wgan.config.model import TrainConfig


def differences(config: TrainConfig, base: TrainConfig) -> list[tuple[str, Any, Any]]:
    """Return (path, value in `base`, value in `config`) for each value that differs.

    A value is None if the variant of that config has no such setting.
    """
    before, after = base.flat(), config.flat()
    paths = [*before, *(path for path in after if path not in before)]
    return [
        (path, before.get(path), after.get(path))
        for path in paths
        if before.get(path) != after.get(path)
    ]
