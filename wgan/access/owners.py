"""Who has started a run, saved a preset or added pictures."""

import json
import logging
import threading
from pathlib import Path

from wgan.access.tokens import FOLDER, write_private

log = logging.getLogger(__name__)


class Owners:
    """The owner of each run, preset and set of pictures, in a file in the folder of runs.

    What has no owner here, such as a run of the command line, belongs to the administrators. A run that
    is copied to another folder has no owner there. All methods are thread-safe.

    Args:
        runs_dir: The folder of runs.
    """

    def __init__(self, runs_dir: Path) -> None:
        self.path = runs_dir / FOLDER / "owners.json"
        self._lock = threading.Lock()
        self._owners: dict[str, str] = {}
        try:
            content = json.loads(self.path.read_text("utf-8"))
            self._owners = {
                key: owner
                for key, owner in content.items()
                if isinstance(key, str) and isinstance(owner, str)
            }
        except FileNotFoundError:
            pass
        except (OSError, ValueError, AttributeError):
            log.warning(
                "%s cannot be read. Until it is repaired, only administrators can change what "
                "exists.",
                self.path,
            )

    def of(self, kind: str, name: str) -> str | None:
        """Return the id of the visitor who owns something; None if it has no owner.

        Args:
            kind: "run", "preset" or "pictures".
            name: Its name or key.
        """
        with self._lock:
            return self._owners.get(f"{kind}/{name}")

    def names(self, kind: str, owner: str) -> set[str]:
        """Return the names of what a visitor owns."""
        with self._lock:
            return {
                key.removeprefix(f"{kind}/")
                for key, value in self._owners.items()
                if value == owner and key.startswith(f"{kind}/")
            }

    def set(self, kind: str, name: str, owner: str | None) -> None:
        """Store an owner, or with None, that there is none. If this fails, the owner is kept in memory."""
        with self._lock:
            before = self._owners.get(f"{kind}/{name}")
            if before == owner:
                return
            if owner is None:
                del self._owners[f"{kind}/{name}"]
            else:
                self._owners[f"{kind}/{name}"] = owner
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_private(self.path, json.dumps(self._owners, indent=0))
            except OSError:
                log.exception("The owners cannot be written")
