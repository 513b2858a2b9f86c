"""Presets that the user has saved: one config file each, beside the runs."""

import contextlib
import json
import re
from pathlib import Path

from wgan.config import PRESETS, ConfigError, TrainConfig
from wgan.runs import RunError
from wgan.session.permissions import ForVisitors, Permissions, guarded, require


class Presets(ForVisitors):
    """The saved presets in a `folder`."""

    def __init__(self, folder: Path, permissions: Permissions) -> None:
        self.folder, self.permissions = folder, permissions

    def all(self) -> dict[str, TrainConfig]:
        """Return the saved presets by name, without unreadable files."""
        configs = {}
        for path in sorted(self.folder.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, ConfigError):
                configs[path.stem] = TrainConfig.parse(json.loads(path.read_text("utf-8")))
        return configs

    def token(self) -> tuple[tuple[str, int], ...]:
        """Return a value that changes when a preset is saved or deleted."""
        stamps = []
        for path in sorted(self.folder.glob("*.json")):
            with contextlib.suppress(OSError):
                stamps.append((path.name, path.stat().st_mtime_ns))
        return tuple(stamps)

    def save(self, name: str, config: TrainConfig) -> None:
        """Save a config as a preset. Raises RunError for an invalid name or a failed write."""
        if not re.fullmatch(r"[\w][\w .()+-]{0,39}", name) or name in PRESETS:
            raise RunError(
                "The name of a preset must have 1 to 40 letters, digits, spaces or . ( ) + - "
                "and must not be the name of a built-in preset."
            )
        require(self.refusal_to_save(name))
        is_new = not (self.folder / f"{name}.json").exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            half = self.folder / f"{name}.json.part"
            half.write_text(config.model_dump_json(indent=1), "utf-8")
            half.replace(self.folder / f"{name}.json")
        except OSError as error:
            raise RunError(
                f"The preset cannot be saved in {self.folder} ({error.strerror})."
            ) from error
        if is_new:  # an administrator who changes a member's preset does not take it
            self.permissions.own("preset", name)
        self.permissions.record("save preset", name)

    def refusal_to_save(self, name: str) -> str:
        """Say why the visitor may not save a preset under a name; "" if it is allowed."""
        # Also if the file cannot be read, or if the file system ignores upper and lower case.
        if (self.folder / f"{name}.json").exists():
            return self.permissions.refusal_to_change("preset", name)
        return self.permissions.refusal_to_save_preset(self.all())

    @guarded("preset", "delete preset")
    def delete(self, name: str) -> None:
        """Delete a saved preset. Raises NotAllowed."""
        if name in self.all():
            (self.folder / f"{name}.json").unlink(missing_ok=True)
            self.permissions.owners.set("preset", name, None)
