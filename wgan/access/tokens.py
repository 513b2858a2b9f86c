"""The secret links of a shared app: one token for each role, in a file that only its owner can read."""

import contextlib
import hmac
import json
import os
import secrets
import threading
from pathlib import Path

from wgan.access.roles import Role

FOLDER = ".access"
"""Folder of the tokens, the owners and the audit log, in the folder of runs."""

TOKEN_BYTES = 24


class ShareTokens:
    """The tokens of the roles. They stay the same until they are renewed, also after a restart.

    Another process can renew them: the file is read again whenever it changes.

    Args:
        runs_dir: The folder of runs.
    """

    def __init__(self, runs_dir: Path) -> None:
        self.path = runs_dir / FOLDER / "tokens.json"
        self._lock = threading.Lock()
        self._read_at: tuple[int, int] | None = None
        self._tokens: dict[Role, str] = {}

    def of(self, role: Role) -> str:
        """Return the token of a role. It is created on first use. Raises OSError."""
        with self._lock:
            self._read()
            if role not in self._tokens:
                self._tokens[role] = secrets.token_urlsafe(TOKEN_BYTES)
                self._write()
            return self._tokens[role]

    def renew(self, role: Role) -> str:
        """Replace the token of a role, so that the old link and its visitors are refused. Raises OSError."""
        with self._lock:
            self._read()
            self._tokens[role] = secrets.token_urlsafe(TOKEN_BYTES)
            self._write()
            return self._tokens[role]

    def role_of(self, token: str) -> Role | None:
        """Return the role that a token gives; None if it is not valid.

        The time that this takes does not depend on how much of a token is right.
        """
        with self._lock:
            self._read()
            given = token.encode("utf-8", "replace")
            valid = [
                role
                for role, known in self._tokens.items()
                if hmac.compare_digest(given, known.encode())
            ]
        return valid[0] if valid else None

    def _read(self) -> None:
        try:
            stat = self.path.stat()
        except OSError:
            return
        at = (stat.st_mtime_ns, stat.st_ino)
        if at == self._read_at:
            return
        tokens: dict[Role, str] = {}
        with contextlib.suppress(OSError, ValueError, AttributeError):
            for name, token in json.loads(self.path.read_text("utf-8")).items():
                if isinstance(token, str) and len(token) >= TOKEN_BYTES:
                    tokens[Role(name)] = token
        self._tokens, self._read_at = tokens, at

    def _write(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.path, json.dumps({str(k): v for k, v in self._tokens.items()}))
        stat = self.path.stat()
        self._read_at = (stat.st_mtime_ns, stat.st_ino)


def write_private(path: Path, content: str) -> None:
    """Replace a file with one that only its owner can read. Raises OSError."""
    half = path.with_name(f"{path.name}.{os.getpid()}.part")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
