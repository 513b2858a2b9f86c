"""The sessions that belong to the process, one for each folder of runs."""

import threading
from pathlib import Path

from wgan.session.session import Session

_shared: dict[Path, Session] = {}
_sharing = threading.Lock()


def shared_session(runs_dir: Path) -> Session:
    """Return this process' session for a folder of runs, and begin it at the first call.

    It belongs to the process and not to a cache: a visitor who clears the caches must not end all trainings.
    """
    key = runs_dir.resolve()
    with _sharing:
        session = _shared.get(key)
        if session is None or session.closed:
            session = _shared[key] = Session(runs_dir)
        return session


def shared_sessions() -> list[Session]:
    """Return the sessions that `shared_session` began and that are still open."""
    with _sharing:
        return [session for session in _shared.values() if not session.closed]


def close_shared_sessions() -> None:
    """End the sessions that `shared_session` began."""
    with _sharing:
        for session in _shared.values():
            session.close()
        _shared.clear()
