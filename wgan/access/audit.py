"""Log lines with time, level, visitor, run and action, and the audit log of what visitors have done."""

import logging
import logging.handlers
import re
import sys
from pathlib import Path

from wgan.access.roles import Visitor
from wgan.access.tokens import FOLDER

AUDIT_LOG = "audit.log"
MAX_LOG_BYTES = 10_000_000
KEPT_LOGS = 5  # older files, beside the newest

_FIELDS = {"visitor": "-", "run": "-", "action": "-"}
_HANDLER = "wgan-log"
_LINE = "{asctime} {levelname} visitor={visitor} run={run} action={action} {message}"

_audit = logging.getLogger("wgan.audit")


def audit(visitor: Visitor, action: str, run: str = "", detail: str = "") -> None:
    """Write a line about something that a visitor has done.

    Args:
        visitor: Who has done it.
        action: What it was: start, change, stop, delete, import …
        run: The run, preset or set of pictures.
        detail: More about it, such as the values of a change.
    """
    extra = {"visitor": visitor, "run": one_line(run) or "-", "action": one_line(action)}
    _audit.info("%s", one_line(detail), extra=extra)


def one_line(text: str) -> str:
    """Return a text of a visitor so that it cannot begin another line of a log, at most 500 characters."""
    return re.sub(r"[^\x20-\x7e\xa0-\U0010ffff]|[\u2028\u2029\u202a-\u202e]", "?", text)[:500]


def configure(runs_dir: Path) -> None:
    """Write the log lines of the library to stderr, and the audit lines also to a file with rotation.

    A second call changes nothing.
    """
    logger = logging.getLogger("wgan")
    if any(handler.name == _HANDLER for handler in logger.handlers):
        return
    formatter = logging.Formatter(_LINE, "%Y-%m-%dT%H:%M:%S%z", style="{", defaults=_FIELDS)
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.name = _HANDLER
    to_stderr.setFormatter(formatter)
    logger.addHandler(to_stderr)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        folder = runs_dir / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        to_file = logging.handlers.RotatingFileHandler(
            folder / AUDIT_LOG, maxBytes=MAX_LOG_BYTES, backupCount=KEPT_LOGS, encoding="utf-8"
        )
    except OSError as error:
        logger.warning("The audit log cannot be written to a file (%s)", error.strerror)
        return
    to_file.setFormatter(formatter)
    _audit.addHandler(to_file)
